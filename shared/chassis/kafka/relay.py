"""The relay: what a service has committed, to Kafka, in position order.

The stored row is the outbox. One relay of a service is active, by a session advisory lock on the
one connection that also reads the rows and saves the marks, so that a lost lock cannot go unseen;
PostgreSQL closes that connection when its holder has been silent for seven seconds. Each stream
has a loop and a mark of its own. A loop hands the producer the next window while the broker
has not answered the one before; a mark moves over windows in their order, each only when all of it
is acknowledged. After a crash, or a window that fails, everything since the mark is sent again by a
new producer, and consumers drop what they have.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any, Final

import aiokafka.errors
import asyncpg
import orjson

from shared.chassis.database.database import TRANSIENT
from shared.chassis.kafka.client import stop_within
from shared.chassis.kafka.streams import Committed, Stream
from shared.chassis.kafka.windows import (
    BrokerLostRecords,
    Message,
    TopicDiffers,
    UnderWay,
    Window,
    Windows,
    compare_with_the_broker,
    compare_with_the_declared,
    make_producer,
)
from shared.chassis.settings import Settings
from shared.chassis.store.rows import StoredRow
from shared.chassis.telemetry import Background, Part, log

LOCK: Final = 7412
CHANNEL: Final = "committed"
WINDOW: Final = 500
_WINDOW_BYTES: Final = 4_000_000
_SILENT: Final = 5.0
_BETWEEN_MARKS: Final = 0.02
_LAST_ANSWERS: Final = 1.0
_IDLE_TIMEOUT: Final = "7s"
_HEARTBEAT: Final = 2.0
_POLL: Final = 1.0
_LONGEST_PAUSE: Final = 5.0


@dataclass
class _Published:
    """A stream, how far it has got, and what there is to go."""

    stream: Stream
    under_way: UnderWay = field(default_factory=UnderWay)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    newest: int = 0
    oldest_at: float | None = None


class Relay(Background):
    """Publishes the rows of its streams, each in its own order.

    Opened by ``async with``; it waits for lock, database and broker in the background and never
    keeps a service from starting.
    """

    def __init__(self, database_url: str, settings: Settings, streams: Sequence[Stream]) -> None:
        self._url = database_url
        self._settings = settings
        self._published = [_Published(stream) for stream in streams]
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._is_active = False
        self._detail = "starting"
        self._failed: BaseException | None = None
        self.passed_over = 0

    def offer(self, rows: Sequence[StoredRow], has_outgoing: bool = False) -> None:
        """Hand over what a section has just committed, its events in position order."""
        committed = Committed(rows, has_outgoing)
        offered = [one for one in self._published if one.stream.offer(committed)]
        # One that is not active tells the replica that is, whatever it was.
        for one in offered if self._is_active else self._published:
            one.wake.set()

    def wake(self, *streams: str) -> None:
        """There are new rows of these streams, or of any: publish them, or tell who does."""
        for one in self._published:
            if not streams or not self._is_active or one.stream.name in streams:
                one.wake.set()

    @property
    def lag(self) -> int:
        """Committed rows that the broker has not acknowledged, as last seen."""
        return sum(max(0, one.newest - one.under_way.mark) for one in self._published)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest row that is not published, in seconds."""
        ages = [time() - one.oldest_at for one in self._published if one.oldest_at is not None]
        return max(0.0, *ages) if ages else 0.0

    @property
    def has_stopped(self) -> bool:
        """It goes on only when somebody has looked."""
        return self._failed is not None

    async def part(self) -> Part:
        """Ready: this replica publishes and the broker answers, or another one does."""
        is_alive = self.is_alive and self._failed is None
        detail = self._detail
        if detail == "publishing" and self._is_broker_silent():
            detail = "waiting for the broker"
        ready = is_alive and detail in ("publishing", "another replica publishes")
        # Alive also where it has stopped: what it has met would stop a new process too.
        return Part(ready, detail, self.lag)

    def _is_broker_silent(self) -> bool:
        since = [one.under_way.waiting_since for one in self._published]
        return any(at is not None and monotonic() - at > _SILENT for at in since)

    async def _work(self) -> None:
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
                for one in self._published:
                    one.stream.set_active(False)
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
        # Not before: one that waits notifies this channel, and would wake itself for ever.
        await connection.add_listener(CHANNEL, lambda *_: self.wake())
        for one in self._published:
            row = await connection.fetchrow(
                "SELECT position, acknowledged FROM relay_mark WHERE stream = $1", one.stream.name
            )
            one.under_way.begin_at(row["position"] if row else 0)
            if row:
                one.under_way.acknowledged = orjson.loads(row["acknowledged"])
        # Not only beside the producer: without a broker that is given up at once, again and again.
        await self._look_how_far()
        await self._publish_for_ever()

    async def _tell_the_active_one(self) -> None:
        """Wait for the lock; what this replica commits meanwhile is told by NOTIFY."""
        wakes = [one.wake for one in self._published]
        with suppress(TimeoutError):
            # Not by wait_for: before Python 3.12 that may lose the cancellation which ends this.
            async with asyncio.timeout(_POLL):
                await wakes[0].wait()
        if any(wake.is_set() for wake in wakes):
            for wake in wakes:
                wake.clear()
            await self._held().execute(f"NOTIFY {CHANNEL}")

    async def _publish_for_ever(self) -> None:
        broker = self._settings.broker
        producer = make_producer(broker, f"{self._settings.instance_id}-relay")
        self._detail = "waiting for the broker"
        starting = asyncio.create_task(producer.start())
        tasks: list[asyncio.Task[None]] = []
        loops: list[asyncio.Task[None]] = []
        try:
            # The lock must not be lost while the broker is away, so the heartbeat comes first.
            tasks.append(asyncio.create_task(self._keep_the_lock()))
            await self._first_of([*tasks, starting], until=starting)
            for one in self._published:
                await compare_with_the_declared(producer, one.stream.partitions)
            acknowledged = [one.under_way.acknowledged for one in self._published]
            await compare_with_the_broker(broker, acknowledged)
            self._is_active = True
            self._detail = "publishing"
            log.info("relay.active")
            windows = Windows(producer)
            for one in self._published:
                one.stream.set_active(True)
                loops.append(asyncio.create_task(self._loop(windows, one)))
                tasks.append(asyncio.create_task(self._take_answers(one)))
                tasks.append(asyncio.create_task(self._save_marks(one)))
            tasks += loops
            await self._first_of(tasks)
        except asyncio.CancelledError:
            await self._come_to_an_end(loops)
            raise
        finally:
            for task in tasks:
                task.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:  # told to stop just now, it still lets go of the broker
                for one in self._published:
                    one.under_way.begin_at(one.under_way.mark)
                await stop_within(producer, starting, 2.0)

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
        for one in self._published:
            found = await self._ask(one.stream.to_go, one.under_way.mark)
            one.newest = found[0]["newest"] or one.under_way.mark
            oldest = found[0]["oldest"]
            one.oldest_at = oldest.timestamp() if oldest else None

    async def _ask(self, query: str, *arguments: Any) -> list[Any]:
        async with self._one_at_a_time:
            return list(await self._held().fetch(query, *arguments))

    def _held(self) -> asyncpg.Connection:
        if self._connection is None:
            raise asyncpg.InterfaceError("the relay holds no connection")
        return self._connection

    async def _loop(self, windows: Windows, one: _Published) -> None:
        under_way = one.under_way
        while True:
            one.wake.clear()
            handed = under_way.handed
            messages, has_more = await one.stream.read(self._ask, handed, WINDOW, _WINDOW_BYTES)
            if messages:
                one.newest = max(one.newest, messages[-1].position)
                one.oldest_at = one.oldest_at or messages[0].recorded_at
                await self._send_window(windows, one, messages)
                await under_way.until_there_is_room()
            if not has_more:
                # That was all there was: nobody looks again until something wakes the stream.
                if not under_way.windows:
                    one.oldest_at = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await one.wake.wait()

    async def _send_window(
        self, windows: Windows, one: _Published, messages: Sequence[Message]
    ) -> None:
        """Hand one window to the producer; nothing of it is acknowledged yet."""
        one.under_way.handing_since = monotonic()
        window = await windows.hand_over(messages)
        one.under_way.add(window)
        self.passed_over += window.passed_over

    async def _take_answers(self, one: _Published) -> None:
        """Move the mark over one window after the other, in the order they were handed over."""
        under_way = one.under_way
        while True:
            await self._until_acknowledged(one, await under_way.oldest())
            under_way.move_on()
            one.oldest_at = under_way.windows[0].recorded_at if under_way.windows else None

    async def _until_acknowledged(self, one: _Published, window: Window) -> None:
        """Wait until the broker has all of a window; raises where it does not take some of it."""
        one.under_way.note(await window.all_answers())

    async def _save_marks(self, one: _Published) -> None:
        """Behind the loop: no window waits for the mark of the one before it to be saved."""
        while True:
            await one.under_way.marked.wait()
            one.under_way.marked.clear()
            await self._save_mark(one)
            await asyncio.sleep(_BETWEEN_MARKS)

    async def _save_mark(self, one: _Published) -> None:
        await self._ask(
            "INSERT INTO relay_mark AS m (stream, position, acknowledged) VALUES ($1, $2, $3)"
            " ON CONFLICT (stream) DO UPDATE SET position = excluded.position,"
            " acknowledged = excluded.acknowledged WHERE m.position < excluded.position",
            one.stream.name,
            one.under_way.mark,
            orjson.dumps(one.under_way.acknowledged).decode(),
        )

    async def _come_to_an_end(self, loops: Sequence["asyncio.Task[None]"]) -> None:
        """Told to stop: note what the broker has, so that whoever goes on need not repeat it."""
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS):
                for one in self._published:
                    await one.under_way.until_nothing_waits()
        for one in self._published:
            with suppress(*TRANSIENT, asyncpg.PostgresError):
                async with asyncio.timeout(_LAST_ANSWERS):
                    await self._save_mark(one)
