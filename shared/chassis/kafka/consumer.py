"""The one consumer: batches in, each in one transaction with its offsets.

Sections, plan and audit consume through it. Offsets are in PostgreSQL, every record reaches the
handler as it came, and what cannot be handled stops the consumer, never the door beside it. It is
one thing, and long: when a batch is taken, tried again, let go or the last, and what health says.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from time import monotonic, time
from typing import Final, Self

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.kafka.client import KnownTopics, place_of, topic_ids
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.faststream_adapter import POLL_MS, Subscription
from shared.chassis.kafka.offsets import (
    BatchHandler,
    DeadLetterLimitReached,
    Fenced,
    Reached,
    SeekStored,
    Span,
    Transaction,
    seek_stored,
    spans_of,
)
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Part

_RETRY_SECONDS: Final = 120.0  # well under the 300 s after which the group takes the partitions
_READY_POLL_AGE: Final = 30.0
_ALIVE_POLL_AGE: Final = 300.0
_KNOWN_SECONDS: Final = 5.0
_LAG_SECONDS: Final = 0.05
_COMMIT_SECONDS: Final = 10.0
_FENCED_IN_A_ROW: Final = 100
_LOOK_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 1.0
_DAMAGED_IN_A_ROW: Final = 10
_TOLD_EVERY: Final = 30
_IDS_SECONDS: Final = 5.0


class FencedTooOften(Exception):
    """Somebody else stores this consumer's offsets all the time."""


