"""The read model of the plans: one row each, taken up and locked for a batch, written once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.fold.domain import EntryKey, Plan
from services.plan.store import ledger, parked
from services.plan.store.batch import Batch, HeldPlan, Parked, Tally, first_claims
from services.plan.store.cache import PlanCache
from services.plan.store.document import entries_of
from services.plan.store.reading import Read
from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import Outgoing, append_outgoing

_COLUMNS: Final = (
    "plan_id, version, revision, state, opened_at, last_updated, merged_into, positions"
)


class PlanStore:
    """Takes up the plans of a batch and writes them, their ledger and what waits."""

    def __init__(self, *, instance: str, policy_version: str) -> None:
        self._instance = instance
        self._policy_version = policy_version
        self._cache = PlanCache()
        self.parked_events = 0
        self.parked_entries = 0

    async def count_parked(self, connection: Connection) -> None:
        """Look how much waits for a missing version, as all replicas have counted it."""
        self.parked_events, self.parked_entries = await connection.fetchrow(
            "SELECT coalesce(sum(parked), 0)::bigint, coalesce(sum(parked_entries), 0)::bigint"
            " FROM ledger.plan_counter"
        )

    async def take_up(self, connection: Connection, reads: Sequence[Read]) -> Batch:
        """The plans of these events, made where they are new, and locked in one order."""
        if not reads:
            return Batch(self, connection, {}, {})
        owners = first_claims(reads)
        named = {read.event.plan_id for read in reads}
        await connection.execute(
            "INSERT INTO plan (plan_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING",
            sorted(named),
        )
        rows = await connection.fetch(
            f"SELECT {_COLUMNS} FROM plan"  # noqa: S608 - our own words
            " WHERE plan_id = ANY($1) ORDER BY plan_id FOR UPDATE",
            sorted(named | await parked.where_strays_wait(connection, owners)),
        )
        plans = {}
        for row in rows:
            kept = self._cache.take(row["plan_id"], row["revision"])
            plans[row["plan_id"]] = kept or HeldPlan(plan_from(row), row["revision"])
        await self._load(connection, [held for held in plans.values() if not held.document])
        unknown = {
            read.event.entry
            for read in reads
            if read.event.entry not in plans[read.event.plan_id].shown
        }
        owners |= await ledger.owners(connection, unknown)
        return Batch(self, connection, plans, owners)

    def keep(self, plans: Iterable[HeldPlan], waiting: Parked | None) -> None:
        """Remember plans as they were committed, and how much then waited."""
        self._cache.keep(plans)
        if waiting is not None:
            self.parked_events, self.parked_entries = waiting

    async def take_out(
        self, connection: Connection, plan_id: UUID, keys: Sequence[EntryKey]
    ) -> list[parked.Waiting]:
        """Events that wait in a plan which their entries are not of, as the records they were."""
        return await parked.take_out(connection, plan_id, keys)

    async def write(
        self,
        connection: Connection,
        plans: Sequence[HeldPlan],
        tally: Tally,
        outgoing: list[Outgoing],
    ) -> Parked | None:
        """Everything the batch changed, each plan once; what needs the ledger's lock comes last.

        Answers how much waits then, where the batch has counted anything.
        """
        await self._write_parked(connection, plans)
        await self._write_plans(connection, plans)
        waiting = await self._write_counts(connection, tally)
        await self._write_ledger(connection, plans)
        await append_outgoing(connection, outgoing)
        return waiting

    async def _load(self, connection: Connection, plans: Sequence[HeldPlan]) -> None:
        """What is not kept in memory, by statements that see what the lock has waited for."""
        stored = {held.plan.plan_id: held for held in plans if held.revision > 0}
        if not stored:
            return
        for row in await connection.fetch(
            "SELECT plan_id, document, rest FROM plan WHERE plan_id = ANY($1)", list(stored)
        ):
            held = stored[row["plan_id"]]
            held.document, held.rest = row["document"] or b"", row["rest"]
            if held.document:
                held.shown = {one.key: one for one in entries_of(held.document, held.rest)}
        versions = {plan_id: held.plan.version for plan_id, held in stored.items()}
        for plan_id, at in (await ledger.projected_at(connection, versions)).items():
            stored[plan_id].projected_at = at
        waiting: dict[UUID, list[parked.Waiting]] = {}
        for one in await parked.waiting(connection, list(stored)):
            waiting.setdefault(one.plan_id, []).append(one)
        for plan_id, what in waiting.items():
            stored[plan_id].take_in(what)

    async def _write_parked(self, connection: Connection, plans: Sequence[HeldPlan]) -> None:
        released = [(held.plan.plan_id, key) for held in plans for key in held.released]
        gone = {key for _, key in released}
        waiting = [
            read
            for held in plans
            for read in held.newly_parked
            if read.event.natural_key not in gone
        ]
        await parked.park(connection, waiting)
        await parked.release(connection, released)

    async def _write_plans(self, connection: Connection, plans: Sequence[HeldPlan]) -> None:
        changed = [held for held in plans if held.is_changed]
        if not changed:
            return
        for held in changed:
            held.write_out()
        *columns, found_by = columns_of(changed)
        await connection.execute(
            """UPDATE plan SET version = n.version, revision = n.revision, state = n.state,
                      opened_at = n.opened_at, last_updated = n.last_updated,
                      merged_into = n.merged_into, complete = n.complete,
                      positions = n.positions, document = n.document, rest = n.rest,
                      found_by = coalesce(string_to_array(nullif(n.found_by, ''), E'\n'), '{}')
                 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[],
                             $6::timestamptz[], $7::uuid[], $8::boolean[], $9::bytea[],
                             $10::bytea[], $11::bytea[], $12::text[])
                      AS n (plan_id, version, revision, state, opened_at, last_updated, merged_into,
                            complete, positions, document, rest, found_by)
                WHERE plan.plan_id = n.plan_id""",
            *columns,
            ["\n".join(keys) for keys in found_by],  # no key has a line's end in it
        )

    async def _write_counts(self, connection: Connection, tally: Tally) -> Parked | None:
        if not tally.consumed:
            return None
        row = await connection.fetchrow(
            """WITH counted AS (
                   INSERT INTO ledger.plan_counter AS c VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (instance) DO UPDATE SET consumed = c.consumed + excluded.consumed,
                   applied = c.applied + excluded.applied,
                   duplicates = c.duplicates + excluded.duplicates,
                   parked = c.parked + excluded.parked,
                   dead_lettered = c.dead_lettered + excluded.dead_lettered,
                   parked_entries = c.parked_entries + excluded.parked_entries
                   RETURNING parked, parked_entries
               )
               SELECT sum(parked)::bigint AS events, sum(parked_entries)::bigint AS entries
                 FROM (SELECT parked, parked_entries FROM counted UNION ALL
                       SELECT parked, parked_entries FROM ledger.plan_counter
                        WHERE instance <> $1) every_replica""",
            self._instance,
            tally.consumed,
            tally.applied,
            tally.duplicates,
            tally.parked,
            tally.dead_lettered,
            tally.parked_entries,
        )
        return row["events"], row["entries"]

    async def _write_ledger(self, connection: Connection, plans: Sequence[HeldPlan]) -> None:
        rows = [row for held in plans for row in held.rows]
        waiting = [
            (read.event.entry, held.plan.plan_id) for held in plans for read in held.newly_parked
        ]
        if not rows and not waiting:
            return
        turn = await ledger.take_turn(connection)
        begun = [(key, held.plan.plan_id) for held in plans for key in held.begun]
        await parked.must_not_stray(connection, begun, waiting)
        projected_at = await ledger.append(
            connection,
            rows,
            turn,
            before={held.plan.plan_id: held.projected_at for held in plans},
            policy_version=self._policy_version,
        )
        for held in plans:
            held.projected_at = projected_at.get(held.plan.plan_id, held.projected_at)


def plan_from(row: Mapping[str, Any]) -> Plan:
    """A plan without its entries, from its stored row."""
    return Plan(
        plan_id=row["plan_id"],
        version=row["version"],
        state=row["state"],
        opened_at=row["opened_at"],
        last_updated=row["last_updated"],
        merged_into=row["merged_into"],
        positions=orjson.loads(row["positions"]),
    )


def columns_of(plans: Sequence[HeldPlan]) -> tuple[list[Any], ...]:
    """The columns of these plans' rows, in the order in which they stand in the table."""
    return (
        [held.plan.plan_id for held in plans],
        [held.plan.version for held in plans],
        [held.revision for held in plans],
        [held.plan.state for held in plans],
        [held.plan.opened_at for held in plans],
        [held.plan.last_updated for held in plans],
        [held.plan.merged_into for held in plans],
        [held.plan.is_complete for held in plans],
        [orjson.dumps(held.plan.positions) for held in plans],
        [held.document or None for held in plans],
        [held.rest for held in plans],
        [[*held.found_by] for held in plans],
    )
