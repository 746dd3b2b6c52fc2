"""A plan from its events by the plainest reading of the rules: slow, and independent of services.

Whatever a service makes of a plan in a faster way is compared with this, byte for byte.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from shared.ledger import RecordedEvent

_STATES = {
    "plan-opened": "open",
    "plan-ended": "ended",
    "plan-reopened": "open",
    "plan-merged": "merged",
    "plan-unmerged": "open",
    "entered-in-error": "ended",
}
_NO_UPDATE = ("confirmed", "restricted", "restriction-lifted")

Key = tuple[str, UUID]


@dataclass
class Taken:
    """The events of one plan in the order in which they count, and those that wait."""

    events: list[RecordedEvent] = field(default_factory=list)
    waiting: dict[tuple[Key, int], RecordedEvent] = field(default_factory=dict)


def taken(plan_id: UUID, came: Iterable[RecordedEvent]) -> Taken:
    """What counts of all that came under this plan: each version of an entry once, in order."""
    told = Taken()
    versions: dict[Key, int] = {}
    for event in came:
        if event.plan_id != plan_id or event.entry_version <= versions.get(event.entry, 0):
            continue
        told.waiting.setdefault((event.entry, event.entry_version), event)
        while (event.entry, versions.get(event.entry, 0) + 1) in told.waiting:
            versions[event.entry] = versions.get(event.entry, 0) + 1
            told.events.append(told.waiting.pop((event.entry, versions[event.entry])))
    return told


def document(plan_id: UUID, told: Taken, *, withdrawn: bool = False) -> bytes:
    """The plan as it is given."""
    plan: dict[str, Any] = {
        "plan_id": str(plan_id),
        "plan_version": len(told.events),
        "state": "unknown",
        "opened_at": None,
        "last_updated": None,
    }
    merged_into = None
    of_entries: dict[Key, list[RecordedEvent]] = {}
    for event in told.events:
        of_entries.setdefault(event.entry, []).append(event)
        if not _named(event, *_NO_UPDATE) and event.entry_type != "comment":
            plan["last_updated"] = max(plan["last_updated"] or event.recorded_at, event.recorded_at)
        merged_into = _note_state(plan, merged_into, event)
    sections: dict[str, list[dict[str, Any]]] = {}
    for (section, _), events in of_entries.items():
        shown = entry(events)
        if shown["current"] or withdrawn:
            sections.setdefault(section, []).append(shown)
    plan["complete"] = plan["state"] != "unknown" and not told.waiting
    plan |= {"sections": sections, "parked": _parked(told)}
    if merged_into is not None:
        plan["merged_into"] = merged_into
    return orjson.dumps(plan, option=orjson.OPT_UTC_Z)


def entry(events: Sequence[RecordedEvent]) -> dict[str, Any]:
    """One entry as it is shown after these events of it."""
    content: dict[str, Any] = {}
    state, said, confirmed_at = "current", events[0], None
    refs: dict[str, Any] = {}
    for event in events:
        content = applied(event, content)
        if _named(event, "entered-in-error"):
            state = "entered-in-error"
        elif event.change in ("created", "restored"):
            is_in_error = state == "entered-in-error" and event.change == "created"
            state = state if is_in_error else "current"
        elif event.change == "withdrawn" and state != "entered-in-error":
            state = "withdrawn"
        if any(path.partition(".")[0] != "visibility" for path in event.fields):
            said = event
        if _named(event, "confirmed"):
            confirmed_at = _stated_at(event)
        if "source_ref" in event.provenance:
            system = event.provenance["system"]["name"]
            refs[system] = {"system": system, **event.provenance["source_ref"]}
    shown: dict[str, Any] = {
        "entry_id": str(events[0].entry_id),
        "entry_type": events[0].entry_type,
        "entry_version": len(events),
        "current": state == "current",
        "state": state,
        "recorded_at": said.recorded_at,
        "stated_at": _stated_at(said),
        "by": _without(said.provenance["recorded_by"], "identifier", "relationship"),
        "stated_by": _without(said.provenance["stated_by"], "identifier"),
    }
    if confirmed_at is not None:
        shown["confirmed_at"] = confirmed_at
    if refs:
        shown["external_refs"] = list(refs.values())
    return {**shown, "content": content}


def history(told: Taken) -> list[bytes]:
    """The contributions, newest first: the events of one follow each other in their entry."""
    listed: list[list[tuple[int, RecordedEvent]]] = []
    last: dict[Key, list[tuple[int, RecordedEvent]]] = {}
    for version, event in enumerate(told.events, 1):
        events = last.get(event.entry)
        if events is None or events[-1][1].contribution_id != event.contribution_id:
            events = last[event.entry] = []
            listed.append(events)
        events.append((version, event))
    newest_first = sorted(listed, key=lambda events: events[-1][0], reverse=True)
    return [_contribution(events) for events in newest_first]


def _contribution(events: Sequence[tuple[int, RecordedEvent]]) -> bytes:
    _, last = events[-1]
    given = [event.content.get("reason") or event.provenance.get("reason") for _, event in events]
    item = {
        "contribution_id": str(last.contribution_id),
        "plan_versions": [version for version, _ in events],
        "section": last.section,
        "entry_id": str(last.entry_id),
        "entry_type": last.entry_type,
        "recorded_at": last.recorded_at,
        "stated_at": _stated_at(last),
        "by": _without(last.provenance["recorded_by"], "identifier", "relationship"),
        "stated_by": _without(last.provenance["stated_by"], "identifier"),
        "reason": next((reason for reason in given if reason is not None), None),
        "events": [
            {
                "plan_version": version,
                "entry_version": event.entry_version,
                "type": event.type,
                "change": event.change,
                "fields": event.fields,
                "content": event.content,
            }
            for version, event in events
        ],
    }
    return orjson.dumps(item, option=orjson.OPT_UTC_Z)


def applied(event: RecordedEvent, content: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's content after this event: each leaf replaced whole, or removed."""
    after = dict(content)
    for path in event.fields:
        key, _, leaf = path.partition(".")
        given = event.content.get(key)
        if not leaf:
            _set(after, key, given)
            continue
        held = after.get(key)
        branch = dict(held) if isinstance(held, Mapping) else {}
        _set(branch, leaf, given.get(leaf) if isinstance(given, Mapping) else None)
        _set(after, key, branch or None)
    return after


