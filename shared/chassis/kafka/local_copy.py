"""Feeds a service's own copies of what other sections decide on from their events."""

from collections.abc import Collection, Iterable, Sequence
from time import monotonic
from typing import Protocol
from uuid import UUID

from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import Unreadable, event_of
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.telemetry import Count, count_batch, log
from shared.ledger import RecordedEvent


class Copy(Protocol):
    """What is kept of some events, to decide on."""

    async def learn(self, connection: Connection, events: Iterable[RecordedEvent]) -> set[UUID]:
        """Fold events into the copy, in the caller's transaction; the plans that they are of."""

    def learned(self, plan_ids: Collection[UUID]) -> None:
        """Wake up whoever waits; after the commit."""


class LocalCopies:
    """Handles batches of events of other sections that this service needs to know of."""

    def __init__(self, copies: Sequence[Copy], consumer: str) -> None:
        self._copies = copies
        self._consumer = consumer

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Fold the batch into the copies, with its offsets."""
        started = monotonic()
        events: list[RecordedEvent] = []
        rows: list[Outgoing] = []
        for record in records:
            try:
                events.append(event_of(record))
            except Unreadable as error:
                rows.extend(transaction.dead_letter(record, error.reason, error.code))
        async with transaction() as connection:
            learned = [await copy.learn(connection, events) for copy in self._copies]
            await append_outgoing(connection, rows)
        for copy, plan_ids in zip(self._copies, learned, strict=True):
            copy.learned(plan_ids)
        letters = len(records) - len(events)
        counts = {
            Count.CONSUMED: len(records),
            Count.APPLIED: len(events),
            Count.DEAD_LETTERS: letters,
        }
        count_batch(self._consumer, monotonic() - started, counts)
        if letters:
            log.warning("events.unreadable", count=letters, consumer=self._consumer)
