"""A plan from its published events by the plainest reading of the rules: slow, and independent.

It shares no code with any service and knows nothing of how one stores or folds. Whatever a service
makes of a plan in a faster way is compared with this: in tests byte for byte, and by the judge of
the faults. An event is the JSON value of its message, and times are the texts that stand there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

Event = Mapping[str, Any]
Key = tuple[str, str]
"""Section and id of an entry: an id alone may occur in two sections."""

_STATES: Final = {
    "plan-opened": "open",
    "plan-ended": "ended",
    "plan-reopened": "open",
    "plan-merged": "merged",
    "plan-unmerged": "open",
    "entered-in-error": "ended",
}
# They say who may see it, which is no update.
_RESTRICTS: Final = ("restricted", "restriction-lifted")
_BY: Final = ("kind", "name", "role", "organisation")
_STATED_BY: Final = (*_BY, "relationship")


@dataclass
class Taken:
    """The events of one plan in the order in which they count, and those that wait."""

    events: list[Event] = field(default_factory=list)
    waiting: dict[tuple[Key, int], Event] = field(default_factory=dict)


def taken(plan_id: str, came: Iterable[Event]) -> Taken:
    """What counts of all that came under this plan: each version of an entry once, in order."""
    told = Taken()
    versions: dict[Key, int] = {}
    for event in came:
        key, version = key_of(event), event["entry_version"]
        if event["plan_id"] != plan_id or version <= versions.get(key, 0):
            continue
        told.waiting.setdefault((key, version), event)
        while (key, versions.get(key, 0) + 1) in told.waiting:
            versions[key] = versions.get(key, 0) + 1
            told.events.append(told.waiting.pop((key, versions[key])))
    return told


def document(plan_id: str, told: Taken, *, withdrawn: bool = False) -> bytes:
    """The plan as it is given."""
    return orjson.dumps(plan_of(plan_id, told, withdrawn=withdrawn))


def plan_of(
    plan_id: str, told: Taken, *, withdrawn: bool = False, authorship: bool = False
) -> dict[str, Any]:
    """The plan as it is given, as JSON; with who said each leaf where that is asked for."""
    counted = list(enumerate(told.events, 1))
    plan = of_counted(plan_id, counted, withdrawn=withdrawn, authorship=authorship)
    return finished(plan, told)


def of_counted(
    plan_id: str,
    counted: Sequence[tuple[int, Event]],
    *,
    withdrawn: bool = False,
    authorship: bool = False,
    out: Collection[Key] = (),
) -> dict[str, Any]:
    """A plan made of these events alone, each with its plan version; ``out`` are over by then."""
    plan: dict[str, Any] = {
        "plan_id": plan_id,
        "plan_version": max((version for version, _ in counted), default=0),
        "state": "unknown",
        "opened_at": None,
        "last_updated": None,
    }
    merged_into = None
    of_entries: dict[Key, list[tuple[int, Event]]] = {}
    for version, event in counted:
        of_entries.setdefault(key_of(event), []).append((version, event))
        no_update = named(event, *_RESTRICTS) or only_confirms(event)
        if not no_update and event["entry_type"] != "comment":
            at = instant(event["recorded_at"])
            plan["last_updated"] = max(plan["last_updated"] or at, at, key=_moment)
        merged_into = _note_state(plan, merged_into, event)
    sections: dict[str, list[dict[str, Any]]] = {}
    for key, its in of_entries.items():
        section, events = key[0], [event for _, event in its]
        shown = entry(events)
        if answers := _answers_to(key, shown, counted):
            shown["answered_with"] = answers
        if key in out and shown["current"]:
            shown |= {"current": False, "state": "withdrawn"}
        if authorship:
            said_in = {event["entry_version"]: (version, event) for version, event in its}
            shown["authorship"] = {
                path: _said(*said_in[version]) for path, version in authors(events).items()
            }
        if shown["current"] or withdrawn:
            sections.setdefault(section, []).append(shown)
    plan |= {"sections": sections, "merged_into": merged_into}
    return plan


def _answers_to(
    key: Key, shown: Mapping[str, Any], counted: Iterable[tuple[int, Event]]
) -> list[dict[str, Any]]:
    """The changes that name this comment as what they answer."""
    named_so = {"section": key[0], "entry_id": key[1]}
    if key[0] != "stewardship" or shown["entry_type"] != "comment":
        return []
    members = ("section", "entry_id", "entry_version", "contribution_id")
    return [
        {**{name: event[name] for name in members}, "plan_version": version}
        for version, event in counted
        if event["provenance"].get("answers") == named_so
    ]


def finished(plan: Mapping[str, Any], told: Taken) -> dict[str, Any]:
    """The plan with what waits in it, in the order in which it is given."""
    plan = dict(plan)
    sections, merged_into = plan.pop("sections"), plan.pop("merged_into")
    plan["complete"] = plan["state"] != "unknown" and not told.waiting
    plan |= {"sections": sections, "parked": _parked(told)}
    if merged_into is not None:
        plan["merged_into"] = merged_into
    return plan


def entry(events: Sequence[Event]) -> dict[str, Any]:
    """One entry as it is shown after these events of it."""
    content: dict[str, Any] = {}
    state, said, confirmed_at = "current", events[0], None
    refs: dict[str, Any] = {}
    for event in events:
        content = applied(event, content)
        if named(event, "entered-in-error"):
            state = "entered-in-error"
        elif event["change"] in ("created", "restored"):
            is_in_error = state == "entered-in-error" and event["change"] == "created"
            state = state if is_in_error else "current"
        elif event["change"] == "withdrawn" and state != "entered-in-error":
            state = "withdrawn"
        if any(path.partition(".")[0] != "visibility" for path in leaves_of(event)):
            said = event
        if only_confirms(event):
            confirmed_at = stated_at(event)
        if "source_ref" in event["provenance"]:
            system = event["provenance"]["system"]["name"]
            refs[system] = {"system": system, **event["provenance"]["source_ref"]}
    shown: dict[str, Any] = {
        "entry_id": events[0]["entry_id"],
        "entry_type": events[0]["entry_type"],
        "entry_version": events[-1]["entry_version"],
        "current": state == "current",
        "state": state,
        "recorded_at": instant(said["recorded_at"]),
        "stated_at": stated_at(said),
        "by": _by(said),
        "stated_by": _stated_by(said),
    }
    if confirmed_at is not None:
        shown["confirmed_at"] = confirmed_at
    if refs:
        shown["external_refs"] = list(refs.values())
    return {**shown, "content": content}


def history(told: Taken) -> list[bytes]:
    """The contributions, newest first, as they are given."""
    return [orjson.dumps(item) for item in contributions_to(told)]


def contributions_to(told: Taken) -> list[dict[str, Any]]:
    """The contributions, newest first: the events of one follow each other in their entry."""
    listed: list[list[tuple[int, Event]]] = []
    last: dict[Key, list[tuple[int, Event]]] = {}
    for version, event in enumerate(told.events, 1):
        events = last.get(key_of(event))
        if events is None or events[-1][1]["contribution_id"] != event["contribution_id"]:
            events = last[key_of(event)] = []
            listed.append(events)
        events.append((version, event))
    newest_first = sorted(listed, key=lambda events: events[-1][0], reverse=True)
    return [_contribution(events) for events in newest_first]


def _contribution(events: Sequence[tuple[int, Event]]) -> dict[str, Any]:
    _, last = events[-1]
    given = [
        event["content"].get("reason") or event["provenance"].get("reason") for _, event in events
    ]
    return {
        "contribution_id": last["contribution_id"],
        "plan_versions": [version for version, _ in events],
        "section": last["section"],
        "entry_id": last["entry_id"],
        "entry_type": last["entry_type"],
        "recorded_at": instant(last["recorded_at"]),
        "stated_at": stated_at(last),
        "by": _by(last),
        "stated_by": _stated_by(last),
        "reason": next((reason for reason in given if reason is not None), None),
        "events": [
            {
                "plan_version": version,
                "entry_version": event["entry_version"],
                "type": event["type"],
                "change": event["change"],
                "fields": leaves_of(event),
                "content": event["content"],
            }
            for version, event in events
        ],
    }


def authors(events: Sequence[Event]) -> dict[str, int]:
    """The version that set each leaf, and each part of one that others have left as it was."""
    said: dict[str, int] = {}
    content: dict[str, Any] = {}
    for event in events:
        for path in leaves_of(event):
            before = content
            content = after(content, event, [path])
            value = _at(content, path)
            leaf: int = said[path] if path in said else event["entry_version"]
            kept = {name: said[name] for name in said if name.startswith(f"{path}.")}
            said = {name: by for name, by in said.items() if name != path and name not in kept}
            key = path.partition(".")[0]
            if key not in content:
                said.pop(key, None)
            if value is None:
                continue
            said[path] = event["entry_version"]
            for name, was in _parts(value, _at(before, path)).items():
                author: int = kept.get(f"{path}.{was}", leaf)
                said[f"{path}.{name}"] = event["entry_version"] if was is None else author
    return said


def applied(event: Event, content: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's content after this event: each leaf replaced whole, or removed."""
    return after(content, event, leaves_of(event))


