"""Overrides: reads in an emergency without a relationship, or against an objection.

The first one of a caller begins an override, with an alert; others until its end are under it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from shared.chassis.accesses.record import Asked, Did, Shown, What, access_record, who_of
from shared.chassis.accesses.rows import salts
from shared.chassis.database.database import Database
from shared.chassis.policy.facts import Decision
from shared.chassis.telemetry import Count, Label, counter, inject
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor
from shared.ledger.names import trace_of

BASES: Final = ("consent", "legal", "public-interest", "vital-interest")
"""On what somebody may rest that they set aside what keeps others out."""

_KEEP: Final = """
SELECT override_id, ends_at, begins
  FROM ledger.keep_override($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_OVERRIDE_OF: Final = """
SELECT a.override_id, o.plan_id, o.sub
  FROM ledger.access_record a JOIN ledger.access_override o USING (override_id)
 WHERE a.access_id = $1
"""


class Overrides:
    """The overrides of one service; each lasts so many ``seconds``."""

    def __init__(self, database: Database, seconds: float) -> None:
        self._database = database
        self._lasts = timedelta(seconds=seconds)

    async def keep(self, asked: Asked, shown: Shown) -> tuple[UUID, datetime]:
        """Record what is shown under an override; the id of the access, and when that ends."""
        if asked.plan_id is None or asked.decision.override is None or asked.reason is None:
            raise ValueError("an override is of one plan, and has a reason")
        trace_id = trace_of(inject())
        access_id, alert_id = uuid7(), uuid7()
        alert = replace(asked, more={"status": None, "code": asked.decision.override})
        who = who_of(asked.contributor)
        row = await self._database.pool.fetchrow(
            _KEEP,
            asked.plan_id,
            asked.contributor.sub,
            asked.decision.override,
            asked.reason,
            self._lasts,
            uuid7(),
            [access_id, alert_id],
            asked.query,
            [
                access_record(access_id, asked, shown, trace_id),
                access_record(alert_id, alert, None, trace_id, Did.ALERT),
            ],
            [who, who],
            salts(2),
        )
        if row["begins"]:
            counter(Count.OVERRIDES).add(1, {Label.CODE.value: asked.decision.override})
        return access_id, row["ends_at"]

    async def justify(
        self, access_id: UUID, contributor: Contributor, basis: str, text: str
    ) -> UUID:
        """Keep why an override was used; the id of the record of that. Raises ``Problem``."""
        pool = self._database.pool
        found = await pool.fetchrow(_OVERRIDE_OF, access_id)
        if found is None or found["sub"] != contributor.sub:
            raise Problem("access-unknown")
        justified_id = uuid7()
        asked = Asked(
            contributor,
            Decision(True),
            What.EMERGENCY,
            found["plan_id"],
            "emergency",
            more={"status": None, "justifies": str(access_id)},
        )
        record = access_record(justified_id, asked, None, trace_of(inject()), Did.JUSTIFICATION)
        # What they say may tell of somebody: it stands with who they are, and can be erased.
        who = {**orjson.loads(who_of(contributor)), "reason": text}
        is_first = await pool.fetchval(
            "SELECT ledger.justify_override($1, $2, $3, $4, $5, $6, $7)",
            found["override_id"],
            found["plan_id"],
            basis,
            justified_id,
            record,
            orjson.dumps(who),
            salts(1)[0],
        )
        if not is_first:
            raise Problem("access-already-justified")
        return justified_id
