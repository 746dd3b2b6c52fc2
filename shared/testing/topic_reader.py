"""Reads topics from their beginning, as whoever may read them would."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer

from shared.broker.access import BrokerAccess
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.testing.eventually import LONG_ENOUGH, eventually


class TopicReader:
    """Everything that stands on some topics, in the order of each partition; ``async with``."""

    def __init__(self, broker: str | BrokerAccess, *topics: str) -> None:
        access = BrokerAccess(broker) if isinstance(broker, str) else broker
        self._consumer = AIOKafkaConsumer(
            *topics,
            **access.options,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
        )
        self.records: list[Record] = []
        self._by_cause: dict[str, list[Record]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def poll(self) -> list[Record]:
        """Everything read so far."""
        found = await self._consumer.getmany(timeout_ms=50)
        for record in (record for records in found.values() for record in records):
            self.records.append(record)
            cause = _cause(record)
            if cause is not None:
                self._by_cause[cause].append(record)
        return self.records

    async def until(
        self, holds: Callable[[list[Record]], bool], what: str, *, within: float = LONG_ENOUGH
    ) -> list[Record]:
        """Everything read, as soon as it holds."""
        if holds(self.records):
            return self.records
        return await eventually(self.poll, what, holds=holds, within=within)

    async def count(self, count: int, what: str) -> list[Record]:
        """Everything read, as soon as there are so many records."""
        return await self.until(lambda records: len(records) >= count, f"{count} {what}")

    async def about(self, contribution_id: str, count: int = 1) -> list[dict[str, Any]]:
        """The values of so many records that a contribution has caused."""
        caused = self._by_cause[contribution_id]
        await self.until(lambda _: len(caused) >= count, f"{count} records about {contribution_id}")
        return [value_of(record) for record in caused]


def value_of(record: Record) -> dict[str, Any]:
    """The JSON object in a record."""
    value: dict[str, Any] = orjson.loads(record.value or b"{}")
    return value


def _cause(record: Record) -> str | None:
    cause = header(record, "ce_causationid")
    if cause is not None or not (record.value or b"").startswith(b"{"):
        return cause
    try:
        return value_of(record).get("contribution_id")
    except orjson.JSONDecodeError:
        return None
