"""What intake remembers has an end: dead letters of an inbox, and what was passed on."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.database.dead_letter_counts import count_letters, letters_of_the_hour
from shared.chassis.telemetry import Background, Part, log

_AT_ONCE: Final = 5_000
_LOOK_SECONDS: Final = 600.0


async def still_kept(
    connection: Connection, letters: Mapping[str, int], limit: int
) -> dict[str, int]:
    """Of so many dead letters of each inbox, how many are kept: at most ``limit`` in an hour.

    They are counted in the caller's transaction, with the batch that they are of.
    """
    if not letters:
        return {}
    names = {f"inbox {organisation}": organisation for organisation in sorted(letters)}
    before = await letters_of_the_hour(connection, names)
    kept = {
        name: min(letters[organisation], max(0, limit - before.get(name, 0)))
        for name, organisation in names.items()
    }
    await count_letters(connection, kept)
    return {names[name]: count for name, count in kept.items()}


class Forgetting(Background):
    """Removes what the broker has had for so many days: contributions are not intake's to keep."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._keep = timedelta(days=days)

    async def part(self) -> Part:
        """Ready while it goes on."""
        return Part(self.is_alive, alive=self.is_alive)

    async def _work(self) -> None:
        while True:
            try:
                await self.forget()
            except TRANSIENT as error:
                log.warning("database.unreachable", error=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def forget(self) -> int:
        """How many rows were removed, a few thousand in each transaction."""
        removed = 0
        while True:
            async with self._database.transaction() as connection:
                gone: int = await connection.fetchval(
                    "SELECT forget_published($1, $2)", self._keep, _AT_ONCE
                )
            removed += gone
            if gone < _AT_ONCE:
                return removed
