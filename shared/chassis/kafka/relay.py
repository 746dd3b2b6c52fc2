"""The relay: what a service has committed, to Kafka, in position order.

The stored row is the outbox. One relay of a service is active, by a session advisory lock on the
one connection that also reads the rows and saves the marks, so that a lost lock cannot go unseen;
PostgreSQL closes that connection when its holder has been silent for seven seconds. Events and
``outgoing`` have a loop and a mark each. A loop hands the producer the next window while the broker
has not answered the one before; a mark moves over windows in their order, each only when all of it
is acknowledged. After a crash, or a window that fails, everything since the mark is sent again by a
new producer, and consumers drop what they have.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time
from types import TracebackType
from typing import Any, Final, Self

import aiokafka.errors
import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from opentelemetry.trace import use_span

from shared.chassis.database.database import TRANSIENT
from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.kafka.windows import Message, Window, Windows, is_required
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import completed
from shared.chassis.store.rows import StoredRow
from shared.chassis.telemetry import Part, log
from shared.ledger import Section
from shared.ledger.topics import events_topic

LOCK: Final = 7412
CHANNEL: Final = "committed"
WINDOW: Final = 500
UNDER_WAY: Final = 16
_HANDED_OVER: Final = 5_000
_BYTES_UNDER_WAY: Final = 8_000_000
_LARGEST_BATCH: Final = 262_144
_SILENT: Final = 5.0
_BETWEEN_MARKS: Final = 0.02
_LAST_ANSWERS: Final = 1.0
_IDLE_TIMEOUT: Final = "7s"
_HEARTBEAT: Final = 2.0
_POLL: Final = 1.0
_LONGEST_PAUSE: Final = 5.0

_EVENTS_TO_GO: Final = (
    "SELECT (SELECT max(notification_id) FROM stored_events) AS newest,"
    " (SELECT recorded_at FROM stored_events WHERE notification_id > $1"
    " ORDER BY notification_id LIMIT 1) AS oldest"
)
_OUTGOING_TO_GO: Final = (
    "SELECT (SELECT max(position) FROM outgoing) AS newest,"
    " (SELECT recorded_at FROM outgoing WHERE position > $1 ORDER BY position LIMIT 1) AS oldest"
)


class BrokerLostRecords(Exception):
    """A topic ends before what the broker had acknowledged: publish it again from the store."""


class TopicDiffers(Exception):
    """A topic has another number of partitions than was declared: keys would change places."""


@dataclass
class _Stream:
    """One loop of the relay: where its rows are read, and how far it has got.

    The producer has been given what is up to ``handed``; the broker has all up to ``mark``, and
    ``under_way`` is what lies between.
    """

    name: str
    read: Callable[[int, int], Awaitable[list[Message]]]
    how_far: str
    mark: int = 0
    handed: int = 0
    under_way: deque[Window] = field(default_factory=deque)
    handing_since: float | None = None
    newest: int = 0
    oldest_at: float | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    given: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    marked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting_since(self) -> float | None:
        """Since when the oldest window has had no answer; ``None`` where nothing waits."""
        return self.under_way[0].given_at if self.under_way else self.handing_since

    @property
    def is_full(self) -> bool:
        """So much waits for the broker that nothing more may be handed over."""
        size = sum(window.size for window in self.under_way)
        return len(self.under_way) >= UNDER_WAY or size >= _BYTES_UNDER_WAY

    def begin_at(self, mark: int) -> None:
        """Go on behind the mark; what was under way is sent again."""
        for window in self.under_way:
            window.span.end()
        self.under_way.clear()
        self.mark = self.handed = mark
        self.handing_since = None


class Relay:
    """Publishes the events of a section (if there is one) and the ``outgoing`` of any service.

    Opened by ``async with``; it waits for lock, database and broker in the background and never
    keeps a service from starting.
    """

    def __init__(self, database_url: str, settings: Settings, section: Section | None) -> None:
        self._url = database_url
        self._settings = settings
        self._section = section
        self._publisher = EventPublisher(section) if section else None
        self._events_topic = settings.topic_prefix + events_topic(section.name) if section else ""
        self._handed: deque[StoredRow] = deque()
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._is_active = False
        self._detail = "starting"
        self._failed: BaseException | None = None
        self._streams: list[_Stream] = []
        self._acknowledged: dict[str, int] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self.passed_over = 0

    async def __aenter__(self) -> Self:
        if self._section is not None:
            self._streams.append(_Stream("events", self._read_events, _EVENTS_TO_GO))
        self._streams.append(_Stream("outgoing", self._read_outgoing, _OUTGOING_TO_GO))
        self._task = asyncio.create_task(self._run(), name="relay")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def offer(self, rows: Sequence[StoredRow], has_outgoing: bool = False) -> None:
        """Hand over rows that were just committed, in position order.

        Beyond a window they are dropped here and read from the table, so that a broker that is
        away costs no memory.
        """
        if self._is_active and len(self._handed) + len(rows) <= _HANDED_OVER:
            self._handed.extend(rows)
        else:
            self._handed.clear()
        if not self._is_active:
            self.wake()
        for stream in self._streams:
            if rows if stream.name == "events" else has_outgoing:
                stream.wake.set()

    def wake(self) -> None:
        """There are new rows: publish them, or tell the replica that does."""
        for stream in self._streams:
            stream.wake.set()

    @property
    def lag(self) -> int:
        """Committed rows that the broker has not acknowledged, as last seen."""
        return sum(max(0, stream.newest - stream.mark) for stream in self._streams)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest row that is not published, in seconds."""
        ages = [time() - s.oldest_at for s in self._streams if s.oldest_at is not None]
        return max(0.0, *ages) if ages else 0.0

    async def part(self) -> Part:
        """Ready: this replica publishes and the broker answers, or another one does."""
        is_alive = self._task is not None and not self._task.done() and self._failed is None
        detail = self._detail
        if detail == "publishing" and self._is_broker_silent():
            detail = "waiting for the broker"
        ready = is_alive and detail in ("publishing", "another replica publishes")
        # Alive also where it has stopped: what it has met would stop a new process too.
        return Part(ready, detail, self.lag)

    def _is_broker_silent(self) -> bool:
        waiting = [s.waiting_since for s in self._streams if s.waiting_since is not None]
        return bool(waiting) and monotonic() - min(waiting) > _SILENT

    async def _run(self) -> None:
        pause = 0.2
        while True:
            started = monotonic()
            try:
                await self._be_the_relay()
            except (BrokerLostRecords, TopicDiffers) as error:
                # Going on would hide a loss: stay loud and stopped until somebody has looked.
                self._failed = error
                self._detail = f"stopped: {type(error).__name__}"
                log.critical("relay.stopped", error_type=type(error).__name__)
                return
            except (*TRANSIENT, aiokafka.errors.KafkaError, asyncpg.PostgresError) as error:
                self._detail = f"waiting: {type(error).__name__}"
                log.warning("relay.interrupted", error_type=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end unseen
                # A new producer on a new connection is all that a new process would be.
                self._detail = f"failed: {type(error).__name__}"
                log.critical("relay.failed", error_type=type(error).__name__, error=error)
            finally:
                self._is_active = False
                self._handed.clear()
                if self._connection is not None:
                    self._connection.terminate()
            lasted = monotonic() - started > _LONGEST_PAUSE
            pause = 0.2 if lasted else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _be_the_relay(self) -> None:
        self._connection = connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=10,
            server_settings={
                "idle_session_timeout": _IDLE_TIMEOUT,
                # A mark that PostgreSQL loses costs repeats; the appends have the flushes.
                "synchronous_commit": "off",
            },
        )
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            self._detail = "another replica publishes"
            await self._tell_the_active_one()
        # Not before: one that waits would hear itself, and tell itself again, without an end.
        await connection.add_listener(CHANNEL, self._notified)
        for stream in self._streams:
            row = await connection.fetchrow(
                "SELECT position, acknowledged FROM relay_mark WHERE stream = $1", stream.name
            )
            stream.begin_at(row["position"] if row else 0)
            if row:
                self._acknowledged.update(orjson.loads(row["acknowledged"]))
        # Not only beside the producer: without a broker that is given up at once, again and again.
        await self._look_how_far()
        await self._publish_for_ever()

    async def _tell_the_active_one(self) -> None:
        """Wait for the lock; what this replica commits meanwhile is told by NOTIFY."""
        wakes = [stream.wake for stream in self._streams]
        with suppress(TimeoutError):
            # Not by wait_for: before Python 3.12 that may lose the cancellation which ends this.
            async with asyncio.timeout(_POLL):
                await wakes[0].wait()
        if any(wake.is_set() for wake in wakes):
            for wake in wakes:
                wake.clear()
            await self._held().execute(f"NOTIFY {CHANNEL}")

    def _notified(self, *_: Any) -> None:
        self.wake()

    async def _publish_for_ever(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_servers,
            client_id=f"{self._settings.instance_id}-relay",
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=_LARGEST_BATCH,
            max_request_size=4 * 1024 * 1024,
            compression_type="zstd",
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
        )
        self._detail = "waiting for the broker"
        starting = asyncio.create_task(producer.start())
        tasks: list[asyncio.Task[None]] = []
        loops: list[asyncio.Task[None]] = []
        try:
            # The lock must not be lost while the broker is away, so the heartbeat comes first.
            tasks.append(asyncio.create_task(self._keep_the_lock()))
            await self._first_of([*tasks, starting], until=starting)
            await self._compare_with_the_declared(producer)
            await self._compare_with_the_broker()
            self._is_active = True
            self._detail = "publishing"
            log.info("relay.active")
            windows = Windows(producer)
            loops += [asyncio.create_task(self._loop(windows, s)) for s in self._streams]
            tasks += [asyncio.create_task(self._take_answers(s)) for s in self._streams]
            tasks += [asyncio.create_task(self._save_marks(s)) for s in self._streams]
            tasks += loops
            await self._first_of(tasks)
        except asyncio.CancelledError:
            await self._come_to_an_end(loops)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in self._streams:
                stream.begin_at(stream.mark)
            await self._stop_within(producer, starting, 2.0)

    async def _come_to_an_end(self, loops: Sequence["asyncio.Task[None]"]) -> None:
        """Told to stop: note what the broker has, so that whoever goes on need not repeat it."""
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS):
                for stream in self._streams:
                    while stream.under_way:
                        stream.answered.clear()
                        await stream.answered.wait()
        for stream in self._streams:
            with suppress(*TRANSIENT, asyncpg.PostgresError):
                async with asyncio.timeout(_LAST_ANSWERS):
                    await self._save_mark(stream)

    async def _first_of(
        self, tasks: Sequence["asyncio.Task[None]"], until: "asyncio.Task[None] | None" = None
    ) -> None:
        while True:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if until is None or until in done:
                return

    async def _keep_the_lock(self) -> None:
        """Speak often enough that PostgreSQL keeps the connection; ask how far there is to go."""
        while True:
            await asyncio.sleep(_HEARTBEAT)
            await self._look_how_far()

    async def _look_how_far(self) -> None:
        for stream in self._streams:
            found = await self._ask(stream.how_far, stream.mark)
            stream.newest = found[0]["newest"] or stream.mark
            oldest = found[0]["oldest"]
            stream.oldest_at = oldest.timestamp() if oldest else None

    async def _ask(self, query: str, *arguments: Any) -> list[Any]:
        async with self._one_at_a_time:
            return list(await self._held().fetch(query, *arguments))

    def _held(self) -> asyncpg.Connection:
        if self._connection is None:
            raise asyncpg.InterfaceError("the relay holds no connection")
        return self._connection

    async def _loop(self, windows: Windows, stream: _Stream) -> None:
        while True:
            stream.wake.clear()
            messages = await stream.read(stream.handed, WINDOW)
            if messages:
                stream.newest = max(stream.newest, messages[-1].position)
                stream.oldest_at = stream.oldest_at or messages[0].recorded_at
                stream.handing_since = monotonic()
                window = await self._send_window(windows, messages)
                stream.handing_since = None
                stream.handed = window.position
                stream.under_way.append(window)
                stream.given.set()
                while stream.is_full:
                    stream.answered.clear()
                    await stream.answered.wait()
            if len(messages) < WINDOW:
                # That was all there was: nobody looks again until something wakes the stream.
                if not stream.under_way:
                    stream.oldest_at = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await stream.wake.wait()

    async def _take_answers(self, stream: _Stream) -> None:
        """Move the mark over one window after the other, in the order they were handed over."""
        while True:
            while not stream.under_way:
                stream.given.clear()
                await stream.given.wait()
            window = stream.under_way[0]
            await self._until_acknowledged(window)
            stream.under_way.popleft()
            stream.mark = window.position
            stream.oldest_at = stream.under_way[0].recorded_at if stream.under_way else None
            stream.answered.set()
            stream.marked.set()

    async def _save_marks(self, stream: _Stream) -> None:
        """Behind the loop: no window waits for the mark of the one before it to be saved."""
        while True:
            await stream.marked.wait()
            stream.marked.clear()
            await self._save_mark(stream)
            await asyncio.sleep(_BETWEEN_MARKS)

    async def _send_window(self, windows: Windows, messages: Sequence[Message]) -> Window:
        """Hand one window to the producer; nothing of it is acknowledged yet."""
        window = await windows.hand_over(messages)
        self.passed_over += window.passed_over
        return window

    async def _until_acknowledged(self, window: Window) -> None:
        """Wait until the broker has all of a window; raises where it does not take some of it."""
        with use_span(window.span, end_on_exit=True):
            answers = await asyncio.gather(*(batch.answer for batch in window.batches))
        for first, batch in zip(answers, window.batches, strict=True):
            place, end = f"{first.topic}/{first.partition}", first.offset + batch.records
            self._acknowledged[place] = max(self._acknowledged.get(place, 0), end)

    async def _stop_within(
        self, producer: AIOKafkaProducer, starting: "asyncio.Task[None]", seconds: float
    ) -> None:
        # stop() flushes first, so while the broker is away it goes on by itself; interrupted, it
        # would leave its connections and its sender for ever, and so would a start. What it may
        # still deliver is a duplicate, which consumers drop.
        async def stop() -> None:
            with suppress(aiokafka.errors.KafkaError):
                await asyncio.shield(starting)
            await producer.stop()

        stopping = asyncio.create_task(stop())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        done, _ = await asyncio.wait([stopping], timeout=seconds)
        for task in done:
            with suppress(aiokafka.errors.KafkaError):
                task.result()

    async def _compare_with_the_declared(self, producer: AIOKafkaProducer) -> None:
        """Before the first record: one in the wrong partition could not be taken back."""
        if self._section is None:
            return
        partitions = await producer.partitions_for(self._events_topic)
        if len(partitions) != self._settings.event_partitions:
            raise TopicDiffers(self._events_topic)

    async def _compare_with_the_broker(self) -> None:
        """What was acknowledged must still be there; less is a loss that no consumer can see."""
        if not self._acknowledged:
            return
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_servers, enable_auto_commit=False
        )
        try:
            await consumer.start()
            there = await consumer.topics()
            places = [
                TopicPartition(topic, int(partition))
                for topic, _, partition in (p.rpartition("/") for p in self._acknowledged)
                # Asked for one that is gone, the broker would not answer; an organisation may go.
                if topic in there or is_required(topic)
            ]
            if not {place.topic for place in places} <= there:
                raise aiokafka.errors.UnknownTopicOrPartitionError
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        finally:
            await consumer.stop()
        for place, end in ends.items():
            if end < self._acknowledged[f"{place.topic}/{place.partition}"]:
                log.critical("relay.records_lost", topic=place.topic, partition=place.partition)
                raise BrokerLostRecords(place.topic)

    async def _save_mark(self, stream: _Stream) -> None:
        mine = {
            place: offset
            for place, offset in self._acknowledged.items()
            if place.startswith(f"{self._events_topic}/") == (stream.name == "events")
        }
        await self._ask(
            "INSERT INTO relay_mark AS m (stream, position, acknowledged) VALUES ($1, $2, $3)"
            " ON CONFLICT (stream) DO UPDATE SET position = excluded.position,"
            " acknowledged = excluded.acknowledged WHERE m.position < excluded.position",
            stream.name,
            stream.mark,
            orjson.dumps(mine).decode(),
        )

    async def _read_events(self, mark: int, limit: int) -> list[Message]:
        rows = self._take_handed(mark, limit)
        if rows is None:
            read = await self._ask(
                "SELECT notification_id, originator_id, originator_version, topic, state,"
                " recorded_at, traceparent, leaf_hash, authn, policy_version FROM stored_events"
                " WHERE notification_id > $1 ORDER BY notification_id LIMIT $2",
                mark,
                limit,
            )
            rows = [StoredRow(*row) for row in read]
        publisher = self._publisher
        if publisher is None:
            return []
        messages = []
        for row in rows:
            key, value, headers = publisher.message(row)
            messages.append(
                Message(
                    row.position,
                    self._events_topic,
                    key,
                    value,
                    headers,
                    row.recorded_at.timestamp(),
                    row.traceparent,
                )
            )
        return messages

    def _take_handed(self, mark: int, limit: int) -> list[StoredRow] | None:
        """Rows handed over in the process, if they follow directly on what was sent."""
        while self._handed and self._handed[0].position <= mark:
            self._handed.popleft()
        if not self._handed or self._handed[0].position != mark + 1:
            return None
        taken: list[StoredRow] = []
        while self._handed and len(taken) < limit:
            if self._handed[0].position != mark + 1 + len(taken):
                break
            taken.append(self._handed.popleft())
        if self._handed:  # behind a gap, or more than a window
            self._streams[0].wake.set()
        return taken

    async def _read_outgoing(self, mark: int, limit: int) -> list[Message]:
        rows = await self._ask(
            "SELECT position, recorded_at, topic, key, headers, value, completes, event_position"
            " FROM outgoing WHERE position > $1 ORDER BY position LIMIT $2",
            mark,
            limit,
        )
        messages = []
        for row in rows:
            value = row["value"]
            if row["completes"]:
                told = orjson.loads(value)
                value = orjson.dumps(completed(told, row["recorded_at"], row["event_position"]))
            headers = list(headers_from_bytes(row["headers"]))
            trace = dict(headers).get("traceparent")
            messages.append(
                Message(
                    row["position"],
                    row["topic"],
                    row["key"],
                    value,
                    headers,
                    row["recorded_at"].timestamp(),
                    # A dead letter keeps its headers as they came: not every one is text.
                    trace.decode("ascii", "replace") if trace else None,
                )
            )
        return messages
