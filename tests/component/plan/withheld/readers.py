"""Readers for tests: what each of them sees, and what the copy knows that lets them in."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from shared.chassis.database.database import Database
from shared.chassis.policy.access import Scope
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.sees import Reader, Sees
from shared.ledger import RecordedEvent, instant
from shared.testing.events import History

EVERYTHING: Final = Sees(Reader.PERSON, scopes=(Scope(),), sex=True, third_party=True)
"""The person, from whom nothing is withheld that nobody has withheld from them."""

_BEGAN: Final = instant(datetime(2026, 1, 1, tzinfo=UTC))


def related(
    plan_id: UUID,
    ods: str = "ZZG01",
    scope: Mapping[str, Any] | None = None,
    live_until: str | None = None,
) -> Any:
    """What the care team says of an organisation that has a relationship, without end if none."""
    content = {
        "organisation": {"ods": ods},
        "kind": "registration",
        "live_from": _BEGAN,
        "live_until": live_until,
        "scope": scope,
        "self_claimed": False,
    }
    return _said(plan_id, "relationship", content)


def proxy(plan_id: UUID, sub: str, **scope: Any) -> RecordedEvent:
    """What it says of somebody who may view the plan for the person."""
    content = {
        "party": {"name": "Ruth Marlow-Synth", "identifiers": [{"kind": "sub", "value": sub}]},
        "live_from": _BEGAN,
        "scope": {"view": True, **scope},
    }
    return _said(plan_id, "proxy", content)


def _said(plan_id: UUID, kind: str, content: Mapping[str, Any]) -> RecordedEvent:
    return History(plan_id).event(
        *("care-team", f"{kind}-established", uuid4(), "created"),
        content,
        entry_type=kind,
        stated_by={"kind": "person"},
    )


async def let_in(database: Database, events: Iterable[RecordedEvent]) -> None:
    """The copy of the service has learnt it; the plan is told nothing."""
    async with database.pool.acquire() as connection, connection.transaction():
        await AccessCopy(database, wait_seconds=0).learn(connection, events)
