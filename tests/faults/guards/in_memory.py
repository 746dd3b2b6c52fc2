"""What takes a guard away from a running service, by putting something else in its place.

What is wrong shows only where a fault meets it: the dangerous moment is made long.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

import services.plan.app  # noqa: F401 - so that every module that folds is loaded
import services.plan.fold.domain as fold_module
from services.plan.doors.events import FoldEvents
from shared.chassis.contribute import decisions
from shared.chassis.kafka import faststream_adapter, offsets
from shared.chassis.kafka.relay import Relay
from shared.chassis.settings import Settings
from shared.chassis.store.recorder import Recorder
from tests.faults.guards.everywhere import replace, replace_method

DANGEROUS_MOMENT: Final = 0.15
# One section of several is killed: its relay has to be at it, however little comes to that one.
_OF_A_RELAY: Final = 1.0

_LOCKS_A_PLAN: Final = re.compile(r"\bFROM (\w+\.)?plan\b.*\bFOR UPDATE\b", re.DOTALL)


def without_mark() -> None:
    """The relay notes how far it is before the broker has the messages."""
    relay: Any = Relay
    send_window = relay._send_window

    async def too_early(self: Any, windows: Any, one: Any, messages: Sequence[Any]) -> None:
        one.under_way.mark = messages[-1].position
        await self._save_mark(one)
        await asyncio.sleep(_OF_A_RELAY)
        await send_window(self, windows, one, messages)

    relay._send_window = too_early


def without_offset_transaction() -> None:
    """Offsets are stored by themselves, before the work that they stand for."""

    async def by_itself(
        _: Any, consumer: str, spans: Mapping[TopicPartition, Any], _reached: Any
    ) -> int:
        other = await asyncpg.connect(Settings().database_url)
        try:
            await _store_offsets(other, consumer, spans)
        finally:
            other.terminate()
        await asyncio.sleep(DANGEROUS_MOMENT)
        return 0

    replace(offsets.fence_all, by_itself, "shared.chassis.kafka")


def without_fence() -> None:
    """A batch is taken although somebody else has stored its offsets, or later ones."""

    async def whatever_is_stored(
        connection: Any, consumer: str, spans: Mapping[TopicPartition, Any], _reached: Any
    ) -> int:
        await _store_offsets(connection, consumer, spans)
        return 0

    replace(offsets.fence_all, whatever_is_stored, "shared.chassis.kafka")
    _answers_get_lost()


async def _store_offsets(
    connection: Any, consumer: str, spans: Mapping[TopicPartition, Any]
) -> None:
    for place, (_, following) in spans.items():
        await connection.execute(
            "INSERT INTO consumer_offset VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (consumer, topic, partition)"
            " DO UPDATE SET next_offset = excluded.next_offset",
            consumer,
            place.topic,
            place.partition,
            following,
        )


def _answers_get_lost() -> None:
    """Every tenth commit of a batch is not answered: whoever sent it has to do it again."""
    hand_out: Any = offsets.Transaction._begin
    number = 0

    class Unanswered:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __aenter__(self) -> Any:
            return await self._inner.__aenter__()

        async def __aexit__(self, *error: object) -> Any:
            nonlocal number
            ended = await self._inner.__aexit__(*error)
            number += error[0] is None
            if error[0] is None and number % 10 == 0:
                raise ConnectionResetError("the answer to the commit was lost")
            return ended

    def begin(self: Any) -> Any:
        return Unanswered(hand_out(self))

    offsets.Transaction._begin = begin  # type: ignore[method-assign]


def without_seek() -> None:
    """Whoever is assigned a partition goes on at its end, as a client does by default."""

    async def to_the_end(
        kafka: AIOKafkaConsumer, _database: Any, _consumer: str, partitions: Any, _reached: Any
    ) -> None:
        await kafka.seek_to_end(*partitions)

    replace(offsets.seek_stored, to_the_end, "shared.chassis.kafka")


def without_natural_key() -> None:
    """The plan takes an event that it has already; and relays are slow to note how far they are."""
    fold = fold_module.fold

    def whatever_comes(plan: Any, event: Any, *rest: Any) -> Any:
        outcome = fold(plan, event, *rest)
        entry = plan.entries.get((event.section, event.entry_id))
        if outcome is fold_module.Outcome.DUPLICATE and entry is not None:
            entry.version = event.entry_version - 1
            return fold(plan, event, *rest)
        return outcome

    replace(fold, whatever_comes, "services.plan")
    slow_to_mark()


def without_parking() -> None:
    """The plan takes an event before those that come before it in its entry."""
    fold, accept = fold_module.fold, fold_module._accept

    def at_once(plan: Any, event: Any, *rest: Any) -> Any:
        outcome = fold(plan, event, *rest)
        if outcome is not fold_module.Outcome.PARKED:
            return outcome
        del plan.parked[event.section, event.entry_id]
        accept(plan, event, *rest)
        return fold_module.Outcome.APPLIED

    replace(fold, at_once, "services.plan")
    in_any_order()


def in_any_order() -> None:
    """The plan is handed each batch with its last event first."""
    handle = FoldEvents.__call__

    async def backwards(self: Any, records: Sequence[Any], transaction: Any) -> None:
        await handle(self, list(reversed(records)), transaction)

    FoldEvents.__call__ = backwards  # type: ignore[method-assign]


def without_plan_lock() -> None:
    """Two consumers take up one plan at once, and the later one writes over the earlier one."""
    _on_each_statement(lambda query: query.replace("FOR UPDATE", ""))
    in_members_that_share_plans()


def slow_to_fold() -> None:
    """Time between a plan's being taken up and written, and members that share plans."""
    _on_each_statement(lambda query: query)
    in_members_that_share_plans()


