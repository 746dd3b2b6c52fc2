"""Contents without what is withheld from their reader: pure, JSON in and out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.chassis.policy.redaction.marks import VISIBILITY, Withheld

_IDS: Final = ("item_id", "media_id")


def content_without(content: Mapping[str, Any], withheld: Withheld) -> dict[str, Any]:
    """A content without the leaves that are withheld, and without the restriction if it goes too.

    What nothing is left of is gone whole.
    """
    left = dict(content)
    if withheld.mark:
        left.pop(VISIBILITY, None)
    for path in withheld.leaves:
        _remove(left, path.split("."))
    return left


def _remove(held: Any, steps: Sequence[str]) -> None:
    if isinstance(held, list):
        for item in [one for one in held if steps[0] in _ids_of(one)]:
            if len(steps) == 1:
                held.remove(item)
            else:
                _remove(item, steps[1:])
        return
    if not isinstance(held, dict) or steps[0] not in held:
        return
    if len(steps) == 1:
        del held[steps[0]]
        return
    inner = held[steps[0]]
    _remove(inner, steps[1:])
    if inner in ({}, []):
        del held[steps[0]]


def _ids_of(item: Any) -> set[Any]:
    return {item.get(name) for name in _IDS} if isinstance(item, dict) else set()
