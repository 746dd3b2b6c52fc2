"""The elements that no entry holds, from what the plan derives and says beside its entries."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from shared.ledger.elements import BETWEEN, PERFORMED
from shared.standard.carried import Given, authorship_of, each_once
from shared.standard.tree import Element

_PLAN: Final = "Care and support plan"
_RESPONSES: Final = "responses."
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Name": ("name",),
    "Role": ("role",),
    "Grade": ("grade",),
    "Speciality": ("speciality",),
    "Specialty": ("speciality",),
    "Organisation": ("organisation",),
    "Contact details": ("contact",),
    "Date completed": ("recorded_at",),
    "Coded value": ("ods",),
    "Free text": ("text", "name"),
}
"""The members of somebody, or of a place, by the element that they are."""


def derived_of(element: Element, plan: Given, entry: Given | None) -> Sequence[Any] | None:
    """The values of an element that is derived, here for an entry; ``None`` where it is not."""
    group, _, name = element.path.partition(BETWEEN)
    of = plan if entry is None else entry
    told = of.get("derived") or {}
    if name in _OF_THE_PLAN and group == _PLAN:
        return [one for one in _OF_THE_PLAN[name](plan.get("derived") or {}) if one]
    if element.name == "Person or legitimate representative":
        agreement = told_of_subject(plan, element, entry).get("agreement") or {}
        # Anything but a plain yes to what stands there now says no yes.
        is_agreed = agreement.get("outcome") == "yes" and agreement.get("changed_since") is False
        return [True] if is_agreed else []
    if element.name in ("Date this plan was last updated", "Date last updated"):
        return [told.get("changed_at") or of.get("last_updated") or of.get("recorded_at")]
    if element.path == f"About me{BETWEEN}Date" and entry is not None:
        return [_last_said(entry)]
    if element.name == "Supported to write this by" and entry is not None:
        return [_supporters(entry)]
    return None


def told_of_subject(plan: Given, element: Element, entry: Given | None) -> Given:
    """What is derived of the plan, or of the plan within it, that an element stands in."""
    if element.path.startswith(_PLAN):
        return plan.get("derived") or {}
    subject = (entry or {}).get("content", {}).get("subject") or {}
    for one in plan["sections"].get("contingency-plans", ()):
        if isinstance(subject, Mapping) and one["entry_id"] == subject.get("entry_id"):
            return one.get("derived") or {}
    return (entry or {}).get("derived") or {}


def member_of(element: Element, given: Any) -> Any:
    """The member of somebody, or of a place, that an element stands for."""
    if not isinstance(given, Mapping):
        return None
    if element.name == "Professional identifier":
        numbers = [given.get("identifier"), *(given.get("identifiers") or ())]
        return next((one["value"] for one in numbers if one and one.get("kind") != "sub"), None)
    told = next((given[one] for one in _MEMBERS.get(element.name, ()) if given.get(one)), None)
    return {"text": told} if element.name == "Role" and isinstance(told, str) else told


_OF_THE_PLAN: Final[Mapping[str, Callable[[Given], Sequence[Any]]]] = {
    PERFORMED: lambda told: [told.get("lead")],
    "Person completing record": lambda told: told.get("contributors") or [],
    "Location": lambda told: [told.get("location")],
}


def _last_said(entry: Given) -> Any:
    """When the last heading was said; what only confirms or restricts is no heading."""
    said = (one.get("stated_at") for one in authorship_of(entry, _RESPONSES))
    return max((at for at in said if at), default=entry.get("stated_at"))


def _supporters(entry: Given) -> str:
    """Each who helped to say what stands there, the latest first."""
    helped = each_once(one.get("supported_by") for one in authorship_of(entry, _RESPONSES))
    return "; ".join(
        ", ".join(str(one[name]) for name in ("name", "relationship", "contact", "how")
                  if one.get(name))
        for one in helped
    )  # fmt: skip
