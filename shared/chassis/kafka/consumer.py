"""The one place where subscribers are built: batches in, each in one transaction with its offsets.

FastStream's own ways are wrong for a ledger: it acknowledges first, starts at the latest record,
loses a batch to one odd header, and passes over what a handler could not do. Here the offsets are
in PostgreSQL, every record reaches the handler as it came, and what cannot be handled stops.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from time import monotonic, time
from types import TracebackType
from typing import Any, Final, Self

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.middlewares import AckPolicy

from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.kafka.dead_letters import Record, dead_letter
from shared.chassis.kafka.offsets import Fenced, SeekStored, Span, fence_all, seek_stored
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Part

__all__ = [
    "BatchConsumer",
    "BatchHandler",
    "ConsumerFailed",
    "DeadLetterLimitReached",
    "Record",
    "Transaction",
    "dead_letter",
]

_RETRY_SECONDS: Final = 120.0  # well under the 300 s after which the group takes the partitions
_REBALANCE_MS: Final = 60_000
_POLL_MS: Final = 200
_READY_POLL_AGE: Final = 30.0
_ALIVE_POLL_AGE: Final = 300.0
_KNOWN_SECONDS: Final = 5.0
_COMMIT_SECONDS: Final = 10.0
_FENCED_IN_A_ROW: Final = 100


class DeadLetterLimitReached(Exception):
    """More records could not be read than a deployment allows: somebody has to look."""


class ConsumerFailed(Exception):
    """A consumer stopped because of something that trying again does not help."""


class Transaction:
    """Called by a handler, once: BEGIN, the fence of every partition of its batch, and COMMIT."""

    def __init__(
        self,
        consumer: str,
        database: Database,
        settings: Settings,
        spans: dict[TopicPartition, Span],
        dead_letters_left: int,
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._settings = settings
        self._spans = spans
        self._dead_letters_left = dead_letters_left
        self.is_committed = False
        self.dead_letters = 0

    def __call__(self) -> AbstractAsyncContextManager[Connection]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Connection]:
        async with self._database.transaction() as connection:
            jumped = await fence_all(connection, self._consumer, self._spans)
            yield connection
        self.is_committed = True
        if jumped:  # on our own topics it never does: somebody has moved the topic or the table
            telemetry.counter(telemetry.Count.OFFSET_JUMPS).add(
                jumped, {"consumer": self._consumer}
            )
            telemetry.log.error("consumer.jumped", consumer=self._consumer, partitions=jumped)

    def dead_letter(self, record: Record, reason: str) -> list[Outgoing]:
        """``dead_letter``, counted: beyond the limit it raises ``DeadLetterLimitReached``."""
        self.dead_letters += 1
        if self.dead_letters > self._dead_letters_left:
            raise DeadLetterLimitReached(self._consumer)
        # A service's consumers share its one topic of dead letters.
        owner = self._settings.service or self._consumer
        return dead_letter(
            owner, record, reason, prefix=self._settings.topic_prefix, reader=self._consumer
        )


BatchHandler = Callable[[Sequence[Record], Transaction], Awaitable[None]]


class BatchConsumer:
    """Consumes topics, named or by pattern, in batches; started and stopped by ``async with``.

    A batch is handed out until its transaction is committed: trouble with the database is tried
    again in place, a batch that somebody else has stored is let go, anything else stops the
    consumer for good and calls ``on_failure``, which ends the process.
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
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._database = database
        self._settings = settings
        self._topics = [settings.topic_prefix + topic for topic in topics]
        self._pattern = pattern and f"^{re.escape(settings.topic_prefix)}{pattern}$"
        self._max_records = max_records
        self._on_failure = on_failure or _end_the_process
        self._broker: KafkaBroker | None = None
        self._subscriber: BatchSubscriber | None = None
        self._busy = asyncio.Lock()
        self._failure: BaseException | None = None
        self._listener: SeekStored | None = None
        self._dead_letters = 0
        self._fenced_in_a_row = 0
        self._reached: dict[TopicPartition, int] = {}
        self._oldest_in_hand: float | None = None
        self._newest_applied: float | None = None
        self._polled_at = monotonic()
        self._committed_at = monotonic()
        self._end_gauges: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._listener = SeekStored(
            kafka=self._client,
            database=self._database,
            consumer=self._consumer,
            busy=self._busy,
            failed=self._seeking_failed,
        )
        self._broker = KafkaBroker(
            settings.kafka_servers,
            client_id=settings.instance_id,
            consumer_only=True,
            apply_types=False,
            allow_auto_create_topics=False,
            graceful_timeout=5,
            metadata_max_age_ms=settings.metadata_max_age_ms,
            logger=None,
        )
        self._subscriber = self._broker.subscriber(
            *self._topics,
            pattern=self._pattern,
            group_id=settings.topic_prefix + self._consumer,
            group_instance_id=settings.instance_id,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            auto_offset_reset="none",
            partition_assignment_strategy=(RangePartitionAssignor,),
            rebalance_timeout_ms=_REBALANCE_MS,
            heartbeat_interval_ms=1_000,  # how soon a member hears of a rebalance
            fetch_max_wait_ms=_POLL_MS,
            listener=self._listener,
            parser=self._parse,
            decoder=_decode,
            no_reply=True,
        )
        self._subscriber(self._on_batch)
        # FastStream's own sleeps after each poll that brings nothing, and after an error logs it
        # once an hour and goes on, lost history among them.
        self._subscriber.get_msg = self._next_batch  # type: ignore[method-assign]
        self._polled_at = monotonic()
        try:
            await self._broker.start()
        except BaseException:
            await self._broker.stop()
            raise
        self._end_gauges = [
            telemetry.gauge(telemetry.Gauge.CONSUMER_LAG, self._lag_readings),
            telemetry.gauge(telemetry.Gauge.POLL_AGE, self._poll_age_readings),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end in self._end_gauges:
            end()
        if self._broker is not None:
            await self._broker.stop()
            self._broker = None
        if self._failure is not None and error is None:
            raise ConsumerFailed(self._consumer) from self._failure

    async def part(self) -> Part:
        """Ready: partitions assigned, sought and not paused, polled lately, and not failed."""
        lag = self.lag()
        if self._failure is not None:
            return Part(False, f"failed: {type(self._failure).__name__}", lag, alive=False)
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
        """``lag`` by partition."""
        kafka, assigned = self._assigned()
        if kafka is None or not assigned:
            return None
        lags = {}
        oldest_answer = (time() - _KNOWN_SECONDS) * 1000
        for partition in assigned:
            answered_at = kafka.last_poll_timestamp(partition)
            end = kafka.highwater(partition)
            if not answered_at or answered_at < oldest_answer or end is None:
                return None
            sought = self._listener.sought.get(partition, 0) if self._listener else 0
            lags[partition] = max(0, end - max(sought, self._reached.get(partition, 0)))
        return lags

    def behind_seconds(self) -> float | None:
        """The age of the oldest record not applied, 0 when caught up; ``None`` when unknown."""
        lag = self.lag()
        if lag is None:
            return None
        oldest = self._oldest_in_hand or self._newest_applied
        if lag == 0 or oldest is None:
            return 0.0
        return max(0.0, time() - oldest)

    def _assigned(self) -> tuple[AIOKafkaConsumer | None, set[TopicPartition]]:
        kafka = self._subscriber.consumer if self._subscriber is not None else None
        return kafka, kafka.assignment() if kafka is not None else set()

    def _lag_readings(self) -> list[tuple[float, dict[str, str]]]:
        return [
            (
                float(lag),
                {
                    "topic": partition.topic,
                    "partition": str(partition.partition),
                    "group": self._consumer,
                },
            )
            for partition, lag in (self.lags() or {}).items()
        ]

    def _poll_age_readings(self) -> list[tuple[float, dict[str, str]]]:
        return [(self.poll_age(), {"consumer": self._consumer})]

    def _client(self) -> AIOKafkaConsumer:
        kafka = self._subscriber.consumer if self._subscriber is not None else None
        if kafka is None:
            raise RuntimeError("the consumer is not started")
        return kafka

    async def _parse(self, records: Sequence[Record]) -> KafkaAckableMessage:
        # FastStream's own decodes every header, and loses the batch where one is null or not UTF-8.
        return KafkaAckableMessage(
            body=[record.value for record in records],
            headers={},
            batch_headers=[],
            reply_to="",
            content_type=None,
            message_id=f"{records[0].offset}-{records[-1].offset}",
            correlation_id=None,
            raw_message=records,
            path={},
            consumer=self._client(),
        )

    async def _next_batch(self, consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
        while self._failure is None:
            try:
                found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._max_records)
            except ConsumerStoppedError:
                raise
            except NoOffsetForPartitionError:
                await asyncio.sleep(0.05)  # assigned, and not yet sought
            except OffsetOutOfRangeError as error:
                self._fail(error)  # history that was not read is gone, or the log lost its end
            except Exception as error:  # noqa: BLE001 - FastStream would go on for ever
                if not isinstance(error, KafkaError) or not error.retriable:
                    self._fail(error)  # the client has given up something that it needs
                else:
                    telemetry.log.warning(
                        "consumer.poll_failed", consumer=self._consumer, error=error
                    )
                    await asyncio.sleep(1)
            else:
                self._polled_at = monotonic()
                if found:
                    return tuple(record for records in found.values() for record in records)
        # What comes after a failed batch passes the fence: it must never be handed out.
        never: asyncio.Future[tuple[Record, ...]] = asyncio.get_running_loop().create_future()
        return await never

    async def _on_batch(self, records: Sequence[Record]) -> None:
        """Nothing escapes from here: FastStream would log it and go on with the next batch."""
        async with self._busy:
            self._oldest_in_hand = min(record.timestamp for record in records) / 1000
            try:
                await self._apply(records)
            except Exception as error:  # noqa: BLE001 - FastStream would pass over the batch
                self._fail(error)
            finally:
                self._oldest_in_hand = None
        if monotonic() - self._committed_at > _COMMIT_SECONDS:
            await self._commit_to_kafka()

    async def _apply(self, records: Sequence[Record]) -> None:
        spans = _spans(records)
        async for attempt in stamina.retry_context(
            on=TRANSIENT, attempts=None, timeout=_RETRY_SECONDS, wait_max=5
        ):
            with attempt:
                try:
                    await self._hand_out(records, spans)
                except Fenced:
                    await self._let_go()
                    return
        for partition, (_, beyond) in spans.items():
            self._reached[partition] = beyond
        self._newest_applied = max(record.timestamp for record in records) / 1000
        self._fenced_in_a_row = 0

    async def _hand_out(self, records: Sequence[Record], spans: dict[TopicPartition, Span]) -> None:
        left = self._settings.dead_letter_limit - self._dead_letters
        transaction = Transaction(self._consumer, self._database, self._settings, spans, left)
        await self._handle(records, transaction)
        if not transaction.is_committed:
            raise RuntimeError(f"{self._consumer} left a batch without its transaction")
        self._dead_letters += transaction.dead_letters

    async def _let_go(self) -> None:
        """Another member has stored this batch already, or our own commit went unanswered."""
        self._fenced_in_a_row += 1
        telemetry.log.warning("consumer.fenced", consumer=self._consumer)
        if self._fenced_in_a_row > _FENCED_IN_A_ROW:
            raise ConsumerFailed(f"{self._consumer}: fenced {self._fenced_in_a_row} times in a row")
        kafka = self._client()
        with suppress(IllegalStateError):  # no longer ours: the next assignment seeks
            await seek_stored(kafka, self._database, self._consumer, kafka.assignment())

    async def _commit_to_kafka(self) -> None:
        """Only so that tools for lag show something: nothing ever starts from these offsets."""
        self._committed_at = monotonic()
        kafka = self._client()
        ours = {p: at for p, at in self._reached.items() if p in kafka.assignment()}
        with suppress(KafkaError, TimeoutError):
            # Not by wait_for: before Python 3.12 that may lose the cancellation which ends this.
            async with asyncio.timeout(2):
                await kafka.commit(ours)

    def _seeking_failed(self, error: BaseException) -> None:
        if not isinstance(error, IllegalStateError):  # what was assigned has changed meanwhile
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            telemetry.log.critical("consumer.failed", consumer=self._consumer, error=error)
            self._on_failure()


def _spans(records: Sequence[Record]) -> dict[TopicPartition, Span]:
    """A batch mixes partitions; one partition's records follow each other."""
    spans: dict[TopicPartition, Span] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first, _ = spans.get(partition, (record.offset, 0))
        spans[partition] = (first, record.offset + 1)
    return dict(sorted(spans.items()))


async def _decode(message: KafkaAckableMessage) -> Any:
    return message.raw_message


def _end_the_process() -> None:
    # The server shuts down in order and then dies of the same signal: its supervisor sees it.
    signal.raise_signal(signal.SIGTERM)
