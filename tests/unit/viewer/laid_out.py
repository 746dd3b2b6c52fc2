"""The example plans as their pages show them, at a time that does not pass."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from services.viewer.shown.entries import ShownEntry, Statement
from services.viewer.shown.plan import Asked, PlanPage, plan_page
from services.viewer.shown.times import Clock
from services.viewer.shown.words import Words
from shared.contracts.discover import sections
from tests.browser.recorded_apis import EDITH, recorded

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
CLOCK = Clock(ZoneInfo("Europe/London"), NOW)
PLANS = tuple(recorded())


@cache
def words() -> Words:
    return Words(sections())


def answered(plan_id: str = EDITH, path: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = recorded()[plan_id][path]
    return answer


@cache
def page_of(plan_id: str = EDITH, path: str = "") -> PlanPage:
    return plan_page(Asked(answered(plan_id, path)), words(), CLOCK)


def shown(plan: Mapping[str, Any], lag: str = "0") -> PlanPage:
    return plan_page(Asked(plan, lag), words(), CLOCK)


def entries_of(page: PlanPage) -> Iterator[ShownEntry]:
    for part in page.parts:
        for _, entries in part.groups:
            for entry in entries:
                yield from with_below(entry)


def with_below(entry: ShownEntry) -> Iterator[ShownEntry]:
    yield entry
    for one in entry.below:
        yield from with_below(one)


def statements_of(entry: ShownEntry) -> Iterator[Statement]:
    for run in entry.runs:
        yield from run.statements


def entry_called(title: str, page: PlanPage) -> ShownEntry:
    return next(entry for entry in entries_of(page) if entry.title == title)
