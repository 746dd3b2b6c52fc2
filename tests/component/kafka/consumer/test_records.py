"""Odd and damaged records: each is handled, is a dead letter, or stops the consumer loudly."""

import asyncio
import re
from collections.abc import Sequence

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import CorruptRecordException, KafkaError

import shared.chassis
import shared.chassis.kafka.consumer
from shared.chassis.database.outgoing import append_outgoing, headers_from_bytes
from shared.chassis.kafka import client
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import DeadLetterLimitReached, Transaction
from shared.testing.eventually import eventually
from shared.testing.raw_names import raw_name, raw_names_written
from tests.component.kafka.consumer.bench import Bench, store

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_odd_records_reach_the_handler_with_their_neighbours(bench: Bench) -> None:
    odd: list[tuple[bytes | None, list[tuple[str, bytes | None]]]] = [
        (b'{"first": 1}', []),
        (b"null header", [("ce_type", None)]),
        (b"not UTF-8 header", [("ce_type", b"\xff\xfe")]),
        (b"{not JSON", [("content-type", b"application/json")]),
        (b"\xff\xfe", []),
        (None, []),
        (b"", []),
        (b"reply", [("reply_to", (bench.prefix + "things").encode())]),
        (b'{"last": 1}', []),
    ]
    await bench.send_with_headers("things", *odd)
    async with bench.consumer() as consumer:
        seen = await bench.until_seen(len(odd))
        part = await eventually(consumer.part, "ready", holds=lambda said: said.ready)
    assert [offset for _, _, offset in seen] == list(range(len(odd)))
    assert part.lag == 0


async def test_a_header_whose_name_is_not_utf_8_reaches_the_handler_with_its_neighbours(
    bench: Bench,
) -> None:
    """What breaks aiokafka before a record is handed out ended services for ever."""
    odd: list[list[tuple[str, bytes | None]]] = [
        [],
        [("ce_id", b"1"), (raw_name(b"\xe9tiquette"), b"x")],
        [(raw_name(b"\xff" * 300), None)],
        [],
    ]
    names: list[str] = []

    def note_names(records: Sequence[Record]) -> None:
        names.extend(name for record in records for name, _ in record.headers)

    with raw_names_written():
        async with AIOKafkaProducer(bootstrap_servers=bench.servers) as producer:
            batch = producer.create_batch()
            for headers in odd:
                batch.append(key=b"key", value=b"{}", timestamp=None, headers=headers)
            batch.close()
            await (await producer.send_batch(batch, bench.prefix + "things", partition=0))
    await bench.send("things", b"after")
    async with bench.consumer(bench.record_into(before=note_names)) as consumer:
        seen = await bench.until_seen(5)
        await eventually(consumer.lag, "caught up", holds=lambda lag: lag == 0)
    assert [offset for _, _, offset in seen] == [0, 1, 2, 3, 4]
    assert names == ["ce_id", "\udce9tiquette", "\udcff" * 300]
    assert not bench.has_stopped


async def test_a_client_that_has_left_its_group_for_good_stops_the_consumer(bench: Bench) -> None:
    """aiokafka ends the task that keeps it in its group at an error that it does not know."""
    consumer = bench.consumer()

    async def closed(*_: object) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    async def break_it() -> None:
        await eventually(consumer.part, "ready", holds=lambda said: said.ready)
        coordinator = consumer._client()._coordinator
        coordinator._client.coordinator_lookup = closed
        coordinator.coordinator_dead()

    breaking = asyncio.create_task(break_it())
    failure = await bench.until_it_stops(consumer)
    await breaking
    assert isinstance(failure, KafkaError)


