"""aiokafka as the ledger needs it: what its public interface does not offer stands here alone.

Tests notice where a new version of it no longer works as this expects, or no longer needs it. It is
one thing, and long: whoever takes a new version of aiokafka reads it from end to end.
"""

import asyncio
import mmap
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID

import cramjam
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.codec import snappy_decode
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer import fetcher
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)
from aiokafka.record.memory_records import MemoryRecords

BROKEN: Final = "\udc00"
"""The name of the only header of what is no record, its value says why; no client can send it."""

LARGEST_BATCH: Final = 32 * 1024 * 1024
"""Bytes that the records of a batch may have when they are unpacked: ours have a few megabytes."""

MOST_RECORDS: Final = 100_000
"""Records of a batch that are told apart: each takes a few hundred bytes, however small it is."""

_BATCH: Final = struct.Struct(">qiibIhiqqqhii")
_LENGTH: Final = struct.Struct(">i")
_BEFORE_LENGTH: Final = 8
_LEAST: Final = 12
_LOG_APPEND_TIME: Final = 0x08
_ATTRIBUTES: Final = 21
_PACKED: Final = 0x07
_SNAPPY: Final = 2
_DECODERS: Final = {
    1: cramjam.gzip.decompress_into,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD: Final = 16
_WITH_HEADERS: Final = 2
_LONGEST_NUMBER: Final = 70  # bits, seven in a byte
_KNOWN_FOR: Final = 60.0
_MISSED_FOR: Final = 2.0  # an organisation that has just been registered does not wait long
_ANSWER_SECONDS: Final = 5.0
_METADATA: Final = 3
_TELLS_IDS: Final = 10  # the version of it; aiokafka speaks it up to 5
_NO_ID: Final = UUID(int=0)

# Untouched memory takes none: it is as large as the largest batch that has come.
_room = mmap.mmap(-1, LARGEST_BATCH)

_send = AIOKafkaConnection.send
_stopping: set["asyncio.Task[None]"] = set()


def refuse_closed_connections() -> None:
    """Tell aiokafka before it writes that the other side has closed a connection.

    asyncio passes over what is written then, and aiokafka finds out at its next read. uvloop raises
    ``RuntimeError``, which aiokafka takes for a mistake of its own: the task that keeps a consumer
    in its group ends, and is never started again (aiokafka issue 1038).
    """
    AIOKafkaConnection.send = _send_if_open


def _send_if_open(self: Any, *given: Any, **named: Any) -> Any:
    writer = self._writer
    if writer is not None and writer.transport.is_closing():
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError("the other side has closed the connection")
    return _send(self, *given, **named)


def hand_out_odd_records() -> None:
    """Have aiokafka hand out what it cannot read, too.

    It decodes the name of every header: one that is not UTF-8 raises in the middle of a fetch,
    again and again, and what came before it in the fetch is passed over. From now on the bytes of
    such a name that are no UTF-8 are lone surrogates, and what is no record at all is one with the
    header ``BROKEN``.
    """
    fetcher.MemoryRecords = _Fetched


def place_of(client: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """The offset that the client reads next of an assigned partition; ``None`` before it is sought.

    Its public ``position`` may wait, and whoever asks how far a reader is behind does not.
    """
    assignment = client._subscription.subscription.assignment  # noqa: SLF001 - see above
    state = assignment.state_value(partition) if assignment is not None else None
    if state is None or not state.has_valid_position:
        return None
    place: int = state.position
    return place


async def stop_within(
    producer: AIOKafkaProducer, starting: "asyncio.Task[None]", seconds: float
) -> None:
    """Stop a producer that may still be starting, and wait no longer than this.

    Its own ``stop`` flushes first, so while the broker is away it goes on by itself; interrupted,
    it would leave its connections and its sender for ever, and so would a start. What it may still
    deliver is a duplicate, which consumers drop.
    """

    async def stop() -> None:
        with suppress(KafkaError):
            await asyncio.shield(starting)
        await producer.stop()

    stopping = asyncio.create_task(stop())
    _stopping.add(stopping)
    stopping.add_done_callback(_stopping.discard)
    done, _ = await asyncio.wait([stopping], timeout=seconds)
    for task in done:
        with suppress(KafkaError):
            task.result()


class KnownTopics:
    """Which topics the broker has, asked by the client of a consumer; remembered for a while.

    One asks and the others wait for that answer; that there was none is remembered too.
    """

    def __init__(self, client: Callable[[], AIOKafkaConsumer]) -> None:
        self._client = client
        self._there: set[str] | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def __call__(self, topic: str) -> bool:
        """Whether there is such a topic; true while the broker does not say."""
        if self._is_due(topic):
            async with self._asking:
                if self._is_due(topic):
                    await self._ask()
        return self._there is None or topic in self._there

    def _is_due(self, topic: str) -> bool:
        is_there = self._there is not None and topic in self._there
        return monotonic() - self._asked_at >= (_KNOWN_FOR if is_there else _MISSED_FOR)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._there = await self._client().topics()
        except (KafkaError, TimeoutError):
            self._there = None
        finally:
            self._asked_at = monotonic()


async def topic_ids(client: AIOKafkaConsumer, topics: Collection[str]) -> dict[str, UUID]:
    """The ids that the broker gave these topics when they were made; Kafka tells them since 2.8.

    A topic that is made again has another id.
    """
    if not topics:
        return {}
    node = client._client.get_random_node()  # noqa: SLF001 - no public call
    if node is None:
        raise KafkaConnectionError("no broker is known")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await client._client.send(node, _AskForIds(topics))  # noqa: SLF001 - as above
    except (NotImplementedError, IncompatibleBrokerVersion):
        return {}
    return {name: topic_id for _, name, topic_id, *_ in answer.topics if topic_id != _NO_ID}


def ask_to_join_again(client: AIOKafkaConsumer) -> None:
    """Have the group's leader share out the partitions anew.

    A static member that comes back within its session is given what it had before, also where it
    now subscribes to more: the broker compares the protocol's name alone.
    """
    client._coordinator.request_rejoin()  # noqa: SLF001 - see above


async def partitions_there(producer: AIOKafkaProducer, topic: str) -> int:
    """How many partitions the broker has of a topic, 0 where there is no such topic.

    The producer's own ``partitions_for`` would have its client ask for a topic that is not there,
    and log that it is not, for ever.
    """
    client = producer.client
    client._topics.discard(topic)  # noqa: SLF001 - one that is gone has no other way out
    cluster = await client.fetch_all_metadata()
    return len(cluster.partitions_for_topic(topic) or ())


class _Fetched:
    """The batches of a fetch, in place of aiokafka's own class."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._batches = MemoryRecords(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._batches.has_next())

    def next_batch(self) -> "_Batch":
        start = self._at
        (length,) = _LENGTH.unpack_from(self._data, start + _BEFORE_LENGTH)
        self._at = start + _LEAST + length
        return _Batch(self._batches.next_batch(), self._data[start : self._at])


class _Batch:
    """A batch as aiokafka reads it, or else as far as it can be read."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._unpacked())

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._unpacked()))
        except Exception:  # aiokafka and its decoders raise of every kind
            if self._batch.magic != _WITH_HEADERS:
                raise
            return iter(_told_apart(self._data))

    def _unpacked(self) -> Any:
        """The batch with its records as they were before they were compressed."""
        if self._batch.magic != _WITH_HEADERS:
            return self._batch
        _judge_count(self._data)
        if not self._data[_ATTRIBUTES + 1] & _PACKED:
            return self._batch
        body = _unpack(self._data)
        head = bytearray(self._data[: _BATCH.size])
        head[_ATTRIBUTES + 1] &= ~_PACKED
        _LENGTH.pack_into(head, _BEFORE_LENGTH, len(head) + len(body) - _LEAST)
        return MemoryRecords(bytes(head) + body).next_batch()


