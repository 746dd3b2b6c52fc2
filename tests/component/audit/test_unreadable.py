"""What cannot be read is recorded as such, and beyond a limit stops the consumer loudly."""

import asyncio

import asyncpg
import orjson
import pytest

from services.audit.doors.events import OTHER_CONTENT
from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.telemetry import Part
from shared.chassis.wire.problem import STATUS
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic, events_topic
from shared.testing.eventually import LONG_ENOUGH
from shared.testing.raw_names import raw_name, raw_names_written
from tests.component.audit.bench import Bench, Headers, Message, event, refusal

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


BAD_HEADERS: Headers = [("ce_position", b"7"), ("odd", None), ("odder", b"\xff\xfe")]


def bad_messages() -> list[Message]:
    good = event(position=9)
    value = orjson.loads(good.value or b"")
    nul = {**value, "provenance": {"recorded_by": {"kind": "person", "name": "a\x00b"}}}
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    return [
        Message(good.topic, good.key, b"{not json", BAD_HEADERS),
        Message(good.topic, good.key, None),
        Message(good.topic, b"another plan", good.value),
        Message(good.topic, b"\xff", b"\xff\xff"),
        Message(good.topic, good.key, orjson.dumps(nul)),
        Message(good.topic, good.key, orjson.dumps({**value, "section": "needs"})),
        Message(good.topic, good.key, orjson.dumps({**value, "entry_version": 2**60})),
        Message(good.topic, good.key, good.value, [("ce_position", b"9" * 40)]),
        Message(good.topic, good.key, good.value, [("ce_leafhash", b"none")]),
        Message(good.topic, good.key, good.value, [(raw_name(b"\xe9tiquette"), b"x")]),
        Message(AUDIT_RECORDS, None, refusal(9).value, [(raw_name(b"\xe9tiquette"), b"x")]),
        Message(AUDIT_RECORDS, None, b"[]"),
        Message(AUDIT_RECORDS, None, b'{"operation": "refusal"}'),
        Message(
            AUDIT_RECORDS, None, (refusal(9).value or b"")[:-1] + b',"relationship":' + deep + b"}"
        ),
        refusal(9, operation="change"),
        refusal(9, actor={"kind": "person", "name": "a\x00b"}),
    ]


async def test_records_when_some_cannot_be_read_then_they_are_dead_letters_and_others_served(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    bad = bad_messages()
    async with bench.consumer():
        with raw_names_written():
            for n, message in enumerate(bad, 1):
                await bench.publish(event(position=n, entry=n), message)
        await bench.publish(refusal(1))
        await bench.until_consumed(2 * len(bad) + 1)

    assert not bench.has_stopped
    operations = await bench.rows(
        "SELECT operation, count(*) AS n FROM audit_record GROUP BY operation"
    )
    assert {row["operation"]: row["n"] for row in operations} == {
        "change": len(bad),
        "refusal": 1,
        "unreadable": len(bad),
    }
    letters = await bench.rows("SELECT * FROM outgoing ORDER BY position")
    assert {row["topic"] for row in letters} == {bench.prefix + dead_letters_topic("audit")}
    assert sorted(row["value"] for row in letters) == sorted(m.value or b"" for m in bad)
    first = next(row for row in letters if row["value"] == b"{not json")
    assert first["key"] == bad[0].key
    assert list(headers_from_bytes(first["headers"]))[:3] == BAD_HEADERS
    unread = await bench.rows("SELECT * FROM audit_record WHERE operation = 'unreadable'")
    for row in unread:
        assert row["code"] in STATUS
        assert len((await bench.groups(row["idx"]))["ext"]["raw_sha256"]) == 64


async def test_records_when_another_content_comes_under_an_id_then_it_is_no_repeat(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(
            event(position=1),
            event(position=1, content={"aim": {"text": "Never leave the house"}}),
        )
        await bench.until_consumed(2)

    rows = await bench.rows("SELECT idx, operation, code FROM audit_record ORDER BY idx")
    assert [row["operation"] for row in rows] == ["change", "unreadable"]
    assert rows[1]["code"] == "content-invalid"
    assert (await bench.groups(rows[1]["idx"]))["change"] == {"reason": OTHER_CONTENT}
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


async def test_consumer_when_something_unforeseen_happens_then_it_stops_loudly(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("DROP TABLE source_stream")
    finally:
        await owner.close()
    await bench.publish(event(position=1))
    part = await until_it_stops(bench.consumer())
    assert not part.ready
    assert part.alive
    assert part.detail == "stopped: UndefinedTableError"
    assert await bench.ids() == []


async def test_consumer_when_more_is_unreadable_than_allowed_then_it_stops_loudly(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    await bench.publish(*[Message(events_topic("goals"), b"k", b"odd") for _ in range(3)])
    part = await until_it_stops(bench.consumer(dead_letter_limit=2))
    assert part.detail == "stopped: DeadLetterLimitReached"


async def until_it_stops(consumer: BatchConsumer) -> Part:
    """What a consumer says of itself when it has stopped."""
    async with consumer:
        await asyncio.wait_for(consumer.has_stopped.wait(), LONG_ENOUGH)
        return await consumer.part()
