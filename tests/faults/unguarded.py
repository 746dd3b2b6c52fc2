"""Services with one guard left out, to see that the judge notices; never part of the product.

``python -m tests.faults.unguarded GUARD SERVICE`` runs one service, as
``python -m shared.chassis.run SERVICE`` does, after taking the guard away in memory.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition

import services.plan.domain as plan_domain
import services.plan.store as plan_store
from shared.chassis import kafka, run
from shared.chassis.offsets import Span
from shared.chassis.relay import Message, Relay
from shared.chassis.settings import Settings
from shared.ledger import RecordedEvent

if TYPE_CHECKING:
    from tests.faults.target import Target

# What is wrong shows only where a fault meets it: the dangerous moment is made long.
_DANGEROUS_MOMENT: Final = 0.15
CONTROL: Final = "nothing"


def _without_mark() -> None:
    """The relay notes how far it is before the broker has the messages."""
    send_window = Relay._send_window

    async def too_early(self: Relay, producer: AIOKafkaProducer, messages: "list[Message]") -> Any:
        for stream in self._streams:
            is_of_events = messages[0].topic == self._events_topic
            if (stream.name == "events") == is_of_events:
                stream.mark = messages[-1].position
                await self._save_mark(stream)
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return await send_window(self, producer, messages)

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

    kafka.fence_all = by_itself  # type: ignore[assignment,attr-defined]


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


def _with_every_guard() -> None:
    """The control: the same long moments, and nothing may come of them."""
    fence_all = kafka.fence_all  # type: ignore[attr-defined]

    async def then_wait(*given: Any) -> int:
        jumped: int = await fence_all(*given)
        await asyncio.sleep(_DANGEROUS_MOMENT)
        return jumped

    kafka.fence_all = then_wait  # type: ignore[assignment,attr-defined]
    _slow_to_mark()


_ALTERED: Final[Mapping[str, Callable[[], None]]] = {
    "mark": _without_mark,
    "offset-fence": _without_offset_fence,
    "natural-key": _without_natural_key,
    "advisory-lock": lambda: None,
    CONTROL: _with_every_guard,
}
"""What each guard's absence does to a service."""

FAULT_OF: Final[Mapping[str, str]] = {
    "mark": "kill-goals",
    "offset-fence": "kill-plan",
    "natural-key": "kill-goals",
    "advisory-lock": "two-writers",
    CONTROL: "kill-goals",
}
"""The fault that each guard is there for."""


async def prepared(guard: str, target: "Target") -> None:
    """Takes away in the databases what belongs to the guard."""
    if guard == "natural-key":
        await _alter(target.admin_url("plan"), lambda _: "DROP INDEX plan_ledger_once")
    if guard == "advisory-lock":
        for section in ("person", "about_me", "goals"):
            await _alter(target.admin_url(section), _unlocked)


async def _alter(url: str, statement: Callable[[str], str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        append = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'append_batch'"
        await connection.execute(statement(await connection.fetchval(append) or ""))
    finally:
        await connection.close()


def _unlocked(append: str) -> str:
    """Positions from a sequence and without the lock, as an ordinary outbox has them."""
    lock, judging = "PERFORM pg_advisory_xact_lock(7411);", "FOR found_ IN"
    if lock not in append or judging not in append:
        raise ValueError("append_batch is not what it was")
    append = append.replace(lock, "").replace(
        judging,
        "base := nextval('unguarded'); out_base := nextval('unguarded');"
        f" PERFORM pg_sleep(random() * {_DANGEROUS_MOMENT}); {judging}",
        1,
    )
    sequence = "CREATE SEQUENCE unguarded INCREMENT BY 1000 START WITH 1000000"
    return f"{sequence}; GRANT USAGE ON SEQUENCE unguarded TO ledger_writer; {append}"


if __name__ == "__main__":
    guard, service = sys.argv[1:]
    _ALTERED[guard]()
    sys.argv = ["run", service]
    run.main()
