"""Checks of what arrives from outside, member by member: of the expected type, or unfit."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.audit.record.commitment import NotCanonical, fitted

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_NO_TRACE: Final = "0" * 32
_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_LONGEST_ID: Final = 500  # what is looked up by must fit into an index
_LARGEST: Final = 2**53
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(ValueError):
    """No audit record can be made of what was given; the message never quotes it."""


def object_in(given: Any, where: str) -> dict[str, Any] | None:
    """An object, or nothing."""
    if given is not None and not isinstance(given, dict):
        raise Unfit(f"{where} is not an object")
    return given


def text_in(given: Any, where: str) -> str | None:
    """A text as it is committed to, or nothing."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise Unfit(f"{where} is not a text")
    if given.isascii() and "\x00" not in given:  # most are, and stay as they are
        return given
    text: str = free_in(given, where)
    return text


def short_text_in(given: Any, where: str) -> str | None:
    """A text that can be looked up by, or nothing."""
    if given is None:
        return None
    text = text_in(given, where)
    if text is not None and len(text) > _LONGEST_ID:
        raise Unfit(f"{where} is longer than {_LONGEST_ID} characters")
    return text


def code_in(given: Any, where: str) -> str | None:
    """A code, or nothing: what somebody sent never stands in its place."""
    text = text_in(given, where)
    if text is not None and not _CODE.fullmatch(text):
        raise Unfit(f"{where} is not a code")
    return text


def free_in(given: Any, where: str) -> Any:
    """A value that is kept as it came, as far as it can be committed to."""
    if type(given) is str and given.isascii() and "\x00" not in given:
        return given
    try:
        return fitted(given)
    except NotCanonical as error:
        raise Unfit(f"{where} cannot be committed to: {error}") from error


def members_in(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members of these names that the object has, each kept as it came."""
    members = {}
    for name in names:
        given = told.get(name)
        if given is not None:
            members[name] = free_in(given, name)
    return members


def uuid_in(given: Any, where: str) -> UUID | None:
    """A UUID in lower case with hyphens, or nothing."""
    text = text_in(given, where)
    if text is None:
        return None
    if not _UUID.fullmatch(text):
        raise Unfit(f"{where} is not a UUID in lower case")
    return UUID(text)


def uuid_or_none(text: str | None) -> UUID | None:
    """An id where the text is one."""
    return UUID(text) if text is not None and _UUID.fullmatch(text) else None


def version_in(given: Any, where: str) -> int | None:
    """A version of an entry, or nothing."""
    if given is not None and (type(given) is not int or not 0 < given < _LARGEST):
        raise Unfit(f"{where} is not a version")
    return given


def sha256_in(given: Any, where: str) -> str | None:
    """A SHA-256 in hexadecimal digits, or nothing."""
    text = text_in(given, where)
    if text is not None and not _SHA256.fullmatch(text):
        raise Unfit(f"{where} is not a SHA-256")
    return text


def trace_id_in(given: Any, where: str) -> str | None:
    """The id of a trace; nothing where it is none."""
    text = text_in(given, where)
    return text if text is not None and _TRACE_ID.fullmatch(text) and text != _NO_TRACE else None


def instant_in(given: Any, where: str) -> datetime | None:
    """A time with its offset, in UTC, or nothing."""
    text = text_in(given, where)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit(f"{where} is not a time") from error
    if at.tzinfo is None:
        raise Unfit(f"{where} has no offset")
    return in_utc(at)


def in_utc(at: datetime) -> datetime:
    """The same time in UTC."""
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise Unfit("a time lies outside the calendar") from error


def kafka_time(milliseconds: int | None) -> datetime | None:
    """The time that stands with a Kafka record; ``None`` where its producer gave an odd one."""
    if milliseconds is None or milliseconds < 0:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
