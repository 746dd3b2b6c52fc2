"""Plans made again from their events, and held against the rows that the read model has of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.plan.fold.domain import Accepted, Outcome, Plan, PlanEntry, fold
from services.plan.store import parked
from services.plan.store.batch import HeldPlan
from services.plan.store.document import shown
from services.plan.store.projection import columns_of
from services.plan.store.reading import read_event, stored_event
from shared.chassis.database.database import Connection
from shared.chassis.kafka.event_message import Unreadable

COLUMNS: Final = (
    *("plan_id", "version", "revision", "state", "opened_at", "last_updated", "merged_into"),
    *("complete", "positions", "document", "rest", "found_by"),
)
"""Those of the read model, in the order in which ``columns_of`` gives them."""

_REVISION: Final = COLUMNS.index("revision")
# Some event has named it and turned out to be another plan's.
_NAMED_ONLY: Final[tuple[Any, ...]] = (
    0,
    0,
    "unknown",
    None,
    None,
    None,
    False,
    b"{}",
    None,
    None,
    [],
)
_ROWS_AT_A_TIME: Final = 1_000
_LIVE: Final = f"SELECT {', '.join(COLUMNS)} FROM plan WHERE plan_id = ANY($1)"  # noqa: S608 - COLUMNS is a constant
_EVENTS: Final = """
    SELECT plan_id, section, position, event FROM ledger.plan_ledger
     WHERE plan_id = ANY($1) ORDER BY plan_id, plan_version
"""

Row = tuple[Any, ...]
"""A plan's row of the read model, its columns in their order."""


class MadeAgain(NamedTuple):
    """The rows of the plans that are the same, how others differ, how many events were folded."""

    rows: list[Row]
    differences: dict[UUID, str]
    events: int


async def made_again(
    connection: Connection, plan_ids: Sequence[UUID], topic_prefix: str = ""
) -> MadeAgain:
    """Make these plans from the ledger and from what waits, and compare them, byte for byte.

    In a transaction in which nobody changes them meanwhile, or whose snapshot is one.
    """
    live = {row["plan_id"]: tuple(row) for row in await connection.fetch(_LIVE, plan_ids)}
    plans = {plan_id: Plan(plan_id) for plan_id in plan_ids}
    events, wrong = await _fold_all(connection, plans, topic_prefix)
    rows = []
    for plan_id, plan in plans.items():
        row = live.get(plan_id)
        if row is not None and plan_id not in wrong and _row_of(plan, row) == row:
            rows.append(row)
        else:
            wrong.setdefault(plan_id, "it is not what its events give")
    return MadeAgain(rows, wrong, events)


async def _fold_all(
    connection: Connection, plans: Mapping[UUID, Plan], topic_prefix: str
) -> tuple[int, dict[UUID, str]]:
    """Fold all events of these plans; which of them cannot be folded, and why."""
    events = 0
    wrong: dict[UUID, str] = {}
    cursor = await connection.cursor(_EVENTS, list(plans))
    while rows := await cursor.fetch(_ROWS_AT_A_TIME):
        events += len(rows)
        for row in rows:
            plan_id = row["plan_id"]
            try:
                event = stored_event(row, topic_prefix)
            except Unreadable as error:
                wrong.setdefault(plan_id, f"an event can no longer be read: {error.reason}")
                continue
            if fold(plans[plan_id], event, _nothing) is not Outcome.APPLIED:
                wrong.setdefault(plan_id, "an event of it does not follow on from the others")
    for one in await parked.waiting(connection, list(plans)):
        try:
            fold(plans[one.plan_id], read_event(one.record).event, _nothing)
        except Unreadable as error:
            wrong.setdefault(one.plan_id, f"what waits can no longer be read: {error.reason}")
    return events, wrong


def _row_of(plan: Plan, live: Row) -> Row:
    """The row of a plan as it was folded, at the revision at which the live one stands."""
    revision = live[_REVISION]
    if revision == 0 and plan.version == 0:
        return (plan.plan_id, *_NAMED_ONLY)
    entries = [shown(entry) for entry in plan.entries.values()]
    held = HeldPlan(plan, revision - 1, {entry.key: entry for entry in entries})
    held.write_out()
    return tuple(column[0] for column in columns_of([held]))


def _nothing(_plan: Plan, _entry: PlanEntry, _accepted: Accepted) -> None:
    """Only what the last event of each entry leaves is written."""
