"""Events as bytes: the mapper between the library's domain events and stored rows.

The stored state is flat JSON as the library's mapper writes it (every attribute but id and
version), so that a stock application can read the ledger; values are plain JSON, and are given
their types back from the event's annotations.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, get_type_hints

import msgspec
import orjson
from eventsourcing.domain import CanInitAggregate
from eventsourcing.persistence import Mapper, NotSupportedError, StoredEvent, Transcoder
from eventsourcing.utils import resolve_topic

from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.shapes import all_leaves, map_fields, without_keep
from shared.ledger import KEEP, Entry, change_of
from shared.ledger.entry.fields import wire_field

ENVELOPE = ("timestamp", "originator_topic", "class_version", "provenance")
"""What the stored state of an event holds besides its content."""


class OrjsonTranscoder(Transcoder):
    """JSON by orjson: strict UTF-8, values in their plain form."""

    def __init__(self) -> None:
        """No registry of types: every value has a plain form."""

    def encode(self, obj: Any) -> bytes:
        """JSON bytes of values."""
        return plain_json(obj)

    def decode(self, data: bytes) -> Any:
        """The plain values again."""
        return orjson.loads(data)


class EntryMapper(Mapper[Any]):
    """The library's mapper for events of entries; upcasting happens here, on the way out.

    It takes what the library's factories give to a mapper (``MAPPER_TOPIC``). There is one
    transcoder, and neither compression nor encryption: a stored state is hashed as it stands.
    """

    def __init__(
        self,
        transcoder: Transcoder | None = None,  # noqa: ARG002 - what the library hands over
        compressor: Any = None,
        cipher: Any = None,
    ) -> None:
        if compressor is not None or cipher is not None:
            raise NotSupportedError("a stored state is neither compressed nor encrypted")
        super().__init__(OrjsonTranscoder())

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        """A field that is kept is no part of the event; nor, where it creates, is an empty one."""
        event_class: Any = type(domain_event)
        creates = _creates(event_class)
        state = {
            wire_field(name): value
            for name, value in vars(domain_event).items()
            if name not in ("originator_id", "originator_version")
            and value is not KEEP
            and not (creates and value in (None, ()))
        }
        class_version = getattr(event_class, "class_version", 1)
        if class_version > 1:
            state["class_version"] = class_version
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=event_class.TOPIC,
            state=self.transcoder.encode(state),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event with its typed values; what it does not hold has the field's default."""
        event_class = resolve_topic(stored_event.topic)
        state: dict[str, Any] = self.transcoder.decode(stored_event.state)
        from_version = state.pop("class_version", 1)
        while from_version < getattr(event_class, "class_version", 1):
            getattr(event_class, f"upcast_v{from_version}_v{from_version + 1}")(state)
            from_version += 1
        while event_class.followed_by is not None:
            state = event_class.upcast(state)
            named = {one.__name__: one for one in event_class.beside}
            event_class = named[event_class.followed_by]
        convert = _converters(event_class)
        in_python = _names(event_class)
        attributes = {
            in_python.get(name, name): convert[name](value) if name in convert else value
            for name, value in state.items()
        }
        for name, default in _defaults(event_class).items():
            attributes.setdefault(name, default)
        attributes["originator_id"] = stored_event.originator_id
        attributes["originator_version"] = stored_event.originator_version
        event = object.__new__(event_class)
        vars(event).update(attributes)
        return event

    def fields(self, topic: str, state: bytes, entry_version: int) -> list[str]:
        """The leaves that a stored event sets."""
        content = {
            name: value for name, value in orjson.loads(state).items() if name not in ENVELOPE
        }
        return fields_of(resolve_topic(topic), content, entry_version)


def content_of(event: Entry.Event) -> dict[str, Any]:
    """The content of an event as it is stored and published."""
    state = orjson.loads(EntryMapper().to_stored_event(event).state)
    return {name: value for name, value in state.items() if name not in ENVELOPE}


def fields_of(
    event: type[Entry.Event], content: Mapping[str, Any], entry_version: int
) -> list[str]:
    """The leaves that an event with this content sets: a map has one for each key it names.

    One that begins an entry again sets all of them, but for a restriction that it leaves alone.
    """
    if change_of(event, entry_version) is not event.change:
        return [*all_leaves(event), *(["visibility"] if "visibility" in content else [])]
    maps = map_fields(event)
    leaves: list[str] = []
    for name, value in content.items():
        if name in event.not_fields:
            continue
        if name in maps and isinstance(value, Mapping):
            leaves.extend(f"{name}.{key}" for key in value)
        else:
            leaves.append(name)
    return leaves


@cache
def _creates(event_class: type[Any]) -> bool:
    return issubclass(event_class, CanInitAggregate)


@cache
def _converters(event_class: type[Any]) -> Mapping[str, Callable[[Any], Any]]:
    def converter(hint: Any) -> Callable[[Any], Any]:
        return lambda value: msgspec.convert(value, hint)

    names = event_class.__dataclass_fields__
    return {
        wire_field(name): converter(without_keep(hint))
        for name, hint in get_type_hints(event_class, include_extras=True).items()
        if name in names
    }


@cache
def _names(event_class: type[Any]) -> Mapping[str, str]:
    """The names that differ in Python, by what they are called outside."""
    named = {wire_field(field.name): field.name for field in fields(event_class)}
    return {outside: name for outside, name in named.items() if outside != name}


@cache
def _defaults(event_class: type[Any]) -> Mapping[str, Any]:
    return {
        field.name: None if field.default is MISSING else field.default
        for field in fields(event_class)
        if field.name not in ("originator_id", "originator_version")
    }
