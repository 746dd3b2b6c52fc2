"""Accesses as the person is told of them: who, what and why, in words that everybody knows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from shared.ledger import id_in, instant

_WHAT: Final[Mapping[str, str]] = {
    "plan": "Your plan",
    "emergency": "What your plan says for emergencies",
    "version": "Your plan as it was in an earlier version",
    "as-at": "Your plan as it was on an earlier day",
    "versions": "The list of the versions of your plan",
    "history": "The list of what was contributed to your plan",
    "contributions": "How much was contributed to your plan, and by which organisations",
    "contribution": "How far one contribution to your plan has come",
    "diff": "What has changed in your plan",
    "entry": "One entry of your plan",
    "entry-history": "What has become of one entry of your plan",
    "findings": "What is overdue or missing in your plan",
    "reviews": "The reviews of your plan",
    "media": "A picture, recording or document of your plan",
    "validate": "What a contribution would change in your plan",
    "records": "The record of who has read and changed your plan",
}
_WHY: Final[Mapping[str, str]] = {
    "direct-care": "To care for you",
    "review": "To check how care is given",
    "emergency": "In an emergency",
    "audit": "To check how your plan is used",
    "own-access": "For yourself, by you or by somebody who acts for you",
}
_HOW: Final[Mapping[str, str]] = {
    "read": "Looked at it",
    "export": "Took a copy",
    "delivery": "Was sent it",
}
SHOWN_TO_THE_PERSON: Final = ("read", "export", "delivery")
"""The operations that the person is told of."""


Reviewed = Mapping[UUID, tuple[str, datetime]]
"""What was found, and when, by those who reviewed an override."""

_FOUND: Final[Mapping[str, str]] = {
    "appropriate": "It was checked, and it was right to look",
    "not-appropriate": "It was checked, and it was not right to look",
    "unclear": "It was checked, and it is not clear yet whether it was right to look",
}


def overrides_in(items: Iterable[Mapping[str, Any]]) -> list[UUID]:
    """The overrides that accesses rest on."""
    found = (override_of(item) for item in items)
    return [override_id for override_id in found if override_id is not None]


def override_of(item: Mapping[str, Any]) -> UUID | None:
    """The override that an access rests on, if it rests on one."""
    override = item["override"]
    return id_in(override.get("override_id")) if isinstance(override, Mapping) else None


def as_told(item: Mapping[str, Any], reviewed: Reviewed) -> dict[str, Any]:
    """One record of an access, for the person whose plan it is; nobody is named."""
    actor = item["actor"] or {}
    what, purpose = item["what"], item["purpose"]
    return {
        "access_id": item["record_id"],
        "at": item["at"],
        "who": {
            "role": actor.get("role"),
            "organisation": actor.get("organisation"),
            "name": None,
        },
        "what": {
            "view": what,
            "sections": item["sections"] or [],
            "words": _WHAT.get(what, "Something of your plan"),
        },
        "why": {"purpose": purpose, "words": _WHY.get(purpose, "For another reason")},
        "how": _HOW[item["operation"]],
        "was_emergency": item["override"] is not None,
        "review": _review(item, reviewed),
    }


def _review(item: Mapping[str, Any], reviewed: Reviewed) -> dict[str, Any] | None:
    override_id = override_of(item)
    found = None if override_id is None else reviewed.get(override_id)
    if found is None:
        return None
    outcome, at = found
    return {"at": instant(at), "outcome": outcome, "words": _FOUND[outcome]}