def _on_each_statement(altered: Callable[[str], str]) -> None:
    """Statements that lock plans are altered, and followed by the dangerous moment."""
    connection: Any = asyncpg.Connection
    execute = connection._execute  # what every statement goes through that answers rows

    async def then_wait(self: Any, query: str, *given: Any, **named: Any) -> Any:
        if not _LOCKS_A_PLAN.search(query):
            return await execute(self, query, *given, **named)
        rows = await execute(self, altered(query), *given, **named)
        await asyncio.sleep(DANGEROUS_MOMENT)
        return rows

    connection._execute = then_wait


def in_members_that_share_plans() -> None:
    """Members of a group share out topics and not partitions."""
    replace(RangePartitionAssignor, _ByTopic, faststream_adapter.__name__)


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


def without_comparison() -> None:
    """An id that was used before is a repeat, whatever the content."""

    def has_the_same_sender(prepared: Any, kept: Any) -> bool:
        return bool(prepared.contributor.key == kept.contributor)

    replace(decisions.is_same, has_the_same_sender, "shared.chassis.contribute")


def without_rehash() -> None:
    """A row's leaf hash is made of its content alone: the same for the same words elsewhere."""
    replace_method(
        Recorder, "_leaf_hash", lambda _, stored, *__: hashlib.sha256(stored.state).digest()
    )


def slow_to_mark() -> None:
    """A relay notes how far it is a good while after the broker has it."""
    relay: Any = Relay
    save_mark = relay._save_mark

    async def late(self: Any, one: Any) -> None:
        await asyncio.sleep(_OF_A_RELAY)
        await save_mark(self, one)

    relay._save_mark = late


def with_every_guard() -> None:
    """The control: the same long moments, lost answers and batches in another order."""
    fence_all = offsets.fence_all

    async def then_wait(*given: Any) -> int:
        jumped: int = await fence_all(*given)
        await asyncio.sleep(DANGEROUS_MOMENT)
        return jumped

    replace(fence_all, then_wait, "shared.chassis.kafka")
    _answers_get_lost()
    slow_to_mark()
    slow_to_fold()
    in_any_order()
