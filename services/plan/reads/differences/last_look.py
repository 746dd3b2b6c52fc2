"""What somebody was last shown of a plan, from the records of their own accesses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from shared.chassis.accesses.record import who_of
from shared.chassis.database.database import Database
from shared.ledger import Contributor

# The conditions are those of the index. Only the plan as it stood counts, and all of it that its
# reader sees: whoever was shown a section, an entry or the emergency view has not seen the rest.
_LAST: Final = """
    SELECT access_id, recorded_at, record FROM ledger.access_record
     WHERE plan_id = $1 AND ledger.reader_of(who) = ledger.reader_of($2) AND recorded_at < $3
       AND who IS NOT NULL AND ledger.is_a_look(record, asked)
     ORDER BY recorded_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class Look:
    """One access by which somebody was shown a plan as it stood: in which version, and when."""

    access_id: UUID
    at: datetime
    version: int


async def last_look(
    database: Database, plan_id: UUID, reader: Contributor, before: datetime
) -> Look | None:
    """The last look of this ``sub`` before then; ``None`` where there was none, or it is erased."""
    row = await database.pool.fetchrow(_LAST, plan_id, who_of(reader), before)
    if row is None:
        return None
    version = orjson.loads(row["record"])["plan_version"]
    return Look(row["access_id"], row["recorded_at"], version)
