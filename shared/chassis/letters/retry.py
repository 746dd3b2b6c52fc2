"""A dead letter handed out again: the same record to the same handler, in one transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

from aiokafka import ConsumerRecord

from shared.chassis.database.database import Connection, Database
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import Reached, Transaction
from shared.chassis.letters.held import Held
from shared.chassis.settings import Settings

Step = Callable[[Connection], Awaitable[None]]
"""What is done in the transaction of a retry."""


class StillUnreadable(Exception):
    """The handler can neither read nor apply it today; nothing of the retry is kept."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(code)
        self.reason = reason
        self.code = code


def record_of(held: Held) -> Record:
    """The record as it came, at its own place."""
    row = held.row
    return ConsumerRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset_"],
        timestamp=row["sent_ms"],
        timestamp_type=0,
        key=held.key,
        value=held.value,
        checksum=None,
        serialized_key_size=len(held.key or b""),
        serialized_value_size=len(held.value or b""),
        headers=held.headers,
    )


class Retry(Transaction):
    """The transaction in which a handler takes one dead letter again.

    ``begin`` is done first of all in it and ``settle`` last, where the handler could do with the
    record what it does; otherwise the end raises ``StillUnreadable``. No offset is moved: what
    tells a repeat by its own key keeps the same record from doing anything twice.
    """

    def __init__(
        self,
        consumer: BatchConsumer,
        database: Database,
        settings: Settings,
        held: Held,
        *,
        begin: Step,
        settle: Step,
    ) -> None:
        self.record = record_of(held)
        topic_id: UUID | None = held.row["topic_id"]
        read_of = {} if topic_id is None else {self.record.topic: topic_id}
        super().__init__(
            consumer.name,
            database,
            settings,
            [self.record],
            consumer.topic_exists,
            Reached(topic_ids=read_of),
        )
        self._retrying_in = database
        self._first, self._last = begin, settle
        self._why: StillUnreadable | None = None

    def __call__(self) -> AbstractAsyncContextManager[Connection]:
        return self._retried()

    @asynccontextmanager
    async def _retried(self) -> AsyncIterator[Connection]:
        async with self._retrying_in.transaction() as connection:
            await self._first(connection)
            yield connection
            if self._why is not None:
                raise self._why
            await self._last(connection)
        self.is_committed = True

    def note_unreadable(self, record: Record, reason: str, code: str) -> None:
        """Keep why it is a dead letter still; another that is one by the way is kept as ever."""
        if record is self.record:
            self._why = StillUnreadable(reason, code)
