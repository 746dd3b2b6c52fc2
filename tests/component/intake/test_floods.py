"""An inbox that is full, or full of what nobody can read, holds up no other and fills no disk."""

import asyncio

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from shared.ledger.topics import inbox_topic
from shared.testing.eventually import eventually
from shared.testing.topic_reader import TopicReader, value_of
from tests.component.intake.bench import Bench, Running, Sent, agree, binary

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

LOCK_OF_OUTGOING = 7411
A_BATCH = 500


def garbage() -> Sent:
    """It says which contribution it is, and nothing else that anybody could read."""
    sent = binary(agree(), "zzg01")
    return Sent(b"{", sent.key, sent.headers)


async def test_of_a_flood_of_garbage_so_many_are_kept_and_all_are_answered(
    bench: Bench, readers: tuple[TopicReader, ...]
) -> None:
    flood = [garbage() for _ in range(1_200)]
    others = [agree() for _ in range(12)]
    async with bench.running(dead_letters_of_an_inbox=5) as client:
        intake = Running(bench, client, *readers)
        for number, given in enumerate(others):
            await bench.send(*flood[number * 100 : (number + 1) * 100], org="zzg01")
            await bench.send(binary(given))
        for given in others:
            await intake.command(given)
        ids = [(dict(sent.headers)["ce_id"] or b"").decode() for sent in flood]
        for named in ids:
            (told,) = await intake.receipts.about(named)
            assert (told["code"], told["kept"]) == ("unreadable-json", False)
        await intake.audit.until(
            lambda records: sum(value_of(one).get("count", 1) for one in records) >= len(flood),
            "every one of them in the audit",
        )
        records = [value_of(one) for one in intake.audit.records]
        assert sum(one.get("count", 1) for one in records) == len(flood)
        assert {one["code"] for one in records} == {"unreadable-json"}
        assert sum("count" not in one for one in records) == 5
        # Other inboxes have their own share.
        await bench.send(Sent(b"{!", *_beside(others[0])))
        await intake.letter(b"{!")
        assert len(await intake.letters.count(6, "dead letters")) == 6
        assert (await client.get("/readyz")).status_code == 200


def _beside(given: dict[str, object]) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    sent = binary(given)
    return sent.key, sent.headers


async def test_inboxes_are_read_in_turns(bench: Bench) -> None:
    """What fits into a fetch of a full inbox, packed as it is, would come before all others."""
    flood, late = [agree() for _ in range(6_000)], agree()
    topic = bench.prefix + inbox_topic("zzg01")
    async with AIOKafkaProducer(
        bootstrap_servers=bench.servers, compression_type="gzip", linger_ms=50
    ) as producer:
        for start in range(0, len(flood), 1_000):
            sent = [binary(given, "zzg01") for given in flood[start : start + 1_000]]
            await asyncio.gather(
                *[await producer.send(topic, s.value, s.key, headers=s.headers) for s in sent]
            )
    before = await bench.pool.fetchval("SELECT coalesce(max(position), 0) FROM outgoing")
    async with bench.pool.acquire() as holding:
        await holding.execute(f"SELECT pg_advisory_lock({LOCK_OF_OUTGOING})")
        async with bench.in_a_process() as process:
            try:
                await eventually(lambda: _waiting(bench.pool), "a batch in hand")
                await bench.send(binary(late))
            finally:
                await holding.execute(f"SELECT pg_advisory_unlock({LOCK_OF_OUTGOING})")
            await process.until_ready()
            await eventually(
                lambda: bench.pool.fetchval(
                    "SELECT max(position) >= $1 FROM outgoing", before + len(flood) + 1
                ),
                "all of it stored",
            )
    place = await bench.pool.fetchval(
        "SELECT position FROM outgoing WHERE convert_from(value, 'UTF8') LIKE $1",
        f"%{late['contribution_id']}%",
    )
    assert place - before <= 4 * A_BATCH


async def _waiting(pool: asyncpg.Pool) -> int:
    waiting: int = await pool.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        LOCK_OF_OUTGOING,
    )
    return waiting
