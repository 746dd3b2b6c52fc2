"""Windows of messages on their way to the broker: a batch for each partition, none overtaken."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any, Final, NamedTuple

import aiokafka.errors
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from opentelemetry.trace import Span, use_span

from shared.broker.access import BrokerAccess
from shared.chassis.kafka.client import partitions_there
from shared.chassis.telemetry import Attribute, links_of, log, tracer

UNDER_WAY: Final = 16
_BYTES_UNDER_WAY: Final = 8_000_000
_LARGEST_BATCH: Final = 262_144
_LENGTH_OF_ID: Final = 36
_KNOWN_FOR: Final = 3_600.0
_MISSING_FOR: Final = 30.0


class BrokerLostRecords(Exception):
    """A topic ends before what the broker had acknowledged: publish it again from the store."""


class TopicDiffers(Exception):
    """A topic has another number of partitions than was declared: keys would change places."""


class Message(NamedTuple):
    """One message with its place in the stream it comes from."""

    position: int
    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes | None]]
    recorded_at: float
    traceparent: str | None = None


@dataclass(frozen=True)
class Window:
    """Messages that the producer has been given, and the answers to come: one for each batch.

    ``passed_over`` counts those for a topic that does not exist and need not.
    """

    position: int
    recorded_at: float
    given_at: float
    size: int
    batches: "Sequence[_Sent]"
    passed_over: int
    span: Span

    async def all_answers(self) -> dict[str, int]:
        """The offset behind the last record in each partition; raises what the broker refused."""
        with use_span(self.span, end_on_exit=True):
            answers = await asyncio.gather(*(batch.answer for batch in self.batches))
        ends: dict[str, int] = {}
        for first, batch in zip(answers, self.batches, strict=True):
            place, end = f"{first.topic}/{first.partition}", first.offset + batch.records
            ends[place] = max(ends.get(place, 0), end)
        return ends


class _Sent(NamedTuple):
    """A batch that the producer has been given."""

    answer: "asyncio.Future[Any]"
    records: int
    size: int


@dataclass
class UnderWay:
    """How far a stream has got, and its windows that the broker has not answered.

    The producer has been given what is up to ``handed``; the broker has all up to ``mark``, and
    ``acknowledged`` is the offset behind the last of them in each partition.
    """

    mark: int = 0
    handed: int = 0
    handing_since: float | None = None
    acknowledged: dict[str, int] = field(default_factory=dict)
    windows: deque[Window] = field(default_factory=deque)
    given: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    marked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting_since(self) -> float | None:
        """Since when the oldest window has had no answer; ``None`` where nothing waits."""
        return self.windows[0].given_at if self.windows else self.handing_since

    @property
    def is_full(self) -> bool:
        """So much waits for the broker that nothing more may be handed over."""
        size = sum(window.size for window in self.windows)
        return len(self.windows) >= UNDER_WAY or size >= _BYTES_UNDER_WAY

    def begin_at(self, mark: int) -> None:
        """Go on behind the mark; what was under way is sent again."""
        for window in self.windows:
            window.span.end()
        self.windows.clear()
        self.mark = self.handed = mark
        self.handing_since = None

    def add(self, window: Window) -> None:
        """The producer has it."""
        self.handing_since = None
        self.handed = window.position
        self.windows.append(window)
        self.given.set()

    async def oldest(self) -> Window:
        """The window whose answer comes next."""
        while not self.windows:
            self.given.clear()
            await self.given.wait()
        return self.windows[0]

    def note(self, ends: Mapping[str, int]) -> None:
        """What the broker has acknowledged."""
        for place, end in ends.items():
            self.acknowledged[place] = max(self.acknowledged.get(place, 0), end)

    def move_on(self) -> None:
        """The broker has all of the oldest window."""
        self.mark = self.windows.popleft().position
        self.answered.set()
        self.marked.set()

    async def until_there_is_room(self) -> None:
        """Wait while it is full."""
        while self.is_full:
            await self._until_answered()

    async def until_nothing_waits(self) -> None:
        """Wait until the broker has answered all."""
        while self.windows:
            await self._until_answered()

    async def _until_answered(self) -> None:
        self.answered.clear()
        await self.answered.wait()


def make_producer(broker: BrokerAccess, client_id: str) -> AIOKafkaProducer:
    """A producer whose batches the broker takes once and in their order."""
    return AIOKafkaProducer(
        **broker.options,
        client_id=client_id,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=_LARGEST_BATCH,
        max_request_size=4 * 1024 * 1024,
        compression_type="zstd",
        request_timeout_ms=10_000,
        metadata_max_age_ms=30_000,
    )


class Windows:
    """Hands windows to one producer, which is idempotent and whose first failure is its last."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._opened: dict[TopicPartition, tuple[asyncio.Future[Any], float]] = {}
        self._missing_topics: dict[str, float] = {}

    async def hand_over(self, messages: Sequence[Message]) -> Window:
        """Give the producer a batch for each partition; nothing is acknowledged yet."""
        topics = sorted({message.topic for message in messages})
        name = topics[0] if len(topics) == 1 else "outgoing"
        span = tracer().start_span(
            f"publish {name}", links=links_of(message.traceparent for message in messages)
        )
        span.set_attribute(Attribute.BATCH_COUNT, len(messages))
        try:
            with use_span(span):
                batches = await self._batches(messages)
        except BaseException:
            span.end()
            raise
        return Window(
            position=messages[-1].position,
            recorded_at=messages[0].recorded_at,
            given_at=monotonic(),
            size=sum(batch.size for batch in batches),
            batches=batches,
            passed_over=len(messages) - sum(batch.records for batch in batches),
            span=span,
        )

    async def _batches(self, messages: Sequence[Message]) -> list[_Sent]:
        """What the producer was given."""
        partitions: dict[str, int] = {}
        batches: dict[TopicPartition, Any] = {}
        sent: list[_Sent] = []
        for message in messages:
            topic = message.topic
            if topic not in partitions:
                partitions[topic] = await self._partitions(topic)
            if not partitions[topic]:
                log.error("relay.topic_missing", topic=topic, position=message.position)
                continue
            place = TopicPartition(topic, _partition(message.key, partitions[topic]))
            for _ in range(2):
                batch = batches.get(place)
                if batch is None:
                    batch = batches[place] = self._producer.create_batch()
                if batch.append(
                    key=message.key,
                    value=message.value,
                    timestamp=None,
                    headers=message.headers,
                ):
                    break
                sent.append(await self._send(batches.pop(place), place))
            else:
                raise aiokafka.errors.MessageSizeTooLargeError(topic)
        for place, batch in batches.items():
            sent.append(await self._send(batch, place))
        return sent

    async def _send(self, batch: Any, place: TopicPartition) -> _Sent:
        """Hand over one batch, behind those of its partition that were handed over before.

        The broker refuses a batch that comes in place of a lost one, but only of a producer that
        it knows in that partition: so a partition's first batch is answered before the second
        goes, now and then anew, since the broker forgets a producer after a day.
        """
        answer, at = self._opened.get(place, (None, 0.0))
        if answer is not None:
            if not answer.done():
                await asyncio.wait([answer])
            answer.result()
        batch.close()
        size = batch.size()
        while True:
            # The client gives up while the broker is away; then it has not taken the batch.
            with suppress(aiokafka.errors.KafkaTimeoutError):
                given = await self._producer.send_batch(
                    batch, place.topic, partition=place.partition
                )
                break
        given.add_done_callback(_looked_at)
        if answer is None or monotonic() - at > _KNOWN_FOR:
            self._opened[place] = given, monotonic()
        return _Sent(given, batch.record_count(), size)

    async def _partitions(self, topic: str) -> int:
        """The number of partitions; 0 for a topic that does not exist, which holds nobody up."""
        known = self._producer.client.cluster.partitions_for_topic(topic)
        if known:
            return len(known)
        if is_required(topic):
            return len(await self._producer.partitions_for(topic))
        if monotonic() - self._missing_topics.get(topic, -_MISSING_FOR) < _MISSING_FOR:
            return 0
        found = await partitions_there(self._producer, topic)
        if not found:
            self._missing_topics[topic] = monotonic()
        return found


