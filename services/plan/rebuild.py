"""``python -m services.plan.rebuild``: makes the read model again beside the live one, swaps them.

Every plan is made from the ledger and compared with the live one, byte for byte. A difference, or
an event that can no longer be read, stops it before the swap, and readers keep what they had.
"""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.plan.fold.domain import Accepted, Outcome, Plan, PlanEntry, PlanEvent, fold
from services.plan.store import parked
from services.plan.store.batch import HeldPlan
from services.plan.store.document import shown
from services.plan.store.projection import columns_of
from services.plan.store.reading import read_event, record_of
from shared.chassis.database.database import Connection
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import Unreadable
from shared.chassis.settings import Settings, SettingUnusable, from_environment

_PLANS_AT_ONCE: Final = 50
_SCHEMA: Final = re.compile(r"projection_v([1-9][0-9]{0,5})")
_LOCK: Final = 7_412
_SHOWN: Final = 5
_COLUMNS: Final = (
    *("plan_id", "version", "revision", "state", "opened_at", "last_updated", "merged_into"),
    *("complete", "positions", "document", "rest"),
)
_LISTED: Final = ", ".join(_COLUMNS)

Row = tuple[Any, ...]
"""A plan's row of the read model, its columns in their order."""


class ModelsDiffer(Exception):
    """Plans that were made again are not the live ones; ``plan_ids`` names the first of them."""

    def __init__(self, plan_ids: Sequence[UUID]) -> None:
        named = ", ".join(str(plan_id) for plan_id in plan_ids[:_SHOWN])
        super().__init__(
            f"Plans that were made again differ from the live ones ({named}). Nothing is swapped."
        )
        self.plan_ids = plan_ids


class EventUnreadable(Exception):
    """An event of the ledger, or one that waits, can no longer be read by this code."""

    def __init__(self, plan_id: UUID, reason: str) -> None:
        super().__init__(
            f"An event of the plan {plan_id} can no longer be read ({reason}). Nothing is swapped."
        )


class AlreadyRuns(Exception):
    """Somebody else is making this model again."""

    def __init__(self) -> None:
        super().__init__("The model is already being made again. Wait until that has ended.")


