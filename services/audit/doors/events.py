"""The audit's Kafka door: every event and every audit record, recorded once.

It uses the client directly: it records what came as it came, from topics that it discovers by
their names, and it has to stop loudly, where a framework's loop would start again by itself.
"""

import asyncio
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from types import TracebackType
from typing import Final, Self

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError
from opentelemetry.trace import SpanKind

from services.audit.record.model import (
    AuditRecord,
    Source,
    Unfit,
    record_of_event,
    record_of_message,
    record_of_unreadable,
    section_of_topic,
    source_position,
)
from services.audit.store.records import AuditStore, Gap
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record, dead_letter
from shared.chassis.kafka.event_message import Unreadable, event_of, header, json_object_of
from shared.chassis.kafka.offsets import Fenced, SeekStored, Span, fence_all, seek_stored
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Attribute, Label, Part, SpanName
from shared.ledger.topics import AUDIT_RECORDS, EVENTS_PATTERN

CONSUMER: Final = "audit"
OTHER_CONTENT: Final = "other content under the id of a record"

_POLL_MS: Final = 200
_MAX_RECORDS: Final = 500
_REBALANCE_MS: Final = 60_000
_RETRY_SECONDS: Final = 120.0  # well under the 300 s after which the group takes the partitions
_STOP_SECONDS: Final = 2.5
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_READY_POLL_AGE: Final = 30.0
_ALIVE_POLL_AGE: Final = 300.0
_UNSOUGHT_SECONDS: Final = 60.0
_FENCED_IN_A_ROW: Final = 100
_LOOK_FOR_GAPS_SECONDS: Final = 10.0
_LOST_AFTER_SECONDS: Final = 60.0  # until then it may be under way in another partition
_TOLD_BY_HEADERS: Final = ("ce_partitionkey", "ce_causationid", "traceparent")


class DeadLetterLimitReached(Exception):
    """More records could not be read than a deployment allows: somebody has to look."""


class FencedTooOften(Exception):
    """Somebody else stores this consumer's offsets all the time."""


class NeverSought(Exception):
    """Partitions were assigned and nothing was sought."""


@dataclass(frozen=True)
class Reading:
    """One Kafka record as it came, what is to be recorded, and why it is a dead letter if it is."""

    kafka: Record
    record: AuditRecord
    reason: str | None = None


def read(kafka: Record, topic_prefix: str = "") -> Reading:
    """What a Kafka record is about; nothing escapes, since what cannot be read is recorded too."""
    source = Source(kafka.topic, kafka.partition, kafka.offset)
    topic = kafka.topic.removeprefix(topic_prefix)
    try:
        source = replace(source, position=source_position(header(kafka, "ce_position")))
        if topic == AUDIT_RECORDS:
            told = json_object_of(kafka)
            return Reading(kafka, record_of_message(told, header(kafka, "traceparent"), source))
        event = event_of(kafka)
        if event.section == section_of_topic(topic):
            return Reading(kafka, record_of_event(event, source))
        return unreadable(kafka, "the section is not the topic's", source)
    except Unreadable as error:
        return unreadable(kafka, error.reason, source)
    except Unfit as error:
        return unreadable(kafka, str(error), source)


def unreadable(kafka: Record, reason: str, source: Source) -> Reading:
    """A dead letter, and the record of it."""
    told = {name: header(kafka, name) for name in _TOLD_BY_HEADERS}
    headers = {name: text for name, text in told.items() if text is not None}
    record = record_of_unreadable(reason, headers, kafka.value or b"", source)
    return Reading(kafka, record, reason)


