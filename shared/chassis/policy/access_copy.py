"""The service's own copy of relationships and Proxies (promise P8).

Fed from the events of ``care_team``, and from the opening of plans. A copy may be moments behind,
so no refusal that rests on it is kept.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import is_
from typing import Final
from uuid import UUID

import orjson

from shared.chassis.database.database import Connection, Database
from shared.chassis.database.together import Together
from shared.chassis.policy.access import Access, next_change
from shared.chassis.policy.asking_again import AskingAgain
from shared.chassis.policy.decide import Action, Decision, Facts, Roles, decide
from shared.chassis.policy.plan_states import PLAN_EVENTS
from shared.chassis.policy.relationships import (
    OPENERS_TIME,
    RELATIONSHIP_EVENTS,
    Known,
    access_of,
    known_from,
)
from shared.chassis.settings import Settings
from shared.chassis.wire.remembered import Remembered
from shared.ledger import Contributor, RecordedEvent

COPIED: Final = "|".join(map(re.escape, (PLAN_EVENTS, RELATIONSHIP_EVENTS)))
"""The topics that local copies are fed from, as a pattern."""

_HELD_SECONDS: Final = 1.0
_HELD_BYTES: Final = 16 * 1024 * 1024
_OF_EACH_PLAN: Final = 400
_OF_EACH_ENTRY: Final = 1_000
_DECIDED_BYTES: Final = 8 * 1024 * 1024
_OF_EACH_DECISION: Final = 1_500
_READING: Final = frozenset({Action.READ_PLAN, Action.READ_EMERGENCY})
"""What a reader does: beside the plan, nothing of it makes one request differ from another."""
_AS_READ: Final = 6
"""A leaf as Python objects takes so much more than as bytes, roughly."""


_Rows = tuple[tuple[UUID, str, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """What the copy said of a plan, and when it was asked, in seconds of the loop's clock."""

    asked_at: float
    rows: _Rows
    access: Access


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision, the very objects that it is ``of``, and from and until when it holds.

    They are kept with it, so that none of them makes room for another at the same place.
    """

    of: tuple[Contributor, Access, Roles, frozenset[str] | None]
    decision: Decision
    since: datetime
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class AccessCopy:
    """What is known of access to each plan; of each leaf of an entry the newest word counts.

    Many who ask at once are answered by one statement, and what it says may let somebody in for a
    second; nobody is refused by an answer from before they asked.
    """

    def __init__(
        self,
        database: Database,
        *,
        wait_seconds: float,
        registration: Collection[str] = (),
        openers_time: timedelta = OPENERS_TIME,
    ) -> None:
        self._database = database
        self._wait_seconds = wait_seconds
        self._registration = registration
        self._openers_time = openers_time
        self._asking = AskingAgain()
        self._together: Together[UUID, Access] = Together(self._ask)
        self._held: Remembered[UUID, _Held] = Remembered(_HELD_BYTES)
        self._decided: Remembered[Hashable, _Decided] = Remembered(_DECIDED_BYTES)

    async def of(
        self,
        plan_id: UUID,
        holds: Callable[[Access], bool],
        *,
        wait: bool = True,
    ) -> Access:
        """Who may see this plan and act for its person, asked again while that does not hold."""
        return await self._until(plan_id, holds, self._wait_seconds if wait else 0)

    async def decide(
        self,
        contributor: Contributor,
        action: Action,
        facts: Facts,
        purpose: str | None = None,
        *,
        patience: float | None = None,
    ) -> Decision:
        """What ``decide`` says, with what is known of the plan, asked again while it may change.

        ``patience`` is in seconds; left out, it is that of the setting. Nothing is looked up where
        the token alone decides it.
        """
        plan_id = facts.plan_id

        def by(access: Access) -> Decision:
            return self._by(access, contributor, action, facts, purpose)

        held = self._held.get(plan_id) if plan_id is not None else None
        if held is not None and self._now() - held.asked_at <= _HELD_SECONDS:
            decision = by(held.access)  # which is that by the token alone, where that decides it
            if not (decision.may_change or decision.override):
                return decision
        decision = decide(contributor, action, facts, purpose)
        if plan_id is None or not (decision.may_change or decision.override):
            return decision
        patience = self._wait_seconds if patience is None else patience
        known = await self._until(plan_id, lambda access: not by(access).may_change, patience)
        return by(known)

    def _by(
        self,
        access: Access,
        contributor: Contributor,
        action: Action,
        facts: Facts,
        purpose: str | None,
    ) -> Decision:
        """The decision now. That on a reader is remembered until anything begins or ends."""
        now = datetime.now(UTC)
        key = facts.plan_id, id(contributor), action, purpose
        of = contributor, access, facts.roles, facts.restricting
        kept = self._decided.get(key) if action in _READING else None
        if kept is not None and all(map(is_, kept.of, of)) and kept.holds(now):
            return kept.decision
        decision = decide(contributor, action, replace(facts, access=access, at=now), purpose)
        if action in _READING:
            kept = _Decided(of, decision, now, next_change(access, now))
            self._decided.put(key, kept, _OF_EACH_DECISION)
        return decision

    async def _until(
        self, plan_id: UUID, holds: Callable[[Access], bool], patience: float
    ) -> Access:
        return await self._asking.until(lambda: self._together(plan_id), holds, patience)

    async def _ask(self, plan_ids: Sequence[UUID]) -> list[Access]:
        """What is known of each of these plans; what is as it was is not read again."""
        asked_at = self._now()
        found: dict[UUID, list[tuple[UUID, str, bytes]]] = {plan_id: [] for plan_id in plan_ids}
        for row in await self._database.pool.fetch(
            "SELECT plan_id, entry_id, kind, leaves FROM access_entry"
            " WHERE plan_id = ANY($1) ORDER BY entry_id, kind",
            list(found),
        ):
            found[row["plan_id"]].append((row["entry_id"], row["kind"], row["leaves"]))
        known = {plan_id: self._known(plan_id, tuple(rows)) for plan_id, rows in found.items()}
        for plan_id, (rows, access) in known.items():
            weight = _OF_EACH_PLAN + sum(_OF_EACH_ENTRY + _AS_READ * len(row[2]) for row in rows)
            self._held.put(plan_id, _Held(asked_at, rows, access), weight)
        return [known[plan_id][1] for plan_id in plan_ids]

    def _known(self, plan_id: UUID, rows: _Rows) -> tuple[_Rows, Access]:
        held = self._held.get(plan_id)
        if held is not None and held.rows == rows:
            return held.rows, held.access
        known = (
            Known(plan_id, entry_id, kind, orjson.loads(leaves)) for entry_id, kind, leaves in rows
        )
        return rows, access_of(known, self._registration, self._openers_time)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def learn(self, connection: Connection, events: Iterable[RecordedEvent]) -> set[UUID]:
        """Fold events into the copy, in the caller's transaction."""
        said: dict[tuple[UUID, str], Known] = {}
        for event in events:
            known = known_from(event)
            if known is not None:
                key = known.entry_id, known.kind
                before = said.get(key)
                said[key] = known if before is None else before.having(known)
        if not said:
            return set()
        held = await connection.fetch(
            "SELECT plan_id, entry_id, kind, leaves FROM access_entry"
            " WHERE entry_id = ANY($1) ORDER BY entry_id, kind FOR UPDATE",
            [entry_id for entry_id, _ in said],
        )
        for row in held:
            key = row["entry_id"], row["kind"]
            if key in said:
                leaves = orjson.loads(row["leaves"])
                said[key] = Known(row["plan_id"], *key, leaves).having(said[key])
        ordered = [said[key] for key in sorted(said)]
        await connection.execute(
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves)"
            " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])"
            " ON CONFLICT (entry_id, kind) DO UPDATE SET leaves = excluded.leaves",
            [one.entry_id for one in ordered],
            [one.plan_id for one in ordered],
            [one.kind for one in ordered],
            [orjson.dumps(one.leaves) for one in ordered],
        )
        return {one.plan_id for one in ordered}

    def learned(self, plan_ids: Collection[UUID]) -> None:
        """Wake up whoever waits; after the commit."""
        for plan_id in plan_ids:
            self._held.forget(plan_id)
        if plan_ids:
            self._asking.wake()


def access_copy(database: Database, settings: Settings) -> AccessCopy:
    """The copy of a service that has these settings."""
    return AccessCopy(
        database,
        wait_seconds=settings.copy_wait_seconds,
        registration=settings.roles["registration"],
        openers_time=timedelta(days=settings.opener_days),
    )
