"""The plans as stored: taken up and locked for a batch, written once each, and read."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from services.plan.fold.domain import Accepted, EntryKey, Outcome, Plan, PlanEntry, fold, in_utc
from services.plan.store.document import (
    Shown,
    authorship_bytes,
    dumps,
    entry_from,
    key_of,
    plan_document,
    shown,
    shown_from,
)
from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import (
    Outgoing,
    append_outgoing,
    headers_from_bytes,
    headers_to_bytes,
)
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import event_of
from shared.ledger import RecordedEvent
from shared.ledger.topics import PLAN_CHANGES

_CHANGE_TYPE: Final = b"careplan.plan.changed.v1"
# Of documents; what a plan is made of in memory takes some thirty times as much.
_CACHED_BYTES: Final = 4_000_000

_LEDGER_COLUMNS: Final = (
    *("plan_id", "plan_version", "section", "entry_id", "entry_version", "entry_type", "type"),
    *("change", "contribution_id", "position", "recorded_at", "projected_at", "stated_at", "event"),
)
_PLAN_COLUMNS: Final = """plan_id, version, revision, state, opened_at, last_updated, merged_into,
       positions, projected_at, document"""


@dataclass(frozen=True, slots=True)
class Read:
    """An event that could be read, with the record it was read from."""

    event: RecordedEvent
    record: Record

    @property
    def value(self) -> bytes:
        """Its bytes as they were published."""
        return self.record.value or b""


@dataclass(slots=True)
class Tally:
    """What became of a batch's records: consumed is always the sum of the others.

    ``parked`` counts those that wait now, so that a batch which releases some has less of them.
    """

    consumed: int = 0
    applied: int = 0
    duplicates: int = 0
    parked: int = 0
    dead_lettered: int = 0
    gaps: int = 0


@dataclass(slots=True)
class _Held:
    """A plan that a batch works on, locked, and what the batch changes of it.

    Of ``plan.entries`` only those are unpacked that the batch names; ``rows`` has the others as
    they are stored, ``shown`` all of them as the document has them, in its order.
    """

    plan: Plan
    revision: int
    rows: dict[EntryKey, Mapping[str, Any]] = field(default_factory=dict)
    shown: dict[EntryKey, Shown] = field(default_factory=dict)
    values: dict[tuple[str, UUID, int], bytes] = field(default_factory=dict)
    touched: dict[EntryKey, None] = field(default_factory=dict)
    newly_parked: list[Read] = field(default_factory=list)
    released: list[tuple[str, UUID, int]] = field(default_factory=list)
    evicted: list[EntryKey] = field(default_factory=list)
    projected_at: datetime | None = None
    document: bytes = b""

    @property
    def is_changed(self) -> bool:
        return bool(self.plan.accepted or self.newly_parked or self.evicted)

    def fold(self, read: Read) -> Outcome:
        event = read.event
        key = event.entry
        if key not in self.plan.entries and key in self.rows:
            self.plan.entries[key] = entry_from(self.rows.pop(key))
        before = len(self.plan.accepted)
        outcome = fold(self.plan, event)
        if outcome is Outcome.PARKED:
            self.newly_parked.append(read)
            self.values[event.natural_key] = read.value
        elif outcome is Outcome.APPLIED:
            self.values[event.natural_key] = read.value
            self.touched[key] = None
            released = self.plan.accepted[before + 1 :]
            self.released += [accepted.event.natural_key for accepted in released]
        return outcome

    def settled(self) -> "_Held":
        """As it is kept in memory after the commit, for the next batch."""
        self.plan.accepted = []
        self.touched, self.newly_parked, self.released, self.evicted = {}, [], [], []
        parked = self.plan.parked.values()
        waiting = {event.natural_key for events in parked for event in events.values()}
        self.values = {key: self.values[key] for key in waiting}
        return self


class PlanStore:
    """The read model of the plans and their ledger.

    Plans that were written lately are kept in memory as they were stored; a kept one is used only
    where its locked row says that nobody else has written it since.
    """

    def __init__(self, *, topic_prefix: str, instance: str) -> None:
        self._changes_topic = topic_prefix + PLAN_CHANGES
        self._instance = instance
        self._kept: OrderedDict[UUID, _Held] = OrderedDict()
        self._kept_bytes = 0
        self.parked_events = 0
        self.parked_entries = 0

    async def count_parked(self, connection: Connection) -> None:
        """Look how much waits for a missing version."""
        row = await connection.fetchrow(
            "SELECT count(*), count(DISTINCT (section, entry_id)) FROM plan_parked"
        )
        self.parked_events, self.parked_entries = row

    async def take_up(self, connection: Connection, reads: Sequence[Read]) -> "Batch":
        """The plans of these events, made where they are new, and locked in one order."""
        if not reads:
            return Batch(self, connection, {}, {})
        owners = _first_claims(reads)
        named = {read.event.plan_id for read in reads}
        await connection.execute(
            "INSERT INTO plan (plan_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING",
            sorted(named),
        )
        rows = await connection.fetch(
            f"SELECT {_PLAN_COLUMNS} FROM plan"  # noqa: S608 - our own words
            " WHERE plan_id = ANY($1) ORDER BY plan_id FOR UPDATE",
            sorted(named | await self._where_strays_wait(connection, owners)),
        )
        held = {row["plan_id"]: self._from_memory(row) for row in rows}
        missing = [row for row in rows if held[row["plan_id"]] is None]
        plans = {plan_id: one for plan_id, one in held.items() if one is not None}
        plans |= await self._load(connection, missing)
        owners |= await self._owners(connection, plans, reads)
        return Batch(self, connection, plans, owners)

    def keep(self, plans: Iterable[_Held]) -> None:
        """Remember plans as they were committed."""
        for held in plans:
            self._forget(held.plan.plan_id)
            if held.document:
                self._kept[held.plan.plan_id] = held.settled()
                self._kept_bytes += len(held.document)
        while self._kept_bytes > _CACHED_BYTES:
            self._forget(next(iter(self._kept)))

    def _from_memory(self, row: Mapping[str, Any]) -> _Held | None:
        # Taken out while a batch works on it: should the batch fail, what is kept would be wrong.
        held = self._forget(row["plan_id"])
        return held if held is not None and held.revision == row["revision"] else None

    def _forget(self, plan_id: UUID) -> _Held | None:
        held = self._kept.pop(plan_id, None)
        if held is not None:
            self._kept_bytes -= len(held.document)
        return held

    async def _load(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]]
    ) -> dict[UUID, _Held]:
        plans = {row["plan_id"]: _Held(plan_from(row), row["revision"]) for row in rows}
        for row in rows:
            plans[row["plan_id"]].projected_at = row["projected_at"]
            plans[row["plan_id"]].document = row["document"] or b""
        stored = [row["plan_id"] for row in rows if row["revision"] > 0]
        if not stored:
            return plans
        for entry in await connection.fetch(
            "SELECT * FROM plan_entry WHERE plan_id = ANY($1) ORDER BY entry_order", stored
        ):
            held = plans[entry["plan_id"]]
            held.rows[key_of(entry)] = entry
            held.shown[key_of(entry)] = shown_from(entry)
        for parked in await connection.fetch(
            "SELECT * FROM plan_parked WHERE plan_id = ANY($1)", stored
        ):
            held = plans[parked["plan_id"]]
            event = event_from(parked)
            held.plan.parked.setdefault(event.entry, {})[event.entry_version] = event
            held.values[event.natural_key] = parked["event"]
            if event.entry in held.rows:
                held.plan.entries[event.entry] = entry_from(held.rows.pop(event.entry))
        return plans

    async def _where_strays_wait(
        self, connection: Connection, owners: Mapping[EntryKey, UUID]
    ) -> set[UUID]:
        """Plans in which events wait whose entry begins in another plan, in this batch."""
        if not owners:
            return set()
        rows = await connection.fetch(
            """SELECT DISTINCT parked.plan_id
                 FROM plan_parked parked
                 JOIN unnest($1::text[], $2::uuid[], $3::uuid[])
                      AS owned (section, entry_id, plan_id) USING (section, entry_id)
                WHERE parked.plan_id <> owned.plan_id""",
            [section for section, _ in owners],
            [entry_id for _, entry_id in owners],
            list(owners.values()),
        )
        return {row["plan_id"] for row in rows}

    async def _owners(
        self, connection: Connection, plans: Mapping[UUID, _Held], reads: Sequence[Read]
    ) -> dict[EntryKey, UUID]:
        """The plans of entries that an event's own plan does not have."""
        unknown = {
            read.event.entry
            for read in reads
            if read.event.entry not in plans[read.event.plan_id].shown
        }
        if not unknown:
            return {}
        rows = await connection.fetch(
            """SELECT section, entry_id, plan_id
                 FROM plan_entry
                 JOIN unnest($1::text[], $2::uuid[]) AS asked (section, entry_id)
                      USING (section, entry_id)""",
            [section for section, _ in unknown],
            [entry_id for _, entry_id in unknown],
        )
        return {key_of(row): row["plan_id"] for row in rows}

    async def write(
        self, connection: Connection, plans: Sequence[_Held], tally: Tally, outgoing: list[Outgoing]
    ) -> None:
        """Everything the batch changed, each plan and entry once; outgoing rows last of all."""
        await self._write_parked(connection, plans)
        await self._write_entries(connection, plans)
        await self._write_plans(connection, plans)
        await self._write_ledger(connection, plans)
        if tally.consumed:
            await connection.execute(
                """INSERT INTO plan_counter AS c VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (instance) DO UPDATE SET consumed = c.consumed + excluded.consumed,
                   applied = c.applied + excluded.applied,
                   duplicates = c.duplicates + excluded.duplicates,
                   parked = c.parked + excluded.parked,
                   dead_lettered = c.dead_lettered + excluded.dead_lettered""",
                self._instance,
                tally.consumed,
                tally.applied,
                tally.duplicates,
                tally.parked,
                tally.dead_lettered,
            )
        changes = [self._change(held, one) for held in plans for one in held.plan.accepted]
        await append_outgoing(connection, [*outgoing, *changes])

    async def _write_parked(self, connection: Connection, plans: Sequence[_Held]) -> None:
        released = [(held.plan.plan_id, key) for held in plans for key in held.released]
        gone = {key for _, key in released}
        parked = [
            read
            for held in plans
            for read in held.newly_parked
            if read.event.natural_key not in gone
        ]
        if parked:
            await connection.execute(
                """INSERT INTO plan_parked
                   (section, entry_id, entry_version, plan_id, position, traceparent, event,
                    headers, from_topic, from_partition, from_offset)
                   SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[],
                                        $5::bigint[], $6::text[], $7::bytea[], $8::bytea[],
                                        $9::text[], $10::integer[], $11::bigint[])""",
                [read.event.section for read in parked],
                [read.event.entry_id for read in parked],
                [read.event.entry_version for read in parked],
                [read.event.plan_id for read in parked],
                [read.event.position for read in parked],
                [read.event.traceparent for read in parked],
                [read.value for read in parked],
                [headers_to_bytes(tuple(read.record.headers)) for read in parked],
                [read.record.topic for read in parked],
                [read.record.partition for read in parked],
                [read.record.offset for read in parked],
            )
        if released:
            await connection.execute(
                """DELETE FROM plan_parked
                    USING unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
                          AS gone (plan_id, section, entry_id, entry_version)
                    WHERE plan_parked.section = gone.section
                      AND plan_parked.entry_id = gone.entry_id
                      AND plan_parked.entry_version = gone.entry_version
                      AND plan_parked.plan_id = gone.plan_id""",
                [plan_id for plan_id, _ in released],
                [section for _, (section, _, _) in released],
                [entry_id for _, (_, entry_id, _) in released],
                [entry_version for _, (_, _, entry_version) in released],
            )
        if parked or released or any(held.evicted for held in plans):
            await self.count_parked(connection)

    async def take_out(
        self, connection: Connection, plan_id: UUID, keys: Sequence[EntryKey]
    ) -> list[Record]:
        """Events that wait in a plan which their entries are not of, as the records they were."""
        rows = await connection.fetch(
            """DELETE FROM plan_parked
                USING unnest($2::text[], $3::uuid[]) AS gone (section, entry_id)
                WHERE plan_parked.plan_id = $1 AND plan_parked.section = gone.section
                  AND plan_parked.entry_id = gone.entry_id
            RETURNING plan_parked.*""",
            plan_id,
            [section for section, _ in keys],
            [entry_id for _, entry_id in keys],
        )
        return [_record_from(row) for row in rows]

    async def _write_entries(self, connection: Connection, plans: Sequence[_Held]) -> None:
        entries: list[tuple[PlanEntry, UUID, bytes]] = []
        for held in plans:
            for key in held.touched:
                entry = held.plan.entries[key]
                content = dumps(entry.content)
                held.shown[key] = shown(entry, content)
                entries.append((entry, held.plan.plan_id, content))
        if not entries:
            return
        entries.sort(key=lambda one: (one[0].section, one[0].entry_id))
        written = await connection.execute(
            """INSERT INTO plan_entry AS e
               (section, entry_id, plan_id, entry_type, entry_order, entry_version, current, state,
                recorded_at, stated_at, content, authorship)
               SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[],
                                    $6::bigint[], $7::boolean[], $8::text[], $9::timestamptz[],
                                    $10::timestamptz[], $11::bytea[], $12::bytea[])
                   ON CONFLICT (section, entry_id) DO UPDATE SET
                      entry_version = excluded.entry_version, current = excluded.current,
                      state = excluded.state, recorded_at = excluded.recorded_at,
                      stated_at = excluded.stated_at, content = excluded.content,
                      authorship = excluded.authorship
                WHERE e.plan_id = excluded.plan_id""",
            [entry.section for entry, _, _ in entries],
            [entry.entry_id for entry, _, _ in entries],
            [plan_id for _, plan_id, _ in entries],
            [entry.entry_type for entry, _, _ in entries],
            [entry.order for entry, _, _ in entries],
            [entry.version for entry, _, _ in entries],
            [entry.current for entry, _, _ in entries],
            [entry.state for entry, _, _ in entries],
            [entry.recorded_at for entry, _, _ in entries],
            [entry.stated_at for entry, _, _ in entries],
            [content for _, _, content in entries],
            [authorship_bytes(entry) for entry, _, _ in entries],
        )
        if written != f"INSERT 0 {len(entries)}":
            # Another replica has just given the entry to another plan: seen at the next attempt.
            raise asyncpg.SerializationError("an entry was written under two plans at once")

    async def _write_plans(self, connection: Connection, plans: Sequence[_Held]) -> None:
        changed = [held for held in plans if held.is_changed]
        if not changed:
            return
        for held in changed:
            held.revision += 1
            is_empty = held.plan.version == 0 and not held.plan.parked
            held.document = b"" if is_empty else plan_document(held.plan, held.shown.values())
        rows = await connection.fetch(
            """UPDATE plan SET version = n.version, revision = n.revision, state = n.state,
                      opened_at = n.opened_at, last_updated = n.last_updated,
                      merged_into = n.merged_into, complete = n.complete,
                      positions = n.positions::jsonb, document = n.document,
                      document_sha256 = sha256(n.document),
                      projected_at = CASE WHEN n.version = plan.version THEN plan.projected_at
                                     ELSE greatest(clock_timestamp(), plan.projected_at) END
                 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[],
                             $6::timestamptz[], $7::text[], $8::boolean[], $9::text[], $10::bytea[])
                      AS n (plan_id, version, revision, state, opened_at, last_updated, merged_into,
                            complete, positions, document)
                WHERE plan.plan_id = n.plan_id
            RETURNING plan.plan_id, plan.projected_at""",
            [held.plan.plan_id for held in changed],
            [held.plan.version for held in changed],
            [held.revision for held in changed],
            [held.plan.state for held in changed],
            [held.plan.opened_at for held in changed],
            [held.plan.last_updated for held in changed],
            [held.plan.merged_into for held in changed],
            [held.plan.is_complete for held in changed],
            [orjson.dumps(held.plan.positions).decode() for held in changed],
            [held.document or None for held in changed],
        )
        projected_at = {row["plan_id"]: row["projected_at"] for row in rows}
        for held in changed:
            held.projected_at = projected_at[held.plan.plan_id]

    async def _write_ledger(self, connection: Connection, plans: Sequence[_Held]) -> None:
        accepted = [(held, one) for held in plans for one in held.plan.accepted]
        if accepted:
            # COPY: the driver looks at every element of an array before it encodes one.
            await connection.copy_records_to_table(
                "plan_ledger",
                columns=_LEDGER_COLUMNS,
                records=[_ledger_row(held, one) for held, one in accepted],
            )

    def _change(self, held: _Held, accepted: Accepted) -> Outgoing:
        event = accepted.event
        plan_id = str(event.plan_id)
        value = {
            "plan_id": plan_id,
            "plan_version": accepted.plan_version,
            "section": event.section,
            "entry_id": str(event.entry_id),
            "entry_type": event.entry_type,
            "entry_version": event.entry_version,
            "change": event.change,
            "type": event.type,
            "contribution_id": str(event.contribution_id),
            "recorded_at": event.recorded_at,
            "projected_at": held.projected_at,
            "stated_at": accepted.stated_at,
            "by": accepted.by,
        }
        key = plan_id.encode()
        headers: tuple[tuple[str, bytes | None], ...] = (
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{plan_id}.{accepted.plan_version}".encode()),
            ("ce_source", b"urn:careplan:plan"),
            ("ce_type", _CHANGE_TYPE),
            ("ce_subject", f"plan/{plan_id}".encode()),
            ("ce_partitionkey", key),
        )
        if event.traceparent:
            headers += (("traceparent", event.traceparent.encode()),)
        return Outgoing(self._changes_topic, key, headers, dumps(value))


