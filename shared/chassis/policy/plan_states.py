"""The section's own copy of which plans are open, ended or merged (promise P8).

Fed from the events of ``person``; a copy may be moments behind, so no refusal that rests on it
is kept.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from shared.chassis.database.database import Connection, Database
from shared.chassis.policy.asking_again import AskingAgain
from shared.ledger import RecordedEvent
from shared.ledger.recorded_event import OPEN, plan_state_after
from shared.ledger.topics import events_topic

PLAN_EVENTS = events_topic("person")
"""Where the section that opens plans says what becomes of them."""


class PlanStates:
    """What is known of each plan; the highest version of its Person wins."""

    def __init__(self, database: Database, *, wait_seconds: float) -> None:
        self._database = database
        self._wait_seconds = wait_seconds
        self._asking = AskingAgain()

    async def of(self, plan_id: UUID, *, wait: bool = True) -> str | None:
        """``open``, ``ended``, ``merged``, or ``None`` for a plan not heard of.

        Where the answer would be a no it is asked again, for as long as the setting says, as the
        copy may be behind.
        """
        return await self._asking.until(
            lambda: self._read(plan_id),
            lambda state: state == OPEN,
            self._wait_seconds if wait else 0,
        )

    async def learn(self, connection: Connection, events: Iterable[RecordedEvent]) -> set[UUID]:
        """Fold events of the plans' Persons into the copy, in the caller's transaction."""
        latest: dict[UUID, tuple[str, int]] = {}
        for event in events:
            state = plan_state_after(event.type.rpartition(".v")[0])
            if state is None:
                continue
            held = latest.get(event.plan_id)
            if held is None or held[1] < event.entry_version:
                latest[event.plan_id] = (state, event.entry_version)
        if latest:
            await connection.execute(
                "INSERT INTO plan_state AS p (plan_id, state, entry_version)"
                " SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[]) ORDER BY 1"
                " ON CONFLICT (plan_id) DO UPDATE SET state = excluded.state,"
                " entry_version = excluded.entry_version"
                " WHERE p.entry_version < excluded.entry_version",
                list(latest),
                [state for state, _ in latest.values()],
                [version for _, version in latest.values()],
            )
        return set(latest)

    def learned(self, plan_ids: Collection[UUID]) -> None:
        """Wake up whoever waits; after the commit."""
        if plan_ids:
            self._asking.wake()

    async def _read(self, plan_id: UUID) -> str | None:
        state: str | None = await self._database.pool.fetchval(
            "SELECT state FROM plan_state WHERE plan_id = $1", plan_id
        )
        return state
