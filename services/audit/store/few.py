"""Asks the database what may take long, so that whatever is recorded meanwhile goes on."""

import asyncio
from typing import Any, Final

from shared.chassis.database.database import Database

AT_ONCE: Final = 2
"""How many such statements are under way at a time: the pool has more connections than that."""

SECONDS: Final = 10
"""How long one of them may wait for its turn, and then take."""


class FewAtOnce:
    """The same database for statements that an auditor's words are made into.

    Each has a bound at the server: one that nobody waits for any more does not go on there. Raises
    what ``Database`` does, and ``TimeoutError`` where the turn does not come.
    """

    def __init__(self, database: Database, *, at_once: int = AT_ONCE) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(at_once)

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """The rows of one query, when it is its turn."""
        async with asyncio.timeout(SECONDS):
            await self._turns.acquire()
        try:
            async with self._database.transaction() as connection:
                await connection.execute(f"SET LOCAL statement_timeout = '{SECONDS:d}s'")
                rows: list[Any] = await connection.fetch(query, *values)
                return rows
        finally:
            self._turns.release()
