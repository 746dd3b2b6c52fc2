"""The service's own copy of relationships and Proxies (promise P8).

Fed from the events of ``care_team``, and from the opening of plans. A copy may be moments behind,
so no refusal that rests on it is kept.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson

from shared.chassis.database.database import Connection, Database
from shared.chassis.policy.access import Access
from shared.chassis.policy.asking_again import AskingAgain
from shared.chassis.policy.decide import Action, Decision, Facts, decide
from shared.chassis.policy.plan_states import PLAN_EVENTS
from shared.chassis.policy.relationships import (
    RELATIONSHIP_EVENTS,
    Known,
    access_of,
    known_from,
)
from shared.chassis.settings import Settings
from shared.ledger import Contributor, RecordedEvent

COPIED: Final = "|".join(map(re.escape, (PLAN_EVENTS, RELATIONSHIP_EVENTS)))
"""The topics that local copies are fed from, as a pattern."""


class AccessCopy:
    """What is known of access to each plan; of each leaf of an entry the newest word counts."""

    def __init__(
        self, database: Database, *, wait_seconds: float, registration: Collection[str] = ()
    ) -> None:
        self._database = database
        self._wait_seconds = wait_seconds
        self._registration = registration
        self._asking = AskingAgain()

    async def of(
        self,
        plan_id: UUID,
        holds: Callable[[Access], bool],
        *,
        wait: bool = True,
    ) -> Access:
        """Who may see this plan and act for its person, asked again while that does not hold."""
        return await self._asking.until(
            lambda: self._read(plan_id), holds, self._wait_seconds if wait else 0
        )

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
        decision = decide(contributor, action, facts, purpose)
        plan_id = facts.plan_id
        if plan_id is None or not (decision.may_change or decision.override):
            return decision

        def with_what_is(known: Access) -> Decision:
            now = datetime.now(UTC)
            return decide(contributor, action, replace(facts, access=known, at=now), purpose)

        known = await self._asking.until(
            lambda: self._read(plan_id),
            lambda access: not with_what_is(access).may_change,
            self._wait_seconds if patience is None else patience,
        )
        return with_what_is(known)

    async def learn(self, connection: Connection, events: Iterable[RecordedEvent]) -> set[UUID]:
        """Fold events into the copy, in the caller's transaction."""
        said: dict[UUID, Known] = {}
        for event in events:
            known = known_from(event)
            if known is not None:
                before = said.get(known.entry_id)
                said[known.entry_id] = known if before is None else before.having(known)
        if not said:
            return set()
        held = await connection.fetch(
            "SELECT plan_id, entry_id, kind, leaves FROM access_entry"
            " WHERE entry_id = ANY($1) ORDER BY entry_id FOR UPDATE",
            list(said),
        )
        for row in held:
            leaves = orjson.loads(row["leaves"])
            before = Known(row["plan_id"], row["entry_id"], row["kind"], leaves)
            said[row["entry_id"]] = before.having(said[row["entry_id"]])
        ordered = [said[entry_id] for entry_id in sorted(said)]
        await connection.execute(
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves)"
            " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])"
            " ON CONFLICT (entry_id) DO UPDATE SET leaves = excluded.leaves",
            [one.entry_id for one in ordered],
            [one.plan_id for one in ordered],
            [one.kind for one in ordered],
            [orjson.dumps(one.leaves) for one in ordered],
        )
        return {one.plan_id for one in ordered}

    async def _read(self, plan_id: UUID) -> Access:
        rows = await self._database.pool.fetch(
            "SELECT plan_id, entry_id, kind, leaves FROM access_entry WHERE plan_id = $1", plan_id
        )
        known = (
            Known(row["plan_id"], row["entry_id"], row["kind"], orjson.loads(row["leaves"]))
            for row in rows
        )
        return access_of(known, self._registration)

    def learned(self, plan_ids: Collection[UUID]) -> None:
        """Wake up whoever waits; after the commit."""
        if plan_ids:
            self._asking.wake()


def access_copy(database: Database, settings: Settings) -> AccessCopy:
    """The copy of a service that has these settings."""
    return AccessCopy(
        database,
        wait_seconds=settings.copy_wait_seconds,
        registration=settings.roles["registration"],
    )
