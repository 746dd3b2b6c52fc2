"""When an event takes effect, as the clock ``effective`` counts it: what applied, as known now."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from shared.ledger import Change

_BEGINS: Final = ("starts_at", "live_from")
_ENDS: Final = ("ends_at", "live_until")
_COMES: Final = (Change.CREATED.value, Change.RESTORED.value)
_AS_IF_ALWAYS: Final = (".entered-in-error", "-entered-in-error", "corrected")


class Effect(NamedTuple):
    """When an event takes effect, when its entry is out, and whether it came in its order.

    One that is not in order takes effect before an earlier version of its entry did.
    """

    begins: datetime
    ends: datetime | None
    is_in_order: bool


def effect_of(
    event: Any, content: Mapping[str, Any], first: datetime | None, latest: datetime | None
) -> Effect:
    """The effect of an event on an entry which has this content after it.

    ``first`` is when the entry's first event took effect, ``latest`` the latest of all before it.
    """
    begins: datetime = event.stated_at
    if event.change in _COMES:
        begins = _set_by(event, _BEGINS) or begins
    elif event.change == Change.WITHDRAWN.value:
        begins = _set_by(event, _ENDS[:1]) or begins
    if first is not None and (begins < first or event.name.endswith(_AS_IF_ALWAYS)):
        begins = first
    return Effect(begins, ends_of(content), latest is None or begins >= latest)


def ends_of(content: Mapping[str, Any]) -> datetime | None:
    """From when an entry with this content is out."""
    return next((at for name in _ENDS if (at := instant_in(content.get(name)))), None)


def instant_in(value: Any) -> datetime | None:
    """The instant in UTC; ``None`` for whatever is not a text with a time and an offset."""
    text = value.text() if value and not isinstance(value, dict) else None
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _set_by(event: Any, names: tuple[str, ...]) -> datetime | None:
    given = (
        event.content[name] for name in names if name in event.content and name in event.fields
    )
    return next((at for value in given if (at := instant_in(value))), None)
