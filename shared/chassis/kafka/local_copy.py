"""Feeds the section's own copy of plan states from the events of the section that opens plans."""

from collections.abc import Sequence

from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import Unreadable, event_of
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.telemetry import Count, counter, log
from shared.ledger import RecordedEvent


class LocalCopy:
    """Handles batches of events of other sections that this one needs to know of."""

    def __init__(self, plan_states: PlanStates, consumer: str) -> None:
        self._plan_states = plan_states
        self._consumer = consumer

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Fold the batch into the copy, with its offsets."""
        events: list[RecordedEvent] = []
        rows: list[Outgoing] = []
        for record in records:
            try:
                events.append(event_of(record))
            except Unreadable as error:
                rows.extend(transaction.dead_letter(record, error.reason, error.code))
        async with transaction() as connection:
            learned = await self._plan_states.learn(connection, events)
            await append_outgoing(connection, rows)
        self._plan_states.learned(learned)
        labels = {"consumer": self._consumer}
        counter(Count.CONSUMED).add(len(records), labels)
        counter(Count.APPLIED).add(len(events), labels)
        if len(events) < len(records):
            counter(Count.DEAD_LETTERS).add(len(records) - len(events), labels)
            log.warning("events.unreadable", count=len(records) - len(events), **labels)
