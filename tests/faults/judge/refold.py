"""The judge's own fold: what a plan must say, from published events and ``wire.md`` 3 and 4 alone.

It is written to be read beside that page, not to be fast, and knows nothing of how the service
stores or folds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

_STATE_AFTER: Final = {
    "plan-opened": "open",
    "plan-ended": "ended",
    "plan-reopened": "open",
    "plan-merged": "merged",
    "plan-unmerged": "open",
    "entered-in-error": "ended",
}
_BY: Final = ("kind", "name", "role", "organisation")
_STATED_BY: Final = (*_BY, "relationship")
# What follows them is no update: "still right", who may see it, talk about the plan.
_NO_UPDATE: Final = ("confirmed", "restricted", "restriction-lifted")


@dataclass
class _Entry:
    shown: dict[str, Any]
    content: dict[str, Any] = field(default_factory=dict)
    refs: dict[str, Any] = field(default_factory=dict)

    def as_shown(self) -> dict[str, Any]:
        refs = {"external_refs": list(self.refs.values())} if self.refs else {}
        return {**self.shown, "content": self.content, **refs}


def document_of(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The default answer of a plan whose versions are these events, given in their order."""
    plan: dict[str, Any] = {"state": "unknown", "opened_at": None, "last_updated": None}
    entries: dict[tuple[str, str], _Entry] = {}
    version = 0
    for version, event in enumerate(events, 1):  # noqa: B007 - the last one is the plan's
        plan["plan_id"] = event["plan_id"]
        key = event["section"], event["entry_id"]
        _apply(entries.setdefault(key, _new(event)), event)
        _note(plan, event)
    sections: dict[str, list[dict[str, Any]]] = {}
    for (section, _), entry in entries.items():
        if entry.shown["current"]:
            sections.setdefault(section, []).append(entry.as_shown())
    complete = plan["state"] != "unknown"
    told = {"plan_version": version, "complete": complete, "sections": sections, "parked": []}
    return {**plan, **told}


def leaves_of(event: Mapping[str, Any]) -> list[str]:
    """The leaves that an event sets: what ``fields`` lists, else every key of ``content``."""
    fields = event.get("fields")
    return list(event["content"]) if fields is None else list(fields)


def instant(text: str) -> str:
    """A time as answers give it: in UTC, with ``Z``, microseconds where there are any."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _new(event: Mapping[str, Any]) -> _Entry:
    shown = {
        "entry_id": event["entry_id"],
        "entry_type": event["entry_type"],
        "current": True,
        "state": "current",
    }
    return _Entry({**shown, **_said(event)})


def _apply(entry: _Entry, event: Mapping[str, Any]) -> None:
    entry.shown["entry_version"] = event["entry_version"]
    if _is(event, "entered-in-error"):
        entry.shown["state"] = "entered-in-error"
    elif event["change"] == "withdrawn":
        entry.shown["state"] = "withdrawn"
    elif event["change"] in ("created", "restored"):
        entry.shown["state"] = "current"
    entry.shown["current"] = entry.shown["state"] == "current"
    leaves = leaves_of(event)
    if any(leaf != "visibility" for leaf in leaves):
        entry.shown.update(_said(event))
    for leaf in leaves:
        _set(entry.content, leaf, event["content"])
    if _is(event, "confirmed"):
        entry.shown["confirmed_at"] = _said(event)["stated_at"]
    provenance = event["provenance"]
    if provenance.get("source_ref"):
        system = provenance["system"]["name"]
        entry.refs[system] = {"system": system, **provenance["source_ref"]}


def _set(content: dict[str, Any], leaf: str, given: Mapping[str, Any]) -> None:
    """The value at the path as the event has it, or nothing where it has ``null`` or nothing."""
    name, _, key = leaf.partition(".")
    if not key:
        value = given.get(name)
        after = value
    else:
        after = dict(content.get(name) or {})
        value = (given.get(name) or {}).get(key)
        after.pop(key, None)
        if value is not None:
            after[key] = value
    if after is None or (key and not after):
        content.pop(name, None)
    else:
        content[name] = after


def _said(event: Mapping[str, Any]) -> dict[str, Any]:
    """When it was said and recorded, and by whom: never from different events."""
    provenance = event["provenance"]
    recorded_by = provenance["recorded_by"]
    return {
        "recorded_at": instant(event["recorded_at"]),
        "stated_at": instant(provenance.get("stated_at") or event["recorded_at"]),
        "by": _only(_BY, recorded_by),
        "stated_by": _only(_STATED_BY, provenance.get("stated_by") or recorded_by),
    }


def _only(names: tuple[str, ...], party: Mapping[str, Any]) -> dict[str, Any]:
    return {name: party[name] for name in names if party.get(name) is not None}


def _note(plan: dict[str, Any], event: Mapping[str, Any]) -> None:
    recorded_at = instant(event["recorded_at"])
    if not _is(event, *_NO_UPDATE) and event["entry_type"] != "comment":
        plan["last_updated"] = max(plan["last_updated"] or recorded_at, recorded_at, key=_moment)
    if event["section"] != "person":
        return
    for name, state in _STATE_AFTER.items():
        if event["type"].split(".")[2] == name:
            plan["state"] = state
            plan.pop("merged_into", None)
    if _is(event, "plan-opened"):
        plan["opened_at"] = recorded_at
    if _is(event, "plan-merged"):
        plan["merged_into"] = event["content"]["merged_into"]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _is(event: Mapping[str, Any], *names: str) -> bool:
    """True where its type has one of these names, whichever entry of the section it is of."""
    last = event["type"].split(".")[2]
    return any(last == name or last.endswith(f"-{name}") for name in names)
