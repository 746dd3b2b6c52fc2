"""The section's event store: load an entry; save events and receipt in one transaction."""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

import orjson

from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.store.mapper import ENVELOPE, EntryMapper
from shared.chassis.store.recorder import Recorder
from shared.chassis.store.rows import (
    Append,
    Appended,
    Appends,
    EventRow,
    NamedMedia,
    ReceiptRow,
)
from shared.chassis.wire.position import encoded
from shared.ledger import Entry, Section, instant

MAX_EVENT_BYTES = 3 * 1024 * 1024
"""What one event may hold: with its envelope it must still fit into a message (4 MiB)."""


class EventTooLarge(Exception):
    """A list or a text of the entry has grown beyond what one event may hold."""


class Moved(NamedTuple):
    """An entry with new events, and the unique keys it held before the decision."""

    entry: Entry
    held_keys: frozenset[str] = frozenset()


class _Held(NamedTuple):
    """An entry as it was last stored, and how many bytes its events have."""

    entry: Entry
    size: int


class EventStore:
    """Entries of one section, and the receipts of what was contributed to them.

    The cache holds entries as they were last stored, within ``cache_size`` entries and
    ``cache_bytes`` of events. It is never trusted: the version check at the append decides.
    """

    def __init__(
        self,
        database: Database,
        commits: Appends,
        section: Section,
        *,
        cache_size: int = 2_000,
        cache_bytes: int = 64 * 1_048_576,
    ) -> None:
        self.section = section
        self._database = database
        self._commits = commits
        self._recorder = Recorder(database, section.wire_name)
        self._mapper = EntryMapper()
        self._cache: OrderedDict[UUID, _Held] = OrderedDict()
        self._cache_size = cache_size
        self._cache_bytes = cache_bytes
        self._cached_bytes = 0

    async def load(self, entry_id: UUID, *, afresh: bool = False) -> Entry | None:
        """The entry as it stands, to be decided on; ``None`` where there is none.

        ``afresh``: with what was stored since it was last seen here, by another replica.
        """
        held = self._cache.get(entry_id)
        if held is None:
            held = await self._with_the_rest(entry_id, None, 0)
        elif afresh:
            entry = held.entry
            held = await self._with_the_rest(entry_id, _copy_of(entry), held.size, entry.version)
        if held is None:
            return None
        self._remember(held)
        return _copy_of(held.entry)

    async def save(
        self,
        moved: Sequence[Moved],
        receipt: ReceiptRow,
        *,
        command: str | None = None,
        read: Sequence[tuple[UUID, int]] = (),
        outgoing: Sequence[Outgoing] = (),
        names: Sequence[NamedMedia] = (),
    ) -> Appended:
        """Store the entries' new events (of a refusal: none) and the receipt in one commit.

        ``command`` is the type of the command they came of; ``read`` are other entries, with the
        versions that the decision rests on; ``names`` are media that the events name. Raises as
        ``GroupCommit.append``.
        """
        rows_of = {
            one.entry.id: self.rows_of(
                *(one.entry.collect_events(), receipt.authn, receipt.policy_version),
                *(command, receipt.inputs_sha256),
            )
            for one in moved
        }
        takes: list[tuple[str, UUID]] = []
        gives_back: list[tuple[str, UUID]] = []
        for entry, held_keys in moved:
            keys = entry.unique_keys()
            takes += [(key, entry.id) for key in sorted(keys - held_keys)]
            gives_back += [(key, entry.id) for key in sorted(held_keys - keys)]
        rows = [row for rows in rows_of.values() for row in rows]
        appended = await self._commits.append(
            Append(rows, receipt, takes, gives_back, outgoing, read, names)
        )
        if appended.verdict == "stored":
            for one in moved:
                self._remember_saved(one.entry, rows_of[one.entry.id])
        return appended

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Store messages that belong to nothing that is kept here (an answer without receipt)."""
        await self._commits.append(Append(outgoing=outgoing))

    def rows_of(
        self,
        events: Sequence[Any],
        authn: bytes | None = None,
        policy_version: str | None = None,
        command: str | None = None,
        inputs_sha256: bytes | None = None,
    ) -> list[EventRow]:
        """Events as they are stored; raises ``EventTooLarge``."""
        stored = [self._mapper.to_stored_event(event) for event in events]
        if any(len(event.state) > MAX_EVENT_BYTES for event in stored):
            raise EventTooLarge
        return self._recorder.rows_of(stored, authn, policy_version, command, inputs_sha256)

    async def receipt(self, contribution_id: UUID) -> "KeptReceipt | None":
        """The receipt kept for a contribution."""
        row = await self._database.pool.fetchrow(
            "SELECT contributor, content_hash, body, recorded_at, event_position, sub"
            " FROM receipt WHERE contribution_id = $1",
            contribution_id,
        )
        if row is None:
            return None
        return KeptReceipt(
            row["contributor"],
            row["content_hash"],
            completed(orjson.loads(row["body"]), row["recorded_at"], row["event_position"]),
            row["sub"],
        )

    async def holder(self, key: str) -> UUID | None:
        """The entry that holds a unique key."""
        holder = await self._database.pool.fetchval(
            "SELECT entry_id FROM unique_key WHERE key = $1", key
        )
        return cast("UUID | None", holder)

    async def changes_since(self, entry_id: UUID, version: int) -> list[dict[str, Any]]:
        """What a contribution based on ``version`` had not seen: versions, fields, who and when."""
        rows = await self._database.pool.fetch(
            "SELECT originator_version, topic, state, recorded_at FROM stored_events"
            " WHERE originator_id = $1 AND originator_version > $2 ORDER BY originator_version"
            " LIMIT 100",
            entry_id,
            version,
        )
        return [
            {
                "entry_version": row["originator_version"],
                "fields": self._mapper.fields(
                    row["topic"], row["state"], row["originator_version"]
                ),
                "by": _by(orjson.loads(row["state"])["provenance"]["recorded_by"]),
                "at": instant(row["recorded_at"]),
            }
            for row in rows
        ]

    def contents_of(self, events: Sequence[Any]) -> list[dict[str, Any]]:
        """The contents that events would be published with; raises ``EventTooLarge``."""
        return [_content_in(row.state) for row in self.rows_of(events)]

    async def contents_at(
        self, entry_id: UUID, versions: Sequence[int]
    ) -> dict[int, dict[str, Any]]:
        """The contents of stored events, by their version of the entry."""
        rows = await self._database.pool.fetch(
            "SELECT originator_version, state FROM stored_events"
            " WHERE originator_id = $1 AND originator_version = ANY($2::integer[])",
            entry_id,
            versions,
        )
        return {row["originator_version"]: _content_in(row["state"]) for row in rows}

    async def _with_the_rest(
        self, entry_id: UUID, entry: Entry | None, size: int, version: int | None = None
    ) -> _Held | None:
        for stored in await self._recorder.events(entry_id, gt=version):
            entry = self._mapper.to_domain_event(stored).mutate(entry)
            size += len(stored.state)
        return None if entry is None else _Held(entry, size)

    def _remember_saved(self, entry: Entry, rows: Sequence[EventRow]) -> None:
        held = self._cache.get(entry.id)
        size = sum(len(row.state) for row in rows)
        if entry.version == len(rows):
            self._remember(_Held(entry, size))
        elif held is not None and held.entry.version < entry.version:
            self._remember(_Held(entry, held.size + size))

    def _remember(self, held: _Held) -> None:
        before = self._cache.pop(held.entry.id, None)
        if before is not None:
            self._cached_bytes -= before.size
            if before.entry.version > held.entry.version:
                held = before
        if held.size > self._cache_bytes:
            return
        self._cache[held.entry.id] = held
        self._cached_bytes += held.size
        while len(self._cache) > self._cache_size or self._cached_bytes > self._cache_bytes:
            _, forgotten = self._cache.popitem(last=False)
            self._cached_bytes -= forgotten.size


class KeptReceipt:
    """A receipt with whose it is, who sent what it answers first, and the hash of that."""

    def __init__(
        self,
        contributor: str,
        content_hash: bytes,
        receipt: dict[str, Any],
        sub: str | None,
    ) -> None:
        self.contributor = contributor
        self.content_hash = content_hash
        self.receipt = receipt
        self.sub = sub


def completed(
    receipt: dict[str, Any], recorded_at: Any, event_position: int | None
) -> dict[str, Any]:
    """A stored receipt or record with what only its commit knew."""
    receipt["recorded_at"] = instant(recorded_at)
    if event_position is not None:
        at = {receipt["section"]: event_position}
        receipt["ledger_position"] = encoded(receipt["plan_id"], at)
    return receipt


def _content_in(state: bytes) -> dict[str, Any]:
    return {name: value for name, value in orjson.loads(state).items() if name not in ENVELOPE}


def _by(agent: dict[str, Any]) -> dict[str, Any]:
    by = {name: agent.get(name) for name in ("kind", "name", "role")}
    if "organisation" in agent:
        by["organisation"] = agent["organisation"]
    return by


def _copy_of(entry: Entry) -> Entry:
    """A copy to decide on: values are frozen, so one level is deep enough."""
    copied = copy.copy(entry)
    for name, value in vars(entry).items():
        if isinstance(value, dict | list | set):
            setattr(copied, name, value.copy())
    return copied
