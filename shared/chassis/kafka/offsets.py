"""Where a consumer goes on: offsets in its own database, moved with the work they stand for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError, RequestTimedOutError

from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.database.dead_letter_counts import count_letters, letters_of_the_hour
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.kafka.client import ask_to_join_again, topic_ids
from shared.chassis.kafka.dead_letters import Record, dead_letter
from shared.chassis.settings import Settings

Span = tuple[int, int]
"""The first offset of a batch in one partition, and the offset after its last."""

_SEEK_SECONDS: Final = 45.0  # less than a rebalance may take

_MADE_AGAIN: Final = (
    "The topic was deleted and made again; it is read from its beginning."
    " Have sent again what the first one held and nobody had read."
)

_NOT_TOLD: Final = (*TRANSIENT, KafkaConnectionError, NodeNotReadyError, RequestTimedOutError)

_FENCE = """
WITH given AS (
    SELECT * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::uuid[],
                         $7::bigint[]) AS g (topic, partition, first, next, topic_id, read_from)
), held AS (
    SELECT topic, partition, o.next_offset
      FROM consumer_offset o JOIN given USING (topic, partition)
     WHERE o.consumer = $1
), passed AS (
    INSERT INTO consumer_offset AS o (consumer, topic, partition, next_offset, topic_id)
    SELECT $1, topic, partition, next, topic_id FROM given ORDER BY topic, partition
        ON CONFLICT (consumer, topic, partition) DO UPDATE
       SET next_offset = excluded.next_offset, topic_id = coalesce(excluded.topic_id, o.topic_id)
     WHERE o.next_offset <= (SELECT first FROM given g
                              WHERE g.topic = o.topic AND g.partition = o.partition)
       AND coalesce(o.topic_id = excluded.topic_id, true)
    RETURNING topic, partition
)
SELECT count(*) AS passed, count(*) FILTER (WHERE held.next_offset < given.read_from) AS jumped
  FROM passed JOIN given USING (topic, partition) LEFT JOIN held USING (topic, partition)
"""

_BEGIN_ANEW = """
UPDATE consumer_offset o SET next_offset = g.first, topic_id = g.topic_id
  FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::uuid[])
       AS g (topic, partition, first, topic_id)
 WHERE o.consumer = $1 AND o.topic = g.topic AND o.partition = g.partition
   AND o.topic_id <> g.topic_id