async def rebuild(
    connection: Connection, schema: str | None = None, *, topic_prefix: str = ""
) -> int:
    """Make a read model in ``schema`` and swap it in; answers how many plans it has.

    Left out, the schema is the one after the live one. What an earlier attempt has left there is
    dropped. Takes a connection that may act as the owner of the tables. The live model is written
    on meanwhile: what has changed since is made once more while writers wait, and readers wait for
    the swap alone. The model that was live stays where it is, for the way back.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        raise AlreadyRuns
    try:
        live = await connection.fetchrow(
            """SELECT viewowner AS owner, table_schema AS schema
                 FROM pg_views JOIN information_schema.view_table_usage
                      ON view_schema = schemaname AND view_name = viewname
                WHERE schemaname = 'public' AND viewname = 'plan'"""
        )
        made = schema or _after(live["schema"])
        if not _SCHEMA.fullmatch(made) or made == live["schema"]:
            raise ValueError(f"{made} is not a schema for a new model")
        try:
            return await _make_and_swap(connection, live, made, topic_prefix)
        except BaseException:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.execute(f"DROP SCHEMA IF EXISTS {made} CASCADE")
            raise
    finally:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


def _after(schema: str) -> str:
    named = _SCHEMA.fullmatch(schema)
    return f"projection_v{int(named[1]) + 1 if named else 1}"


async def _make_and_swap(
    connection: Connection, live: Mapping[str, Any], schema: str, topic_prefix: str
) -> int:
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(f"SET LOCAL ROLE {live['owner']}")
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await _make_table(connection, live["schema"], schema)
        plan_ids: list[UUID] = []
        # What the ledger has and the model lacks is a difference too.
        async for row in connection.cursor(
            "SELECT plan_id FROM plan UNION SELECT plan_id FROM ledger.plan_ledger"
            " WHERE entry_version = 1 AND plan_version = 1"
        ):
            plan_ids.append(row["plan_id"])
            if len(plan_ids) == _PLANS_AT_ONCE:
                await _make(connection, schema, plan_ids, topic_prefix)
                plan_ids = []
        await _make(connection, schema, plan_ids, topic_prefix)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {live['owner']}")
        await connection.execute("LOCK TABLE plan IN EXCLUSIVE MODE")  # writers wait, not readers
        changed = await connection.fetch(
            f"""SELECT plan_id FROM plan LEFT JOIN {schema}.plan made USING (plan_id)
                 WHERE made.revision IS DISTINCT FROM plan.revision"""  # noqa: S608 - a name of ours
        )
        await _make(connection, schema, [row["plan_id"] for row in changed], topic_prefix)
        plans: int = await connection.fetchval("SELECT count(*) FROM plan")
        await connection.execute(  # from here to the commit readers wait too
            f"CREATE OR REPLACE VIEW plan AS SELECT {_LISTED} FROM {schema}.plan"  # noqa: S608 - a name of ours
        )
    return plans


async def _make_table(connection: Connection, live: str, schema: str) -> None:
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"CREATE TABLE {schema}.plan (LIKE {live}.plan INCLUDING ALL)")
    await connection.execute(f"ALTER TABLE {schema}.plan SET (fillfactor = 70)")


async def _make(
    connection: Connection, schema: str, plan_ids: Sequence[UUID], topic_prefix: str
) -> None:
    """Make these plans again, and keep them if they are what the live model has."""
    if not plan_ids:
        return
    live = {
        row["plan_id"]: tuple(row)
        for row in await connection.fetch(
            f"SELECT {_LISTED} FROM plan WHERE plan_id = ANY($1)",  # noqa: S608 - our own words
            plan_ids,
        )
    }
    made = await _made_again(connection, plan_ids, live, topic_prefix)
    differing = [plan_id for plan_id in plan_ids if made.get(plan_id) != live.get(plan_id)]
    if differing:
        raise ModelsDiffer(differing)
    await connection.execute(
        f"DELETE FROM {schema}.plan WHERE plan_id = ANY($1)",  # noqa: S608 - a name of ours
        plan_ids,
    )
    await connection.copy_records_to_table(
        "plan", schema_name=schema, columns=_COLUMNS, records=list(made.values())
    )


async def _made_again(
    connection: Connection,
    plan_ids: Sequence[UUID],
    live: Mapping[UUID, Row],
    topic_prefix: str,
) -> dict[UUID, Row]:
    """The rows of these plans, from the ledger and from what waits."""
    rows = await connection.fetch(
        """SELECT plan_id, section, position, event FROM ledger.plan_ledger
            WHERE plan_id = ANY($1) ORDER BY plan_id, plan_version""",
        plan_ids,
    )
    plans = {plan_id: Plan(plan_id) for plan_id in plan_ids}
    for plan_id, of_the_plan in groupby(rows, key=itemgetter("plan_id")):
        for row in of_the_plan:
            event = _event(plan_id, record_of(row, topic_prefix))
            if fold(plans[plan_id], event, _nothing) is not Outcome.APPLIED:
                raise ModelsDiffer([plan_id])
    for one in await parked.waiting(connection, plan_ids):
        event = _event(one.plan_id, one.record)
        fold(plans[event.plan_id], event, _nothing)
    made = {}
    for plan_id, plan in plans.items():
        row = live.get(plan_id)
        revision = row[_COLUMNS.index("revision")] if row else 0
        if revision == 0 and plan.version == 0:
            made[plan_id] = row or ()  # named by an event that turned out to be another plan's
            continue
        entries = [shown(entry) for entry in plan.entries.values()]
        held = HeldPlan(plan, revision - 1, {entry.key: entry for entry in entries})
        held.write_out()
        made[plan_id] = tuple(column[0] for column in columns_of([held]))
    return made


def _event(plan_id: UUID, record: Record) -> PlanEvent:
    try:
        return read_event(record).event
    except Unreadable as error:
        raise EventUnreadable(plan_id, error.reason) from error


def _nothing(_plan: Plan, _entry: PlanEntry, _accepted: Accepted) -> None:
    """Only what the last event of each entry leaves is written."""


async def _run(settings: Settings) -> int:
    connection = await asyncpg.connect(settings.database_url)
    try:
        return await rebuild(connection, topic_prefix=settings.topic_prefix)
    finally:
        await connection.close()


def main() -> int:
    """The exit code: 0 swapped, 1 not, 2 for a setting that cannot be used.

    ``CAREPLAN_DATABASE_URL`` is that of a role which may act as the owner of the tables.
    """
    try:
        settings = from_environment(Settings, service="plan")
        if not settings.database_url:
            raise SettingUnusable("CAREPLAN_DATABASE_URL must name the plan's database.")
        plans = asyncio.run(_run(settings))
    except SettingUnusable as unusable:
        sys.stderr.write(f"{unusable}\n")
        return 2
    except (ModelsDiffer, EventUnreadable, AlreadyRuns) as stopped:
        sys.stderr.write(f"{stopped}\n")
        return 1
    except (asyncpg.PostgresError, OSError) as error:
        sys.stderr.write(f"PostgreSQL: {error} Nothing is swapped.\n")
        return 1
    sys.stdout.write(
        f"{plans} plans were made again and are the same; readers have the new model.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
