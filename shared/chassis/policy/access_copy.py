"""The service's own copy of relationships and Proxies (promise P8).

Fed from the events of ``care_team``, and from the opening of plans. A copy may be moments behind,
so no refusal that rests on it is kept.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
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
    claim_of,
    known_from,
)
from shared.chassis.settings import Settings
from shared.chassis.wire.remembered import Remembered
from shared.ledger import Contributor, RecordedEvent

COPIED: Final = "|".join(map(re.escape, (PLAN_EVENTS, RELATIONSHIP_EVENTS)))
"""The topics that local copies are fed from, as a pattern."""

JUST_NOW: Final = 1.0
"""How old in seconds an answer may be by which somebody is let in."""

JUDGED_AGAIN: Final = inf
"""For what is stored only where the revision that it was decided by still stands."""

AFRESH: Final = 0.0
"""Nothing that was asked before counts."""

_DECIDED_BYTES: Final = 8 * 1024 * 1024
_OF_EACH_DECISION: Final = 1_500
_READING: Final = frozenset({Action.READ_PLAN, Action.READ_EMERGENCY})
"""What a reader does: beside the plan, nothing of it makes one request differ from another."""
_HELD_BYTES: Final = 32 * 1024 * 1024
_OF_EACH_PLAN: Final = 500
_OF_EACH_ENTRY: Final = 400
_AS_READ: Final = 3
"""A leaf as Python objects takes so much more than as bytes, roughly."""

_ASK: Final = """
    SELECT asked.plan_id, coalesce(r.revision, 0) AS revision, e.entry_id, e.kind, e.leaves
      FROM unnest($1::uuid[], $2::bigint[]) AS asked (plan_id, held)
      LEFT JOIN access_revision r ON r.plan_id = asked.plan_id
      LEFT JOIN access_entry e
        ON e.plan_id = asked.plan_id AND coalesce(r.revision, 0) <> asked.held
     ORDER BY e.entry_id, e.kind
"""
"""The entries of each plan, but for those of which the revision that is held is the newest."""


@dataclass(slots=True)
class _Held:
    """What the copy said of a plan, and when it was asked last, in seconds of the loop's clock."""

    access: Access
    asked_at: float


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
    second, or for as long as it stands, where that is judged again; nobody is refused by an answer
    from before they asked.
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
        not_older_than: float = JUST_NOW,
    ) -> Decision:
        """What ``decide`` says, with what is known of the plan, asked again while it may change.

        ``patience`` is in seconds; left out, it is that of the setting. What was asked no longer
        ago than ``not_older_than`` may let somebody in. Nothing is looked up where the token alone
        decides it.
        """

        def by(access: Access) -> Decision:
            return self._by(access, contributor, action, facts, purpose)

        plan_id = facts.plan_id
        held = None if plan_id is None else self._held.get(plan_id)
        if held is not None and self._now() - held.asked_at < not_older_than:
            decision = by(held.access)  # which is that by the token alone, where that decides it
        else:
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
        held = {plan_id: self._held.get(plan_id) for plan_id in plan_ids}
        known: dict[UUID, list[Known]] = {}
        revisions: dict[UUID, int] = {}
        sizes: Counter[UUID] = Counter()
        for row in await self._database.pool.fetch(
            _ASK, list(held), [one.access.revision if one else -1 for one in held.values()]
        ):
            plan_id, revisions[plan_id] = row["plan_id"], row["revision"]
            entries = known.setdefault(plan_id, [])
            if row["entry_id"] is not None:
                leaves = orjson.loads(row["leaves"])
                entries.append(Known(plan_id, row["entry_id"], row["kind"], leaves))
                sizes[plan_id] += _OF_EACH_ENTRY + _AS_READ * len(row["leaves"])
        found: dict[UUID, Access] = {}
        for plan_id, one in held.items():
            revision = revisions[plan_id]
            if one is not None and one.access.revision == revision:
                one.asked_at = max(one.asked_at, asked_at)
                found[plan_id] = one.access
            else:
                access = access_of(known[plan_id], self._registration, self._openers_time)
                found[plan_id] = access = replace(access, revision=revision)
                weight = _OF_EACH_PLAN + sizes[plan_id]
                self._held.put(plan_id, _Held(access, asked_at), weight)
        return [found[plan_id] for plan_id in plan_ids]

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
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves, claim, claim_ends)"
            " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[],"
            " $6::timestamptz[])"
            " ON CONFLICT (entry_id, kind) DO UPDATE SET leaves = excluded.leaves,"
            " claim = excluded.claim, claim_ends = excluded.claim_ends",
            [one.entry_id for one in ordered],
            [one.plan_id for one in ordered],
            [one.kind for one in ordered],
            [orjson.dumps(one.leaves) for one in ordered],
            *map(list, zip(*map(claim_of, ordered), strict=True)),
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
