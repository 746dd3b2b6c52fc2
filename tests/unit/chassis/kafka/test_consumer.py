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
