"""What is wrong on the broker holds up as little as can be, or stops the relay loudly."""

from typing import Any

import orjson
import pytest

import shared.chassis
import shared.chassis.kafka.relay
import shared.chassis.kafka.windows
from deploy.local.servers.kafka import free_port
from services.goals.section import SECTION
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import streams_of
from shared.chassis.store.event_store import Moved
from shared.testing.eventually import eventually
from shared.testing.stack import PARTITIONS, create_topics, delete_topics, fresh_prefix
from tests.component.kafka.relay.bench import Bench, agreed, contribute, of, receipt

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_missing_receipts_topic_holds_nobody_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    producers: list[Any] = []
    make = shared.chassis.kafka.windows.make_producer

    def noted(*given: Any) -> Any:
        producers.append(make(*given))
        return producers[-1]

    monkeypatch.setattr("shared.chassis.kafka.relay.make_producer", noted)

    def told(topic: str, number: int) -> Outgoing:
        return Outgoing(topic, b"key", (), b"%d" % number)

    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        to = [bench.audit, bench.receipts, bench.audit, bench.receipts, bench.audit]
        messages = [told(topic, number) for number, topic in enumerate(to)]
        await store.save([Moved(goal)], receipt(goal), outgoing=messages)
        await bench.until_marked(5, "outgoing")
        await bench.until_marked(1)
        await bench.reader.count(4, "records")
        assert relay.passed_over == 2
        (producer,) = producers
        # Or its client would ask for it every 30 s, and log each time that it is not there.
        assert bench.receipts not in producer.client._topics
        assert (await relay.part()).ready
    audit = of(bench.reader.records, bench.audit)
    assert [record.value for record in audit] == [b"0", b"2", b"4"]


async def test_a_receipts_topic_that_was_taken_away_holds_nobody_up(bench: Bench) -> None:
    await create_topics(bench.servers, [bench.receipts])
    sent = Outgoing(bench.receipts, b"key", (), b"{}")
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        await store.save([Moved(goal)], receipt(goal), outgoing=[sent])
        await bench.until_marked(1, "outgoing")
    assert bench.receipts in await bench.owner.fetchval(
        "SELECT acknowledged FROM relay_mark WHERE stream = 'outgoing'"
    )
    await delete_topics(bench.servers, [bench.receipts])
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        await store.save([Moved(goal)], receipt(goal), outgoing=[sent])
        await bench.until_marked(2)
        await bench.until_marked(2, "outgoing")
        assert relay.passed_over == 1


async def test_a_missing_topic_of_events_is_waited_for(bench: Bench) -> None:
    bench.prefix = fresh_prefix()
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store)
        await eventually(lambda: "waiting" in relay._detail, "it waits for the topic")
        assert not (await relay.part()).ready
        assert (await relay.part()).alive
        await create_topics(bench.servers, [bench.events, bench.audit])
        await bench.until_marked(1)


async def test_records_lost_by_the_broker_stop_it_loudly(bench: Bench) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store, goals=10)
        await bench.until_marked(10)
    ends = orjson.loads(
        await bench.owner.fetchval("SELECT acknowledged FROM relay_mark WHERE stream = 'events'")
    )
    assert sum(ends.values()) == 10, "the place after the last acknowledged, per partition"
    async with bench.relay() as relay:
        await eventually(lambda: relay._is_active, "nothing is missing")
    place = f"{bench.events}/0"
    await bench.owner.execute(
        "UPDATE relay_mark SET acknowledged = $1 WHERE stream = 'events'",
        orjson.dumps({**ends, place: ends.get(place, 0) + 1}).decode(),
    )
    await stops_loudly(bench, "BrokerLostRecords")


async def test_another_number_of_partitions_stops_it_before_the_first_record(
    bench: Bench,
) -> None:
    async with bench.store() as store:
        await contribute(store, goals=5)
    await stops_loudly(bench, "TopicDiffers", partitions=PARTITIONS + 1)
    assert await bench.mark() == 0
    assert await bench.reader.poll() == []


async def stops_loudly(bench: Bench, why: str, partitions: int = PARTITIONS) -> None:
    async with bench.relay(partitions=partitions) as relay:
        await eventually(lambda: relay.has_stopped, "the relay has stopped")
        part = await relay.part()
        assert (part.ready, part.alive, part.detail) == (False, True, f"stopped: {why}")


async def test_the_lag_is_told_also_where_no_broker_can_be_reached(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_LONGEST_PAUSE", 0.2)
    nowhere = bench.settings().model_copy(update={"kafka_servers": f"127.0.0.1:{free_port()}"})
    relay = Relay(bench.made.url, nowhere, streams_of(SECTION, nowhere))
    async with relay, bench.store(relay) as store:
        await contribute(store, goals=2, versions=2)
        await eventually(lambda: relay.lag == 4, "four events to go")
        await contribute(store, goals=1, versions=3)
        await eventually(lambda: relay.lag == 7, "seven events to go")


async def test_the_lag_says_how_far_it_has_to_go(bench: Bench) -> None:
    async with bench.store() as store:
        await contribute(store, goals=3, versions=2)
    bench.prefix = fresh_prefix()  # there is no topic to publish to
    async with bench.relay() as relay:
        await eventually(lambda: relay.lag == 6, "six events to go")
        assert relay.oldest_seconds > 0
        await create_topics(bench.servers, [bench.events, bench.audit])
        await eventually(lambda: relay.lag == 0, "nothing to go")
        await eventually(lambda: relay.oldest_seconds == 0.0, "nothing is waiting")
