"""A plan with a long history holds nobody up: its reader's work is done in short turns.

What is done between two turns of the event loop is counted, and not timed: with no time at all
for a turn, every chance to let others go first is taken, and what is left is the longest hold.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from services.plan.fold.findings.rules import Rule
from services.plan.reads import derived, facts, findings, turns
from services.plan.reads.current import CurrentPlans
from services.plan.reads.derived import PlanDerived
from services.plan.reads.findings import PlanFindings
from shared.ledger import RecordedEvent
from shared.standard.declared import declared_fields
from shared.testing.events import History
from tests.component.plan.bench import Bench, fold_directly, plan_store
from tests.component.plan.withheld.readers import EVERYTHING

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

EVENTS = 5_200
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)


def a_long_life(history: History) -> list[RecordedEvent]:
    """Twenty goals that lack a need from the beginning, reworded again and again."""
    goals = [uuid4() for _ in range(20)]
    events = [history.opened()]
    for number in range(EVENTS - 1):
        entry_id, is_new = goals[number % len(goals)], number < len(goals)
        name, change = ("agreed", "created") if is_new else ("reworded", "amended")
        content = {"aim": {"text": f"walk {number} steps"}}
        events.append(history.event("goals", name, entry_id, change, content))
    return events


class Watched:
    """Counts what is done in each turn of the event loop, by kind."""

    def __init__(self) -> None:
        self.turn = 0
        self.done: dict[str, Counter[int]] = {}

    def counting(self, kind: str, work: Callable[..., Any]) -> Callable[..., Any]:
        done = self.done.setdefault(kind, Counter())

        def counted(*given: Any, **named: Any) -> Any:
            done[self.turn] += 1
            return work(*given, **named)

        return counted

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async def watch() -> None:
            while True:
                self.turn += 1
                await asyncio.sleep(0)

        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            watcher.cancel()

    def most(self, kind: str) -> int:
        """The most of a kind that was done while nobody else had a turn."""
        return max(self.done[kind].values())

    def all(self, kind: str) -> int:
        return self.done[kind].total()


async def test_what_a_long_history_says_of_its_plan_is_worked_out_in_short_turns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History()
    await fold_directly(bench, plan_store("one"), a_long_life(history), batch=1_000)
    watched = Watched()
    monkeypatch.setattr(turns, "AT_ONCE_SECONDS", -1.0)
    for kind, module, name in (
        ("entry", facts, "said_of"),
        ("change", facts, "Changed"),
        ("said", derived, "is_withheld"),
        ("beside", derived, "of_an_entry"),
        ("finding", findings, "_item"),
    ):
        monkeypatch.setattr(module, name, watched.counting(kind, getattr(module, name)))
    sought = PlanFindings(bench.database, LONDON)
    sought._rules = tuple(
        Rule(watched.counting("rule", rule.find), rule.looks_at, rule.one_by_one)
        for rule in sought._rules
    )
    async with watched.watching():
        found = await sought.now(history.plan_id, EVERYTHING, NOW)
        view = await CurrentPlans(bench.database).current(history.plan_id, EVERYTHING)
        assert view is not None
        include = frozenset({"derived", "reviews"})
        plan = PlanDerived(bench.database, LONDON, declared_fields())
        await plan.beside(view, include, NOW)
    assert found is not None
    began = {item["plan_version"] for item in found.items if item["code"] == "goal-without-need"}
    assert began == set(range(2, 22))
    # Each event is read for the findings and again for what is derived, and undone once.
    assert watched.all("change") == 2 * EVENTS
    assert watched.all("said") == EVENTS
    assert watched.all("entry") > EVENTS
    assert watched.all("rule") > EVENTS
    assert watched.all("beside") == 20 + 1
    for kind in ("entry", "change", "said", "rule", "beside", "finding"):
        assert watched.most(kind) == 1, kind
