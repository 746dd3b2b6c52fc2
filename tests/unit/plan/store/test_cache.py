"""What is kept of plans is bounded by the memory that it takes, whatever they are made of."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from services.plan.fold.domain import Plan
from services.plan.store.batch import HeldPlan
from services.plan.store.cache import PlanCache
from services.plan.store.reading import read_event
from shared.testing.events import History, record_of

LIMIT = 250_000


def plan_with(*contents: dict[str, Any], waits: bool) -> HeldPlan:
    history = History()
    held = HeldPlan(Plan(history.plan_id), 0)
    events = [history.opened()]
    for content in contents:
        entry = uuid4()
        made = history.event("goals", "agreed", entry, "created", content)
        events.append(history.event("goals", "reworded", entry, "amended", content))
        if not waits:
            events.insert(-1, made)
    for event in events:
        held.fold(read_event(record_of(event)))
    held.write_out()
    return held


def with_parked_megabytes() -> HeldPlan:
    return plan_with(*({"aim": "x" * 1_000_000} for _ in range(2)), waits=True)


def with_many_leaves() -> HeldPlan:
    return plan_with(*({f"f{n}": n for n in range(200)} for _ in range(8)), waits=False)


@pytest.mark.parametrize("made", [with_parked_megabytes, with_many_leaves])
def test_what_is_kept_takes_no_more_than_a_few_times_the_bound(
    made: Callable[[], HeldPlan],
) -> None:
    """Documents are counted; what waits in a plan and what was unpacked of it have to be too."""
    cache = PlanCache(LIMIT)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(12):
            cache.keep([made()])
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.bytes <= LIMIT
    assert taken <= 4 * LIMIT


def test_a_plan_in_which_nothing_waits_is_kept_and_folded_on() -> None:
    history, entry = History(), uuid4()
    held = HeldPlan(Plan(history.plan_id), 0)
    made = history.event("goals", "agreed", entry, "created", {"aim": 1, "why": 2})
    for event in (history.opened(), made):
        held.fold(read_event(record_of(event)))
    held.write_out()
    cache = PlanCache(LIMIT)
    cache.keep([held])
    kept = cache.take(history.plan_id, held.revision)
    assert kept is held
    reworded = history.event("goals", "reworded", entry, "amended", {"aim": 3})
    kept.fold(read_event(record_of(reworded)))
    kept.write_out()
    assert b'"entry_version":2' in kept.document
    assert b'"content":{"aim":3,"why":2}' in kept.document