"""


class DeadLetterLimitReached(Exception):
    """More records could not be read within an hour than a deployment allows: look at them.

    ``first`` is the first record of the batch that is too many.
    """

    def __init__(self, consumer: str, first: Record) -> None:
        super().__init__(consumer)
        self.first = first


class Fenced(Exception):
    """Somebody else has stored a later offset: roll back, and seek to what is stored."""


@dataclass
class Reached:
    """Where a consumer has read each of its partitions from without a break, and which topics."""

    places: dict[TopicPartition, int] = field(default_factory=dict)
    topic_ids: dict[str, UUID] = field(default_factory=dict)


async def stored_offsets(
    connection: Connection, consumer: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, tuple[int, UUID | None]]:
    """The next offset that this consumer has stored of each partition, and of which topic."""
    rows = await connection.fetch(
        """SELECT topic, partition, next_offset, topic_id FROM consumer_offset
             JOIN unnest($2::text[], $3::integer[]) AS g (topic, partition) USING (topic, partition)
            WHERE consumer = $1""",
        consumer,
        [partition.topic for partition in partitions],
        [partition.partition for partition in partitions],
    )
    return {
        TopicPartition(row["topic"], row["partition"]): (row["next_offset"], row["topic_id"])
        for row in rows
    }


async def fence_all(
    connection: Connection,
    consumer: str,
    spans: Mapping[TopicPartition, Span],
    reached: Reached,
) -> int:
    """Move the stored offsets of a batch's partitions, all of them or ``Fenced``.

    First of all in the transaction that does the batch's work. Answers how many partitions were
    read from above what was stored: what lies between was passed over, which we never do. Gaps that
    were read through, such as the marks of transactions, are none.
    """
    given = list(spans.items())
    row = await connection.fetchrow(
        _FENCE,
        consumer,
        [partition.topic for partition, _ in given],
        [partition.partition for partition, _ in given],
        [first for _, (first, _) in given],
        [next_ for _, (_, next_) in given],
        [reached.topic_ids.get(partition.topic) for partition, _ in given],
        [reached.places.get(partition, first) for partition, (first, _) in given],
    )
    if row is None or row["passed"] != len(given):
        raise Fenced(consumer)
    jumped: int = row["jumped"]
    return jumped


class Transaction:
    """Called by a handler, once: BEGIN, the fence of every partition of its batch, and COMMIT."""

    def __init__(
        self,
        consumer: str,
        database: Database,
        settings: Settings,
        records: Sequence[Record],
        topic_exists: Callable[[str], Awaitable[bool]],
        reached: Reached | None = None,
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._settings = settings
        self._records = records
        self._unreadable: dict[int, Record] = {}
        self.topic_exists = topic_exists
        self._reached = reached or Reached()
        self.is_committed = False

    def __call__(self) -> AbstractAsyncContextManager[Connection]:
        return self._begin()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Connection]:
        async with self._database.transaction() as connection:
            spans = spans_of(self._records)
            jumped = await fence_all(connection, self._consumer, spans, self._reached)
            yield connection
            if self._unreadable:
                await self._count_dead_letters(connection)
        self.is_committed = True
        self._reached.places.update({partition: next_ for partition, (_, next_) in spans.items()})
        if jumped:  # on our own topics it never does: somebody has moved the topic or the table
            telemetry.counter(telemetry.Count.OFFSET_JUMPS).add(
                jumped, {"consumer": self._consumer}
            )
            telemetry.log.error("consumer.jumped", consumer=self._consumer, partitions=jumped)

    async def _count_dead_letters(self, connection: Connection) -> None:
        """In the database, so that neither a restart nor a batch of any size goes beyond it."""
        count = len(self._unreadable)
        before = await letters_of_the_hour(connection, [self._consumer])
        await count_letters(connection, {self._consumer: count})
        left = max(0, self._settings.dead_letter_limit - before.get(self._consumer, 0))
        if count > left:
            in_order = [record for record in self._records if id(record) in self._unreadable]
            # What an earlier batch had parked is in no place of this one: none of it fits.
            first = in_order[min(left, len(in_order) - 1)] if in_order else self._records[0]
            raise DeadLetterLimitReached(self._consumer, first)

    def note_unreadable(self, record: Record, reason: str, code: str) -> None:
        """Told of each record that its handler can neither read nor apply, before the end."""

    def dead_letter(
        self,
        record: Record,
        reason: str,
        code: str = "content-invalid",
        *,
        topic_id: UUID | Literal["today's"] | None = "today's",
    ) -> list[Outgoing]:
        """``dead_letter``, counted: beyond the limit the end raises ``DeadLetterLimitReached``.

        ``topic_id`` is given of a record that was read from another topic of the same name.
        """
        self._unreadable[id(record)] = record
        self.note_unreadable(record, reason, code)
        # A service's consumers share its one topic of dead letters.
        owner = self._settings.service or self._consumer
        return dead_letter(
            owner,
            record,
            reason,
            code,
            prefix=self._settings.topic_prefix,
            reader=self._consumer,
            topic_id=self.topic_id(record.topic) if topic_id == "today's" else topic_id,
        )

    def topic_id(self, topic: str) -> UUID | None:
        """What tells this topic from an earlier one of its name, where the broker says it."""
        return self._reached.topic_ids.get(topic)


def spans_of(records: Sequence[Record]) -> dict[TopicPartition, Span]:
    """A batch mixes partitions; one partition's records follow each other."""
    spans: dict[TopicPartition, Span] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first, _ = spans.get(partition, (record.offset, 0))
        spans[partition] = (first, record.offset + 1)
    return dict(sorted(spans.items()))


