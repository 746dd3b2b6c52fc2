"""What is known of each dead letter, beside the row of `outgoing` that holds it as it came."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from shared.chassis.database.database import Connection


class Letter(NamedTuple):
    """What an operator is told of a dead letter, and what it takes to hand it out again.

    ``consumer`` is the one that read it, ``sent_ms`` the time that stands with the record. Nothing
    of it is text that somebody sent, but a code, an id or a type that is one by its form.
    ``headers_came`` of the message's headers are the record's own. One that is not ``is_whole`` was
    cut off, or spelt out, and is not what came.
    """

    consumer: str
    topic: str
    topic_id: UUID | None
    partition: int
    offset: int
    sent_ms: int
    organisation: str | None
    plan_id: UUID | None
    contribution_id: UUID | None
    type: str | None
    code: str
    reason: str
    size: int
    headers_came: int
    is_null: bool
    is_whole: bool


_TYPES: Final = (
    *("uuid", "bigint", "text", "text", "uuid", "integer", "bigint", "bigint", "text", "uuid"),
    *("uuid", "text", "text", "text", "bigint", "integer", "boolean", "boolean"),
)
_INSERT: Final = f"""
INSERT INTO dead_letter (dead_letter_id, position, consumer, topic, topic_id, partition, offset_,
                         sent_ms, organisation, plan_id, contribution_id, type, code, reason, size,
                         headers_came, is_null, is_whole)
SELECT * FROM unnest({", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(_TYPES, 1))})
"""  # noqa: S608 - of our own constants


async def append_letters(connection: Connection, letters: Iterable[tuple[int, Letter]]) -> None:
    """Keep what is known of dead letters, each with the position of its row of `outgoing`."""
    rows = [(uuid7(), position, *letter) for position, letter in letters]
    if rows:
        await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
