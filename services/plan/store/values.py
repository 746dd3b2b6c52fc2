"""JSON values as bytes: made canonical once, kept and compared whole, written as they are."""

from collections.abc import Iterator, Mapping
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

    def parts_since(self, before: Any) -> dict[str, str | None]:
        """The parts that have an author of their own, by their path below this value.

        Each with the path that it had before where it stands as it stood, else ``None``. An item is
        known by its ``item_id`` and a picture by its ``media_id``. A text or a link is known by
        what it says: it is named by its place, and only where it stood in the list before. So are
        the words beside media.
        """
        if self[0] == _LIST:
            return _items_since(self, before, "")
        if self[0] != _OBJECT or (before is None and not _names_items(self)):
            return {}
        if before is not None and self.find(b"[") < 0 and not _has_media(before):
            return {}
        held = _held_in(before)
        now = self.members()
        parts: dict[str, str | None] = {}
        for name, member in now.items():
            if member[0] == _LIST:
                parts.update(_items_since(member, held.get(name), f"{name}."))
        if _is_list(now.get("media")) or _is_list(held.get("media")):
            parts |= {
                name: name
                for name, member in now.items()
                if member[0] != _LIST and name in held and _are_equal(member, held[name])
            }
        return parts

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


def _held_in(before: "Json | Mapping[str, Json] | None") -> Mapping[str, Json]:
    if before is None:
        return {}
    return before.members() if isinstance(before, Json) else before


def _has_media(before: "Json | Mapping[str, Json]") -> bool:
    return before.find(b'"media"') >= 0 if isinstance(before, Json) else "media" in before


def _names_items(value: Json) -> bool:
    """False where nothing in it can have an id of its own."""
    return value.find(b'"item_id"') >= 0 or value.find(b'"media_id"') >= 0


def _is_list(value: Any) -> bool:
    return isinstance(value, Json) and value[0] == _LIST


def _items_since(after: Json, before: Any, under: str) -> dict[str, str | None]:
    """The items of a list, by their path under it; what was there before may be of any kind."""
    was_list = _is_list(before)
    if not was_list and not _names_items(after):
        return {}
    held: dict[str, Json] = {}
    places: dict[bytes, list[int]] = {}
    for place, item in enumerate(_listed(before) if was_list else ()):
        its_id = _id_of(item)
        if its_id is None:
            places.setdefault(_sorted(item), []).append(place)
        else:
            held[its_id] = item
    parts: dict[str, str | None] = {}
    without_id = []
    for place, item in enumerate(_listed(after)):
        its_id = _id_of(item)
        if its_id is None:
            without_id.append((place, item))
            continue
        is_the_same = its_id in held and _are_equal(item, held[its_id])
        parts[under + its_id] = under + its_id if is_the_same else None
    for place, item in without_id:
        stood = places.get(_sorted(item))
        if stood and f"{under}{place}" not in parts:
            parts[f"{under}{place}"] = f"{under}{stood.pop(0)}"
    return parts


def _listed(value: Json) -> Iterator[Json]:
    return map(Json, _items(value))


def _id_of(item: Json) -> str | None:
    """The id of an item, where it has one that is a text."""
    if item[0] != _OBJECT or not _names_items(item):
        return None
    members = item.members()
    for name in ("item_id", "media_id"):
        text = members[name].text() if name in members else None
        if text is not None:
            return text
    return None


def _are_equal(one: Json, other: Json) -> bool:
    """The keys of an object have no order of their own."""
    if one == other or len(one) != len(other):
        return one == other
    return _sorted(one) == _sorted(other)


def _sorted(value: Json) -> bytes:
    if value[0] not in (_OBJECT, _LIST):
        return value
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
