"""Services with one guard left out, to see that the judge notices; never part of the product.

``python -m tests.faults.unguarded GUARD SERVICE`` runs one service, as
``python -m shared.chassis.run SERVICE`` does, after taking the guard away in memory.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

import services.plan.fold.domain as plan_domain
import services.plan.store.projection as plan_store
from shared.chassis import run
from shared.chassis.kafka import faststream_adapter, offsets
from shared.chassis.kafka.offsets import Span
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.windows import Message, Window, Windows
from shared.chassis.settings import Settings
from shared.ledger import RecordedEvent
from tests.faults.sent import SECTIONS

if TYPE_CHECKING:
    from tests.faults.target import Target

# Guards are taken out by putting something else in their place: what the types are there to forbid.
# What is wrong shows only where a fault meets it: the dangerous moment is made long.
_DANGEROUS_MOMENT: Final = 0.15
CONTROL: Final = "nothing"


def _without_mark() -> None:
    """The relay notes how far it is before the broker has the messages."""
    send_window = Relay._send_window

    async def too_early(self: Relay, windows: Windows, messages: "list[Message]") -> Window:
        for stream in self._streams:
            is_of_events = messages[0].topic == self._events_topic
            if (stream.name == "events") == is_of_events:
                stream.mark = messages[-1].position
                await self._save_mark(stream)
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return await send_window(self, windows, messages)

    Relay._send_window = too_early  # type: ignore[assignment,method-assign]


def _without_offset_fence() -> None:
    """Offsets are stored by themselves, before the work that they stand for."""

    async def by_itself(_: Any, consumer: str, spans: Mapping[TopicPartition, Span]) -> int:
        other = await asyncpg.connect(Settings().database_url)
        try:
            for place, (_, following) in spans.items():
                await other.execute(
                    "INSERT INTO consumer_offset VALUES ($1, $2, $3, $4)"
                    " ON CONFLICT (consumer, topic, partition)"
                    " DO UPDATE SET next_offset = excluded.next_offset",
                    consumer,
                    place.topic,
                    place.partition,
                    following,
                )
        finally:
            other.terminate()
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return 0

    offsets.fence_all = by_itself  # type: ignore[assignment]


def _without_natural_key() -> None:
    """The plan takes an event that it has already; and relays are slow to note how far they are."""
    fold = plan_domain.fold

    def whatever_comes(plan: plan_domain.Plan, event: RecordedEvent) -> plan_domain.Outcome:
        outcome = fold(plan, event)
        if outcome is plan_domain.Outcome.DUPLICATE:
            plan_domain._accept(plan, event)
            return plan_domain.Outcome.APPLIED
        return outcome

    plan_store.fold = whatever_comes  # type: ignore[attr-defined]
    _slow_to_mark()


def _slow_to_mark() -> None:
    save_mark = Relay._save_mark

    async def late(self: Relay, stream: Any) -> None:
        await asyncio.sleep(_DANGEROUS_MOMENT)
        await save_mark(self, stream)

    Relay._save_mark = late  # type: ignore[method-assign]


def _without_plan_lock() -> None:
    """Two consumers take up one plan at once, and the later one writes over the earlier one."""
    take_up = plan_store.PlanStore.take_up

    class Unlocking:
        """A connection on which nothing is locked by being read."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        async def fetch(self, query: str, *given: Any) -> Any:
            return await self._connection.fetch(query.replace("FOR UPDATE", ""), *given)

    async def unlocked(self: Any, connection: Any, reads: Any) -> plan_store.Batch:
        return await take_up(self, Unlocking(connection), reads)

    plan_store.PlanStore.take_up = unlocked  # type: ignore[method-assign]  # as said above
    _slow_to_fold()


def _slow_to_fold() -> None:
    """Time between a plan's being taken up and written, and members that share plans."""
    take_up = plan_store.PlanStore.take_up

    async def then_wait(self: Any, connection: Any, reads: Any) -> plan_store.Batch:
        batch = await take_up(self, connection, reads)
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return batch

    plan_store.PlanStore.take_up = then_wait  # type: ignore[method-assign]  # as said above
    faststream_adapter.RangePartitionAssignor = _ByTopic  # type: ignore[attr-defined]


