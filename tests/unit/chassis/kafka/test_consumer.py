"""A consumer that stops: after what passes it begins again with a new client."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import Fenced, Transaction
from shared.chassis.settings import Settings

pytestmark = pytest.mark.asyncio


RECORD = cast("Record", SimpleNamespace(topic="t", partition=0, offset=3, timestamp=1))


class _Silent:
    """A client of a broker that does not say where a topic begins."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self._client = SimpleNamespace(get_random_node=lambda: 1, send=self._tell_no_ids)

    async def _tell_no_ids(self, *_: Any) -> Any:
        return SimpleNamespace(topics=[])

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", 0)}

    def pause(self, *_: Any) -> None: ...

    def resume(self, *_: Any) -> None: ...

    def seek(self, *_: Any) -> None: ...

    async def beginning_offsets(self, _: Any) -> Any:
        raise self._error


@asynccontextmanager
async def _acquired() -> AsyncIterator[Any]:
    async def fetch(*_: Any) -> list[Any]:
        return []

    yield SimpleNamespace(fetch=fetch)


def consumer(error: Exception, handle: Any) -> BatchConsumer:
    made = BatchConsumer(
        consumer="goals",
        handle=handle,
        database=cast("Any", SimpleNamespace(pool=SimpleNamespace(acquire=_acquired))),
        settings=Settings(),
        topics=["t"],
    )
    made._subscription = cast("Any", SimpleNamespace(client=_Silent(error)))
    return made


@pytest.mark.parametrize("error", [KafkaTimeoutError(), KafkaConnectionError(), KafkaError()])
async def test_a_broker_that_is_silent_while_a_batch_is_let_go_lets_it_begin_again(
    error: Exception,
) -> None:
    async def fenced(_records: Sequence[Record], _transaction: Transaction) -> None:
        raise Fenced("goals")

    stopped = consumer(error, fenced)
    await stopped._on_batch([RECORD])
    assert (stopped.failure, stopped.can_begin_again) == (error, True)
    assert stopped.has_stopped.is_set()


async def test_a_mistake_of_ours_does_not() -> None:
    async def mistaken(_records: Sequence[Record], _transaction: Transaction) -> None:
        raise LookupError

    stopped = consumer(KafkaError(), mistaken)
    await stopped._on_batch([RECORD])
    assert (type(stopped.failure), stopped.can_begin_again) == (LookupError, False)


class _Sought:
    """A client that remembers where it was sent back to."""

    def __init__(self) -> None:
        self.places: dict[TopicPartition, int] = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.places[partition] = offset


def _of(partition: int, *sizes: int) -> tuple[TopicPartition, list[Record]]:
    records = [
        SimpleNamespace(offset=offset, key=None, value=b"x" * size, headers=[])
        for offset, size in enumerate(sizes)
    ]
    return TopicPartition("t", partition), cast("Any", records)


async def test_of_what_is_beyond_the_bytes_of_a_batch_no_partition_waits_for_ever() -> None:
    made = BatchConsumer(
        consumer="goals",
        handle=cast("Any", None),
        database=cast("Any", None),
        settings=Settings(batch_bytes=100),
        topics=["t"],
    )
    kafka = _Sought()
    full, other = _of(0, 60, 60, 60), _of(1, 60)

    def taken(*found: tuple[TopicPartition, list[Record]]) -> list[int]:
        kafka.places.clear()
        batch = made._within_bounds(cast("Any", kafka), dict(found))
        return [len(record.value or b"") for record in batch]

    assert taken(_of(0, 50), _of(1, 50)) == [50, 50]
    assert kafka.places == {}
    assert taken(_of(0, 500)) == [500]
    assert taken(full, other) == [60]
    assert kafka.places == {full[0]: 1, other[0]: 0}
    # It comes first the next time, however much the other has.
    assert taken(full, other) == [60]
    assert kafka.places == {full[0]: 0}
    assert taken(full, other) == [60]
    assert kafka.places == {full[0]: 1, other[0]: 0}
    # The size of a record is that of its headers too.
    headers = [("name", b"x" * 90)]
    wide = SimpleNamespace(offset=7, key=b"key", value=b"", headers=headers)
    assert taken(_of(1, 10), (full[0], [cast("Any", wide)])) == [10]
    assert kafka.places == {full[0]: 7}
