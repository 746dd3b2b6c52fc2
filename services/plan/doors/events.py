"""The Kafka door of the plan: a batch of events in, one transaction out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic
from typing import Final, TypeVar

from services.plan.store.batch import ANOTHER_PLANS, Batch, Tally
from services.plan.store.projection import PlanStore
from services.plan.store.reading import Read, read_event
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import Unreadable, header
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.telemetry import Count, SpanName, batch_span, count_batch, log

CONSUMER: Final = "plan"
BATCH: Final = 4_000
"""The more events of a plan are in a batch, the fewer times its document is written."""
_AT_A_TIME: Final = 100

Item = TypeVar("Item")
Unread = tuple[Record, Unreadable]
"""A record that could not be read, and why."""


class FoldEvents:
    """Handles batches of the event topics of all sections.

    ``folded`` is called after each commit: whoever waits for a position looks again.
    """

    def __init__(self, plans: PlanStore, *, folded: Callable[[], None]) -> None:
        self._plans = plans
        self._folded = folded

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Fold the batch into its plans, with its offsets, and commit."""
        started = monotonic()
        read = await self._read(records, transaction)
        traces = (
            one.event.traceparent if isinstance(one, Read) else header(one[0], "traceparent")
            for one in read
        )
        with batch_span(SpanName.FOLD_PLAN, CONSUMER, len(records), traces):
            batch = await self._fold(records, read, transaction)
        batch.committed()
        self._folded()
        _measure(batch.tally, monotonic() - started)

    async def _read(
        self, records: Sequence[Record], transaction: Transaction
    ) -> list[Read | Unread]:
        read: list[Read | Unread] = []
        async for record in _in_turns(records):
            try:
                read.append(read_event(record, transaction.topic_id(record.topic)))
            except Unreadable as error:
                read.append((record, error))
        return read

    async def _fold(
        self, records: Sequence[Record], read: Sequence[Read | Unread], transaction: Transaction
    ) -> Batch:
        events = [one for one in read if isinstance(one, Read)]
        letters: list[Outgoing] = []
        async with transaction() as connection:
            batch = await self._plans.take_up(connection, events)
            async for record, one in _in_turns(list(zip(records, read, strict=True))):
                if isinstance(one, tuple):
                    batch.count_dead_letter()
                    _, why = one
                    letters += transaction.dead_letter(record, why.reason, why.code)
                elif batch.belongs_elsewhere(one.event):
                    batch.count_dead_letter()
                    letters += transaction.dead_letter(record, ANOTHER_PLANS, "entry-unknown")
                else:
                    batch.fold(one)
            for waited, reason, code in await batch.evict():
                letters += transaction.dead_letter(
                    waited.record, reason, code, topic_id=waited.topic_id
                )
            await batch.write(letters)
        return batch


class Folded:
    """Tells those who wait that something was folded; they look for themselves."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def __call__(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until the next batch, and no longer than this: another replica tells nobody here."""
        try:
            # Not by wait_for: before Python 3.12 that may lose the cancellation of the reader.
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return


async def _in_turns(items: Sequence[Item]) -> AsyncIterator[Item]:
    """The items, with the event loop given to readers now and then."""
    for number, item in enumerate(items):
        if number % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        yield item


def _measure(tally: Tally, seconds: float) -> None:
    counts = {
        Count.CONSUMED: tally.consumed,
        Count.APPLIED: tally.applied,
        Count.DUPLICATES: tally.duplicates,
        Count.DEAD_LETTERS: tally.dead_lettered,
        Count.GAPS: tally.gaps,
    }
    count_batch(CONSUMER, seconds, counts, tally.parked)
    log.info(
        "plan.folded",
        consumer=CONSUMER,
        events=tally.consumed,
        duration_ms=round(seconds * 1000, 1),
    )
