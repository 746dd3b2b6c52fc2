"""One service's database: a pool of connections, and the only place that commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeAlias

import asyncpg
import stamina

Connection: TypeAlias = Any
"""An asyncpg connection, or one lent by a pool; the library ships no types."""

UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised where it loses a connection within an answer
    asyncpg.CannotConnectNowError,
    TimeoutError,
)
"""What is raised while PostgreSQL cannot be reached; the same request may be sent again."""

TRANSIENT = (
    *UNREACHABLE,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What PostgreSQL raises for a while and not for good: the same statement may be tried again."""


class _PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # no types
    """A pooled connection on which nobody leaves anything set: giving it back costs no trip."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """The pool, opened by ``async with``; it retries while the server is not there yet.

    Raises ``asyncpg.PostgresError`` and ``OSError`` as they come once it is open.
    """

    def __init__(self, url: str, *, size: int = 4) -> None:
        self.url = url
        self._size = size
        self._pool: asyncpg.Pool | None = None

    async def __aenter__(self) -> Self:
        async for attempt in stamina.retry_context(
            on=UNREACHABLE, attempts=None, timeout=60, wait_max=2
        ):
            with attempt:
                self._pool = await asyncpg.create_pool(
                    self.url,
                    min_size=1,
                    max_size=self._size,
                    connection_class=_PlainConnection,
                    command_timeout=30,
                    timeout=5,
                )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.terminate()

    @property
    def pool(self) -> asyncpg.Pool:
        """The open pool."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction on one connection: committed at the end, rolled back on any error."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def is_answering(self) -> bool:
        """True where a query is answered within two seconds."""
        try:
            async with self.pool.acquire(timeout=2) as connection:
                await connection.fetchval("SELECT 1", timeout=2)
        except (*UNREACHABLE, asyncpg.PostgresError):
            return False
        return True
