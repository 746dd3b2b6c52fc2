"""The persistence module for the ``eventsourcing`` library, named by ``PERSISTENCE_MODULE``.

The services do not use it: it lets the library's conformance suites, and a stock ``Application``,
run on our tables. An event loop in a thread of its own does the work. It is one thing, and long:
the library's whole interface, which nobody else here has to know.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from threading import Event, Thread
from typing import Any, Final, Never, Self, TypeVar, cast
from uuid import UUID

import asyncpg
from eventsourcing.application import AggregateNotFoundError
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    ListenNotifySubscription,
    Mapper,
    Notification,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    Recording,
    StoredEvent,
    TrackingRecorder,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType

from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.recorder import Recorder
from shared.chassis.store.rows import Append, Appends, appends
from shared.ledger import Entry

_POLL: Final = 0.5

ResultT = TypeVar("ResultT")


class AsyncpgAggregateRecorder(Recorder, AggregateRecorder):
    """Events of entries, by entry, as the library stores and reads them.

    ``loop`` is where the coroutines run; without one there is no synchronous interface.
    """

    def __init__(
        self,
        database: Database,
        commits: Appends,
        section: str,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(database, section)
        self._commits = commits
        self._loop = loop

    async def insert(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        """Store events without a receipt; their positions. Raises the library's errors."""
        if not stored_events:
            return []
        try:
            appended = await self._commits.append(Append(self.rows_of(stored_events)))
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(str(error)) from error
        except (QueueFull, Unavailable) as error:
            raise OperationalError(type(error).__name__) from error
        except asyncpg.PostgresError as error:
            raise DataError(type(error).__name__) from error
        if appended.verdict != "stored" or appended.first_position is None:
            raise IntegrityError(f"{appended.entry_id} is at version {appended.version}")
        first = appended.first_position
        return list(range(first, first + len(stored_events)))

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """The library's way to store."""
        self._insert(stored_events, kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The library's way to read an entry."""
        entry_id = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
        return self._wait_for(self.events(entry_id, gt=gt, lte=lte, desc=desc, limit=limit))

    def _insert(self, stored_events: Sequence[StoredEvent], given: dict[str, Any]) -> list[int]:
        if given.get("tracking") is not None:
            raise NotSupportedError("a ledger tracks no other application")
        return self._wait_for(self.insert(stored_events))

    def _wait_for(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        loop = self._loop
        if loop is None or _running_loop() is loop:
            work.close()
            raise ProgrammingError("await this: its own event loop would wait for itself")
        if loop.is_closed():
            work.close()
            raise OperationalError("the event loop has ended")
        try:
            return asyncio.run_coroutine_threadsafe(work, loop).result()
        except PersistenceError:
            raise
        except TRANSIENT as error:
            raise OperationalError(type(error).__name__) from error


class AsyncpgRecorder(AsyncpgAggregateRecorder, ApplicationRecorder):
    """The same events by their position in the ledger, too: contiguous, in commit order."""

    def __init__(
        self,
        database: Database,
        commits: Appends,
        section: str,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(database, commits, section, loop)
        self._subscriptions: set[AsyncpgSubscription] = set()

    async def notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """Events by position; none is ever added before one that was seen."""
        first = 1 if start is None else start + (not inclusive_of_start)
        rows = await self._database.pool.fetch(
            "SELECT originator_id, originator_version, topic, state, notification_id"
            " FROM stored_events WHERE notification_id >= $1 AND notification_id <= $2"
            " AND ($3::text[] IS NULL OR topic = ANY($3)) ORDER BY notification_id LIMIT $4",
            first,
            2**63 - 1 if stop is None else stop,
            list(topics) or None,
            limit,
        )
        return [Notification(*row) for row in rows]

    async def last_position(self) -> int | None:
        """The position of the newest event; ``None`` where there is none."""
        last = await self._database.pool.fetchval("SELECT max(notification_id) FROM stored_events")
        return cast("int | None", last)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """The library's way to store; the positions."""
        positions = self._insert(stored_events, kwargs)
        for subscription in tuple(self._subscriptions):
            subscription.notify()
        return positions

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The library's way to read by position."""
        return self._wait_for(
            self.notifications(start, limit, stop, topics, inclusive_of_start=inclusive_of_start)
        )

    def max_notification_id(self) -> int | None:
        """The library's way to ask for the newest position."""
        return self._wait_for(self.last_position())

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "AsyncpgSubscription":
        """Events as they come; those that another process stores are seen by asking."""
        return AsyncpgSubscription(self, gt, topics)

    def attach(self, subscription: "AsyncpgSubscription") -> None:
        """Tell this subscription what is stored here."""
        self._subscriptions.add(subscription)

    def detach(self, subscription: "AsyncpgSubscription") -> None:
        """Tell it no longer."""
        self._subscriptions.discard(subscription)


class AsyncpgSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """The library's subscription, woken by this process and by the clock."""

    def __init__(
        self, recorder: AsyncpgRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        self._attached_to = recorder
        recorder.attach(self)
        super().__init__(recorder, gt, topics)

    def notify(self) -> None:
        """There is something new."""
        self._has_been_notified.set()

    def stop(self) -> None:
        """No more events."""
        self._attached_to.detach(self)
        super().stop()

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull()
                self._has_been_notified.wait(_POLL)
        except PersistenceError as error:
            self._thread_error = error
            self.stop()


class AsyncRepository:
    """Entries as they stand, or stood, made again from their events."""

    def __init__(self, recorder: Recorder, mapper: EntryMapper) -> None:
        self._recorder = recorder
        self._mapper = mapper

    async def get(self, entry_id: UUID, *, version: int | None = None) -> Entry:
        """The entry, at a version if one is named; raises ``AggregateNotFoundError``."""
        entry = await self.find(entry_id, version=version)
        if entry is None:
            raise AggregateNotFoundError(entry_id)
        return entry

    async def find(self, entry_id: UUID, *, version: int | None = None) -> Entry | None:
        """The same; ``None`` where there is none."""
        entry: Entry | None = None
        for stored in await self._recorder.events(entry_id, lte=version):
            entry = self._mapper.to_domain_event(stored).mutate(entry)
        return entry


class AsyncApplication:
    """The library's ``Application`` for coroutines, opened by ``async with``."""

    def __init__(self, database_url: str, section: str) -> None:
        self._database = Database(database_url)
        self._commits = appends(database_url)
        self._opened = AsyncExitStack()
        self.mapper = EntryMapper()
        self.recorder = AsyncpgRecorder(self._database, self._commits, section)
        self.repository = AsyncRepository(self.recorder, self.mapper)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(self._database)
            await opened.enter_async_context(self._commits)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def save(self, *entries: Entry) -> list[Recording[UUID]]:
        """Store what the entries have decided, all of it or nothing: ``IntegrityError``."""
        events = [event for entry in entries for event in entry.collect_events()]
        stored = [self.mapper.to_stored_event(event) for event in events]
        positions = await self.recorder.insert(stored)
        return [
            Recording(event, Notification(**vars(row), id=position))
            for event, row, position in zip(events, stored, positions, strict=True)
        ]


class Factory(InfrastructureFactory[TrackingRecorder]):
    """What a synchronous ``Application`` asks for; it keeps an event loop in a thread of its own.

    From the environment it is given: ``DATABASE_URL``, and ``SECTION`` for the leaf hashes.
    """

    DATABASE_URL: Final = "DATABASE_URL"
    SECTION: Final = "SECTION"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        url, section = self.env.get(self.DATABASE_URL), self.env.get(self.SECTION)
        if not url or not section:
            raise OSError(f"{self.DATABASE_URL} and {self.SECTION} have to be named")
        self._thread = _LoopThread()
        try:
            self._database = Database(url)
            self._commits = appends(url)
            self._thread.run(self._open())
        except BaseException:
            self._thread.end()
            raise
        self._section = section

    def close(self) -> None:
        """Close the connections and end the loop."""
        if self._thread.is_running:
            self._thread.run(self._opened.aclose())
            self._thread.end()

    def mapper(
        self,
        transcoder: Transcoder | None = None,
        mapper_class: type[Mapper[Any]] | None = None,
    ) -> Mapper[Any]:
        """The mapper for entries, unless another one is named."""
        if mapper_class is None and not self.env.get(self.MAPPER_TOPIC):
            mapper_class = EntryMapper
        return super().mapper(transcoder, mapper_class)

    def aggregate_recorder(self, purpose: str = "events") -> AsyncpgAggregateRecorder:
        """By entry; there is no other purpose than events, since a ledger keeps no snapshots."""
        if purpose != "events":
            raise NotSupportedError(f"no table for {purpose}: entries are made from their events")
        return AsyncpgAggregateRecorder(
            self._database, self._commits, self._section, self._thread.loop
        )

    def application_recorder(self) -> AsyncpgRecorder:
        """By position as well."""
        return AsyncpgRecorder(self._database, self._commits, self._section, self._thread.loop)

    def tracking_recorder(
        self,
        tracking_recorder_class: type[TrackingRecorder] | None = None,  # noqa: ARG002 - refused
    ) -> Never:
        """Refused: what a consumer has reached is kept with what it produced."""
        raise NotSupportedError("places reached are kept in consumer_offset, not in a recorder")

    def process_recorder(self) -> Never:
        """Refused: a section's ledger follows no other ledger."""
        raise NotSupportedError("places reached are kept in consumer_offset, not in a recorder")

    async def _open(self) -> None:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(self._database)
            await opened.enter_async_context(self._commits)
            self._opened = opened.pop_all()


class _LoopThread:
    """An event loop that runs in a thread until it is told to end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        started = Event()
        self.loop.call_soon(started.set)
        self._thread = Thread(target=self.loop.run_forever, name="recorder", daemon=True)
        self._thread.start()
        started.wait()

    @property
    def is_running(self) -> bool:
        """False once it was told to end."""
        return self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Wait in this thread for work in the other."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def end(self) -> None:
        """Stop the loop and wait for its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