class BatchConsumer:
    """Consumes topics, named or by pattern, in batches; started and stopped by ``async with``.

    A batch is handed out until its transaction is committed: trouble with the database is tried
    again in place, and a batch that somebody else has stored is let go. Anything else stops the
    consumer: ``has_stopped`` is set, ``failure`` is why, and ``part`` says so. ``can_begin_again``
    tells whether a new client may help. ``in_turns`` hands out each topic that has something before
    any of them a second time, so that no topic, however full, keeps the others waiting.
    """

    def __init__(
        self,
        *,
        consumer: str,
        handle: BatchHandler,
        database: Database,
        settings: Settings,
        topics: Sequence[str] = (),
        pattern: str | None = None,
        max_records: int = 500,
        fetch_min_bytes: int = 1,
        in_turns: bool = False,
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._database = database
        self._settings = settings
        self._topics = [settings.topic_prefix + topic for topic in topics]
        self._pattern = pattern and f"^{re.escape(settings.topic_prefix)}(?:{pattern})$"
        self._max_records = max_records
        self._fetch_min_bytes = fetch_min_bytes
        self._in_turns = in_turns
        self._had_their_turn: set[str] = set()
        self._subscription: Subscription | None = None
        self._listener: SeekStored | None = None
        self._busy = asyncio.Lock()
        self._topics_there = KnownTopics(self._client)
        self._end_gauges: list[Callable[[], None]] = []
        self.has_stopped = asyncio.Event()
        self.can_begin_again = False
        self._begin()

    def _begin(self) -> None:
        self.failure: BaseException | None = None
        self.has_stopped.clear()
        self.can_begin_again = False
        self._fenced_in_a_row = self._failed_in_a_row = 0
        self._reached = Reached()
        self._ids_asked_at = monotonic()
        self._left_at: dict[TopicPartition, int] = {}
        self._put_off: set[TopicPartition] = set()
        self._in_hand: dict[TopicPartition, Span] = {}
        self._oldest_in_hand: float | None = None
        self._newest_applied: float | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._ends_at = 0.0
        self._lags: dict[TopicPartition, int] | None = None
        self._lags_at = -_LAG_SECONDS
        self._polled_at = self._committed_at = monotonic()

    async def __aenter__(self) -> Self:
        self._begin()
        self._listener = SeekStored(
            kafka=self._client,
            database=self._database,
            consumer=self._consumer,
            busy=self._busy,
            reached=self._reached,
            failed=self._seeking_failed,
        )
        self._subscription = Subscription(
            self._settings,
            group=self._settings.topic_prefix + self._consumer,
            topics=self._topics,
            pattern=self._pattern,
            listener=self._listener,
            poll=self._next_batch,
            handle=self._on_batch,
            fetch_min_bytes=self._fetch_min_bytes,
        )
        await self._subscription.start()
        self._end_gauges = [
            telemetry.gauge(telemetry.Gauge.CONSUMER_LAG, self._lag_readings),
            telemetry.gauge(telemetry.Gauge.POLL_AGE, self._poll_age_readings),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for end in self._end_gauges:
            end()
        if self._subscription is not None:
            await self._subscription.stop()
            self._subscription = None

    @property
    def name(self) -> str:
        """What its offsets and its dead letters are kept under."""
        return self._consumer

    async def topic_exists(self, topic: str) -> bool:
        """Whether the broker has this topic; true while it does not say."""
        return await self._topics_there(topic)

    async def hand_out_again(self, record: Record, transaction: Transaction) -> None:
        """Give one record to the handler by itself, between two batches; no offset moves.

        Raises what the handler raises: nothing is tried again, and the consumer goes on.
        """
        async with self._busy:
            await self._handle([record], transaction)

    async def part(self) -> Part:
        """Ready: partitions assigned, sought and not paused, polled lately, and not stopped.

        Alive also where it has stopped: what it could not read waits for a new process too.
        """
        lag = self.lag()
        if self.failure is not None:
            return Part(False, f"stopped: {type(self.failure).__name__}", lag)
        kafka, assigned = self._assigned()
        if kafka is None or not assigned:
            return Part(False, "no partitions assigned", lag)
        if self._listener is None or not self._listener.is_sought or kafka.paused():
            return Part(False, "seeking what is stored", lag)
        age = self.poll_age()
        if age >= _READY_POLL_AGE:
            return Part(False, f"last polled {age:.0f} s ago", lag, alive=age < _ALIVE_POLL_AGE)
        return Part(True, f"{len(assigned)} partitions", lag)

    def poll_age(self) -> float:
        """Seconds since the last poll; over 300 only a restart helps."""
        return monotonic() - self._polled_at

    def lag(self) -> int | None:
        """Records not yet applied; ``None`` while the broker has not answered for 5 s."""
        lags = self.lags()
        return None if lags is None else sum(lags.values())

    def lags(self) -> dict[TopicPartition, int] | None:
        """``lag`` by partition, worked out at most 20 times a second."""
        now = monotonic()
        if now - self._lags_at >= _LAG_SECONDS:
            self._lags, self._lags_at = self._lags_now(), now
        return self._lags

    def _lags_now(self) -> dict[TopicPartition, int] | None:
        kafka, assigned = self._assigned()
        if kafka is None or not assigned:
            return None
        lags = {}
        for partition in assigned:
            end = self._end_of(kafka, partition)
            # What nobody reads, such as the marks of transactions, the client's place has passed.
            held = self._in_hand.get(partition)
            place = held[0] if held else place_of(kafka, partition)
            if end is None or place is None:
                return None
            lags[partition] = max(0, end - place)
        return lags

    def _end_of(self, kafka: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
        """The end of a partition where the broker has told it within 5 s."""
        if self.failure is not None:
            is_known = time() - self._ends_at < _KNOWN_SECONDS
            return self._ends.get(partition) if is_known else None
        told_at = kafka.last_poll_timestamp(partition)
        if not told_at or told_at < (time() - _KNOWN_SECONDS) * 1000:
            return None
        end: int | None = kafka.highwater(partition)
        return end

    def behind_seconds(self) -> float | None:
        """The age of the oldest record not applied, 0 when caught up; ``None`` when unknown."""
        lag = self.lag()
        if lag is None or lag == 0:
            return lag
        oldest = self._oldest_in_hand or self._newest_applied
        return None if oldest is None else max(0.0, time() - oldest)

    def _assigned(self) -> tuple[AIOKafkaConsumer | None, set[TopicPartition]]:
        kafka = self._subscription.client if self._subscription is not None else None
        return kafka, kafka.assignment() if kafka is not None else set()

    def _lag_readings(self) -> list[tuple[float, dict[str, str]]]:
        return [
            (
                float(lag),
                {
                    telemetry.Label.TOPIC: partition.topic,
                    telemetry.Label.PARTITION: str(partition.partition),
                    telemetry.Label.GROUP: self._consumer,
                },
            )
            for partition, lag in (self.lags() or {}).items()
        ]

    def _poll_age_readings(self) -> list[tuple[float, dict[str, str]]]:
        return [(self.poll_age(), {"consumer": self._consumer})]

    def _client(self) -> AIOKafkaConsumer:
        kafka = self._subscription.client if self._subscription is not None else None
        if kafka is None:
            raise RuntimeError("the consumer is not started")
        return kafka

    async def _next_batch(self, kafka: AIOKafkaConsumer) -> tuple[Record, ...]:
        while self.failure is None:
            found = await self._poll(kafka)
            is_due = monotonic() - self._ids_asked_at > _IDS_SECONDS
            if is_due and await self._is_made_again(kafka):
                continue
            if found:
                self._in_hand = spans_of(found)
                return found
        # What comes after a failed batch passes the fence: it must never be handed out.
        while True:
            await self._look_how_far(kafka)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _poll(self, kafka: AIOKafkaConsumer) -> tuple[Record, ...]:
        """What the client has; nothing where it is in trouble, which may stop this consumer."""
        # Where it is not where it was left, it was sought, or it has passed something over.
        for partition, place in self._places(kafka).items():
            if place != self._left_at.get(partition):
                self._reached.places[partition] = place
        try:
            found = await self._take(kafka)
        except ConsumerStoppedError:
            raise
        except NoOffsetForPartitionError:
            await asyncio.sleep(0.05)  # assigned, and not yet sought
        except OffsetOutOfRangeError as error:
            if not await self._is_made_again(kafka):
                self.stop(error)  # history that was not read is gone, or the log lost its end
        except Exception as error:  # noqa: BLE001 - FastStream would go on for ever
            await self._poll_failed(kafka, error)
        else:
            self._polled_at = monotonic()
            self._failed_in_a_row = 0
            batch = self._within_bounds(kafka, found)
            self._left_at = self._places(kafka)
            return batch
        return ()

    async def _take(self, kafka: AIOKafkaConsumer) -> Mapping[TopicPartition, Sequence[Record]]:
        """What the client has fetched, first of topics that have not had their turn."""
        if self._had_their_turn:
            others = [p for p in kafka.assignment() if p.topic not in self._had_their_turn]
            found: Mapping[TopicPartition, Sequence[Record]] = {}
            if others:
                found = await kafka.getmany(*others, timeout_ms=0, max_records=self._max_records)
            if found:
                self._had_their_turn |= {partition.topic for partition in found}
                return found
            self._had_their_turn.clear()
        found = await kafka.getmany(timeout_ms=POLL_MS, max_records=self._max_records)
        if self._in_turns:
            self._had_their_turn = {partition.topic for partition in found}
        return found

    def _within_bounds(
        self, kafka: AIOKafkaConsumer, found: Mapping[TopicPartition, Sequence[Record]]
    ) -> tuple[Record, ...]:
        """As much of it as is applied at once, by bytes too; the rest is taken again, in turn."""
        if sum(map(_size_of, chain(*found.values()))) <= self._settings.batch_bytes:
            return tuple(chain(*found.values()))
        batch: list[Record] = []
        left = self._settings.batch_bytes
        put_off = set()
        for partition in sorted(found, key=lambda one: one not in self._put_off):
            fits = 0
            for record in found[partition]:
                left -= _size_of(record)
                if left < 0 and batch:  # one alone is taken whatever its size
                    break
                batch.append(record)
                fits += 1
            if fits == len(found[partition]):
                continue
            if not fits:
                put_off.add(partition)
            with suppress(IllegalStateError):  # no longer ours
                kafka.seek(partition, found[partition][fits].offset)
        self._put_off = put_off
        return tuple(batch)

    def _places(self, kafka: AIOKafkaConsumer) -> dict[TopicPartition, int]:
        places = {partition: place_of(kafka, partition) for partition in kafka.assignment()}
        return {partition: place for partition, place in places.items() if place is not None}

    async def _poll_failed(self, kafka: AIOKafkaConsumer, error: Exception) -> None:
        """Try again what a moment may mend, from the place that is stored; else stop."""
        self._failed_in_a_row += 1
        is_damaged = isinstance(error, CorruptRecordException)  # on its way, or where it is kept
        is_kafkas = isinstance(error, KafkaError) and error.retriable
        if is_damaged and self._failed_in_a_row > _DAMAGED_IN_A_ROW:
            self.stop(error)
        elif not is_damaged and not is_kafkas:
            self.stop(error, can_begin_again=True)  # the client has given something up
        else:
            if self._failed_in_a_row % _TOLD_EVERY == 1:
                telemetry.log.warning("consumer.poll_failed", consumer=self._consumer, error=error)
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                # It has moved on in the partitions that it took from before this one, and drops
                # what it took: they would be passed over.
                await self._seek(kafka)
            except IllegalStateError:
                return  # no longer ours: the next assignment seeks
            except (KafkaError, *TRANSIENT) as trouble:
                self.stop(trouble, can_begin_again=True)

    async def _is_made_again(self, kafka: AIOKafkaConsumer) -> bool:
        """Whether another topic has come in place of one; if so, what is stored is sought anew.

        What was read of it meanwhile, from the place in the first, comes once more.
        """
        self._ids_asked_at = monotonic()
        try:
            ids = await topic_ids(kafka, {partition.topic for partition in kafka.assignment()})
        except (KafkaError, TimeoutError) as error:
            telemetry.log.warning("consumer.ids_not_told", consumer=self._consumer, error=error)
            return False
        known = self._reached.topic_ids
        if all(known.get(topic) == topic_id for topic, topic_id in ids.items()):
            return False
        try:
            async with self._busy:
                await self._seek(kafka)
        except Exception as error:  # noqa: BLE001 - the partitions rest until they are sought
            self._seeking_failed(error)
        return True

    async def _look_how_far(self, kafka: AIOKafkaConsumer) -> None:
        """The ends of the partitions: how much waits is told also when nothing more is read."""
        with suppress(Exception):  # a client that has given up may raise anything: nothing is known
            async with asyncio.timeout(_KNOWN_SECONDS):
                self._ends = await kafka.end_offsets(list(kafka.assignment()))
            self._ends_at = time()

    async def _on_batch(self, records: Sequence[Record]) -> None:
        """Nothing escapes from here: FastStream would log it and go on with the next batch."""
        async with self._busy:
            self._oldest_in_hand = min(record.timestamp for record in records) / 1000
            try:
                await self._apply_what_fits(records)
            except (KafkaError, *TRANSIENT) as error:
                # The database for so long that the group may have gone on without us, or the
                # broker while a batch was let go.
                self.stop(error, can_begin_again=True)
                return
            except Exception as error:  # noqa: BLE001 - FastStream would pass over the batch
                self.stop(error)
                return
            self._in_hand = {}
            self._oldest_in_hand = None
            self._lags_at = -_LAG_SECONDS
        if monotonic() - self._committed_at > _COMMIT_SECONDS:
            await self._commit_to_kafka()

    async def _apply_what_fits(self, records: Sequence[Record]) -> None:
        """Of a batch with more dead letters than are allowed, all up to the first too many."""
        try:
            await self._apply(records)
        except DeadLetterLimitReached as reached:
            fitting = list(records[: records.index(reached.first)])
            if fitting:
                await self._apply(fitting)
                self._in_hand = spans_of(records[len(fitting) :])
            raise

    async def _apply(self, records: Sequence[Record]) -> None:
        async for attempt in stamina.retry_context(
            on=TRANSIENT, attempts=None, timeout=_RETRY_SECONDS, wait_max=5
        ):
            with attempt:
                try:
                    await self._hand_out(records)
                except Fenced:
                    await self._let_go()
                    return
        self._newest_applied = max(record.timestamp for record in records) / 1000
        self._fenced_in_a_row = 0

    async def _hand_out(self, records: Sequence[Record]) -> None:
        transaction = Transaction(
            self._consumer,
            self._database,
            self._settings,
            records,
            self._topics_there,
            self._reached,
        )
        await self._handle(records, transaction)
        if not transaction.is_committed:
            raise RuntimeError(f"{self._consumer} left a batch without its transaction")

    async def _let_go(self) -> None:
        """Another member has stored this batch already, or our own commit went unanswered."""
        self._fenced_in_a_row += 1
        telemetry.log.warning("consumer.fenced", consumer=self._consumer)
        if self._fenced_in_a_row > _FENCED_IN_A_ROW:
            raise FencedTooOften(self._consumer)
        kafka = self._client()
        with suppress(IllegalStateError):  # no longer ours: the next assignment seeks
            await self._seek(kafka)

    async def _seek(self, kafka: AIOKafkaConsumer) -> None:
        assigned = kafka.assignment()
        await seek_stored(kafka, self._database, self._consumer, assigned, self._reached)

    async def _commit_to_kafka(self) -> None:
        """Only so that tools for lag show something: nothing ever starts from these offsets."""
        self._committed_at = monotonic()
        with suppress(KafkaError, TimeoutError):
            # Not by wait_for: before Python 3.12 that may lose the cancellation which ends this.
            async with asyncio.timeout(2):
                await self._client().commit()

    def _seeking_failed(self, error: BaseException) -> None:
        if not isinstance(error, IllegalStateError):  # what was assigned has changed meanwhile
            self.stop(error, can_begin_again=True)

    def stop(self, error: BaseException, *, can_begin_again: bool = False) -> None:
        """Hand nothing more out, and say so; the first reason counts."""
        if self.failure is None:
            self.failure = error
            self.can_begin_again = can_begin_again
            telemetry.log.critical("consumer.stopped", consumer=self._consumer, error=error)
            self.has_stopped.set()


def _size_of(record: Record) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size
