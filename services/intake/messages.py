"""What an organisation sends, in either mode of CloudEvents 1.0: read, and not judged yet."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.intake.signatures import signature_in
from shared.chassis.kafka.commands import NotTaken, command_headers, given_in, value_in
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.chassis.wire.command_record import (
    STRUCTURED,
    headers_of_event,
    wrong_in_attributes,
    wrong_in_headers,
)

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Message(NamedTuple):
    """A message as binary mode has it: its headers, the bytes of its value, the value as read.

    ``wrong`` is what is wrong in its headers, or in its attributes; ``no`` is why there is no value
    where nonetheless it can be read whose it is. ``signature`` is the one that came with it, if it
    ``is_signed`` by what is a text.
    """

    headers: Mapping[str, Any]
    value: bytes
    given: Any
    wrong: Sequence[dict[str, str]]
    no: NotTaken | None = None
    signature: str | None = None
    is_signed: bool = False


def message_in(record: Record) -> Message:
    """The message in a record; raises ``NotTaken`` for what cannot be read."""
    value = value_in(record)
    given = given_in(value)
    if is_structured(record):
        message = _structured(value, given)
        signature, is_signed = signature_in(record.headers, given)
    else:
        headers = command_headers(record)
        message = Message(headers, value, given, [*wrong_in_headers(headers, given)])
        signature, is_signed = signature_in(record.headers, None)
    return message._replace(signature=signature, is_signed=is_signed)


def is_structured(record: Record) -> bool:
    """Whether the value is a whole CloudEvent; a parameter of its type says nothing more."""
    type_, _, _ = (header(record, "content-type") or "").partition(";")
    return type_.strip().lower() == STRUCTURED


def _structured(value: bytes, event: Any) -> Message:
    if not isinstance(event, dict):
        raise NotTaken("A CloudEvent in structured mode must be an object.")
    headers, wrong = headers_of_event(event), [*wrong_in_attributes(event)]
    if event.get("data") is None:
        no = NotTaken("`data` is missing: the contribution stands there.")
        return Message(headers, b"", None, wrong, no)
    # As it was sent, byte by byte: what is recorded of it is hashed.
    return Message(headers, bytes(_members(value)["data"]), event["data"], wrong)
