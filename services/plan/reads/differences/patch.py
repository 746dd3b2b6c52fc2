"""The RFC 6902 patch that makes one JSON document of another: pure.

Objects are compared by their keys and entries by their ids; of any other list what is alike at its
beginning and its end stays, and the rest is replaced.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.plan.reads.differences.fields import are_equal

Operation = dict[str, Any]

_ID: Final = "entry_id"


def patch_between(before: Any, after: Any, path: str = "") -> Iterator[Operation]:
    """The operations, in the order in which they are to be applied."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        if _are_entries(before) and _are_entries(after):
            yield from _of_entries(before, after, path)
        else:
            yield from _of_lists(before, after, path)
    elif not are_equal(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _of_objects(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str
) -> Iterator[Operation]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": f"{path}/{_escaped(name)}"}
    for name, value in after.items():
        below = f"{path}/{_escaped(name)}"
        if name in before:
            yield from patch_between(before[name], value, below)
        else:
            yield {"op": "add", "path": below, "value": value}


def _of_entries(before: list[Any], after: list[Any], path: str) -> Iterator[Operation]:
    ids = [one[_ID] for one in after]
    kept = [one for one in before if one[_ID] in set(ids)]
    if [one[_ID] for one in kept] != [one for one in ids if one in {held[_ID] for held in kept}]:
        yield {"op": "replace", "path": path, "value": after}  # they stand in another order
        return
    for place in reversed(range(len(before))):
        if before[place][_ID] not in set(ids):
            yield {"op": "remove", "path": f"{path}/{place}"}
    held = {one[_ID]: one for one in kept}
    for place, one in enumerate(after):
        if one[_ID] in held:
            yield from patch_between(held[one[_ID]], one, f"{path}/{place}")
        else:
            yield {"op": "add", "path": f"{path}/{place}", "value": one}


def _of_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Operation]:
    first = _alike(before, after)
    last = _alike(before[first:][::-1], after[first:][::-1])
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    for number in range(min(len(old), len(new))):
        yield from patch_between(old[number], new[number], f"{path}/{first + number}")
    for number in reversed(range(len(new), len(old))):
        yield {"op": "remove", "path": f"{path}/{first + number}"}
    for number in range(len(old), len(new)):
        yield {"op": "add", "path": f"{path}/{first + number}", "value": new[number]}


def _are_entries(items: list[Any]) -> bool:
    ids = [item.get(_ID) for item in items if isinstance(item, dict)]
    return len(ids) == len(items) and all(ids) and len(set(ids)) == len(ids)


def _alike(before: list[Any], after: list[Any]) -> int:
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        if not are_equal(one, other):
            return number
    return min(len(before), len(after))


def _escaped(name: str) -> str:
    """As it stands in a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
