"""Whatever fails, and wherever, everything is published in order at least once."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

import shared.chassis
import shared.chassis.kafka.relay
import shared.chassis.kafka.windows
from shared.chassis.kafka.event_message import event_of
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.windows import Windows
from shared.testing.eventually import eventually
from shared.testing.stack import PARTITIONS
from tests.component.kafka.relay.bench import (
    Bench,
    _position,
    contribute,
    events_of,
    in_order_once_repeats_are_dropped,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class Crash(OSError):
    """Stands for the end of a relay: what it had in memory is gone."""


def crash_once(
    monkeypatch: pytest.MonkeyPatch, relay: Relay, method: str, *, before: bool, call: int = 1
) -> list[str]:
    """Let one call of a method be the last that the relay does before it starts anew."""
    owner: Any = relay
    if hasattr(Windows, method):
        owner = Windows  # each producer has windows of its own
    elif method == "read":
        owner = events_of(relay)
    original: Callable[..., Awaitable[Any]] = getattr(owner, method)
    calls: list[str] = []

    async def crashing(*arguments: Any) -> Any:
        calls.append(method)
        if len(calls) == call and before:
            raise Crash
        result = await original(*arguments)
        if len(calls) == call:
            raise Crash
        return result

    monkeypatch.setattr(owner, method, crashing)
    return calls


@pytest.mark.parametrize(
    ("method", "before", "call"),
    [
        ("read", False, 2),
        ("_batches", False, 2),  # handed to the producer, while a window is under way
        ("_send", True, 2),  # a window of which the producer has a part
        ("_send", False, 3),
        ("_send_window", True, 2),
        ("_send_window", False, 3),
        ("_until_acknowledged", True, 2),  # several windows are under way
        ("_until_acknowledged", False, 2),  # acknowledged, and no mark
        ("_save_mark", True, 1),
        ("_save_mark", False, 2),
    ],
)
async def test_after_a_crash_at_any_step_everything_is_published_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, before: bool, call: int
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 10)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    calls = crash_once(monkeypatch, relay, method, before=before, call=call)
    async with relay:
        await bench.until_marked(35)
        if method == "_save_mark":  # a second mark to save, and the crash that comes with it
            async with bench.store(relay) as store:
                await contribute(store)
                await bench.until_marked(36)
    assert len(calls) >= call, "it crashed"
    events = await bench.mark()
    records = await bench.published(events)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, events + 1))
    assert events <= len(await bench.reader.poll()) <= 2 * events, "at most once more"


class HeldBack:
    """A relay that does not see the answer to its first window until it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> None:
        self.has_answer, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.most_under_way = 0
        self._relay = relay
        self._until_acknowledged = relay._until_acknowledged
        self._send_window = relay._send_window
        monkeypatch.setattr(relay, "_until_acknowledged", self._held_back)
        monkeypatch.setattr(relay, "_send_window", self._counting)

    async def _held_back(self, *given: Any) -> None:
        await self._until_acknowledged(*given)
        self.has_answer.set()
        await self.may_go_on.wait()

    async def _counting(self, *given: Any) -> None:
        await self._send_window(*given)
        under_way = self._relay._published[0].under_way
        self.most_under_way = max(self.most_under_way, len(under_way.windows))


async def test_the_mark_moves_after_the_acknowledgement_and_never_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.store() as store:
        await contribute(store, goals=4)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await held_back.has_answer.wait()
        assert await bench.mark() == 0, "sent, and the relay has not yet seen the answer"
        # Meanwhile another relay has gone further: this one wakes up late.
        await bench.owner.execute(
            "INSERT INTO relay_mark (stream, position, acknowledged) VALUES ('events', 9, '{}')"
        )
        held_back.may_go_on.set()
        async with bench.store() as store:
            await contribute(store)
        await bench.published(5)  # so the mark of the window before has been saved, or not
        assert await bench.mark() == 9


