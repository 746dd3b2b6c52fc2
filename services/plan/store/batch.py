"""The plans of one batch: taken up and locked, folded in memory, written once each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from services.plan.fold.domain import (
    Accepted,
    EntryKey,
    Outcome,
    Plan,
    PlanEntry,
    PlanEvent,
    fold,
)
from services.plan.store.document import Shown, entry_from, plan_document, rest_bytes, shown
from services.plan.store.ledger import LedgerRow, row_of
from services.plan.store.parked import Waiting
from services.plan.store.people.identifiers import found_by, person_key
from services.plan.store.reading import Read, read_event
from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.kafka.event_message import Unreadable

if TYPE_CHECKING:
    from services.plan.store.projection import PlanStore


ANOTHER_PLANS: Final = "The entry is another plan's."

Parked = tuple[int, int]
"""How many events wait, and of how many entries."""


@dataclass(slots=True)
class Tally:
    """What became of a batch's records: consumed is always the sum of the others.

    ``parked`` counts those that wait now, so that a batch which releases some has less of them;
    ``parked_entries`` counts the entries that they are of.
    """

    consumed: int = 0
    applied: int = 0
    duplicates: int = 0
    parked: int = 0
    dead_lettered: int = 0
    gaps: int = 0
    parked_entries: int = 0


@dataclass(slots=True)
class HeldPlan:
    """A plan that a batch works on, locked, and what the batch changes of it.

    Of ``plan.entries`` only those are unpacked that a batch has named; ``shown`` has all of them
    as they are stored, in the order in which they came. ``waited`` is how many entries waited
    before, ``unreadable`` what waited and can be read no longer.
    """

    plan: Plan
    revision: int
    shown: dict[EntryKey, Shown] = field(default_factory=dict)
    rows: list[LedgerRow] = field(default_factory=list)
    begun: list[EntryKey] = field(default_factory=list)
    newly_parked: list[Read] = field(default_factory=list)
    released: list[tuple[str, UUID, int]] = field(default_factory=list)
    evicted: list[EntryKey] = field(default_factory=list)
    unreadable: list[tuple[Waiting, Unreadable]] = field(default_factory=list)
    waited: int = 0
    projected_at: datetime | None = None
    document: bytes = b""
    rest: bytes = b""
    found_by: Sequence[str] = ()
    _person: Shown | None = None

    @property
    def is_changed(self) -> bool:
        """True where there is something to write."""
        return bool(self.rows or self.newly_parked or self.evicted or self.unreadable)

    @property
    def size(self) -> int:
        """Bytes of what is kept of it, by and large."""
        return len(self.document) + len(self.rest)

    def fold(self, read: Read) -> Outcome:
        """Fold one event; what it releases is folded with it."""
        event = read.event
        self.unpack(event.entry)
        before = len(self.rows)
        outcome = fold(self.plan, event, self._note)
        if outcome is Outcome.PARKED:
            self.newly_parked.append(read)
        elif outcome is Outcome.APPLIED:
            self.released += [
                (event.section, event.entry_id, event.entry_version + number)
                for number in range(1, len(self.rows) - before)
            ]
        return outcome

    def take_in(self, waiting: Sequence[Waiting]) -> None:
        """What has been waiting in this plan; not all of it can still be read by later code."""
        self.waited = len({one.natural_key[:2] for one in waiting})
        for one in waiting:
            try:
                event = read_event(one.record).event
            except Unreadable as error:
                self.unreadable.append((one, error))
                continue
            self.unpack(event.entry)
            self.plan.parked.setdefault(event.entry, {})[event.entry_version] = event

    def unpack(self, key: EntryKey) -> None:
        """Make ready what the fold needs of an entry."""
        if key not in self.plan.entries and key in self.shown:
            self.plan.entries[key] = entry_from(self.shown[key])

    def write_out(self) -> None:
        """The plan as it is to be stored."""
        self.revision += 1
        if self.rows:
            self.rows[-1].conclude(self.plan)
        is_empty = self.plan.version == 0 and not self.plan.parked
        self.document = b"" if is_empty else plan_document(self.plan, self.shown.values())
        self.rest = rest_bytes(self.shown.values())
        person = self.shown.get(person_key(self.plan.plan_id))
        if person is not self._person:
            self._person, self.found_by = person, found_by(person)

    def settle(self) -> None:
        """What the batch has changed is committed: the next one begins with what is stored."""
        self.rows, self.begun = [], []
        self.newly_parked, self.released, self.evicted, self.unreadable = [], [], [], []
        for key in self.plan.entries.keys() - self.plan.parked.keys():
            del self.plan.entries[key]

    def _note(self, plan: Plan, entry: PlanEntry, accepted: Accepted) -> None:
        made = shown(entry)
        self.shown[made.key] = made
        self.rows.append(row_of(plan, entry, accepted, made))
        if entry.version == 1:
            self.begun.append(made.key)


class Batch:
    """The plans of one batch, locked until its transaction ends."""

    def __init__(
        self,
        store: "PlanStore",
        connection: Connection,
        plans: dict[UUID, HeldPlan],
        owners: dict[EntryKey, UUID],
    ) -> None:
        self._store = store
        self._connection = connection
        self._plans = plans
        self._owners = owners
        self.tally = Tally()
        self._counted: Parked | None = None

    def belongs_elsewhere(self, event: PlanEvent) -> bool:
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

    async def evict(self) -> list[tuple[Waiting, str, str]]:
        """What can wait no longer, as the records they were, each with the reason and its code.

        Its entry has turned out to be another plan's, or it can no longer be read.
        """
        evicted: list[tuple[Waiting, str, str]] = []
        for plan_id, held in self._plans.items():
            strays = [key for key in held.plan.parked if self._owners.get(key, plan_id) != plan_id]
            if strays:
                for key in strays:
                    del held.plan.parked[key]
                held.evicted = strays
                taken = await self._store.take_out(self._connection, plan_id, strays)
                evicted += [(one, ANOTHER_PLANS, "entry-unknown") for one in taken]
            for one, error in held.unreadable:
                evicted.append((one, error.reason, error.code))
                held.released.append(one.natural_key)
        self.tally.parked -= len(evicted)
        self.tally.dead_lettered += len(evicted)
        return evicted

    async def write(self, outgoing: list[Outgoing]) -> None:
        """Write what the batch has changed; ``outgoing`` has its dead letters."""
        plans = list(self._plans.values())
        self.tally.parked_entries = sum(len(held.plan.parked) - held.waited for held in plans)
        self._counted = await self._store.write(self._connection, plans, self.tally, outgoing)

    def committed(self) -> None:
        """After the commit, and only then."""
        self._store.keep(self._plans.values(), self._counted)


def first_claims(reads: Iterable[Read]) -> dict[EntryKey, UUID]:
    """The plan of each entry that begins in this batch: that of its first event."""
    claims: dict[EntryKey, UUID] = {}
    for read in reads:
        if read.event.entry_version == 1:
            claims.setdefault(read.event.entry, read.event.plan_id)
    return claims
