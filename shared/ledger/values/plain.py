"""Values as JSON holds them."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from shared.ledger.values.dates import instant


def plain(given: Any) -> Any:
    """A value as JSON holds it; a value type leaves out what is empty, a map keeps it."""
    make = _PLAIN.get(type(given))
    if make is None:
        make = _PLAIN[type(given)] = _plain_of(type(given))
    return make(given)


def _plain_of(kind: type[Any]) -> Callable[[Any], Any]:
    """How values of one type are made plain; found once for each type."""
    for base, make in _PLAIN_BY_BASE:
        if issubclass(kind, base):
            return make
    if is_dataclass(kind):
        return partial(_plain_fields, tuple(field.name for field in fields(kind)))
    raise TypeError(f"no plain form of {kind.__name__}")


def _plain_fields(names: tuple[str, ...], given: Any) -> dict[str, Any]:
    named = ((name, getattr(given, name)) for name in names)
    return {name: plain(item) for name, item in named if item is not None and item != ()}


_PLAIN_BY_BASE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda member: plain(member.value)),
    ((str, bool, int, float, type(None)), lambda as_it_is: as_it_is),
    (UUID, str),
    (datetime, instant),
    (date, date.isoformat),
    (dict, lambda named: {key: plain(item) for key, item in named.items()}),
    ((tuple, list), lambda items: [plain(item) for item in items]),
)
_PLAIN: dict[type[Any], Callable[[Any], Any]] = {}