BatchHandler = Callable[[Sequence[Record], Transaction], Awaitable[None]]


async def seek_stored(
    kafka: AIOKafkaConsumer,
    database: Database,
    consumer: str,
    partitions: Collection[TopicPartition],
    reached: Reached,
) -> None:
    """Go on where the database says, from the beginning where it says nothing.

    From the beginning also where the topic was made again since: an offset of the first says
    nothing about it, and whatever we take twice its own key tells us. The partitions rest
    meanwhile: what was fetched from another place must not be handed out.
    """
    kafka.pause(*kafka.assignment().intersection(partitions))
    ids = await topic_ids(kafka, {partition.topic for partition in partitions})
    async with database.pool.acquire() as connection:
        stored = await stored_offsets(connection, consumer, partitions)
    places = {partition: place for partition, (place, _) in stored.items()}
    new = [partition for partition in partitions if partition not in stored]
    made_again = [
        partition
        for partition, (_, topic_id) in stored.items()
        if topic_id is not None and ids.get(partition.topic, topic_id) != topic_id
    ]
    if new or made_again:
        places |= await kafka.beginning_offsets([*new, *made_again])
    if made_again:
        await _begin_anew(database, consumer, made_again, places, ids)
    # A topic that was made meanwhile begins another assignment, which comes here again by itself.
    still_ours = kafka.assignment().intersection(partitions)
    for partition in still_ours & places.keys():
        kafka.seek(partition, places[partition])
    reached.places.update(places)
    reached.topic_ids.update(ids)
    kafka.resume(*still_ours)


async def _begin_anew(
    database: Database,
    consumer: str,
    partitions: Sequence[TopicPartition],
    places: Mapping[TopicPartition, int],
    ids: Mapping[str, UUID],
) -> None:
    """Stored before anything is read: whoever still has a batch of the first topic is fenced."""
    async with database.transaction() as connection:
        await connection.execute(
            _BEGIN_ANEW,
            consumer,
            [partition.topic for partition in partitions],
            [partition.partition for partition in partitions],
            [places[partition] for partition in partitions],
            [ids[partition.topic] for partition in partitions],
        )
    for topic in sorted({partition.topic for partition in partitions}):
        telemetry.counter(telemetry.Count.TOPICS_MADE_AGAIN).add(1, {"consumer": consumer})
        telemetry.log.error(
            "consumer.topic_made_again", consumer=consumer, topic=topic, reason=_MADE_AGAIN
        )


class SeekStored(ConsumerRebalanceListener):  # type: ignore[misc]
    """Seeks what is assigned, and lets a rebalance wait for the batch in hand.

    ``busy`` is held while a batch is in hand. ``failed`` is told what the seeking raised, since
    the client only logs it: the partitions stay paused, and the consumer has to stop.
    """

    def __init__(
        self,
        *,
        kafka: Callable[[], AIOKafkaConsumer],
        database: Database,
        consumer: str,
        busy: asyncio.Lock,
        reached: Reached,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._database = database
        self._consumer = consumer
        self._busy = busy
        self._reached = reached
        self._failed = failed
        self._is_first = True
        self.is_sought = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - all of them wait
        """Wait for the batch in hand."""
        async with self._busy:
            self.is_sought = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Go on where the database says; nothing is awaited before the partitions rest."""
        kafka = self._kafka()
        try:
            async for attempt in stamina.retry_context(
                on=_NOT_TOLD, attempts=None, timeout=_SEEK_SECONDS, wait_max=2
            ):
                with attempt:
                    await seek_stored(
                        kafka, self._database, self._consumer, assigned, self._reached
                    )
        except Exception as error:
            self._failed(error)
            raise
        self.is_sought = True
        if self._is_first:
            self._is_first = False
            # A topic that was made while this member was away is nobody's yet.
            ask_to_join_again(kafka)
