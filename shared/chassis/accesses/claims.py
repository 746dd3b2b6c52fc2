"""How many claims of relationships there are: what an organisation says of itself, and no more."""

import asyncio
from typing import Final

import asyncpg

from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.telemetry import Background, Label, Reading

_LOOK_SECONDS: Final = 60.0
_COUNTED: Final = """
SELECT count(*) FILTER (WHERE claim = 'claimed' AND claim_ends <= now() IS NOT TRUE) AS open,
       count(*) FILTER (WHERE claim = 'confirmed') AS confirmed,
       count(*) FILTER (WHERE claim = 'claimed' AND claim_ends <= now()) AS expired
  FROM access_entry WHERE claim IS NOT NULL
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
            except TRANSIENT as error:
                telemetry.log.warning("database.unreachable", error=error)
            except asyncpg.PostgresError as error:
                # A figure that is missing takes no contribution with it.
                telemetry.log.warning("claims.uncounted", error=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Count them."""
        self.counts = dict(await self._database.pool.fetchrow(_COUNTED))
