"""What never came is seen."""

import random

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from services.audit.doors import events as audit_events
from services.audit.doors.events import GapWatch
from services.audit.store.records import AuditStore
from shared.chassis import telemetry
from shared.testing.eventually import eventually
from tests.component.audit.bench import Bench, event

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_gaps_when_a_position_never_came_then_it_is_seen_until_it_comes(
    bench: Bench,
) -> None:
    store = AuditStore(bench.database)
    await bench.topics("goals", "needs")
    async with bench.consumer(store), GapWatch(store) as watch:
        await bench.publish(
            event(position=2, entry=2),
            event(position=5, entry=5),
            event("needs", position=1),
        )
        await bench.until_recorded(3)
        (gap,) = await store.gaps()
        assert (gap.source, gap.first, gap.missing) == ("goals", 1, 3)
        part = await watch.part()
        assert (part.ready, part.detail) == (True, "3 missing of goals from 1")

        await bench.publish(event(position=1, entry=1), event(position=3, entry=3))
        await bench.until_recorded(5)
        (gap,) = await store.gaps()
        assert (gap.first, gap.missing) == (4, 1)

        await bench.publish(event(position=4, entry=4))
        await bench.until_recorded(6)
        assert await store.gaps() == []


async def test_gaps_when_positions_come_in_any_order_then_just_those_missing_are_told(
    bench: Bench,
) -> None:
    """What is kept follows the holes alone, whatever their number (the kind of fault 21)."""
    chance = random.Random(7)  # noqa: S311 - no secret
    store = AuditStore(bench.database)
    waiting = [*range(1, 301)] * 2
    chance.shuffle(waiting)
    came: set[int] = set()
    while waiting:
        count = chance.randint(1, 40)
        batch, waiting = waiting[:count], waiting[count:]
        async with bench.database.transaction() as connection:
            await store.note_positions(connection, [("goals", position) for position in batch])
        came.update(batch)
        missing = set(range(1, max(came))) - came
        rows = await bench.rows("SELECT first, beyond FROM source_gap ORDER BY first")
        kept = [position for row in rows for position in range(row["first"], row["beyond"])]
        assert kept == sorted(missing)
        told = [(gap.source, gap.first, gap.missing) for gap in await store.gaps()]
        assert told == ([("goals", min(missing), len(missing))] if missing else [])
    assert await bench.rows("SELECT * FROM source_gap") == []
    assert await bench.rows("SELECT * FROM source_stream") == [
        {"source": "goals", "last_position": 300}
    ]


async def test_gaps_when_something_is_lost_for_good_then_it_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_events, "_LOST_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(audit_events, "_LOOK_FOR_GAPS_SECONDS", 0.05)
    reader = InMemoryMetricReader()
    telemetry.configure("audit", reader=reader)
    try:
        await bench.topics("goals")
        async with bench.consumer(), GapWatch(AuditStore(bench.database)):
            await bench.publish(event(position=1, entry=1), event(position=4, entry=4))
            await eventually(lambda: _sum(reader, "careplan.gaps") == 2, "the first gap counted")
            # What stays lost from then on must not hide what is lost later.
            await bench.publish(event(position=6, entry=6))
            await eventually(lambda: _sum(reader, "careplan.gaps") == 3, "the second one too")
        # Another replica, or this one started again, does not tell it once more.
        again = GapWatch(AuditStore(bench.database))
        await again.tell_what_is_lost(0.0)
        assert _sum(reader, "careplan.gaps") == 3
    finally:
        telemetry.shut_down()


def _sum(reader: InMemoryMetricReader, name: str) -> float:
    data = reader.get_metrics_data()
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
    return float(sum(point.value for point in points if isinstance(point, NumberDataPoint)))
