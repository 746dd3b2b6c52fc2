"""What commits hand to the relay is a help and never trusted, and all of it has a bound."""

from typing import Any

import pytest

import shared.chassis
import shared.chassis.kafka.relay
import shared.chassis.kafka.streams
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.event_message import event_of
from shared.chassis.kafka.streams import EventStream
from shared.chassis.store.event_store import EventStore
from shared.chassis.store.rows import appends
from shared.testing.eventually import eventually
from tests.component.kafka.relay.bench import (
    Bench,
    contribute,
    events_of,
    in_order_once_repeats_are_dropped,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_gap_in_what_is_handed_over_is_read_from_the_table(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = bench.relay()
    reads: list[int] = []
    ask = relay._ask

    async def counted(query: str, *arguments: Any) -> list[Any]:
        if query == EventStream.rows:
            reads.append(arguments[0])
        return await ask(query, *arguments)

    monkeypatch.setattr(relay, "_ask", counted)
    async with relay, bench.store() as elsewhere, bench.store(relay) as here:
        await eventually(lambda: relay._is_active, "the relay is active")
        await contribute(elsewhere, goals=5)
        await contribute(here, goals=5)
        await bench.until_marked(10)
        assert reads, "what another replica stored was read"
        await contribute(here, goals=3)
        await contribute(elsewhere, goals=2)
        await contribute(here, goals=20)
        await bench.until_marked(35)
        records = await bench.published(35)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 36))
    assert len(records) == 35


async def test_rows_handed_over_again_or_too_early_are_not_trusted(bench: Bench) -> None:
    relay = bench.relay()
    handed: list[Any] = []
    async with (
        relay,
        Database(bench.made.url) as database,
        appends(bench.made.url, on_commit=lambda rows, _: handed.extend(rows)) as commits,
    ):
        await eventually(lambda: relay._is_active, "the relay is active")
        await contribute(EventStore(database, commits, SECTION), goals=1, versions=6)
        relay.offer(handed[3:])  # 4, 5, 6: what is before has not been sent
        relay.offer(handed[:2])
        relay.offer(handed[4:])
        await bench.until_marked(6)
        records = await bench.published(6)
    assert [event_of(record).position for record in records] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("bound", "most"), [("_HANDED_OVER", 10), ("_HANDED_BYTES", 12_000)])
async def test_what_is_handed_over_has_a_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """In number and in bytes: a few rows of a megabyte take as much as thousands of others."""
    monkeypatch.setattr(shared.chassis.kafka.streams, bound, most)
    async with bench.relay() as relay, bench.store(relay) as store:
        await eventually(lambda: relay._is_active, "the relay is active")
        events = events_of(relay)
        kept: list[int] = []
        offer = events.offer

        def noted(*given: Any) -> bool:
            offered = offer(*given)
            kept.append(len(events._handed) if bound == "_HANDED_OVER" else events._handed_bytes)
            return offered

        monkeypatch.setattr(events, "offer", noted)
        for _ in range(8):
            await contribute(store)
        await contribute(store, goals=60, versions=2)
        assert 0 < max(kept) <= most
        await bench.until_marked(128)
        records = await bench.published(128)
        assert (len(events._handed), events._handed_bytes) == (0, 0)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 129))


@pytest.mark.parametrize("table", ["stored_events", "outgoing"])
async def test_a_window_has_a_bound_in_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Five hundred rows of a megabyte would be read at once, and again after each failure."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "_WINDOW_BYTES", 3_000)
    if table == "stored_events":
        async with bench.store() as store:
            await contribute(store, goals=10, versions=2)
    else:
        rows = [Outgoing(bench.audit, b"k", (), b"x" * size) for size in [900] * 18 + [9_000, 1]]
        async with Database(bench.made.url) as database, database.transaction() as connection:
            await append_outgoing(connection, rows)
    relay = bench.relay()
    sizes: list[tuple[int, int]] = []
    send = relay._send_window

    async def noted(*given: Any) -> Any:
        values = [len(message.value) for message in given[2]]
        sizes.append((sum(values), values[-1]))
        return await send(*given)

    monkeypatch.setattr(relay, "_send_window", noted)
    async with relay:
        await bench.until_marked(20, "events" if table == "stored_events" else "outgoing")
    assert len(sizes) >= 3
    if table == "outgoing":
        assert all(size - last < 3_000 for size, last in sizes), "no more than one beyond the bound"
