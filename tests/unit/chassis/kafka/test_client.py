"""Batches that aiokafka can read come as it reads them; others as far as they can be read."""

import asyncio
import gzip
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaConnectionError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.kafka import client
from shared.chassis.kafka.client import BROKEN


class RawName(str):
    """The name of a header that the builder writes as these bytes."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        self = super().__new__(cls, repr(raw))
        self.raw = raw
        return self

    def encode(self, *_: Any) -> bytes:
        return self.raw


class Topics:
    """A client whose broker answers, refuses or is silent, and which counts how often it asks."""

    def __init__(self, answer: set[str] | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    async def topics(self) -> set[str]:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or set()


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [{"here"}, KafkaConnectionError(), None])
async def test_however_many_ask_for_a_topic_the_broker_is_asked_once(
    answer: set[str] | Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind: while a broker is silent, one batch waits as often as it has records."""
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 0.05)
    kafka = Topics(answer)
    known = client.KnownTopics(lambda: kafka)
    assert all(await asyncio.gather(*(known("here") for _ in range(500))))
    assert all([await known("here") for _ in range(500)])
    assert kafka.asked == 1
    assert await known("gone") is (answer != {"here"})


@pytest.mark.asyncio
async def test_a_broker_that_speaks_again_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = Topics(KafkaConnectionError())
    known = client.KnownTopics(lambda: kafka)
    assert await known("gone")
    kafka.answer = {"here"}
    monkeypatch.setattr(client, "_MISSED_FOR", 0.0)
    assert not await known("gone")
    kafka.answer = KafkaConnectionError()
    assert await known("gone")


Given = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]

SOME_BYTES = st.none() | st.binary(max_size=20)
NAMES = st.text(max_size=5)
RECORDS = st.lists(
    st.tuples(SOME_BYTES, SOME_BYTES, st.lists(st.tuples(NAMES, SOME_BYTES), max_size=3)),
    min_size=1,
    max_size=5,
)
CODECS = st.sampled_from(range(5))


def batch_of(records: Sequence[Given], codec: int = 0, base: int = 40) -> bytearray:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 10_000_000)
    for offset, (key, value, headers) in enumerate(records):
        assert builder.append(offset, 1_000 + offset, key, value, headers) is not None
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    return data


@cache
def nothing_so_often(number: int) -> bytes:
    """A batch of so many records without a key and a value."""
    return bytes(batch_of([(None, None, [])] * number))


def packed(batch: bytes) -> bytearray:
    """The same batch, packed with gzip."""
    made = bytearray(batch[:61] + gzip.compress(batch[61:], 1))
    made[22] |= 1
    struct.pack_into(">i", made, 8, len(made) - 12)
    struct.pack_into(">I", made, 17, calc_crc32c(bytes(made[21:])))
    return made


def read_by(kind: Any, data: bytes | bytearray) -> list[tuple[Any, ...]]:
    batches, read = kind(bytes(data)), []
    while batches.has_next():
        batch = batches.next_batch()
        assert batch.validate_crc()
        read += [
            (r.offset, r.timestamp, r.timestamp_type, r.key, r.value, list(r.headers))
            for r in batch
        ]
    return read


@given(RECORDS, CODECS, RECORDS)
def test_what_aiokafka_reads_comes_as_it_reads_it(
    records: list[Given], codec: int, more: list[Given]
) -> None:
    data = batch_of(records, codec) + batch_of(more, base=50)
    read = read_by(client._Fetched, data)
    assert read == read_by(MemoryRecords, data)
    assert len(read) == len(records) + len(more)


@given(RECORDS, CODECS)
def test_what_reads_the_odd_ones_reads_the_others_alike(records: list[Given], codec: int) -> None:
    data = batch_of(records, codec)
    told = [
        (r.offset, r.timestamp, r.timestamp_type, r.key, r.value, list(r.headers))
        for r in client._told_apart(memoryview(data))
    ]
    assert told == read_by(MemoryRecords, data)


@given(RECORDS, st.binary(min_size=1, max_size=5), RECORDS, CODECS)
def test_a_name_that_is_no_utf_8_hides_no_record(
    before: list[Given], name: bytes, after: list[Given], codec: int
) -> None:
    odd: Given = (b"key", b"value", [("ce_id", b"1"), (RawName(name), None)])
    read = read_by(client._Fetched, batch_of([*before, odd, *after], codec))
    assert [offset for offset, *_ in read] == list(range(40, 41 + len(before) + len(after)))
    *_, key, value, headers = read[len(before)]
    assert (key, value, headers[0]) == (b"key", b"value", ("ce_id", b"1"))
    assert headers[1][0].encode("utf-8", "surrogateescape") == name


