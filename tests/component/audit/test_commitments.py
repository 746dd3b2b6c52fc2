"""What is recorded stays as it is, and can be proved and erased."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.audit.record.commitment import GROUPS, commitment, group_hash, leaf
from shared.ledger.topics import events_topic
from tests.component.audit.bench import EPOCH, Bench, Message, event, history, refusal

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_records_when_committed_to_then_every_leaf_can_be_computed_again(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(*history(4), refusal(1), Message(events_topic("goals"), b"k", b"odd"))
        await bench.until_consumed(13)

    rows = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    assert len(rows) == 13
    assert len({salt for row in rows for salt in salts_of(row)}) == 13 * 12
    for row in rows:
        hashes = hashes_of(row)
        at = (row["logged_at"] - EPOCH) // timedelta(milliseconds=1)
        assert row["commitment"] == commitment(hashes)
        assert row["leaf"] == leaf(row["kind"], at, row["commitment"])


def salts_of(row: dict[str, Any]) -> list[bytes]:
    """The salts that are kept with a record, one for each group."""
    return [row["salts"][at : at + 32] for at in range(0, len(row["salts"]), 32)]


def hashes_of(row: dict[str, Any]) -> list[bytes]:
    """The hashes of a record's groups, as they follow from what is kept of it."""
    return [
        group_hash(salt, b'["' + name.encode() + b'",' + members + b"]") if members else salt
        for name, salt, members in zip(
            GROUPS, salts_of(row), row["groups"].split(b"\n"), strict=True
        )
    ]


async def test_records_when_a_group_is_erased_then_the_leaf_still_holds(bench: Bench) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(event(position=1))
        await bench.until_recorded(1)
    (before,) = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    actor = GROUPS.index("actor")
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        erase = "SELECT erase_group(0, $1, $2)"
        assert await owner.fetchval(erase, actor + 1, "the entry was about somebody else")
        assert not await owner.fetchval(erase, actor + 1, "once more")
        for number, reason in ((0, "r"), (13, "r"), (1, ""), (1, None)):
            with pytest.raises(asyncpg.RaiseError):
                await owner.execute(erase, number, reason)
        with pytest.raises(asyncpg.PostgresError, match="of audit records is refused"):
            await owner.execute("UPDATE audit_payload SET groups = salts")
    finally:
        await owner.close()

    (after,) = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"salts", "groups", "erased_at", "erase_reason"}
    assert after["erase_reason"] == "the entry was about somebody else"
    expected = before["groups"].split(b"\n")
    expected[actor] = b""
    assert after["groups"].split(b"\n") == expected
    assert salts_of(after)[actor] == hashes_of(before)[actor]
    assert commitment(hashes_of(after)) == before["commitment"]
    # What was erased comes again with its message: it is a repeat and brings nothing back.
    async with bench.consumer(instance="two"):
        await bench.publish(event(position=1), event(position=2, entry=2))
        await bench.until_recorded(2)
    assert (await bench.groups(0)).get("actor") is None


FORBIDDEN = [
    "UPDATE audit_record SET code = 'x'",
    "UPDATE audit_record SET code = 'x' WHERE false",
    "DELETE FROM audit_record",
    "TRUNCATE audit_record",
    "DELETE FROM source_stream",
    "TRUNCATE source_stream",
    "DROP TABLE audit_record",
    "UPDATE audit_payload SET groups = salts",
    "DELETE FROM audit_payload",
    "TRUNCATE audit_payload",
    "SELECT erase_group(0, 4, 'no reason')",
    "ALTER TABLE audit_record DISABLE TRIGGER ALL",
]


async def test_records_when_the_service_would_change_them_then_it_is_refused(
    bench: Bench,
) -> None:
    async with bench.database.pool.acquire() as connection:
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_records_when_even_their_owner_would_change_them_then_triggers_refuse(
    bench: Bench,
) -> None:
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        for statement in (
            "UPDATE audit_record SET code = 'x'",
            "DELETE FROM audit_record",
            "TRUNCATE audit_record",
            "UPDATE audit_payload SET groups = salts",
            "DELETE FROM audit_payload",
            "TRUNCATE audit_payload",
        ):
            with pytest.raises(asyncpg.PostgresError, match="of audit records is refused"):
                await owner.execute(statement)
    finally:
        await owner.close()
