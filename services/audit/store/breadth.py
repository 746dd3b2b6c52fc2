"""Who has lately opened the plans of many people, or searched for many: for somebody to look at."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from services.audit.record.alerts import Alert
from services.audit.store.overrides import keep_alerts
from shared.chassis.database.database import Database

MANY_PLANS: Final = "many-plans-read"
MANY_SEARCHES: Final = "many-searches"
"""The codes of the alerts."""

_NAMESPACE: Final = UUID("0f6b4a52-7a4e-5d0b-8f1c-2f6f1d3f9b11")
_BROAD: Final = """
SELECT broad.*, p.groups, (now() AT TIME ZONE 'UTC')::date AS day
  FROM (SELECT 'many-plans-read' AS code, organisation, actor_id,
               count(DISTINCT plan_id) AS number, max(idx) AS idx
          FROM audit_record
         WHERE operation = 'read' AND actor_kind = 'professional' AND plan_id IS NOT NULL
           AND recorded_at > now() - interval '1 hour'
         GROUP BY organisation, actor_id HAVING count(DISTINCT plan_id) > $1
        UNION ALL
        SELECT 'many-searches', organisation, actor_id, count(*), max(idx)
          FROM audit_record
         WHERE operation = 'search' AND actor_kind = 'professional'
           AND recorded_at > now() - interval '1 hour'
         GROUP BY organisation, actor_id HAVING count(*) > $2) AS broad
  JOIN audit_payload p USING (idx)
 WHERE broad.actor_id IS NOT NULL
"""


class Breadth:
    """Looks how many people's plans each professional has opened within the last hour.

    More than ``plans``, or more than ``searches``, is an alert: one a day for each of them and for
    each of the two, whoever looks.
    """

    def __init__(self, database: Database, *, plans: int, searches: int) -> None:
        self._database = database
        self._plans = plans
        self._searches = searches

    async def tell(self) -> int:
        """Raise the alerts that were not raised today; how many."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_BROAD, self._plans, self._searches)
            told = {alert.record_id: alert for alert in map(_alert_of, rows)}
            if not told:
                return 0
            held = await connection.fetch(
                "SELECT access_id FROM ledger.access_record WHERE access_id = ANY($1)", list(told)
            )
            fresh = [told[key] for key in told.keys() - {row["access_id"] for row in held}]
            await keep_alerts(connection, fresh)
        return len(fresh)


def _alert_of(row: Mapping[str, Any]) -> Alert:
    named = f"{row['code']}/{row['organisation']}/{row['actor_id']}/{row['day']}"
    return Alert.of(
        uuid5(_NAMESPACE, named),
        None,
        row["groups"],
        {"type": "alert.raised", "code": row["code"], "result_count": row["number"]},
    )
