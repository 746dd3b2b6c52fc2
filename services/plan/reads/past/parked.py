"""What waits in a plan today for a missing version of its entry, and counts by an instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from services.plan.fold.effective import effect_of
from services.plan.reads.turns import Turns
from services.plan.store.reading import stored_event
from shared.chassis.database.database import Database
from shared.chassis.kafka.event_message import Unreadable

_PAGE: Final = 200
_WAITING: Final = """
    SELECT p.plan_id, p.section, p.entry_id, p.entry_version, p.event, NULL::bigint AS position,
           (SELECT l.effective_from FROM ledger.plan_ledger l
             WHERE l.section = p.section AND l.entry_id = p.entry_id AND l.entry_version = 1)
           AS first
      FROM ledger.plan_parked p
     WHERE p.plan_id = $1 AND (p.section, p.entry_id, p.entry_version) > ($2, $3, $4)
     ORDER BY p.section, p.entry_id, p.entry_version LIMIT $5
"""


class _Waits(msgspec.Struct, gc=False):
    section: str
    entry_id: str
    waiting_from_version: int
    since: datetime


class _Incomplete(msgspec.Struct, gc=False):
    parked: list[_Waits]


_incomplete_of = msgspec.json.Decoder(_Incomplete).decode


def waiting_in(document: bytes | None) -> list[dict[str, Any]]:
    """The entries that wait, as a plan's document names them."""
    if document is None:
        return []
    return [msgspec.structs.asdict(one) for one in _incomplete_of(document).parked]


async def waiting_by_effect(
    database: Database, plan_id: UUID, document: bytes | None, at: datetime
) -> Sequence[dict[str, Any]]:
    """Those of them of which an event took effect by an instant, and since when that one waits.

    The first version of an entry may be what it waits for: then each event counts by itself.
    """
    entries = waiting_in(document)
    if not entries:
        return []
    since: dict[tuple[str, str], datetime] = {}
    after: tuple[str, UUID, int] = ("", UUID(int=0), 0)
    turns = Turns()
    while rows := await database.pool.fetch(_WAITING, plan_id, *after, _PAGE):
        for row in rows:
            after = row["section"], row["entry_id"], row["entry_version"]
            try:
                event = stored_event(row)
            except Unreadable:
                continue  # it leaves as a dead letter with the next event of this plan
            if effect_of(event, {}, row["first"], None).begins <= at:
                key = event.section, str(event.entry_id)
                since[key] = min(event.recorded_at, since.get(key, event.recorded_at))
            await turns.pause()
    return [
        {**one, "since": since[key]}
        for one in entries
        if (key := (one["section"], one["entry_id"])) in since
    ]
