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


_INSERT: Final = """
INSERT INTO dead_letter (dead_letter_id, position, consumer, topic, topic_id, partition, offset_,
                         sent_ms, organisation, plan_id, contribution_id, type, code, reason, size,
                         headers_came, is_null, is_whole)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::integer[],
                     $7::bigint[], $8::bigint[], $9::text[], $10::uuid[], $11::uuid[], $12::text[],
                     $13::text[], $14::text[], $15::bigint[], $16::integer[], $17::boolean[],
                     $18::boolean[])
"""


async def append_letters(connection: Connection, letters: Iterable[tuple[int, Letter]]) -> None:
    """Keep what is known of dead letters, each with the position of its row of `outgoing`."""
    rows = [(uuid7(), position, *letter) for position, letter in letters]
    if rows:
        await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
