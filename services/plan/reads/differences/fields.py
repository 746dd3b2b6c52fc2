"""What differs between two contents of an entry, field by field: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.plan.reads.differences.words import words_between

ADDED: Final = "added"
CHANGED: Final = "changed"
REMOVED: Final = "removed"
_NOTHING: Final = object()

Fields = dict[str, dict[str, Any]]
"""What differs, by the path of each field, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Side:
    """An entry on one side of a difference: its content, and the version that set each leaf."""

    content: Mapping[str, Any]
    leaves: Mapping[str, int]


EMPTY: Final = Side({}, {})


def fields_between(before: Side, after: Side) -> Fields:
    """What differs. A field is one leaf: only one that is a map has a leaf for each key."""
    differing: Fields = {}
    for key in sorted(before.content.keys() | after.content.keys()):
        if _is_a_map(key, before, after):
            old, new = before.content.get(key, {}), after.content.get(key, {})
            for name in sorted(old.keys() | new.keys()):
                _note(differing, f"{key}.{name}", old.get(name, _NOTHING), new.get(name, _NOTHING))
        else:
            old = before.content.get(key, _NOTHING)
            _note(differing, key, old, after.content.get(key, _NOTHING))
    return differing


def set_by(path: str, leaves: Mapping[str, int]) -> int | None:
    """The version that set a field, or the last part of it that was set alone."""
    versions = [
        version for name, version in leaves.items() if name == path or name.startswith(f"{path}.")
    ]
    return max(versions, default=None)


def are_equal(one: Any, other: Any) -> bool:
    """True where two values are the same JSON: the keys of an object have no order."""
    return _canonical(one) == _canonical(other)


def _note(differing: Fields, path: str, old: Any, new: Any) -> None:
    if old is _NOTHING:
        differing[path] = {"what": ADDED, "after": new}
    elif new is _NOTHING:
        differing[path] = {"what": REMOVED, "before": old}
    elif not are_equal(old, new):
        differing[path] = {"what": CHANGED, "before": old, "after": new, **_closer(old, new)}


def _closer(old: Any, new: Any) -> dict[str, Any]:
    was, now = _text_of(old), _text_of(new)
    if was is not None and now is not None:
        return {"words": words_between(was, now)}
    held, given = _by_id(old), _by_id(new)
    if held is None or given is None:
        return {}
    return {"items": list(_items(held, given))}


def _items(held: Mapping[str, Any], given: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for name in (*held, *(name for name in given if name not in held)):
        told: dict[str, Any] = {"item_id": name}
        if name not in given:
            yield {**told, "what": REMOVED, "before": held[name]}
        elif name not in held:
            yield {**told, "what": ADDED, "after": given[name]}
        elif not are_equal(held[name], given[name]):
            yield {**told, "what": CHANGED, "before": held[name], "after": given[name]}


def _by_id(value: Any) -> dict[str, Any] | None:
    """The items of a list in which each has an id of its own."""
    if not isinstance(value, list):
        return None
    items = {
        item["item_id"]: item
        for item in value
        if isinstance(item, dict) and isinstance(item.get("item_id"), str)
    }
    return items if len(items) == len(value) else None


def _text_of(value: Any) -> str | None:
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def _is_a_map(key: str, *sides: Side) -> bool:
    """True where its keys were set one by one, wherever it stands."""
    having = [side for side in sides if key in side.content]
    under = f"{key}."
    return all(
        isinstance(side.content[key], dict)
        and key not in side.leaves
        and any(name.startswith(under) for name in side.leaves)
        for side in having
    )


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def of_paths(fields: Fields, paths: Sequence[str]) -> Fields:
    """Only those at these paths or under them."""
    return {
        path: told
        for path, told in fields.items()
        if any(path == one or path.startswith(f"{one}.") for one in paths)
    }
