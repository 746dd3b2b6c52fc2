"""The fast fold against the plain one: byte for byte, whatever comes, however it is cut."""

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.plan.fold.domain import Plan
from services.plan.store.batch import HeldPlan
from services.plan.store.document import document_of, entries_of
from services.plan.store.ledger import LedgerRow
from services.plan.store.parked import Waiting
from services.plan.store.projection import plan_from
from services.plan.store.reading import read_event
from shared.ledger import RecordedEvent
from shared.testing import plain_fold
from shared.testing.events import record_of, told_of
from shared.testing.hostile import as_it_comes, history_of

PLAN_ID = UUID(int=1)
SEEDS = st.integers(0, 2**32)
ENTRIES = [UUID(int=number) for number in (5, 6, 7)]


def comes(random: Random) -> list[list[RecordedEvent]]:
    return as_it_comes(random, history_of(random, PLAN_ID, random.randrange(2, 25), ENTRIES))


@settings(max_examples=2 * settings().max_examples)
@given(SEEDS)
def test_the_document_is_that_of_the_plain_fold_byte_for_byte(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a history, no secret
    held = HeldPlan(Plan(PLAN_ID), 0)
    came: list[RecordedEvent] = []
    for batch in comes(random):
        held = held if random.random() < 0.5 else stored_and_loaded(held, came)
        for event in batch:
            held.fold(read_event(record_of(event)))
        came += batch
        held.write_out()
        told = taken(came)
        is_empty = not told.events and not told.waiting
        assert held.document == (b"" if is_empty else plain_fold.document(str(PLAN_ID), told))
        for (section, entry_id), shown in held.shown.items():
            assert shown.leaves == plain_fold.authors(of_entry(told, section, entry_id))


@given(SEEDS)
def test_the_ledger_has_each_entry_as_it_was_after_each_event(seed: int) -> None:
    """A past plan is the last row of each entry and the head of the version: nothing to fold."""
    held = HeldPlan(Plan(PLAN_ID), 0)
    came = [event for batch in comes(Random(seed)) for event in batch]  # noqa: S311 - no secret
    rows: list[LedgerRow] = []
    new: dict[int, bytes] = {}
    for number, event in enumerate(came, 1):
        held.fold(read_event(record_of(event)))
        held.write_out()
        rows += held.rows
        held.settle()
        so_far = plain_fold.document(str(PLAN_ID), taken(came[:number]))
        new.setdefault(held.plan.version, so_far)
    told = taken(came)
    assert len(rows) == len(told.events)
    last: dict[tuple[str, UUID], dict[str, Any]] = {}
    for version, row in enumerate(rows, 1):
        facts = row.named()
        key = facts["section"], facts["entry_id"]
        last[key] = facts
        bodies = [(one["section"], one["entry"]) for one in last.values() if one["current"]]
        then = plain_fold.Taken(told.events[:version])
        head = orjson.loads(facts["head"])
        shown = document_of(PLAN_ID, version, head, bodies, head["parked"])
        if version in new:  # the last of its batch: this is what its readers were shown
            assert shown == new[version]
        assert differs_in(shown, plain_fold.document(str(PLAN_ID), then)) <= {"complete", "parked"}
        assert orjson.loads(facts["leaves"]) == plain_fold.authors(of_entry(then, *key))


def taken(came: Sequence[RecordedEvent]) -> plain_fold.Taken:
    return plain_fold.taken(str(PLAN_ID), map(told_of, came))


def of_entry(told: plain_fold.Taken, section: str, entry_id: UUID) -> list[plain_fold.Event]:
    return [one for one in told.events if plain_fold.key_of(one) == (section, str(entry_id))]


def differs_in(one: bytes, other: bytes) -> set[str]:
    told, expected = orjson.loads(one), orjson.loads(other)
    assert list(told) == list(expected)
    return {name for name in told if orjson.dumps(told[name]) != orjson.dumps(expected[name])}


def stored_and_loaded(held: HeldPlan, came: Sequence[RecordedEvent]) -> HeldPlan:
    """As another process takes the plan up, from its row and from what waits."""
    if not held.document:
        return held
    plan = held.plan
    row = {
        "plan_id": plan.plan_id,
        "version": plan.version,
        "state": plan.state,
        "opened_at": plan.opened_at,
        "last_updated": plan.last_updated,
        "merged_into": plan.merged_into,
        "positions": orjson.dumps(plan.positions),
    }
    loaded = HeldPlan(plan_from(row), held.revision)
    loaded.shown = {one.key: one for one in entries_of(held.document, held.rest)}
    records = {
        ((event.section, str(event.entry_id)), event.entry_version): (event.natural_key, event)
        for event in came
    }
    waiting = [records[at] for at in taken(came).waiting]
    loaded.take_in([Waiting(PLAN_ID, key, record_of(event), None) for key, event in waiting])
    return loaded
