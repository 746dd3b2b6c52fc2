"""Every happening is recorded once."""

import hashlib
from uuid import UUID

import orjson
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.audit.doors.events import OTHER_CONTENT
from shared.chassis import telemetry
from shared.ledger.topics import events_topic
from shared.testing.eventually import eventually
from shared.testing.stack import create_topics
from tests.component.audit.bench import Bench, event, history, ids_of, refusal

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_records_when_events_come_twice_and_two_consume_then_each_is_there_once(
    bench: Bench,
) -> None:
    await bench.topics("goals", "about-me")
    messages = history() + [event("about-me", position=n, entry=n) for n in range(1, 21)]
    async with bench.consumer(instance="one"), bench.consumer(instance="two"):
        await bench.publish(*messages)
        await bench.publish(*messages)
        await bench.until_consumed(2 * len(messages))

    ids = await bench.ids()
    assert sorted(ids) == sorted(ids_of(messages))
    for entry in range(20):
        of_entry = [id_ for id_ in ids if id_.startswith(f"goals/{UUID(int=entry)}.")]
        assert of_entry == sorted(of_entry)
    assert not bench.has_stopped


async def test_records_when_a_refusal_comes_twice_then_it_is_one(bench: Bench) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1), refusal(2), refusal(1))
        await bench.until_consumed(3)

    rows = await bench.rows("SELECT * FROM audit_record ORDER BY id")
    assert [row["contribution_id"] for row in rows] == [UUID(int=1), UUID(int=2)]
    assert (rows[0]["kind"], rows[0]["code"]) == (3, "base-version-stale")
    assert (await bench.groups(0))["change"] == {"kept": True}


async def test_records_when_a_contribution_is_refused_in_several_ways_then_each_is_a_record(
    bench: Bench,
) -> None:
    """Whatever differs in what happened is another happening: the kind of fault 12."""
    await bench.topics()
    start = f"goals/{UUID(int=1)}"
    somebody_else = {"kind": "person", "id": "edith", "name": "Edith Marlow-Synth"}
    messages = [
        refusal(1),
        refusal(1, record_id=f"{start}.0123456789abcdef.not-permitted", code="not-permitted"),
        refusal(1, record_id=f"{start}.ffff456789abcdef.not-permitted", actor=somebody_else),
    ]
    later = {"recorded_at": "2026-11-24T09:00:00Z", "authn": {"jti": "another"}}
    async with bench.consumer():
        await bench.publish(*messages, refusal(1, **later))
        await bench.until_consumed(4)

    ids = [orjson.loads(message.value or b"")["record_id"] for message in messages]
    assert sorted(await bench.ids()) == sorted(ids)
    assert await bench.rows("SELECT 1 FROM outgoing") == []


async def test_records_when_another_refusal_comes_under_an_id_then_it_is_not_dropped(
    bench: Bench,
) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1), refusal(1, actor={"kind": "person", "id": "edith"}))
        await bench.until_consumed(2)

    rows = await bench.rows("SELECT idx, operation, code FROM audit_record ORDER BY idx")
    assert [row["operation"] for row in rows] == ["refusal", "unreadable"]
    assert rows[1]["code"] == "content-invalid"
    assert (await bench.groups(rows[1]["idx"]))["change"] == {"reason": OTHER_CONTENT}
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


async def test_records_when_an_operation_is_not_known_then_it_is_kept_as_unknown(
    bench: Bench,
) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1, operation="consultation", weather="fine"))
        await bench.until_consumed(1)

    (row,) = await bench.rows("SELECT * FROM audit_record")
    assert (row["operation"], row["kind"], row["type"]) == ("unknown", 0, "consultation")
    assert (await bench.groups(0))["ext"] == {"bag": {"weather": "fine"}}
    assert await bench.rows("SELECT 1 FROM outgoing") == []


async def test_records_when_an_entry_changes_then_each_names_the_hash_before(
    bench: Bench,
) -> None:
    """In one batch and over several; an event whose predecessor never came names none."""
    await bench.topics("goals")
    texts = ["Walk", "Walk to the shop", "Walk home"]
    versions = [
        event(position=n, version=n, content={"aim": {"text": text}})
        for n, text in enumerate(texts, 1)
    ]
    async with bench.consumer():
        await bench.publish(*versions[:2])
        await bench.until_recorded(2)
        await bench.publish(versions[2], event(position=4, entry=9, version=2))
        await bench.until_recorded(4)

    changes = [(await bench.groups(idx))["change"] for idx in range(4)]
    after = [change["after_hash"] for change in changes]
    assert [change.get("before_hash") for change in changes] == [None, after[0], after[1], None]
    assert after[2] == hashlib.sha256(b'{"aim":{"text":"Walk home"}}').hexdigest()


async def test_records_when_a_new_section_appears_later_then_it_is_recorded_like_any_other(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer() as consumer:
        await bench.publish(event(position=1))
        await bench.until_recorded(1)
        await create_topics(bench.servers, [bench.prefix + events_topic("medication")])
        await create_topics(bench.servers, [bench.prefix + "careplan.goals.events.v10"])
        await bench.publish(event("medication", position=1), event(position=2, entry=2))
        ids = await bench.until_recorded(3)
        assert f"medication/{UUID(int=1)}.1" in ids
        await eventually(consumer.lag, "caught up", holds=lambda lag: lag == 0)
    stored = await bench.rows("SELECT DISTINCT topic FROM consumer_offset ORDER BY topic")
    assert [row["topic"] for row in stored] == [
        bench.prefix + events_topic("goals"),
        bench.prefix + events_topic("medication"),
    ]


async def test_span_when_a_batch_is_recorded_then_it_links_to_what_caused_it(
    bench: Bench,
) -> None:
    exporter = InMemorySpanExporter()
    telemetry.configure("audit", span_exporter=exporter, reader=InMemoryMetricReader())
    try:
        await bench.topics("goals")
        await bench.publish(*[event(position=n, entry=n) for n in (1, 2, 3)])
        async with bench.consumer():
            await bench.until_recorded(3)
        spans = exporter.get_finished_spans()
    finally:
        telemetry.shut_down()
    assert {span.name for span in spans} == {"record audit"}
    linked = {link.context.trace_id for span in spans for link in span.links}
    assert linked == {1, 2, 3}
    counts = [(span.attributes or {})["messaging.batch.message_count"] for span in spans]
    assert sum(count for count in counts if isinstance(count, int)) == 3
