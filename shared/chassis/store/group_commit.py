"""Group commit: requests queue while a commit is being flushed; the next takes them all.

One flusher per process on a connection of its own, no timer: a lone request waits for nothing, and
many share one flush of the write-ahead log.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import asyncpg
import stamina

from shared.chassis.database.database import TRANSIENT, Connection, connect
from shared.chassis.telemetry import Part, log

MAX_ROWS = 1_000
MAX_BYTES = 1_048_576


class Request(Protocol):
    """What is stored whole or not at all, and what it has to do with others of its flush."""

    @property
    def rows(self) -> int:
        """How much room it takes in a flush."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""

    @property
    def touches(self) -> Collection[Hashable]:
        """What no other request of a flush may touch or look at."""

    @property
    def looks_at(self) -> Collection[Hashable]:
        """What no other request of a flush may touch."""

    @property
    def may_come_again(self) -> bool:
        """True where it does no harm, should it be stored already."""


RequestT = TypeVar("RequestT", bound=Request)
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Statement(Generic[RequestT, AnswerT]):
    """The one call that stores a batch: a row for each request, in their order."""

    sql: str
    arguments: Callable[[Sequence[RequestT]], Sequence[Any]]
    answer: Callable[[Any], AnswerT]


class QueueFull(Exception):
    """More is waiting than the bound; nothing of this request was stored."""


class Unavailable(Exception):
    """The database did not answer in time: it may or may not be stored; send the same again."""


@dataclass(slots=True)
class _Waiting(Generic[RequestT, AnswerT]):
    """A request that is queued or in a flush; its answer is done early where nobody waits."""

    request: RequestT
    size: int
    answer: "asyncio.Future[AnswerT]"
    until: float
    is_given_up: bool = False

    def give_up(self, why: str) -> None:
        """It has taken too long; should it not be in a flush yet, it is dropped."""
        self.is_given_up = True
        if not self.answer.done():
            self.answer.set_exception(Unavailable(why))


