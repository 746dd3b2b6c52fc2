"""Makes the read model again from the ledger, plan by plan, beside the live one, and swaps them.

Every plan that was made again is compared with the live one, byte for byte. A difference stops the
rebuild before the swap, and readers keep what they had.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from services.plan.fold.domain import Accepted, Outcome, Plan, PlanEntry, fold
from services.plan.store import parked
from services.plan.store.batch import HeldPlan
from services.plan.store.document import shown
from services.plan.store.projection import columns_of
from services.plan.store.reading import read_event
from shared.chassis.database.database import Connection
from shared.chassis.kafka.dead_letters import Record
from shared.ledger.topics import events_topic

_PLANS_AT_ONCE: Final = 50
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
        super().__init__("plans that were made again differ from the live ones: nothing is swapped")
        self.plan_ids = plan_ids


async def rebuild(connection: Connection, schema: str, *, topic_prefix: str = "") -> int:
    """Make a read model in the new ``schema`` and swap it in; answers how many plans it has.

    Takes a connection that may act as the owner of the tables. The live model is written on
    meanwhile: what has changed since is made once more while writers wait, and readers wait for
    the swap alone. The model that was live stays where it is, for the way back.
    """
    live = await connection.fetchrow(
        """SELECT viewowner AS owner, table_schema AS schema
             FROM pg_views JOIN information_schema.view_table_usage
                  ON view_schema = schemaname AND view_name = viewname
            WHERE schemaname = 'public' AND viewname = 'plan'"""
    )
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(f"SET LOCAL ROLE {live['owner']}")
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
        await connection.execute(
            f"CREATE OR REPLACE VIEW plan AS SELECT {_LISTED} FROM {schema}.plan"  # noqa: S608
        )
        plans: int = await connection.fetchval("SELECT count(*) FROM plan")
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
            event = read_event(_record(row, topic_prefix)).event
            if fold(plans[plan_id], event, _nothing) is not Outcome.APPLIED:
                raise ModelsDiffer([plan_id])
    for one in await parked.waiting(connection, plan_ids):
        event = read_event(one.record).event
        fold(plans[event.plan_id], event, _nothing)
    made = {}
    for plan_id, plan in plans.items():
        row = live.get(plan_id)
        revision = row[_COLUMNS.index("revision")] if row else 0
        if revision == 0 and plan.version == 0:
            made[plan_id] = row or ()  # named by an event that is not folded yet
            continue
        entries = [shown(entry) for entry in plan.entries.values()]
        held = HeldPlan(plan, revision - 1, {entry.key: entry for entry in entries})
        held.write_out()
        made[plan_id] = tuple(column[0] for column in columns_of([held]))
    return made


def _record(row: Mapping[str, Any], topic_prefix: str) -> Record:
    """The record that an event was read from, as far as the fold looks at it."""
    position = row["position"]
    return Record(
        topic=topic_prefix + events_topic(row["section"]),
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=str(row["plan_id"]).encode(),
        value=row["event"],
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(row["event"]),
        headers=() if position is None else (("ce_position", b"%d" % position),),
    )


def _nothing(_plan: Plan, _entry: PlanEntry, _accepted: Accepted) -> None:
    """Only what the last event of each entry leaves is written."""
