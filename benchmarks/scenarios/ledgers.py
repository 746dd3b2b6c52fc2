"""A section's ledger to measure on: fresh, or with a past."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import must_be
from benchmarks.scenarios.subject import LONGEST_STREAM, sample_state
from services.goals.section import SECTION
from shared.testing.stack import OF_A_SECTION, TestDatabase, fresh_database

_COLUMNS = (
    *("originator_id", "originator_version", "topic", "state"),
    *("notification_id", "recorded_at", "traceparent", "leaf_hash"),
)
_TYPE = "careplan.goals.reworded.v1"
_AT_ONCE = 10_000
_PLANS = 500


@asynccontextmanager
async def fresh_ledger(servers: Servers, events: int = 0) -> AsyncIterator[TestDatabase]:
    """A ledger with this many events and receipts in it already."""
    async with fresh_database(servers.postgres_url, SECTION.name, *OF_A_SECTION) as database:
        if events:
            await _fill(database, events)
        await servers.checkpoint()
        yield database


async def must_hold(
    database: TestDatabase, answered: dict[int, int], before: int = 0, *, receipts: bool = False
) -> None:
    """Every answer's position is there once, with the bytes that were sent, and nothing else is.

    ``answered`` has the hash of the stored bytes by position.
    """
    connection = await asyncpg.connect(database.owner_url)
    try:
        rows = await connection.fetch(
            "SELECT notification_id, state FROM stored_events WHERE notification_id > $1", before
        )
        kept = await connection.fetchval("SELECT count(*) FROM receipt")
        gaps = await connection.fetchval(
            "SELECT count(*) FROM (SELECT max(originator_version) AS last, count(*) AS held"
            " FROM stored_events GROUP BY originator_id) e WHERE last <> held"
        )
    finally:
        await connection.close()
    positions = sorted(answered)
    must_be("events stored", len(rows), len(answered))
    must_be("positions", positions, list(range(before + 1, before + 1 + len(rows))))
    must_be("bytes", all(hash(state) == answered[position] for position, state in rows), True)
    must_be("entries with a gap in their versions", gaps, 0)
    if receipts:
        must_be("receipts kept", kept, before + len(answered))


async def _fill(database: TestDatabase, events: int) -> None:
    rows = _past(events)
    connection = await asyncpg.connect(database.owner_url)
    try:
        while part := list(islice(rows, _AT_ONCE)):
            await connection.copy_records_to_table("stored_events", records=part, columns=_COLUMNS)
        await connection.execute(
            "INSERT INTO receipt SELECT gen_random_uuid(), 'org:ZZC01', '', state, recorded_at,"
            " notification_id FROM stored_events"
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _past(events: int) -> Iterator[tuple[object, ...]]:
    """Rows of entries of 50 events each, over 500 plans."""
    states = _states()
    at = datetime.now(UTC)
    for number in range(events):
        version = number % LONGEST_STREAM + 1
        if version == 1:
            entry = uuid7()
        state = states[number // LONGEST_STREAM % _PLANS]
        yield entry, version, _TYPE, state, number + 1, at, None, b"\0" * 32


def _states() -> Sequence[bytes]:
    """The same words in each of the plans."""
    state = sample_state()
    marker = b'"plan_id":"'
    start = state.index(marker) + len(marker)
    held = state[start : start + 36]
    return [state.replace(held, str(_plan(number)).encode()) for number in range(_PLANS)]


def _plan(number: int) -> UUID:
    return UUID(int=number + 1, version=4)
