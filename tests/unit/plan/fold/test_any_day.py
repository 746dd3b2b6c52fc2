"""Whatever day or instant somebody gives, findings, what is derived, reviews and pages hold."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.plan.fold.findings.all_rules import findings_of
from services.plan.fold.findings.facts import Changed, Changes, PlanFacts, Said, Today
from services.plan.fold.standard import Beside, of_an_entry, of_the_plan, reviews
from services.viewer.shown.plan import Asked, plan_page
from services.viewer.shown.times import Clock
from shared.ledger import instant
from tests.browser.recorded_apis import EDITH
from tests.unit.viewer.laid_out import CLOCK, PLANS, answered, words

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
ZONES = (LONDON, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago"))
OPEN_END = "9999-12-31"
PLAN: dict[str, Any] = {"subject": "plan"}
WHEN = (
    lambda day: {"date": day},
    lambda day: {"period": {"start": "2026-01", "end": day}},
)

_TEXT = re.compile(r'"(?:(\d{4}-\d\d(?:-\d\d)?)|(\d{4}-\d\d-\d\dT[^"]*))"')

days = st.dates() | st.sampled_from([date.min, date.max, date(1000, 1, 1), date(9996, 2, 29)])
partial_dates = days.map(date.isoformat) | days.map(lambda day: day.isoformat()[:7])
offsets = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
at_the_ends = st.builds(datetime.combine, st.sampled_from([date.min, date.max]), st.times())
# ``datetime.replace`` and no conversion: some of these lie outside the calendar in UTC.
instants = st.builds(
    lambda at, zone: at.replace(tzinfo=zone).isoformat(), st.datetimes() | at_the_ends, offsets
)
intervals = st.builds("P{}{}".format, st.integers(1, 10**40), st.sampled_from("YMWD"))


def plan_of(*entries: Said) -> PlanFacts:
    changes = [
        Changed(version, *one.key, one.entry_type, "careplan.x.said.v1", one.recorded_at)
        for version, one in enumerate(entries, 1)
    ]
    return PlanFacts(len(changes), {one.key: one for one in entries}, Changes(changes))


def said(kind: str, entry_id: str, stated_at: datetime = NOW, **content: Any) -> Said:
    section, _, entry_type = kind.partition("/")
    return Said(section, entry_id, entry_type, True, content, NOW, stated_at, stated_at)


def told_of(plan: PlanFacts, today: Today) -> str:
    """All that a reader is told of it, as it is written out."""
    told = [
        [
            (one.code, one.since)
            for one in findings_of(plan, today, everybody_has_a_key_worker=True)
        ],
        [of_an_entry(plan, one, today) for one in plan.entries.values()],
        of_the_plan(plan, today, {"person": ("name",)}, Beside(), NOW),
        reviews(plan, today),
    ]
    return json.dumps(told, default=_written)


def _written(value: Any) -> str:
    return instant(value) if isinstance(value, datetime) else str(value)


def with_other_times(answer: Any, day: Callable[[], str], at: Callable[[], str]) -> Any:
    """The same answer, with another day or instant in each place where it has one."""
    return json.loads(_TEXT.sub(lambda m: f'"{day() if m[1] else at()}"', json.dumps(answer)))


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("end", [OPEN_END, OPEN_END[:7]])
def test_an_action_with_an_open_end_is_never_overdue(when: Any, end: str) -> None:
    action = said("goals/action", "a", when=when(end), status={"value": "not-started"})
    assert "action-overdue" not in told_of(plan_of(action), Today(NOW, LONDON))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "planned",
    [
        {"due_on": OPEN_END},
        {"due_on": OPEN_END, "held": [{"held_on": "2026-11-20"}]},
        {"interval": "P9000Y"},
        {"interval": f"P{'9' * 400}D"},
    ],
)
def test_a_review_that_is_due_at_the_end_of_the_calendar_is_due_later(
    planned: dict[str, Any], zone: ZoneInfo
) -> None:
    plan = plan_of(said("stewardship/review", "r", **PLAN, **planned))
    today = Today(NOW, zone)
    (review,) = reviews(plan, today)
    assert (review["due_on"], review["state"]) == (date.max, "later")
    assert not {"review-overdue", "review-due-soon"} & {
        one.code for one in findings_of(plan, today)
    }


def test_an_entry_that_is_reviewed_at_the_open_end_goes_stale_at_a_time_that_can_be_written() -> (
    None
):
    need = said("needs/need", "n")
    subject = {"section": "needs", "entry_id": "n"}
    review = said("stewardship/review", "r", subject=subject, due_on=OPEN_END)
    derived = of_an_entry(plan_of(need, review), need, Today(NOW, LONDON))
    assert instant(derived["stale_after"]) == "9998-12-31T23:59:59.999999Z"


@settings(deadline=None)
@given(st.data(), st.sampled_from(ZONES))
def test_no_day_and_no_instant_keeps_a_plan_from_being_judged(
    data: st.DataObject, zone: ZoneInfo
) -> None:
    def day() -> str:
        return str(data.draw(partial_dates))

    def at() -> str:
        return str(data.draw(instants))

    held = [{"held_on": day()}, {"held_on": day()}]
    actions = ({"date": day()}, {"at": at()}, {"period": {"start": day(), "end": day()}})
    crisis = {"section": "contingency-plans", "entry_id": "c"}
    plan = plan_of(
        said("person/person", "p", date_of_birth=day()),
        said("contingency-plans/contingency-plan", "c", datetime.fromisoformat(at())),
        *(
            said("goals/action", f"a{number}", when=when, status={"value": "not-started"})
            for number, when in enumerate(actions)
        ),
        said("stewardship/review", "r1", **PLAN, due_on=day(), held=held),
        said("stewardship/review", "r2", **PLAN, interval=data.draw(intervals), held=held),
        said("stewardship/review", "r3", subject=crisis, due_on=day()),
        *(
            said(
                "care-team/professional-contact",
                name,
                key_worker=True,
                starts_at=at(),
                ends_at=at(),
            )
            for name in ("k1", "k2")
        ),
    )
    assert told_of(plan, Today(NOW, zone))


@settings(deadline=None, max_examples=settings().max_examples // 5)
@given(st.sampled_from(PLANS), st.lists(partial_dates, min_size=1), st.lists(instants, min_size=1))
@example(EDITH, [OPEN_END, "0001-01-01", "0001-01"], ["9999-12-31T23:59:59-05:00"])
@example(EDITH, ["9999-12"], ["0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00Z"])
def test_no_day_and_no_instant_keeps_a_page_from_being_shown(
    plan_id: str, some_days: list[str], some_instants: list[str]
) -> None:
    in_turn, at_times = cycle(some_days), cycle(some_instants)
    answer = with_other_times(answered(plan_id), in_turn.__next__, at_times.__next__)
    for zone in ZONES:
        page = plan_page(Asked(answer), words(), Clock(zone, CLOCK.now))
        assert page.parts
    plan = plan_of(
        *(
            Said(
                section,
                one["entry_id"],
                one["entry_type"],
                one["current"],
                one["content"],
                NOW,
                datetime.fromisoformat(one["stated_at"]),
            )
            for section, listed in answer["sections"].items()
            for one in listed
        )
    )
    assert told_of(plan, Today(NOW, LONDON))