async def compare_with_the_declared(
    producer: AIOKafkaProducer, partitions: Mapping[str, int]
) -> None:
    """Before the first record: one in the wrong partition could not be taken back."""
    for topic, declared in partitions.items():
        if len(await producer.partitions_for(topic)) != declared:
            raise TopicDiffers(topic)


async def compare_with_the_broker(
    broker: BrokerAccess, acknowledged: Sequence[Mapping[str, int]]
) -> None:
    """What was acknowledged must still be there; less is a loss that no consumer can see.

    ``acknowledged`` has offsets by topic and partition, of each stream.
    """
    told = [(place.rpartition("/"), end) for one in acknowledged for place, end in one.items()]
    if not told:
        return
    consumer = AIOKafkaConsumer(**broker.options, enable_auto_commit=False)
    try:
        await consumer.start()
        there = await consumer.topics()
        lowest: dict[TopicPartition, int] = {}
        for (topic, _, partition), end in told:
            # Asked for one that is gone, the broker would not answer; an organisation may go.
            if topic in there or is_required(topic):
                place = TopicPartition(topic, int(partition))
                lowest[place] = max(end, lowest.get(place, 0))
        if not {place.topic for place in lowest} <= there:
            raise aiokafka.errors.UnknownTopicOrPartitionError
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(lowest))
    finally:
        await consumer.stop()
    for place, end in ends.items():
        if end < lowest[place]:
            log.critical("relay.records_lost", topic=place.topic, partition=place.partition)
            raise BrokerLostRecords(place.topic)


def is_required(topic: str) -> bool:
    """Only a receipt may be passed over: it is kept, and can be fetched."""
    return ".receipts." not in topic


def _looked_at(answer: "asyncio.Future[Any]") -> None:
    """Of a window that fails the first error counts; nobody waits for the others."""
    if not answer.cancelled():
        answer.exception()


def _partition(key: bytes | None, partitions: int) -> int:
    """Kafka's own partitioner for keyed records; one without a key goes to the first."""
    if key is None:
        return 0
    # Only ids are remembered: a dead letter's key is of any length.
    return (_hash_of_id(key) if len(key) == _LENGTH_OF_ID else _hash(key)) % partitions


def _hash(key: bytes) -> int:
    hashed: int = murmur2(key)
    return hashed & 0x7FFFFFFF


@lru_cache(16_384)  # the library computes it in Python, and plans come again and again
def _hash_of_id(key: bytes) -> int:
    return _hash(key)