def _judge_count(data: memoryview) -> None:
    *_, count = _BATCH.unpack_from(data)
    if count > MOST_RECORDS:
        raise ValueError("more records than a batch may have")


def _unpack(data: memoryview) -> bytes:
    """The records of a batch, uncompressed; raises where they are more than a batch may have."""
    packed, codec = data[_BATCH.size :], data[_ATTRIBUTES + 1] & _PACKED
    if not codec:
        return bytes(packed)
    if codec != _SNAPPY:
        # It takes no more than there is room for: a kilobyte may unpack to a gigabyte.
        size = _DECODERS[codec](packed, memoryview(_room))
        return _room[:size]
    if sum(cramjam.snappy.decompress_raw_len(block) for block in _blocks(packed)) > LARGEST_BATCH:
        raise ValueError("more than a batch may have")
    return bytes(snappy_decode(packed))


def _blocks(packed: memoryview) -> Iterator[memoryview]:
    """What is compressed by itself: all of it, or the blocks of Java's own form."""
    if bytes(packed[: len(_XERIAL)]) != _XERIAL:
        yield packed
        return
    at = _XERIAL_HEAD
    while at < len(packed):
        (size,) = _LENGTH.unpack_from(packed, at)
        if size <= 0:
            raise ValueError("no block of this size")
        at += _LENGTH.size + size
        yield packed[at - size : at]


