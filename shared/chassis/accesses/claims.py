"""How many claims of relationships there are: what an organisation says of itself, and no more."""

import asyncio
from typing import Final

import asyncpg

from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.telemetry import Background, Label, Reading

_LOOK_SECONDS: Final = 60.0
_COUNTED: Final = """
SELECT count(*) FILTER (WHERE is_claim AND (ends IS NULL OR ends > now())) AS open,
       count(*) FILTER (WHERE NOT is_claim AND is_confirmed) AS confirmed,
       count(*) FILTER (WHERE is_claim AND ends <= now()) AS expired
  FROM (SELECT coalesce(said -> 'self_claimed' ->> 1, '') <> 'false' AS is_claim,
               said -> 'confirmed' ->> 1 = 'true' AS is_confirmed,
               (said -> 'live_until' ->> 1)::timestamptz AS ends
          FROM (SELECT convert_from(leaves, 'UTF8')::jsonb AS said
                  FROM access_entry WHERE kind = 'relationship') AS entry
         WHERE coalesce(said -> 'is_out' ->> 1, '') <> 'true') AS relationship
"""


class Claims(Background):
    """Counts them every minute in the service's own copy, while its ``async with`` is open.

    One is ``open`` until it ends; ``confirmed`` once somebody else has said that it is so;
    ``expired`` where nobody did before it ended. What was ended by somebody is none of them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.counts: dict[str, int] = {}

    def reading(self) -> Reading:
        """How many there were when it last looked, by what became of them; none before that."""
        return [(float(n), {Label.OUTCOME.value: word}) for word, n in self.counts.items()]

    async def _work(self) -> None:
        while True:
            try:
                await self.look()
            except (*TRANSIENT, asyncpg.PostgresError) as error:
                telemetry.log.warning("database.unreachable", error=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Count them."""
        self.counts = dict(await self._database.pool.fetchrow(_COUNTED))
