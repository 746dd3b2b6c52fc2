"""Which versions of a plan do not count by a clock, as ranges.

Sections reach the plan in any order and much is stated late, so they need not be the last ones.
Only what is out of order is looked at, and of that the smaller part: what counts or what does not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from services.plan.reads.past.clocks import COLUMN, Clock
from shared.chassis.database.database import Database

Range = list[int]
"""The first version and the last."""

_FROM: Final = {Clock.RECORDED: "recorded_at", Clock.EFFECTIVE: "effective_from"}

# Of each entry of the plan the version up to which all of it counts, 0 where nothing does.
_UP_TO: Final = """
      FROM ledger.plan_ledger began
     CROSS JOIN LATERAL (
           SELECT coalesce((
                  SELECT b.plan_version FROM ledger.plan_ledger b
                   WHERE b.section = began.section AND b.entry_id = began.entry_id
                     AND b.{column} <= $2
                   ORDER BY b.{column} DESC, b.entry_version DESC LIMIT 1), 0) AS version) up_to
"""
_OF_THE_PLAN: Final = """
     WHERE began.plan_id = $1 AND began.entry_version = 1 AND began.plan_version <= $3
"""
_ROWS: Final = """
     CROSS JOIN LATERAL (
           SELECT e.plan_version AS version FROM ledger.plan_ledger e
            WHERE e.section = began.section AND e.entry_id = began.entry_id AND {holds}{limit}) one
"""
_ISLANDS: Final = """
    SELECT min(version) AS first, max(version) AS last
      FROM (SELECT version, version - row_number() OVER (ORDER BY version) AS island
              FROM ({versions}) listed) numbered
     GROUP BY island ORDER BY first
"""


def _lowest(clock: Clock) -> str:
    """The first version that does not count."""
    rows = _ROWS.format(
        holds="e.plan_version > up_to.version", limit=" ORDER BY e.plan_version LIMIT 1"
    )
    return f"SELECT min(one.version) {_UP_TO.format(column=COLUMN[clock])} {rows} {_OF_THE_PLAN}"


def _missing(clock: Clock) -> str:
    holds = f"e.plan_version > up_to.version AND e.plan_version <= $3 AND e.{_FROM[clock]} > $2"
    rows = _ROWS.format(holds=holds, limit="")
    listed = f"SELECT one.version {_UP_TO.format(column=COLUMN[clock])} {rows} {_OF_THE_PLAN}"
    return _ISLANDS.format(versions=listed)


def _counted(clock: Clock) -> str:
    holds = "e.plan_version > $4 AND e.plan_version <= up_to.version"
    late = f"e.entry_version > 1 AND NOT e.in_order AND e.{_FROM[clock]} <= $2"
    late += " AND e.plan_version > up_to.version AND e.plan_version > $4 AND e.plan_version <= $3"
    base = _UP_TO.format(column=COLUMN[clock])
    listed = f"SELECT one.version {base} {_ROWS.format(holds=holds, limit='')} {_OF_THE_PLAN}"
    if clock is Clock.EFFECTIVE:
        rows = _ROWS.format(holds=late, limit="")
        listed += f" UNION SELECT one.version {base} {rows} {_OF_THE_PLAN}"
    return _ISLANDS.format(versions=listed)


_LOWEST: Final = {clock: _lowest(clock) for clock in COLUMN}
_MISSING: Final = {clock: _missing(clock) for clock in COLUMN}
_COUNTED: Final = {clock: _counted(clock) for clock in COLUMN}


async def without(
    database: Database, plan_id: UUID, clock: Clock, at: datetime, highest: int, counted: int
) -> list[Range]:
    """The versions up to the highest that counts which do not, where so many of them do."""
    missing = highest - counted
    if missing == 0:
        return []
    asked = plan_id, at, highest
    lowest: int = await database.pool.fetchval(_LOWEST[clock], *asked)
    in_between = highest - lowest + 1
    if missing <= in_between - missing:
        rows = await database.pool.fetch(_MISSING[clock], *asked)
        return [[row["first"], row["last"]] for row in rows]
    rows = await database.pool.fetch(_COUNTED[clock], *asked, lowest)
    return _between([(row["first"], row["last"]) for row in rows], lowest)


def with_the_rest(ranges: Sequence[Range], highest: int, newest: int) -> list[Range]:
    """The ranges up to the newest version, of which none behind the highest counts."""
    if highest == newest:
        return list(ranges)
    return [*ranges, [highest + 1, newest]]


def _between(counted: Iterable[tuple[int, int]], lowest: int) -> list[Range]:
    """What lies before and between these; the last of them ends with the highest that counts."""
    ranges, following = [], lowest
    for first, last in counted:
        if first > following:
            ranges.append([following, first - 1])
        following = last + 1
    return ranges
