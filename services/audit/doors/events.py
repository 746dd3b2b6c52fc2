"""The audit's Kafka door: every event and every audit record, recorded once."""

import asyncio
import re
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from services.audit.record.checks import Unfit, kafka_time
from services.audit.record.model import AuditRecord, Operation, Source
from services.audit.record.reading import (
    HEADERS,
    accessed,
    record_of_event,
    record_of_message,
    record_of_unreadable,
    section_of_topic,
    source_position,
)
from services.audit.store.organisations import Relation, note_organisations
from services.audit.store.overrides import note_overrides
from services.audit.store.positions import Gap
from services.audit.store.records import AuditStore
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import (
    Unreadable,
    event_of,
    header,
    headers_in,
    json_object_of,
)
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.policy.relationships import organisation_of
from shared.chassis.telemetry import Background, Count, Label, Part, SpanName
from shared.ledger.topics import AUDIT_RECORDS, EVENTS_PATTERN

CONSUMER: Final = "audit"
TOPICS: Final = f"{EVENTS_PATTERN}|{re.escape(AUDIT_RECORDS)}"
FETCH_MIN_BYTES: Final = 65_536
"""Each batch costs a lock and a flush, so a fuller one is worth a wait of up to 200 ms."""
OTHER_CONTENT: Final = "There is other content under the id of this record."

_LOOK_FOR_GAPS_SECONDS: Final = 10.0
_LOST_AFTER_SECONDS: Final = 60.0  # until then it may be under way in another partition
_TOLD_BY_HEADERS: Final = ("ce_partitionkey", "ce_causationid", "traceparent")


class Reading(NamedTuple):
    """A Kafka record, what the audit records of it, and why it is a dead letter, if it is one.

    ``relates`` is the organisation that it relates to its plan.
    """

    kafka: Record
    record: AuditRecord
    unreadable: Unreadable | None = None
    relates: str | None = None


def read(kafka: Record, topic_prefix: str = "", topic_id: UUID | None = None) -> Reading:
    """What the audit records of a Kafka record, also where it cannot be read; raises nothing."""
    at = kafka_time(kafka.timestamp)
    source = Source(kafka.topic, kafka.partition, kafka.offset, kafka_at=at, topic_id=topic_id)
    topic = kafka.topic.removeprefix(topic_prefix)
    try:
        headers = headers_in(kafka, HEADERS)
        source = source._replace(position=source_position(headers.get("ce_position")))
        if topic == AUDIT_RECORDS:
            told = json_object_of(kafka)
            return Reading(kafka, record_of_message(told, headers.get("traceparent"), source))
        event = event_of(kafka)
        record = record_of_event(event, source, headers)
        return Reading(kafka, record, relates=organisation_of(event))
    except Unreadable as error:
        return unreadable(kafka, error, source)
    except Unfit as error:
        return unreadable(kafka, Unreadable(str(error)), source)


def unreadable(kafka: Record, why: Unreadable, source: Source) -> Reading:
    """A dead letter and the audit record of it."""
    headers = headers_in(kafka, _TOLD_BY_HEADERS)
    record = record_of_unreadable(why.reason, why.code, headers, kafka.value or b"", source)
    return Reading(kafka, record, why)


class RecordMessages:
    """Handles batches of events and of audit records: each recorded once, with its offset.

    An override is to be reviewed within ``review_seconds``. ``dead_letters_written`` is called
    after a commit that left something to be published.
    """

    def __init__(
        self,
        store: AuditStore,
        *,
        topic_prefix: str,
        review_seconds: int,
        dead_letters_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._topic_prefix = topic_prefix
        self._review_seconds = review_seconds
        self._dead_letters_written = dead_letters_written

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        """Record the batch and note the positions it brought, with its offsets, and commit."""
        started = monotonic()
        readings = [
            read(record, self._topic_prefix, transaction.topic_id(record.topic))
            for record in records
        ]
        traces = (header(one.kafka, "traceparent") for one in readings)
        with telemetry.batch_span(SpanName.RECORD_AUDIT, CONSUMER, len(readings), traces):
            async with transaction() as connection:
                appended = await self._store.append(connection, [one.record for one in readings])
                at_odds = [
                    unreadable(one.kafka, Unreadable(OTHER_CONTENT), one.record.source)
                    for one in (readings[place] for place in appended.conflicts)
                ]
                added = await self._store.append(connection, [one.record for one in at_odds])
                await self._store.note_positions(connection, _positions(readings))
                await note_organisations(connection, _relations(readings))
                await note_overrides(connection, _overrides(readings), self._review_seconds)
                letters = _dead_letters_of([*readings, *at_odds], transaction)
                await append_outgoing(connection, letters)
        if letters:
            self._dead_letters_written()
        repeats = appended.repeats + added.repeats
        counts = {
            Count.CONSUMED: len(readings),
            Count.APPLIED: len(readings) - repeats - len(letters),
            Count.DUPLICATES: repeats,
            Count.DEAD_LETTERS: len(letters),
        }
        telemetry.count_batch(CONSUMER, monotonic() - started, counts)


class GapWatch(Background):
    """Looks for missing positions of sections for as long as its ``async with`` is open."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def part(self) -> Part:
        """Ready even while something is missing, since that may be under way; it says what."""
        if not self.is_alive:
            return Part(False, "no longer looking for lost positions", alive=False)
        return Part(True, "; ".join(map(_in_words, await self._store.gaps())))

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_FOR_GAPS_SECONDS)
            try:
                await self.tell_what_is_lost(_LOST_AFTER_SECONDS)
            except TRANSIENT as error:
                telemetry.log.warning("database.unreachable", error=error)

    async def tell_what_is_lost(self, after_seconds: float) -> None:
        """Count each gap once, when it has been open for so long that something is lost."""
        for gap in await self._store.newly_lost(after_seconds):
            labels = {Label.CONSUMER.value: CONSUMER, Label.SECTION.value: gap.source}
            telemetry.counter(telemetry.Count.GAPS).add(gap.missing, labels)
            telemetry.log.error(
                "source.gap", section=gap.source, position=gap.first, count=gap.missing
            )


def _dead_letters_of(readings: Sequence[Reading], transaction: Transaction) -> list[Outgoing]:
    """The letters without their audit records, which are added here directly."""
    letters = []
    for one in readings:
        why = one.unreadable
        if why is not None:
            letter, _ = transaction.dead_letter(one.kafka, why.reason, why.code)
            letters.append(letter)
    return letters


def _positions(readings: Sequence[Reading]) -> list[tuple[str, int]]:
    """The positions that arrived, also those of unreadable messages, which are not lost."""
    sources = ((section_of_topic(one.kafka.topic), one.record.source) for one in readings)
    return [
        (section, source.position)
        for section, source in sources
        if section is not None and source.position is not None
    ]


def _relations(readings: Sequence[Reading]) -> list[Relation]:
    return [
        (one.record.plan_id, one.relates)
        for one in readings
        if one.relates is not None and one.record.plan_id is not None
    ]


def _overrides(readings: Sequence[Reading]) -> set[UUID]:
    """The overrides that something was read under."""
    reads = (one.record for one in readings if one.record.operation is Operation.READ)
    told = (accessed(one.groups) for one in reads if "override" in one.groups.get("why", {}))
    return {one.override_id for one in told if one.override_id is not None}


def _in_words(gap: Gap) -> str:
    return f"{gap.missing} missing of {gap.source} from {gap.first}"
