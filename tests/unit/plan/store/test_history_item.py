"""What is kept of an event for the history, and what a read joins of it, as the plain reading."""

from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.plan.fold.domain import Plan
from services.plan.store.batch import HeldPlan
from services.plan.store.history_item import joined
from services.plan.store.reading import read_event
from shared.testing import plain_fold
from shared.testing.events import record_of, told_of
from shared.testing.hostile import as_it_comes, history_of

PLAN_ID = UUID(int=1)
ENTRIES = [UUID(int=number) for number in (5, 6, 7)]


@settings(max_examples=2 * settings().max_examples)
@given(st.integers(0, 2**32))
def test_a_contribution_is_joined_from_what_was_kept_of_its_events(seed: int) -> None:
    """Whatever an event says, in whatever order and batches it comes."""
    random = Random(seed)  # noqa: S311 - a history, no secret
    came = as_it_comes(random, history_of(random, PLAN_ID, random.randrange(2, 25), ENTRIES))
    held = HeldPlan(Plan(PLAN_ID), 0)
    for event in [event for batch in came for event in batch]:
        held.fold(read_event(record_of(event)))
    told = plain_fold.taken(str(PLAN_ID), [told_of(one) for batch in came for one in batch])
    kept = [row.named() for row in held.rows]
    items: dict[tuple[UUID, UUID], list[bytes]] = {}
    for row in kept:
        items.setdefault((row["entry_id"], row["contribution_id"]), []).append(row["item"])
    made = [parts[0] if len(parts) == 1 else joined(parts) for parts in items.values()]
    assert sorted(made) == sorted(plain_fold.history(told))