def _set(content: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        content.pop(key, None)
    else:
        content[key] = value


def authors(events: Sequence[RecordedEvent]) -> dict[str, int]:
    """The version that set each leaf, and each part of one that others have left as it was."""
    said: dict[str, int] = {}
    content: dict[str, Any] = {}
    for event in events:
        for path in event.fields:
            before = content
            content = applied(_only(event, path), content)
            value = _at(content, path)
            leaf = said.get(path, event.entry_version)
            kept = {name: said[name] for name in said if name.startswith(f"{path}.")}
            said = {name: by for name, by in said.items() if name != path and name not in kept}
            key = path.partition(".")[0]
            if key not in content:
                said.pop(key, None)
            if value is None:
                continue
            said[path] = event.entry_version
            for name, was in _parts(value, _at(before, path)).items():
                author = event.entry_version if was is None else kept.get(f"{path}.{was}", leaf)
                said[f"{path}.{name}"] = author
    return said


def _parts(now: Any, before: Any) -> dict[str, str | None]:
    """The parts of a value, each with the name it had where it stands as it stood."""
    if isinstance(now, list):
        return _items(now, before, "")
    if not isinstance(now, dict):
        return {}
    held = before if isinstance(before, dict) else {}
    parts: dict[str, str | None] = {}
    for name, member in now.items():
        if isinstance(member, list):
            parts |= _items(member, held.get(name), f"{name}.")
    if isinstance(now.get("media"), list) or isinstance(held.get("media"), list):
        for name, member in now.items():
            is_the_same = name in held and _canonical(held[name]) == _canonical(member)
            if is_the_same and not isinstance(member, list):
                parts[name] = name
    return parts


def _items(now: list[Any], before: Any, under: str) -> dict[str, str | None]:
    held = {_id_of(item): item for item in before} if isinstance(before, list) else {}
    parts: dict[str, str | None] = {}
    for item in now:
        name = _id_of(item)
        if name is not None:
            is_the_same = name in held and _canonical(held[name]) == _canonical(item)
            parts[under + name] = under + name if is_the_same else None
    left = list(enumerate(before)) if isinstance(before, list) else []
    for place, item in enumerate(now):
        if _id_of(item) is not None or f"{under}{place}" in parts:
            continue
        for stood in left:
            if _id_of(stood[1]) is None and _canonical(stood[1]) == _canonical(item):
                parts[f"{under}{place}"] = f"{under}{stood[0]}"
                left.remove(stood)
                break
    return parts


def _id_of(item: Any) -> str | None:
    """The id of its own that an item of a list has; what has none is known by what it says."""
    ids = (item.get("item_id"), item.get("media_id")) if isinstance(item, dict) else ()
    return next((one for one in ids if isinstance(one, str)), None)


def _only(event: RecordedEvent, path: str) -> RecordedEvent:
    one = object.__new__(RecordedEvent)
    vars(one).update({**vars(event), "fields": (path,)})
    return one


def _at(content: Mapping[str, Any], path: str) -> Any:
    key, _, leaf = path.partition(".")
    held = content.get(key)
    if not leaf:
        return held
    return held.get(leaf) if isinstance(held, dict) else None


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _note_state(plan: dict[str, Any], merged_into: str | None, event: RecordedEvent) -> str | None:
    if event.section != "person" or event.entry_id != event.plan_id:
        return merged_into
    for name, state in _STATES.items():
        if not _named(event, name):
            continue
        if plan["state"] == "merged" and name not in ("plan-merged", "plan-unmerged"):
            return merged_into
        plan["state"] = state
        if name == "plan-opened":
            plan["opened_at"] = event.recorded_at
        return event.content.get("merged_into") if name == "plan-merged" else None
    return merged_into


def _parked(told: Taken) -> list[dict[str, Any]]:
    versions: dict[Key, int] = {}
    for event in told.events:
        versions[event.entry] = event.entry_version
    waiting: dict[Key, list[datetime]] = {}
    for (key, _), event in told.waiting.items():
        waiting.setdefault(key, []).append(event.recorded_at)
    return [
        {
            "section": key[0],
            "entry_id": str(key[1]),
            "waiting_from_version": versions.get(key, 0) + 1,
            "since": min(waiting[key]),
        }
        for key in sorted(waiting)
    ]


def _named(event: RecordedEvent, *names: str) -> bool:
    last = event.type.rpartition(".v")[0].rpartition(".")[2]
    return any(last == name or last.endswith(f"-{name}") for name in names)


def _stated_at(event: RecordedEvent) -> datetime:
    return datetime.fromisoformat(event.provenance["stated_at"]).astimezone(UTC)


def _without(agent: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: held for name, held in agent.items() if name not in names}
