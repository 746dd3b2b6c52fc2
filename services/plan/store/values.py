"""JSON values as bytes: made canonical once, kept and compared whole, written as they are."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from shared.chassis.wire.plain_json import fitted

_OPTIONS: Final = orjson.OPT_UTC_Z
_NULL: Final = b"null"
_LONGEST_KEPT: Final = 64
_OBJECT, _LIST, _TEXT = b'{["'

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


class Json(bytes):
    """One value in canonical form; what the fold asks of it is answered without decoding it all.

    Canonical is what ``orjson`` makes of what it has read. Bytes as they came would let invalid
    UTF-8, a key that stands twice and ``1.10`` through, and equal values would differ.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return self != _NULL

    def members(self) -> "Mapping[str, Json]":
        """What an object holds; anything else holds nothing."""
        if self[0] != _OBJECT:
            return {}
        return {name: Json(raw) for name, raw in _members(self).items()}

    def parts_since(self, before: Any) -> dict[str, bool]:
        """Items of a list by their ``item_id``, media of an object by their ``media_id``.

        Each with whether it is equal to the one with its id before.
        """
        parts = _parts(self)
        if not parts or before is None:
            return dict.fromkeys(parts, False)
        held = _parts(before)
        return {name: name in held and _are_equal(part, held[name]) for name, part in parts.items()}

    def text(self) -> str | None:
        """The text, where it is one."""
        return _text(self) if self[0] == _TEXT else None


def dumps(value: Any) -> bytes:
    """JSON as the plan gives it: instants in UTC with ``Z``, ids in lower case."""
    return orjson.dumps(value, default=_id_of_the_driver, option=_OPTIONS)


def json_of(value: Any) -> Json:
    """What was read from JSON, as a value in canonical form, in no more memory than it needs."""
    return Json(orjson.dumps(value))


def object_of(members: Mapping[str, Any]) -> bytes:
    """An object of such values; a member may be a map of them that has been opened."""
    return b"{%b}" % b",".join(
        [
            b"%b:%b" % (_key(name), object_of(held) if isinstance(held, dict) else held)
            for name, held in members.items()
        ]
    )


def _parts(value: "Json | Mapping[str, Json]") -> dict[str, Json]:
    if isinstance(value, Json):
        if value[0] == _LIST:
            return _items_by("item_id", value)
        if value[0] != _OBJECT or value.find(b'"media_id"') < 0:
            return {}
        value = value.members()
    media = _items_by("media_id", value.get("media"))
    return {f"media.{media_id}": item for media_id, item in media.items()}


def _items_by(name: str, held: Json | None) -> dict[str, Json]:
    """The items of a list that have such an id."""
    if held is None or held[0] != _LIST or held.find(b'"%b"' % name.encode()) < 0:
        return {}
    found = {}
    for raw in _items(held):
        item = Json(raw)
        its_id = item.members().get(name)
        text = its_id.text() if its_id is not None else None
        if text is not None:
            found[text] = item
    return found


def _are_equal(one: Json, other: Json) -> bool:
    """The keys of an object have no order of their own."""
    if one == other or len(one) != len(other):
        return one == other
    return _sorted(one) == _sorted(other)


def _sorted(value: Json) -> bytes:
    return orjson.dumps(orjson.loads(bytes(value)), option=orjson.OPT_SORT_KEYS)


@lru_cache(4_096)
def _short_key(name: str) -> bytes:
    return fitted(orjson.dumps(name))


def _key(name: str) -> bytes:
    # Only what is short is remembered: names come from the events, and may be of any length.
    return _short_key(name) if len(name) <= _LONGEST_KEPT else orjson.dumps(name)


def _id_of_the_driver(value: Any) -> str:
    # asyncpg has a class of its own for ids, which the serialiser does not take for one.
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON of {type(value).__name__}")