class _ByTopic(RangePartitionAssignor):  # type: ignore[misc]  # aiokafka ships none
    """Whole topics to each member in turn: the events of one plan reach several members."""

    name = "by-topic"

    @classmethod
    def assign(cls, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        names = sorted(members)
        topics = sorted({topic for asked in members.values() for topic in asked.subscription})
        if len(topics) < len(names):  # somebody would have nothing
            shared: dict[str, Any] = super().assign(cluster, members)
            return shared
        return {
            name: ConsumerProtocolMemberAssignment(
                cls.version,
                [
                    (topic, sorted(cluster.partitions_for_topic(topic) or ()))
                    for topic in topics[number :: len(names)]
                ],
                b"",
            )
            for number, name in enumerate(names)
        }


def _with_every_guard() -> None:
    """The control: the same long moments, and nothing may come of them."""
    fence_all = offsets.fence_all

    async def then_wait(*given: Any) -> int:
        jumped: int = await fence_all(*given)
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return jumped

    offsets.fence_all = then_wait  # type: ignore[assignment]
    _slow_to_mark()
    _slow_to_fold()


_ALTERED: Final[Mapping[str, Callable[[], None]]] = {
    "mark": _without_mark,
    "offset-fence": _without_offset_fence,
    "natural-key": _without_natural_key,
    "plan-lock": _without_plan_lock,
    "advisory-lock": lambda: None,
    "unique-key": lambda: None,
    "clock": lambda: None,
    CONTROL: _with_every_guard,
}
"""What each guard's absence does to a service."""

FAULT_OF: Final[Mapping[str, str]] = {
    "mark": "kill-goals",
    "offset-fence": "kill-plan",
    "natural-key": "kill-goals",
    "plan-lock": "two-members",
    "advisory-lock": "two-writers",
    "unique-key": "two-writers",
    "clock": "clock-goals",
    CONTROL: "kill-goals",
}
"""The fault that each guard is there for."""


async def prepared(guard: str, target: "Target") -> None:
    """Takes away in the databases what belongs to the guard."""
    if guard == "natural-key":
        await _alter(target.admin_url("plan"), lambda _: "DROP INDEX plan_ledger_once")
    if guard == "plan-lock":  # and the key that would stop whoever had not waited for it
        await _alter(
            target.admin_url("plan"),
            lambda _: "ALTER TABLE plan_ledger DROP CONSTRAINT plan_ledger_pkey",
        )
    if guard in _APPENDED_WITHOUT:
        for section in SECTIONS:
            await _alter(target.admin_url(section), _APPENDED_WITHOUT[guard])


async def _alter(url: str, statement: Callable[[str], str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        append = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'append_requests'"
        await connection.execute(statement(await connection.fetchval(append) or ""))
    finally:
        await connection.close()


def _unlocked(append: str) -> str:
    """Positions from a sequence and without the lock, as an ordinary outbox has them."""
    append = _with(append, "PERFORM pg_advisory_xact_lock(7411);", "")
    append = _with(
        append,
        "FOR found_ IN",
        "base := nextval('unguarded'); out_base := nextval('unguarded');"
        f" PERFORM pg_sleep(random() * {_DANGEROUS_MOMENT}); FOR found_ IN",
    )
    sequence = "CREATE SEQUENCE unguarded INCREMENT BY 1000 START WITH 1000000"
    return f"{sequence}; GRANT USAGE ON SEQUENCE unguarded TO ledger_writer; {append}"


def _whoever_holds_the_key(append: str) -> str:
    """Two entries take one key: neither what others hold nor the batch's own is looked at."""
    append = _with(append, "WHERE k.key = t.key AND k.entry_id <> t.entry_id", "WHERE false")
    return _with(append, "HAVING count(DISTINCT t.entry_id) > 1", "HAVING false")


def _by_the_clock_alone(append: str) -> str:
    """The time of an append is the clock's, whatever the one before it has."""
    return _with(
        append, "greatest(clock_timestamp(), e.recorded_at, o.recorded_at)", "clock_timestamp()"
    )


def _with(append: str, old: str, new: str) -> str:
    if old not in append:
        raise ValueError("append_requests is not what it was")
    return append.replace(old, new, 1)


_APPENDED_WITHOUT: Final[Mapping[str, Callable[[str], str]]] = {
    "advisory-lock": _unlocked,
    "unique-key": _whoever_holds_the_key,
    "clock": _by_the_clock_alone,
}


if __name__ == "__main__":
    guard, service = sys.argv[1:]
    _ALTERED[guard]()
    sys.argv = ["run", service]
    run.main()