async def test_windows_follow_each_other_and_the_mark_waits_for_the_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 10)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        records = await bench.published(35)
        assert await bench.mark() == 0, "all of it is there, and the first window is not answered"
        assert relay.lag == 35
        acknowledged = relay._published[0].under_way.acknowledged
        assert acknowledged.keys() <= {f"{bench.events}/{n}" for n in range(PARTITIONS)}
        assert sum(acknowledged.values()) <= 10, "nothing of a window that is not its turn"
        held_back.may_go_on.set()
        await bench.until_marked(35)
        assert relay.lag == 0
    assert held_back.most_under_way == 4
    assert [event_of(record).position for record in sorted(records, key=_position)] == list(
        range(1, 36)
    )
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 36))


@pytest.mark.parametrize(
    ("bound", "most", "windows"), [("UNDER_WAY", 3, 3), ("_BYTES_UNDER_WAY", 1, 1)]
)
async def test_what_is_under_way_has_a_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, windows: int
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    monkeypatch.setattr(shared.chassis.kafka.windows, bound, most)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await bench.published(5 * windows)
        await eventually(lambda: relay._published[0].under_way.is_full, "there is no room")
        held_back.may_go_on.set()
        await bench.until_marked(35)
    assert held_back.most_under_way == windows
    assert in_order_once_repeats_are_dropped(await bench.published(35)) == list(range(1, 36))


@pytest.mark.parametrize("position", [1, 14, 35])
async def test_nothing_of_a_partition_overtakes_what_the_broker_refuses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    """In the first window, where the broker does not know the producer yet; or a later one."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=9)
        refused = await bench.owner.fetchrow(
            "SELECT originator_id FROM stored_events WHERE notification_id = $1", position
        )
        # No compression makes it small: the broker refuses its batch, and no other.
        await bench.owner.execute(
            "UPDATE stored_events SET state = convert_to(jsonb_set(convert_from(state, 'utf8')"
            "::jsonb, '{why}', to_jsonb($2::text))::text, 'utf8') WHERE notification_id = $1",
            position,
            os.urandom(20_000).hex(),
        )
    await set_largest_record(bench, 15_000)
    relay = bench.relay()
    calls: list[int] = []
    send = relay._send_window

    async def counted(*given: Any) -> Any:
        calls.append(given[2][0].position)
        return await send(*given)

    monkeypatch.setattr(relay, "_send_window", counted)
    async with relay:
        # The window of the event is handed over by a second producer, after what came behind it.
        first = (position - 1) // 5 * 5 + 1
        await eventually(
            lambda: calls.count(first) >= 3 and any(at > first for at in calls),
            "it has been tried again and again, and windows behind it were handed over",
        )
        assert await bench.mark() < position
        await set_largest_record(bench, 1_000_000)
        await bench.until_marked(45)
    records = await bench.published(45)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 46))
    place = next(record.partition for record in records if event_of(record).entry_id == refused[0])
    seen: list[int] = []
    for record in records:
        at = event_of(record).position or 0
        if record.partition == place and at not in seen:
            seen.append(at)
    assert seen == sorted(seen), "the first copies of a partition's events come in their order"


async def set_largest_record(bench: Bench, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.servers)
    await admin.start()
    try:
        changed = ConfigResource(
            ConfigResourceType.TOPIC, bench.events, configs={"max.message.bytes": str(size)}
        )
        await admin.alter_configs([changed])
    finally:
        await admin.close()


async def test_it_says_so_when_the_broker_does_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_SILENT", 0.1)
    async with bench.store() as store:
        await contribute(store, goals=4)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await held_back.has_answer.wait()

        async def is_ready() -> bool:
            return (await relay.part()).ready

        await eventually(is_ready, "it waits", holds=lambda ready: not ready)
        part = await relay.part()
        assert (part.detail, part.alive, part.lag) == ("waiting for the broker", True, 4)
        held_back.may_go_on.set()
        await eventually(is_ready, "it publishes", holds=bool)