@given(RECORDS, st.data())
def test_what_is_in_no_order_is_told_by_an_offset(records: list[Given], data: Any) -> None:
    """Whatever is changed in the bytes of its records, a batch is handed out to its last offset."""
    batch = batch_of(records)
    place = data.draw(st.integers(61, len(batch) - 1))
    batch[place] = data.draw(st.integers(0, 255))
    struct.pack_into(">I", batch, 17, calc_crc32c(bytes(batch[21:])))
    read = read_by(client._Fetched, batch)
    is_broken = [any(name == BROKEN for name, _ in headers) for *_, headers in read]
    assert len(read) == len(records) or any(is_broken)


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_what_unpacks_to_too_much_is_told_by_an_offset_and_not_unpacked(codec: int) -> None:
    """A kilobyte may unpack to a gigabyte: the broker looks at the kilobyte alone."""
    fits = bytes(client.LARGEST_BATCH - 1_000)
    ((*_, value, _),) = read_by(client._Fetched, batch_of([(None, fits, [])], codec))
    assert value == fits
    batch = batch_of([(None, bytes(client.LARGEST_BATCH), [])], codec)
    after = batch_of([(b"next", None, [])], base=41)
    tracemalloc.start()
    try:
        (offset, *_, value, headers), (*_, key, _, _) = read_by(client._Fetched, batch + after)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (offset, key) == (40, b"next")
    assert headers[0][0] == BROKEN
    assert value == batch[61:], "as it came"
    assert most < 4 * len(batch) + 100_000


@pytest.mark.parametrize("made", [bytearray, packed])
def test_more_records_than_a_batch_may_have_are_told_by_an_offset(
    made: Callable[[bytes], bytearray],
) -> None:
    """Packed, a kilobyte of them holds a million, each of which takes hundreds of bytes here."""
    most = client.MOST_RECORDS
    assert len(read_by(client._Fetched, made(nothing_so_often(most)))) == most
    batch = made(nothing_so_often(most + 1)) + batch_of([(b"next", None, [])], base=200_000)
    (offset, *_, headers), (*_, key, _, _) = read_by(client._Fetched, batch)
    assert (offset, key) == (40 + most, b"next")
    assert headers[0] == (BROKEN, b"The record is not in Kafka's form (ValueError).")


def test_snappy_without_blocks_is_read_too() -> None:
    plain = batch_of([(b"a", b"1" * 100, []), (b"b", b"2", [])])
    packed = plain[:61] + cramjam.snappy.compress_raw(bytes(plain[61:]))
    packed[22] |= 2
    struct.pack_into(">i", packed, 8, len(packed) - 12)
    assert read_by_force(packed) == read_by(MemoryRecords, plain)


def test_a_number_without_an_end_is_not_read_for_ever() -> None:
    batch = batch_of([(None, b"\xff" * 100_000, [])])
    batch[61:] = b"\xff" * (len(batch) - 61)
    ((offset, *_, headers),) = read_by_force(batch)
    assert offset == 40
    assert headers[0][0] == BROKEN


def read_by_force(batch: bytearray) -> list[tuple[Any, ...]]:
    struct.pack_into(">I", batch, 17, calc_crc32c(bytes(batch[21:])))
    return read_by(client._Fetched, batch)


def test_aiokafka_has_the_place_where_it_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    client.hand_out_odd_records()
    odd = batch_of([(b"a", b"1", []), (b"b", b"2", [(RawName(b"\xe9"), b"")]), (b"c", b"3", [])])
    place = TopicPartition("things", 0)
    named = {"key_deserializer": None, "value_deserializer": None, "check_crcs": True}
    handed_out = list(
        fetcher.PartitionRecords(
            place,
            fetcher.MemoryRecords(bytes(odd)),
            [],
            40,
            isolation_level=fetcher.READ_COMMITTED,
            **named,
        )
    )
    assert [record.offset for record in handed_out] == [40, 41, 42]
    assert handed_out[1].headers == (("\udce9", b""),)


def test_it_is_still_needed() -> None:
    odd = batch_of([(b"b", b"2", [(RawName(b"\xe9"), b"")])])
    with pytest.raises(UnicodeDecodeError):
        read_by(MemoryRecords, odd)
