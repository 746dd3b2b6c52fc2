"""One service's database: a pool of connections, and the only place that commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

import asyncpg
import stamina
from asyncpg.pool import PoolAcquireContext

Connection: TypeAlias = Any
"""An asyncpg connection, or one lent by a pool; the library ships no types."""

UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised where it loses a connection within an answer
    asyncpg.CannotConnectNowError,
    TimeoutError,
)
"""What is raised while PostgreSQL cannot be reached; the same request may be sent again."""

READ_ONLY = (asyncpg.ReadOnlySQLTransactionError,)
"""25006: the server is a standby, or has become one; another connection may find the right one."""

TRANSIENT = (
    *UNREACHABLE,
    *READ_ONLY,
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03: these end a transaction too slow ...
    asyncpg.TransactionTimeoutError,  # 25P04: ... for a bound that an operator has set
    asyncpg.TransactionRollbackError,  # class 40
    asyncpg.InsufficientResourcesError,  # class 53
    asyncpg.ObjectInUseError,  # 55006
    asyncpg.LockNotAvailableError,  # 55P03
    asyncpg.OperatorInterventionError,  # class 57
    asyncpg.PostgresSystemError,  # class 58: a disk or a file of the server's
)
"""What PostgreSQL raises for a while and not for good: the same statement may be tried again."""


_OF_NO_USE = (*READ_ONLY, TimeoutError, asyncio.CancelledError)


class NotConnected(OSError):
    """The server failed within while it made a connection: its disk may be full."""


async def connect(*where: Any, **how: Any) -> Connection:
    """``asyncpg.connect``; ``NotConnected`` where the server fails within (class XX).

    A statement that makes it fail so would do it again. To make a connection passes by itself.
    """
    try:
        return await asyncpg.connect(*where, **how)
    except asyncpg.InternalServerError as error:
        raise NotConnected("the server failed to make a connection") from error


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # no types
    """A pooled connection on which nobody leaves anything set: giving it back costs no trip."""

    def get_reset_query(self) -> str:
        return ""


class PoolBusy(TimeoutError):
    """So many wait for a connection already that nobody else may."""


class _BoundedPool(asyncpg.Pool):  # type: ignore[misc]  # no types
    """A pool for which nobody waits for ever, and only so many at once."""

    def __init__(self, *given: Any, wait_seconds: float, waiting_limit: int, **named: Any) -> None:
        super().__init__(*given, **named)
        self._wait_seconds = wait_seconds
        self._waiting_limit = waiting_limit
        self._waiting = 0

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - the library's
        if self._waiting >= self._waiting_limit:
            raise PoolBusy
        self._waiting += 1
        try:
            return await super()._acquire(self._wait_seconds if timeout is None else timeout)
        finally:
            self._waiting -= 1

    def acquire(self, *, timeout: float | None = None) -> Any:
        return _Lent(self, timeout)


class _Lent(PoolAcquireContext):  # type: ignore[misc]  # no types
    """A connection for a while, not taken back where it is of no use to whoever comes next.

    Its server has turned out to be read-only: the pool would hand out the one used last for minutes
    after another server has taken over. Or nobody waits for its answer any more: the pool would
    hold up whoever gives it back until the server says that it has stopped.
    """

    async def __aexit__(self, *raised: object) -> None:
        if isinstance(raised[1], _OF_NO_USE):
            self.connection.terminate()
        await super().__aexit__(*raised)


class Database:
    """The pool, opened by ``async with``; it retries while the server is not there yet.

    Whoever finds no connection free within ``wait_seconds``, or ``waiting_limit`` others waiting,
    gets a ``TimeoutError``. Raises ``asyncpg.PostgresError`` and ``OSError`` as they come once it
    is open.
    """

    def __init__(
        self, url: str, *, size: int = 4, wait_seconds: float = 5.0, waiting_limit: int = 1_000
    ) -> None:
        self.url = url
        self._size = size
        self._wait_seconds = wait_seconds
        self._waiting_limit = waiting_limit
        self._pool: _BoundedPool | None = None
        self._probe: asyncpg.Connection | None = None
        self._probing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        async for attempt in stamina.retry_context(
            on=UNREACHABLE, attempts=None, timeout=60, wait_max=2
        ):
            with attempt:
                self._pool = await _BoundedPool(
                    self.url,
                    wait_seconds=self._wait_seconds,
                    waiting_limit=self._waiting_limit,
                    min_size=1,
                    max_size=self._size,
                    max_queries=50_000,
                    max_inactive_connection_lifetime=300.0,
                    connect=connect,
                    loop=None,
                    connection_class=_PlainConnection,
                    record_class=asyncpg.Record,
                    command_timeout=30,
                    timeout=5,
                )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.terminate()
        self._end_probe()

    @property
    def pool(self) -> asyncpg.Pool:
        """The open pool."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """The rows of one query, on any connection of the pool."""
        found: list[Any] = await self.pool.fetch(query, *values)
        return found

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction on one connection: committed at the end, rolled back on any error."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def is_answering(self) -> bool:
        """True where a query is answered within two seconds, however busy the pool is."""
        try:
            async with asyncio.timeout(2), self._probing:
                if self._probe is None or self._probe.is_closed():
                    self._probe = await connect(
                        self.url, server_settings={"application_name": "careplan-probe"}
                    )
                await self._probe.fetchval("SELECT 1")
        except (*UNREACHABLE, asyncpg.PostgresError):
            self._end_probe()
            return False
        return True

    def _end_probe(self) -> None:
        if self._probe is not None:
            self._probe.terminate()
        self._probe = None