class Batch:
    """The plans of one batch, locked until its transaction ends."""

    def __init__(
        self,
        store: PlanStore,
        connection: Connection,
        plans: dict[UUID, _Held],
        owners: dict[EntryKey, UUID],
    ) -> None:
        self._store = store
        self._connection = connection
        self._plans = plans
        self._owners = owners
        self.tally = Tally()

    def belongs_elsewhere(self, event: RecordedEvent) -> bool:
        """True where the entry is another plan's; an entry never leaves the plan of its first."""
        return self._owners.get(event.entry, event.plan_id) != event.plan_id

    def fold(self, read: Read) -> Outcome:
        """Fold one event into its plan, and count what became of it."""
        held = self._plans[read.event.plan_id]
        released = len(held.released)
        outcome = held.fold(read)
        tally = self.tally
        tally.consumed += 1
        if outcome is Outcome.APPLIED:
            released = len(held.released) - released
            tally.applied += 1 + released
            tally.parked -= released
        elif outcome is Outcome.PARKED:
            tally.parked += 1
            tally.gaps += 1
        else:
            tally.duplicates += 1
        return outcome

    def count_dead_letter(self) -> None:
        """One record more that could not be read or applied."""
        self.tally.consumed += 1
        self.tally.dead_lettered += 1

    async def evict(self) -> list[Record]:
        """What waits in a plan for an entry that has turned out to be another plan's."""
        evicted: list[Record] = []
        for plan_id, held in self._plans.items():
            strays = [key for key in held.plan.parked if self._owners.get(key, plan_id) != plan_id]
            if strays:
                for key in strays:
                    del held.plan.parked[key]
                held.evicted = strays
                evicted += await self._store.take_out(self._connection, plan_id, strays)
        self.tally.parked -= len(evicted)
        self.tally.dead_lettered += len(evicted)
        return evicted

    async def write(self, outgoing: list[Outgoing]) -> None:
        """Write what the batch has changed; ``outgoing`` has its dead letters."""
        await self._store.write(self._connection, list(self._plans.values()), self.tally, outgoing)

    def committed(self) -> None:
        """After the commit, and only then."""
        self._store.keep(self._plans.values())


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