class _Told(NamedTuple):
    """A record of a batch, with the attributes of aiokafka's own."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    checksum: None = None


def _told_apart(data: memoryview) -> list[_Told]:
    """The records of a batch; what is in no order, one of them or the rest, is ``BROKEN``."""
    base, *_, attributes, last, first_at, last_at, _, _, _, count = _BATCH.unpack_from(data)
    is_logged_at = bool(attributes & _LOG_APPEND_TIME)
    records: list[_Told] = []
    rest = bytes(data[_BATCH.size :])
    at = 0
    try:
        _judge_count(data)
        rest = _unpack(data)
        for index in range(count):
            size, begins = _varint(rest, at)
            if not 0 < size <= len(rest) - begins:
                raise ValueError("no record of this size")
            at = begins + size
            try:
                record = _told(rest[begins:at])
            except (ValueError, IndexError) as error:
                record = _broken(index, rest[begins:at], error)
            records.append(
                record._replace(
                    offset=base + record.offset,
                    timestamp=last_at if is_logged_at else first_at + record.timestamp,
                    timestamp_type=int(is_logged_at),
                )
            )
    except Exception as error:  # noqa: BLE001 - a decoder raises of every kind
        # By the batch's last offset: what is in the rest cannot be told apart.
        records.append(_broken(base + last, rest[at:], error)._replace(timestamp=last_at))
    return records


def _broken(offset: int, data: bytes, error: Exception) -> _Told:
    why = f"The record is not in Kafka's form ({type(error).__name__})."
    return _Told(offset, 0, 0, None, data, ((BROKEN, why.encode()),))


def _told(data: bytes) -> _Told:
    """A record; its offset and its time are those since the batch's."""
    timestamp, at = _varint(data, 1)
    offset, at = _varint(data, at)
    key, at = _bytes(data, at)
    value, at = _bytes(data, at)
    count, at = _varint(data, at)
    headers = []
    for _ in range(count):
        name, at = _bytes(data, at)
        given, at = _bytes(data, at)
        headers.append(((name or b"").decode("utf-8", "surrogateescape"), given))
    if at != len(data):
        raise ValueError("more than a record")
    return _Told(offset, timestamp, 0, key, value, headers)


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = _varint(data, at)
    if size < 0:
        return None, at
    if size > len(data) - at:
        raise ValueError("not so many bytes")
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    read = shift = 0
    while shift < _LONGEST_NUMBER:
        byte = data[at]
        at += 1
        read |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (read >> 1) ^ -(read & 1), at
        shift += 7
    raise ValueError("not a number")


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]  # no types
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_NAME: Final = CompactString("utf-8")


class _Metadata(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _TELLS_IDS
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _NAME),
                ("port", Int32),
                ("rack", _NAME),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _NAME),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataAsked(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _TELLS_IDS
    RESPONSE_TYPE = _Metadata
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _NAME), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _AskForIds(Request[_MetadataAsked]):  # type: ignore[misc]
    API_KEY = _METADATA

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataAsked]) -> Any:
        topics: list[Any] = [(_NO_ID, topic, {}) for topic in self._topics]
        return request_struct_class(topics, False, False, False, {})
