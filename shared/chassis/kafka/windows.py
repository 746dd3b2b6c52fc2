"""Windows of messages on their way to the broker: a batch for each partition, none overtaken."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any, Final, NamedTuple

import aiokafka.errors
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from opentelemetry.trace import Span, use_span

from shared.chassis.telemetry import Attribute, links_of, log, tracer

_KNOWN_FOR: Final = 3_600.0
_MISSING_FOR: Final = 30.0


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


class _Sent(NamedTuple):
    """A batch that the producer has been given."""

    answer: "asyncio.Future[Any]"
    records: int
    size: int


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
        try:
            async with asyncio.timeout(2.0):
                return len(await self._producer.partitions_for(topic))
        except (aiokafka.errors.KafkaError, TimeoutError):
            self._missing_topics[topic] = monotonic()
            return 0


def is_required(topic: str) -> bool:
    """Only a receipt may be passed over: it is kept, and can be fetched."""
    return ".receipts." not in topic


def _looked_at(answer: "asyncio.Future[Any]") -> None:
    """Of a window that fails the first error counts; the others are nobody's to be told of."""
    if not answer.cancelled():
        answer.exception()


@lru_cache(16_384)  # the library computes it in Python, and plans come again and again
def _partition(key: bytes | None, partitions: int) -> int:
    """Kafka's own partitioner for keyed records; one without a key goes to the first."""
    if key is None:
        return 0
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