def after(content: Mapping[str, Any], event: Event, paths: Iterable[str]) -> dict[str, Any]:
    """The content after these leaves of the event: each replaced whole, or removed."""
    content = dict(content)
    for path in paths:
        key, _, leaf = path.partition(".")
        given = event["content"].get(key)
        if leaf:
            held = content.get(key)
            branch = dict(held) if isinstance(held, dict) else {}
            _set(branch, leaf, given.get(leaf) if isinstance(given, dict) else None)
            given = branch or None
        _set(content, key, given)
    return content


def leaves_of(event: Event) -> list[str]:
    """The leaves that an event sets: what ``fields`` lists, else every key of ``content``."""
    fields = event.get("fields")
    return list(event["content"]) if fields is None else list(fields)


def key_of(event: Event) -> Key:
    """The entry's name everywhere outside its section."""
    return event["section"], event["entry_id"]


def instant(text: str) -> str:
    """A time as answers give it: in UTC, with ``Z``, microseconds where there are any."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _set(content: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        content.pop(key, None)
    else:
        content[key] = value


def _at(content: Mapping[str, Any], path: str) -> Any:
    key, _, leaf = path.partition(".")
    held = content.get(key)
    if not leaf:
        return held
    return held.get(leaf) if isinstance(held, dict) else None


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


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _note_state(plan: dict[str, Any], merged_into: str | None, event: Event) -> str | None:
    if event["section"] != "person" or event["entry_id"] != event["plan_id"]:
        return merged_into
    for name, state in _STATES.items():
        if not named(event, name):
            continue
        lifts = ("plan-merged", "plan-unmerged", "plan-opened")
        if plan["state"] == "merged" and name not in lifts:
            return merged_into
        plan["state"] = state
        if name == "plan-opened":
            plan["opened_at"] = instant(event["recorded_at"])
        return event["content"].get("merged_into") if name == "plan-merged" else None
    return merged_into


def _parked(told: Taken) -> list[dict[str, Any]]:
    versions: dict[Key, int] = {}
    for event in told.events:
        versions[key_of(event)] = event["entry_version"]
    waiting: dict[Key, list[str]] = {}
    for (key, _), event in told.waiting.items():
        waiting.setdefault(key, []).append(instant(event["recorded_at"]))
    return [
        {
            "section": key[0],
            "entry_id": key[1],
            "waiting_from_version": versions.get(key, 0) + 1,
            "since": min(waiting[key], key=_moment),
        }
        for key in sorted(waiting)
    ]


def only_confirms(event: Event) -> bool:
    """True for what is said to be right still: it sets nothing."""
    return named(event, "confirmed") and not leaves_of(event)


def named(event: Event, *names: str) -> bool:
    """True where its type has one of these names, whichever entry of the section it is of."""
    last = event["type"].rpartition(".v")[0].rpartition(".")[2]
    return any(last == name or last.endswith(f"-{name}") for name in names)


def _said(plan_version: int, event: Event) -> dict[str, Any]:
    """Who said a leaf, as authorship has it."""
    said = {
        "entry_version": event["entry_version"],
        "contribution_id": event["contribution_id"],
        "stated_by": _professional(event) or _stated_by(event),
        "recorded_by": _by(event),
        "stated_at": stated_at(event),
        "recorded_at": instant(event["recorded_at"]),
        "plan_version": plan_version,
    }
    more = ("on_behalf_of", "supported_by", "location", "answers")
    given = event["provenance"]
    return said | {name: given[name] for name in more if given.get(name)}


def stated_at(event: Event) -> str:
    """When it was said; left out, when it was recorded."""
    return instant(event["provenance"].get("stated_at") or event["recorded_at"])


def _by(event: Event) -> dict[str, Any]:
    return _only(_BY, event["provenance"]["recorded_by"])


def _stated_by(event: Event) -> dict[str, Any]:
    provenance = event["provenance"]
    return _only(_STATED_BY, provenance.get("stated_by") or provenance["recorded_by"])


def _professional(event: Event) -> dict[str, Any]:
    """Whoever said it, whole, but for the name of their token."""
    said = event["provenance"].get("stated_by") or {}
    whole = _only((*_STATED_BY, "team", "contact", "grade", "speciality", "identifier"), said)
    if whole.get("identifier", {}).get("kind") == "sub":
        del whole["identifier"]
    return whole


def _only(names: tuple[str, ...], party: Mapping[str, Any]) -> dict[str, Any]:
    return {name: party[name] for name in names if party.get(name) is not None}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