class GroupCommit(Generic[RequestT, AnswerT]):
    """The flusher of one statement; opened by ``async with``.

    ``on_commit`` is called with what each commit answered, in its order, before the callers wake
    up. The queue is bounded by ``queue_limit`` requests and ``queue_bytes``.
    """

    def __init__(
        self,
        url: str,
        statement: Statement[RequestT, AnswerT],
        *,
        queue_limit: int = 5_000,
        queue_bytes: int = 64 * 1_048_576,
        patience: float = 15.0,
        on_commit: Callable[[Sequence[tuple[RequestT, AnswerT]]], None] | None = None,
    ) -> None:
        self._url = url
        self._statement = statement
        self._queue_limit = queue_limit
        self._queue_bytes = queue_bytes
        self._patience = patience
        self._on_commit = on_commit
        self._queue: deque[_Waiting[RequestT, AnswerT]] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._in_hand: list[_Waiting[RequestT, AnswerT]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._failed_in_a_row = 0
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._connection = await self._connect()
        self._task = asyncio.create_task(self._flush_for_ever(), name="group-commit")
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task
        if self._connection is not None:
            self._connection.terminate()
        if self._timer is not None:
            self._timer.cancel()
        self._turn_away("shutting down")

    @property
    def is_alive(self) -> bool:
        """False when only a restart helps."""
        return self._task is not None and not self._task.done()

    async def part(self) -> Part:
        """Ready while it stores; where it has stopped, why: only a restart helps."""
        is_alive = self.is_alive
        detail = "storing" if is_alive else f"stopped: {type(self.failure).__name__}"
        return Part(is_alive, detail, self.waiting, alive=is_alive)

    @property
    def waiting(self) -> int:
        """Requests that wait for a flush."""
        return len(self._queue)

    async def append(self, request: RequestT) -> AnswerT:
        """Store one request; the answer comes after the commit.

        It is stored also when the caller is cancelled. Raises ``QueueFull``, ``Unavailable``, and
        ``asyncpg.PostgresError`` for a request that the database cannot store at all.
        """
        if not self.is_alive:
            raise Unavailable("no longer storing")
        size = request.size
        is_too_much = self._queued_bytes + size > self._queue_bytes
        if len(self._queue) >= self._queue_limit or (self._queue and is_too_much):
            raise QueueFull
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        waiting = _Waiting[RequestT, AnswerT](request, size, loop.create_future(), until)
        self._queue.append(waiting)
        self._queued_bytes += size
        self._wake.set()
        if self._timer is None:
            self._timer = loop.call_at(until, self._give_up_late)
        return await waiting.answer

    def _give_up_late(self) -> None:
        """One timer for all: patience is the same, so the oldest is the next to lose it."""
        loop = asyncio.get_running_loop()
        now, unanswered = loop.time(), [*self._in_hand, *self._queue]
        for waiting in unanswered:
            if waiting.until <= now:
                waiting.give_up("no commit in time")
        later = [waiting.until for waiting in unanswered if waiting.until > now]
        self._timer = loop.call_at(min(later), self._give_up_late) if later else None

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            self.failure = task.exception()
            log.critical("appends.stopped", error=self.failure)
            self._turn_away("no longer storing")

    def _turn_away(self, why: str) -> None:
        for waiting in (*self._in_hand, *self._queue):
            waiting.give_up(why)
        self._queue.clear()
        self._queued_bytes = 0

    async def _connect(self) -> Connection:
        async for attempt in stamina.retry_context(
            on=TRANSIENT, attempts=None, timeout=None, wait_initial=0.05, wait_max=1
        ):
            with attempt:
                return await connect(self._url, timeout=5, command_timeout=30)
        raise RuntimeError("the retries have no end")

    async def _flush_for_ever(self) -> None:
        while True:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
            self._in_hand = self._next_batch()
            if self._in_hand:
                await self._flush(self._in_hand)

    def _next_batch(self) -> "list[_Waiting[RequestT, AnswerT]]":
        """What is flushed next; a request that has to see another's outcome stays, as the first."""
        batch: list[_Waiting[RequestT, AnswerT]] = []
        kept: list[_Waiting[RequestT, AnswerT]] = []
        touched: set[Hashable] = set()
        looked_at: set[Hashable] = set()
        rows = size = 0
        while self._queue:
            waiting = self._queue.popleft()
            self._queued_bytes -= waiting.size
            if waiting.is_given_up:
                continue
            rows += waiting.request.rows
            size += waiting.size
            if batch and (rows > MAX_ROWS or size > MAX_BYTES):
                self._put_back(waiting)
                break
            touches, looks_at = waiting.request.touches, waiting.request.looks_at
            is_free = (
                touched.isdisjoint(touches)
                and touched.isdisjoint(looks_at)
                and looked_at.isdisjoint(touches)
            )
            (batch if is_free else kept).append(waiting)
            touched.update(touches)
            looked_at.update(looks_at)
        for waiting in reversed(kept):
            self._put_back(waiting)
        return batch

    def _put_back(self, waiting: "_Waiting[RequestT, AnswerT]") -> None:
        self._queue.appendleft(waiting)
        self._queued_bytes += waiting.size

    async def _flush(self, batch: "Sequence[_Waiting[RequestT, AnswerT]]") -> None:
        try:
            answers = await self._call([waiting.request for waiting in batch])
        except TRANSIENT as error:
            # Whether it was committed is not known. The lock makes the next call wait for what may
            # still be running there, and the kept contribution ids then say what was stored.
            log.warning("database.lost", error_type=type(error).__name__)
            if self._connection is not None:
                self._connection.terminate()
            await self._back_off()
            self._connection = await self._connect()
            self._requeue(batch)
        except asyncpg.PostgresError as error:
            await self._one_by_one(batch, error)
        else:
            self._failed_in_a_row = 0
            await self._answer(batch, answers)

    async def _one_by_one(
        self, batch: "Sequence[_Waiting[RequestT, AnswerT]]", error: Exception
    ) -> None:
        if len(batch) > 1:
            for waiting in batch:
                await self._flush([waiting])
        elif not batch[0].answer.done():
            batch[0].answer.set_exception(error)

    async def _back_off(self) -> None:
        """Not the first time; but a full disk takes connections, and says no to each append."""
        if self._failed_in_a_row:
            await asyncio.sleep(min(0.05 * 2**self._failed_in_a_row, 1.0))
        self._failed_in_a_row = min(self._failed_in_a_row + 1, 10)

    def _requeue(self, batch: "Sequence[_Waiting[RequestT, AnswerT]]") -> None:
        for waiting in reversed(batch):
            if waiting.request.may_come_again:
                self._put_back(waiting)
            elif not waiting.answer.done():
                waiting.answer.set_exception(Unavailable("connection lost during the commit"))

    async def _answer(
        self, batch: "Sequence[_Waiting[RequestT, AnswerT]]", given: Sequence[AnswerT]
    ) -> None:
        """Hand on what was committed; then let the callers go on beside the next flush."""
        answers = list(zip(batch, given, strict=True))
        if self._on_commit is not None:
            self._on_commit([(waiting.request, answer) for waiting, answer in answers])
        # Callers who come back at once would all miss a flush that begins before them, or all wait
        # for one that begins after them. One half goes first, so that there is something to flush
        # while the other is at work; where something waits already, that goes first.
        half = 0 if self._queue else (len(answers) + 1) // 2
        _tell(answers[:half])
        if half == len(answers):
            return
        try:
            if half:
                await asyncio.sleep(0)
        finally:
            asyncio.get_running_loop().call_soon(_tell, answers[half:])

    async def _call(self, requests: Sequence[RequestT]) -> list[AnswerT]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        statement = self._statement
        rows = await self._connection.fetch(statement.sql, *statement.arguments(requests))
        return [statement.answer(row) for row in rows]


def _tell(answers: "Sequence[tuple[_Waiting[RequestT, AnswerT], AnswerT]]") -> None:
    for waiting, answer in answers:
        if not waiting.answer.done():
            waiting.answer.set_result(answer)