async def test_what_was_taken_beside_a_damaged_batch_is_not_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka takes from one partition after the other and forgets the first where one raises."""
    await bench.send("things", b"1", partition=0)
    await bench.send("things", b"2", partition=1)
    looks: list[bool] = []

    def is_whole(_: object) -> bool:
        looks.append(len(looks) != 1)  # of the second partition, once: damaged on its way
        return looks[-1]

    monkeypatch.setattr(client._Batch, "validate_crc", is_whole, raising=False)
    monkeypatch.setattr(shared.chassis.kafka.consumer, "_PAUSE_SECONDS", 0.05)
    async with bench.consumer():
        seen = await bench.until_seen(2)
    assert [(partition, offset) for _, partition, offset in seen] == [(0, 0), (1, 0)]
    assert not all(looks)
    assert not bench.has_stopped


async def test_a_batch_that_stays_damaged_stops_the_consumer_and_is_told_of_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a new try does not mend is not tried for ever, nor said with every try."""
    await bench.send("things", b"1")
    monkeypatch.setattr(client._Batch, "validate_crc", lambda _: False, raising=False)
    monkeypatch.setattr(shared.chassis.kafka.consumer, "_PAUSE_SECONDS", 0.05)
    consumer = bench.consumer()
    assert isinstance(await bench.until_it_stops(consumer), CorruptRecordException)
    assert not consumer.can_begin_again
    assert await bench.seen() == []
    told = capsys.readouterr().out
    assert told.count("consumer.poll_failed") == told.count("consumer.stopped") == 1


async def test_dead_letters_keep_the_record_and_beyond_the_limit_it_stops(bench: Bench) -> None:
    headers: list[tuple[str, bytes | None]] = [("a", None), ("b", b"\xff"), ("ce_source", b"x")]
    await bench.send_with_headers("things", (b"bad", headers), (None, []))

    async def all_dead(records: Sequence[Record], transaction: Transaction) -> None:
        rows = [row for record in records for row in transaction.dead_letter(record, "no reason")]
        async with transaction() as connection:
            await store(connection, records, "one")
            await append_outgoing(connection, rows)

    async with bench.consumer(all_dead, dead_letter_limit=2):
        await bench.until_seen(2)
    rows = await bench.database.pool.fetch("SELECT * FROM outgoing ORDER BY position")
    letters = [row for row in rows if row["topic"].endswith("careplan.bench.dead-letters.v1")]
    records = [row for row in rows if row["topic"].endswith("careplan.audit.records.v1")]
    assert len(letters) == len(records) == 2
    assert letters[0]["value"] == b"bad"
    kept = headers_from_bytes(letters[0]["headers"])
    assert list(kept[:3]) == headers
    assert dict(kept)["dead-letter-offset"] == b"0"
    assert dict(kept)["dead-letter-reason"] == b"no reason"
    assert dict(headers_from_bytes(letters[1]["headers"]))["dead-letter-value"] == b"null"
    audited = orjson.loads(records[0]["value"])
    assert audited["operation"] == "unreadable"
    assert (audited["code"], audited["reason"]) == ("content-invalid", "no reason")
    topic = re.escape(bench.prefix + "things")
    assert re.fullmatch(f"bench/{topic}@[0-9a-f]{{12}}/0\\.0", audited["record_id"])
    await bench.send("things", b"bad", b"bad", b"bad")
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=2))
    assert isinstance(stopped, DeadLetterLimitReached)
    assert len(await bench.seen()) == 2
    # Of a batch with more than are left, what comes before the first too many is taken.
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=3))
    assert isinstance(stopped, DeadLetterLimitReached)
    assert [offset for _, _, offset in await bench.seen()] == [0, 1, 2]
    # A new life of the process grants no more; an hour does.
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=3))
    assert isinstance(stopped, DeadLetterLimitReached)
    await bench.database.pool.execute("UPDATE dead_letter_count SET at = at - interval '1 hour'")
    async with bench.consumer(all_dead, dead_letter_limit=3):
        await bench.until_seen(5)
    # And what no window asks for any more is not kept for ever.
    await bench.database.pool.execute("UPDATE dead_letter_count SET at = at - interval '1 day'")
    async with bench.consumer(all_dead, dead_letter_limit=3):
        await bench.send("things", b"bad")
        await bench.until_seen(6)
    assert len(await bench.database.pool.fetch("SELECT 1 FROM dead_letter_count")) == 1
