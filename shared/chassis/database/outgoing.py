"""Rows of ``outgoing``: whatever is published besides events, written with what it belongs to."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import orjson

from shared.chassis.database.database import Connection
from shared.chassis.database.letters import Letter, append_letters
from shared.chassis.wire.plain_json import fitted

_LONGEST_NAME: Final = 64

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Outgoing:
    """One message to be published.

    ``completes`` asks the relay to add what only the commit knows, ``recorded_at`` and
    ``ledger_position``, to a value that is a JSON object. ``letter`` is what is known of it where
    it is a dead letter.
    """

    topic: str
    key: bytes | None
    headers: Headers
    value: bytes
    completes: bool = False
    letter: Letter | None = None


def headers_to_bytes(headers: Headers) -> bytes:
    """Headers as stored; a header may be null or hold any bytes."""
    return b"[%b]" % b",".join([_header_to_bytes(name, value) for name, value in headers])


def _header_to_bytes(name: str, value: bytes | None) -> bytes:
    if value is None:
        return b"[%b,null]" % _name_to_bytes(name)
    return b'[%b,"%b"]' % (_name_to_bytes(name), b64encode(value))


def _name_to_bytes(name: str) -> bytes:
    # Only what is short is remembered: a dead letter's names are of any length.
    return _short_name(name) if len(name) <= _LONGEST_NAME else orjson.dumps(name)


@lru_cache(256)  # the same few come with every message
def _short_name(name: str) -> bytes:
    return fitted(orjson.dumps(name))


def headers_from_bytes(stored: bytes) -> Headers:
    """The reverse of ``headers_to_bytes``."""
    return tuple(
        (name, None if value is None else b64decode(value)) for name, value in orjson.loads(stored)
    )


async def append_outgoing(connection: Connection, rows: Sequence[Outgoing]) -> None:
    """Add rows in the caller's transaction; take it as the last lock of that transaction."""
    if not rows:
        return
    last: int = await connection.fetchval(
        "SELECT outgoing_append($1, $2, $3, $4)",
        [row.topic for row in rows],
        [row.key for row in rows],
        [headers_to_bytes(row.headers) for row in rows],
        [row.value for row in rows],
    )
    positions = range(last - len(rows) + 1, last + 1)
    letters = zip(positions, (row.letter for row in rows), strict=True)
    await append_letters(connection, [(at, letter) for at, letter in letters if letter])
