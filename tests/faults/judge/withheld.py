"""What is expected of a reader from whom something is withheld: all else, and as much of it left
out as the answer says."""

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

_OF_WHAT_IS_LEFT: Final = ("by", "stated_by", "recorded_at", "stated_at", "withheld")
_MARK: Final = "visibility"

Entry = tuple[str, str]
"""Its section and its id."""


def plan_as_shown(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A plan without the entries and fields that the answer counts and names."""
    left = deepcopy(dict(wanted))
    shown = {
        (section, one["entry_id"]): one
        for section, entries in told.get("sections", {}).items()
        for one in entries
    }
    counted = {one["section"]: one["entries"] for one in told.get("withheld", ())}
    for section, entries in list(left["sections"].items()):
        there = [one for one in entries if (section, one["entry_id"]) in shown]
        if len(entries) - len(there) != counted.get(section, 0):
            continue  # a difference, which is told as one
        left["sections"][section] = there
        if not there:
            del left["sections"][section]
        for one in there:
            its = shown[section, one["entry_id"]]
            _leave_out(one, its)
            _leave_out_answers(one, its, shown)
    if counted:
        left["withheld"] = told["withheld"]
    return left


def unmarked(told: Mapping[str, Any]) -> set[Entry]:
    """Entries shown in part, whose restriction went, unnamed, with what it withholds."""
    return {
        (section, one["entry_id"])
        for section, entries in told.get("sections", {}).items()
        for one in entries
        if one.get("withheld") and _MARK not in one["content"]
    }


def listed_as_shown(
    told: Sequence[Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]],
    unmarked: Collection[Entry] = (),
) -> list[Mapping[str, Any]]:
    """The items of a list of versions, or of contributions, as far as they are shown.

    ``unmarked`` are entries whose restriction is not shown either.
    """
    if len(told) != len(wanted):
        return list(wanted)
    items = [_item_without_mark(one, unmarked) for one in wanted]
    return [_item_as_shown(one, other) for one, other in zip(told, items, strict=True)]


def _item_without_mark(item: Mapping[str, Any], unmarked: Collection[Entry]) -> Mapping[str, Any]:
    if "events" not in item or (item.get("section"), item.get("entry_id")) not in unmarked:
        return item
    events = [
        {
            **event,
            "fields": [name for name in event["fields"] if name != _MARK],
            "content": {name: one for name, one in event["content"].items() if name != _MARK},
        }
        for event in item["events"]
    ]
    return {**item, "events": events}


def _item_as_shown(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    names = [name for name in ("plan_version", "plan_versions") if name in told]
    if any(told[name] != wanted.get(name) for name in names):
        return wanted
    if told.get("withheld") is True:
        return told
    if "events" not in told or len(told["events"]) != len(wanted["events"]):
        return wanted
    events = [
        _event_as_shown(one, other)
        for one, other in zip(told["events"], wanted["events"], strict=True)
    ]
    is_cut = any("withheld" in event for event in events)
    return {**wanted, "events": events, **({"reason": told["reason"]} if is_cut else {})}


def _event_as_shown(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    if told.get("withheld") is True:
        return told
    if "withheld" not in told:
        return wanted
    keys = {path.partition(".")[0] for path in told["fields"]}
    content = deepcopy({name: one for name, one in wanted["content"].items() if name in keys})
    for path in told["withheld"]:
        _remove(content, path)
    fields = [path for path in wanted["fields"] if path in told["fields"]]
    return {**wanted, "fields": fields, "content": content, "withheld": told["withheld"]}


def _leave_out(entry: dict[str, Any], told: Mapping[str, Any]) -> None:
    if "withheld" not in told:
        return
    names = [*told["withheld"], *(() if _MARK in told["content"] else (_MARK,))]
    for path in names:
        _remove(entry["content"], path)
    if "authorship" in entry:
        entry["authorship"] = {
            path: said
            for path, said in entry["authorship"].items()
            if not any(path == name or path.startswith(f"{name}.") for name in names)
        }
    entry.update({name: told[name] for name in _OF_WHAT_IS_LEFT})


def _leave_out_answers(
    entry: dict[str, Any], told: Mapping[str, Any], shown: Mapping[Entry, Mapping[str, Any]]
) -> None:
    """A comment without the answers that stand in what is not shown, or is shown in part."""
    left = [
        one
        for one in entry.pop("answered_with", ())
        if one in told.get("answered_with", ())
        or "withheld" not in shown.get((one["section"], one["entry_id"]), {"withheld": []})
    ]
    if left:
        entry["answered_with"] = left


def _remove(content: dict[str, Any], path: str) -> None:
    first, _, below = path.partition(".")
    if not below:
        content.pop(first, None)
    elif isinstance(content.get(first), dict):
        _remove(content[first], below)
        if not content[first]:
            del content[first]
