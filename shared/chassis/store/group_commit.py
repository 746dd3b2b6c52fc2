"""Group commit: appends queue while a commit is being flushed; the next takes them all.

One flusher per process on a connection of its own, no timer: a lone append waits for nothing, and
many share one flush of the write-ahead log.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg
import stamina

from shared.chassis.database.database import TRANSIENT
from shared.chassis.store.rows import APPEND, Append, Appended, StoredRow, arguments, stored_rows
from shared.chassis.telemetry import log

MAX_ROWS = 1_000
MAX_BYTES = 1_048_576


class QueueFull(Exception):
    """More appends are waiting than the bound; nothing of this one was stored."""


class Unavailable(Exception):
    """The database did not answer in time: the append may or may not be stored; send it again."""


@dataclass(slots=True)
class _Waiting:
    """An append that is queued or in a flush; its answer is done early where its caller is gone."""

    request: Append
    answer: "asyncio.Future[Appended]"
    until: float
    is_given_up: bool = False

    def give_up(self, why: str) -> None:
        """It has taken too long; should it not be in a flush yet, it is dropped."""
        self.is_given_up = True
        if not self.answer.done():
            self.answer.set_exception(Unavailable(why))


class GroupCommit:
    """The flusher; opened by ``async with``.

    ``on_commit`` is called with the events of each commit, in position order, before the callers
    wake up.
    """

    def __init__(
        self,
        url: str,
        *,
        queue_limit: int = 5_000,
        patience: float = 15.0,
        on_commit: Callable[[Sequence[StoredRow], bool], None] | None = None,
    ) -> None:
        self._url = url
        self._queue_limit = queue_limit
        self._patience = patience
        self._on_commit = on_commit
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._in_hand: list[_Waiting] = []
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

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

    @property
    def waiting(self) -> int:
        """Appends that wait for a flush."""
        return len(self._queue)

    async def append(self, request: Append) -> Appended:
        """Store one request; the answer comes after the commit.

        The append goes on when the caller is cancelled. Raises ``QueueFull``, ``Unavailable``, and
        ``asyncpg.PostgresError`` for a request that the database cannot store at all.
        """
        if not self.is_alive:
            raise Unavailable("no longer storing")
        if len(self._queue) >= self._queue_limit:
            raise QueueFull
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        waiting = _Waiting(request, loop.create_future(), until)
        self._queue.append(waiting)
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
            self._turn_away("no longer storing")

    def _turn_away(self, why: str) -> None:
        for waiting in (*self._in_hand, *self._queue):
            waiting.give_up(why)
        self._queue.clear()

    async def _connect(self) -> asyncpg.Connection:
        async for attempt in stamina.retry_context(
            on=TRANSIENT, attempts=None, timeout=None, wait_initial=0.05, wait_max=1
        ):
            with attempt:
                return await asyncpg.connect(self._url, timeout=5, command_timeout=30)
        raise RuntimeError("the retries have no end")

    async def _flush_for_ever(self) -> None:
        while True:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
            self._in_hand = self._next_batch()
            if self._in_hand:
                await self._flush(self._in_hand)

    def _next_batch(self) -> list[_Waiting]:
        """What is flushed next; a request that has to see another's outcome stays, as the first."""
        batch: list[_Waiting] = []
        kept: list[_Waiting] = []
        touched: set[UUID | str] = set()
        rows = size = 0
        while self._queue:
            waiting = self._queue.popleft()
            if waiting.is_given_up:
                continue
            rows += waiting.request.rows
            size += waiting.request.size
            if batch and (rows > MAX_ROWS or size > MAX_BYTES):
                self._queue.appendleft(waiting)
                break
            touches = waiting.request.touches
            (batch if touched.isdisjoint(touches) else kept).append(waiting)
            touched |= touches
        self._queue.extendleft(reversed(kept))
        return batch

    async def _flush(self, batch: Sequence[_Waiting]) -> None:
        try:
            appended = await self._call([waiting.request for waiting in batch])
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
            await self._answer(batch, appended)

    async def _one_by_one(self, batch: Sequence[_Waiting], error: Exception) -> None:
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

    def _requeue(self, batch: Sequence[_Waiting]) -> None:
        for waiting in reversed(batch):
            if waiting.request.events and waiting.request.receipt is None:
                if not waiting.answer.done():
                    waiting.answer.set_exception(Unavailable("connection lost during the commit"))
            else:
                self._queue.appendleft(waiting)

    async def _answer(self, batch: Sequence[_Waiting], appended: Sequence[Appended]) -> None:
        """Hand on what was committed; then let the callers go on beside the next flush."""
        answers = list(zip(batch, appended, strict=True))
        if self._on_commit is not None:
            self._hand_on(answers)
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

    def _hand_on(self, answers: Sequence[tuple[_Waiting, Appended]]) -> None:
        stored: list[StoredRow] = []
        has_outgoing = False
        for waiting, answer in answers:
            if answer.verdict == "stored":
                has_outgoing = has_outgoing or bool(waiting.request.outgoing)
                stored.extend(stored_rows(waiting.request, answer))
        if self._on_commit is not None and (stored or has_outgoing):
            self._on_commit(stored, has_outgoing)

    async def _call(self, requests: Sequence[Append]) -> list[Appended]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        rows = await self._connection.fetch(APPEND, *arguments(requests))
        return [Appended._make(row) for row in rows]


def _tell(answers: Sequence[tuple[_Waiting, Appended]]) -> None:
    for waiting, answer in answers:
        if not waiting.answer.done():
            waiting.answer.set_result(answer)