class AuditConsumer:
    """Records batches, each in one transaction with its offsets; runs while ``async with`` is open.

    Trouble with the database is tried again in place, a batch that somebody else has stored is let
    go, a broker that is away is waited for. Anything else stops it and calls ``on_failure``, which
    ends the process.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: AuditStore,
        settings: Settings,
        dead_letters_written: Callable[[], None] = lambda: None,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._dead_letters_written = dead_letters_written
        self._on_failure = on_failure or _end_the_process
        self._busy = asyncio.Lock()
        self._kafka: AIOKafkaConsumer | None = None
        self._listener: SeekStored | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._detail = "starting"
        self._polled_at = monotonic()
        self._looked_at = monotonic()
        self._reached: dict[TopicPartition, int] = {}
        self._dead_letters = 0
        self._fenced_in_a_row = 0
        self._lost: set[tuple[str, int]] = set()
        self._gauges: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        self._gauges = [
            telemetry.gauge(telemetry.Gauge.CONSUMER_LAG, self._lags_with_labels),
            telemetry.gauge(telemetry.Gauge.POLL_AGE, self.poll_age),
        ]
        self._task = asyncio.create_task(self._run(), name="audit consumer")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._gauges:
            end()
        self._stopping.set()
        if self._task is not None:
            # It ends by itself after the batch in hand, unless something that it needs is away.
            await asyncio.wait([self._task], timeout=_STOP_SECONDS)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def part(self) -> Part:
        """Ready: partitions assigned, sought and not paused, polled lately, and not failed."""
        age = self.poll_age()
        alive = self._failure is None and age < _ALIVE_POLL_AGE
        lag = self.lag()
        if self._failure is not None:
            return Part(False, f"failed: {type(self._failure).__name__}", lag, alive)
        kafka, listener = self._kafka, self._listener
        if kafka is None or listener is None:
            return Part(False, self._detail, lag, alive)
        if not kafka.assignment():
            return Part(False, "no partitions assigned", lag, alive)
        if not listener.is_sought or kafka.paused():
            return Part(False, "seeking what is stored", lag, alive)
        if age >= _READY_POLL_AGE:
            return Part(False, f"last polled {age:.0f} s ago", lag, alive)
        missing = _in_words(await self._store.gaps())
        return Part(True, f"{len(kafka.assignment())} partitions{missing}", lag, alive)

    def poll_age(self) -> float:
        """Seconds since the last poll."""
        return monotonic() - self._polled_at

    def lag(self) -> int | None:
        """Kafka records that are not recorded yet; ``None`` while the broker has not said."""
        lags = self._lags()
        return None if lags is None else sum(lags.values())

    def _lags(self) -> dict[TopicPartition, int] | None:
        kafka, listener = self._kafka, self._listener
        if kafka is None or listener is None or not kafka.assignment():
            return None
        lags = {}
        for partition in kafka.assignment():
            end = kafka.highwater(partition)
            place = self._reached.get(partition, listener.sought.get(partition))
            if end is None or place is None:
                return None
            lags[partition] = max(0, end - place)
        return lags

    def _lags_with_labels(self) -> Iterable[tuple[float, dict[str, str]]]:
        for partition, lag in (self._lags() or {}).items():
            labels = {
                Label.TOPIC.value: partition.topic,
                Label.PARTITION.value: str(partition.partition),
                Label.GROUP.value: CONSUMER,
            }
            yield float(lag), labels

    async def _run(self) -> None:
        try:
            kafka = await self._started()
            while kafka is not None and not self._stopping.is_set():
                await self._turn(kafka)
                await self._look_for_gaps()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process loudly
            self._fail(error)
        finally:
            if self._kafka is not None:
                await self._kafka.stop()

    async def _started(self) -> AIOKafkaConsumer | None:
        """The client, once the broker is there: until then the door is open without it."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._polled_at = monotonic()
            kafka, self._listener = self._new_client()
            try:
                await _start(kafka)
            except KafkaError as error:
                self._detail = f"waiting for the broker: {type(error).__name__}"
                with suppress(TimeoutError):
                    # Not by wait_for: before Python 3.12 that may lose a cancellation.
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._kafka = kafka
                return kafka
        return None

    def _new_client(self) -> tuple[AIOKafkaConsumer, SeekStored]:
        settings = self._settings
        kafka = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_servers,
            client_id=settings.instance_id,
            group_id=settings.topic_prefix + CONSUMER,
            group_instance_id=settings.instance_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            metadata_max_age_ms=settings.metadata_max_age_ms,
            rebalance_timeout_ms=_REBALANCE_MS,
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=_POLL_MS,
        )
        listener = SeekStored(
            kafka=lambda: kafka,
            database=self._database,
            consumer=CONSUMER,
            busy=self._busy,
            failed=self._seeking_failed,
        )
        prefix = re.escape(settings.topic_prefix)
        names = f"{EVENTS_PATTERN}|{re.escape(AUDIT_RECORDS)}"
        kafka.subscribe(pattern=f"^{prefix}(?:{names})$", listener=listener)
        return kafka, listener

    async def _turn(self, kafka: AIOKafkaConsumer) -> None:
        if self._failure is not None:
            raise self._failure
        # Not yet busy: while partitions change hands the client waits here without a limit, and
        # their change would wait for us. From its answer to the lock nothing else can run.
        try:
            found = await kafka.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        except KafkaError as trouble:
            await self._wait_out(trouble)
            return
        self._polled_at = monotonic()
        if found:
            async with self._busy:
                await self._record_until_stored(kafka, found)

    async def _wait_out(self, trouble: KafkaError) -> None:
        """Let what passes by itself pass; raise anything else, lost history among it."""
        if isinstance(trouble, NoOffsetForPartitionError):  # assigned, and not yet sought
            if self.poll_age() > _UNSOUGHT_SECONDS:
                raise NeverSought(CONSUMER) from trouble
            await asyncio.sleep(0.05)
        elif trouble.retriable:
            telemetry.log.warning("consumer.poll_failed", consumer=CONSUMER, error=trouble)
            await asyncio.sleep(1)
        else:
            raise trouble

    async def _record_until_stored(
        self, kafka: AIOKafkaConsumer, found: dict[TopicPartition, list[Record]]
    ) -> None:
        spans = {
            partition: (records[0].offset, records[-1].offset + 1)
            for partition, records in sorted(found.items())
        }
        readings = [
            read(record, self._settings.topic_prefix)
            for partition in spans
            for record in found[partition]
        ]
        async for attempt in stamina.retry_context(
            on=TRANSIENT, attempts=None, timeout=_RETRY_SECONDS, wait_max=5
        ):
            with attempt:
                try:
                    await self._record(spans, readings)
                except Fenced:
                    await self._let_go(kafka)
                    return
        self._fenced_in_a_row = 0
        self._reached.update((partition, beyond) for partition, (_, beyond) in spans.items())

    async def _record(self, spans: dict[TopicPartition, Span], readings: Sequence[Reading]) -> None:
        started = monotonic()
        with telemetry.tracer().start_as_current_span(
            SpanName.RECORD_AUDIT,
            kind=SpanKind.CONSUMER,
            links=telemetry.links_of(header(one.kafka, "traceparent") for one in readings),
            attributes={
                Attribute.MESSAGING_SYSTEM: "kafka",
                Attribute.OPERATION_NAME: "process",
                Attribute.OPERATION_TYPE: "process",
                Attribute.CONSUMER_GROUP: CONSUMER,
                Attribute.BATCH_COUNT: len(readings),
            },
        ):
            async with self._database.transaction() as connection:
                jumped = await fence_all(connection, CONSUMER, spans)
                appended = await self._store.append(connection, [one.record for one in readings])
                at_odds = [
                    unreadable(one.kafka, OTHER_CONTENT, one.record.source)
                    for one in (readings[place] for place in appended.conflicts)
                ]
                added = await self._store.append(connection, [one.record for one in at_odds])
                await self._store.note_positions(connection, _positions(readings))
                letters = self._dead_letters_of([*readings, *at_odds])
                await append_outgoing(connection, letters)
        if letters:
            self._dead_letters += len(letters)
            self._dead_letters_written()
        labels = {Label.CONSUMER.value: CONSUMER}
        repeats = appended.repeats + added.repeats
        telemetry.counter(telemetry.Count.CONSUMED).add(len(readings), labels)
        telemetry.counter(telemetry.Count.APPLIED).add(
            len(readings) - repeats - len(letters), labels
        )
        telemetry.counter(telemetry.Count.DUPLICATES).add(repeats, labels)
        telemetry.counter(telemetry.Count.DEAD_LETTERS).add(len(letters), labels)
        telemetry.duration(telemetry.Duration.PROCESS).record(monotonic() - started, labels)
        if jumped:
            telemetry.counter(telemetry.Count.OFFSET_JUMPS).add(jumped, labels)
            telemetry.log.error("consumer.jumped", consumer=CONSUMER, partitions=jumped)

    def _dead_letters_of(self, readings: Sequence[Reading]) -> list[Outgoing]:
        """The letters alone: what they tell the audit is recorded here already."""
        unread = [(one.kafka, one.reason) for one in readings if one.reason is not None]
        if self._dead_letters + len(unread) > self._settings.dead_letter_limit:
            raise DeadLetterLimitReached(CONSUMER)
        prefix = self._settings.topic_prefix
        letters = []
        for kafka, reason in unread:
            letter, _ = dead_letter(CONSUMER, kafka, reason, prefix=prefix)
            letters.append(letter)
        return letters

    async def _let_go(self, kafka: AIOKafkaConsumer) -> None:
        """Another member has stored this batch already, or our own commit went unanswered."""
        self._fenced_in_a_row += 1
        telemetry.log.warning("consumer.fenced", consumer=CONSUMER)
        if self._fenced_in_a_row > _FENCED_IN_A_ROW:
            raise FencedTooOften(CONSUMER)
        with suppress(IllegalStateError):  # no longer ours: the next assignment seeks
            places = await seek_stored(kafka, self._database, CONSUMER, kafka.assignment())
            self._reached.update(places)

    async def _look_for_gaps(self) -> None:
        """Count what has been missing for so long that it is lost, once each."""
        if monotonic() - self._looked_at < _LOOK_FOR_GAPS_SECONDS:
            return
        self._looked_at = monotonic()
        with suppress(*TRANSIENT):
            for gap in await self._store.gaps():
                is_new = (gap.source, gap.first) not in self._lost
                if is_new and gap.seconds > _LOST_AFTER_SECONDS:
                    self._lost.add((gap.source, gap.first))
                    labels = {Label.CONSUMER.value: CONSUMER, Label.SECTION.value: gap.source}
                    telemetry.counter(telemetry.Count.GAPS).add(gap.missing, labels)
                    telemetry.log.error(
                        "source.gap", section=gap.source, position=gap.first, count=gap.missing
                    )

    def _seeking_failed(self, error: BaseException) -> None:
        if not isinstance(error, IllegalStateError):  # what was assigned has changed meanwhile
            self._failure = error

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        telemetry.log.critical("consumer.failed", consumer=CONSUMER, error=error)
        self._on_failure()


async def _start(kafka: AIOKafkaConsumer) -> None:
    try:
        await kafka.start()
    except BaseException:
        await kafka.stop()
        raise


def _positions(readings: Sequence[Reading]) -> list[tuple[str, int]]:
    """The positions of sections that came, those of unreadable messages too: they are not lost."""
    sources = ((section_of_topic(one.kafka.topic), one.record.source) for one in readings)
    return [
        (section, source.position)
        for section, source in sources
        if section is not None and source.position is not None
    ]


def _in_words(gaps: Sequence[Gap]) -> str:
    return "".join(f"; {gap.missing} missing of {gap.source} from {gap.first}" for gap in gaps)


def _end_the_process() -> None:
    # The server shuts down in order and then dies of the same signal: its supervisor sees it.
    signal.raise_signal(signal.SIGTERM)