def event_from(row: Mapping[str, Any]) -> RecordedEvent:
    """An event from its stored bytes, and the columns that were headers."""
    headers = [
        ("ce_position", None if row["position"] is None else str(row["position"]).encode()),
        ("traceparent", row["traceparent"].encode() if row.get("traceparent") else None),
    ]
    record = SimpleNamespace(key=str(row["plan_id"]).encode(), value=row["event"], headers=headers)
    return in_utc(event_of(record))


def _ledger_row(held: _Held, accepted: Accepted) -> tuple[Any, ...]:
    event = accepted.event
    return (
        event.plan_id,
        accepted.plan_version,
        event.section,
        event.entry_id,
        event.entry_version,
        event.entry_type,
        event.type,
        event.change,
        event.contribution_id,
        event.position,
        event.recorded_at,
        held.projected_at,
        accepted.stated_at,
        held.values[event.natural_key],
    )


def _first_claims(reads: Sequence[Read]) -> dict[EntryKey, UUID]:
    """The plan of each entry that begins in this batch: that of its first event."""
    claims: dict[EntryKey, UUID] = {}
    for read in reads:
        if read.event.entry_version == 1:
            claims.setdefault(read.event.entry, read.event.plan_id)
    return claims


def _record_from(row: Mapping[str, Any]) -> Record:
    return Record(
        topic=row["from_topic"],
        partition=row["from_partition"],
        offset=row["from_offset"],
        timestamp=0,
        timestamp_type=0,
        key=str(row["plan_id"]).encode(),
        value=row["event"],
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(row["event"]),
        headers=headers_from_bytes(row["headers"]),
    )
