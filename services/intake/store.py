"""What intake remembers has an end: dead letters of an inbox, and what was passed on."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.telemetry import Background, Part, log

_AT_ONCE: Final = 5_000
_LOOK_SECONDS: Final = 600.0

_LEFT = """
SELECT c.consumer, sum(c.letters)::bigint AS letters FROM dead_letter_count c
 WHERE c.consumer = ANY($1::text[]) AND c.at > clock_timestamp() - interval '1 hour'
 GROUP BY c.consumer
"""
_ADD = """
WITH trimmed AS (
    DELETE FROM dead_letter_count
     WHERE consumer = ANY($1::text[]) AND at < clock_timestamp() - interval '1 day'
)
INSERT INTO dead_letter_count AS c
SELECT consumer, date_trunc('minute', clock_timestamp()), letters
  FROM unnest($1::text[], $2::bigint[]) AS given (consumer, letters)
    ON CONFLICT (consumer, at) DO UPDATE SET letters = c.letters + excluded.letters
"""


async def still_kept(
    connection: Connection, letters: Mapping[str, int], limit: int
) -> dict[str, int]:
    """Of so many dead letters of each inbox, how many are kept: at most ``limit`` in an hour.

    They are counted in the caller's transaction, with the batch that they are of.
    """
    if not letters:
        return {}
    names = {f"inbox {organisation}": organisation for organisation in sorted(letters)}
    rows = await connection.fetch(_LEFT, list(names))
    before = {names[row["consumer"]]: int(row["letters"]) for row in rows}
    kept = {
        organisation: min(count, max(0, limit - before.get(organisation, 0)))
        for organisation, count in letters.items()
    }
    await connection.execute(_ADD, list(names), [kept[one] for one in names.values()])
    return kept


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
