"""The fold: repeats, gaps, order, leaves and who said them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from services.plan.fold.domain import Outcome, Plan, fold, in_utc
from shared.ledger import RecordedEvent
from shared.testing.events import GP, History

PERSON = {"kind": "person", "name": "Edith Marlow-Synth"}


def folded(plan_id: UUID, events: Sequence[RecordedEvent]) -> Plan:
    plan = Plan(plan_id)
    for event in events:
        fold(plan, event)
    return plan


def said(plan: Plan) -> dict[str, Any]:
    """The plan without what depends on the order in which its entries were heard of."""
    return {
        "state": plan.state,
        "opened_at": plan.opened_at,
        "last_updated": plan.last_updated,
        "merged_into": plan.merged_into,
        "version": plan.version,
        "positions": plan.positions,
        "parked": plan.parked,
        "entries": {
            key: (e.version, e.state, e.current, e.content, e.leaves, e.recorded_at, e.stated_at)
            for key, e in plan.entries.items()
        },
    }


def test_a_repeat_changes_nothing() -> None:
    history = History()
    goal = uuid4()
    events = [
        history.opened(),
        history.event("goals", "agreed", goal, "created", {"aim": {"text": "Walk to the shop"}}),
    ]
    once = folded(history.plan_id, events)
    twice = folded(history.plan_id, [*events, *events])
    assert said(once) == said(twice)
    assert fold(twice, events[1]) is Outcome.DUPLICATE
    assert twice.version == 2


def test_a_gap_parks_its_entry_and_no_other_until_it_is_filled() -> None:
    history = History()
    goal, need = uuid4(), uuid4()
    first = history.event("goals", "agreed", goal, "created", {"aim": {"text": "One"}})
    second = history.event("goals", "reworded", goal, "amended", {"aim": {"text": "Two"}})
    third = history.event("goals", "set-aside", goal, "withdrawn", {"reason": "Moved"})
    other = history.event("needs", "found", need, "created", {"what": {"text": "Pain"}})
    plan = Plan(history.plan_id)
    assert fold(plan, third) is Outcome.PARKED
    assert fold(plan, third) is Outcome.DUPLICATE
    assert fold(plan, second) is Outcome.PARKED
    assert fold(plan, other) is Outcome.APPLIED
    assert not plan.is_complete
    assert plan.version == 1
    assert fold(plan, first) is Outcome.APPLIED
    versions = [one.event.entry_version for one in plan.accepted if one.event.entry_id == goal]
    assert versions == [1, 2, 3]
    assert [one.plan_version for one in plan.accepted] == [1, 2, 3, 4]
    assert plan.parked == {}
    assert plan.entries["goals", goal].state == "withdrawn"
    assert plan.entries["goals", goal].content == {"aim": {"text": "Two"}}


def test_one_gap_filled_leaves_the_next_one_waiting() -> None:
    history = History()
    goal = uuid4()
    events = [history.event("goals", "reworded", goal, "amended", {"n": n}) for n in range(5)]
    plan = folded(history.plan_id, [events[4], events[1], events[0]])
    assert plan.entries["goals", goal].version == 2
    assert list(plan.parked["goals", goal]) == [5]
    fold(plan, events[3])
    fold(plan, events[2])
    assert plan.entries["goals", goal].version == 5
    assert plan.parked == {}


def test_the_same_id_in_two_sections_is_two_entries() -> None:
    history = History()
    shared_id = uuid4()
    plan = folded(
        history.plan_id,
        [
            history.event("goals", "agreed", shared_id, "created", {"aim": 1}),
            history.event("needs", "found", shared_id, "created", {"what": 2}),
            history.event("needs", "set-aside", shared_id, "withdrawn", {"reason": "x"}),
        ],
    )
    assert plan.entries["goals", shared_id].current
    assert not plan.entries["needs", shared_id].current


def test_a_withdrawn_entry_stays_out_when_it_is_amended_and_returns_when_it_is_restored() -> None:
    history = History()
    goal = uuid4()
    plan = folded(
        history.plan_id,
        [
            history.event("goals", "agreed", goal, "created", {"aim": 1}),
            history.event("goals", "set-aside", goal, "withdrawn", {"reason": "x"}),
            history.event("goals", "restricted", goal, "amended", {"visibility": {}}),
        ],
    )
    assert plan.entries["goals", goal].state == "withdrawn"
    fold(plan, history.event("goals", "resumed", goal, "restored"))
    assert plan.entries["goals", goal].state == "current"
    assert plan.entries["goals", goal].order == 1


def test_entered_in_error_is_told_by_the_type_alone_and_stays() -> None:
    history = History()
    step = uuid4()
    plan = folded(
        history.plan_id,
        [
            history.event("goals", "stage-goal-set", step, "created", {"aim": 1}),
            history.event(
                "goals", "stage-goal-entered-in-error", step, "withdrawn", {"reason": "x"}
            ),
            history.event("goals", "stage-goal-resumed", step, "restored"),
        ],
    )
    assert plan.entries["goals", step].state == "entered-in-error"
    assert not plan.entries["goals", step].current


def test_each_leaf_knows_who_said_it_last() -> None:
    history = History()
    about = uuid4()
    plan = folded(
        history.plan_id,
        [
            history.event(
                "about_me",
                "written",
                about,
                "created",
                {"responses": {"a": {"text": "1"}, "b": {"text": "2"}}, "shared": True},
                fields=["responses.a", "responses.b", "shared"],
                stated_by=PERSON,
            ),
            history.event(
                "about_me",
                "reworded",
                about,
                "amended",
                {"responses": {"b": {"text": "3"}}},
                fields=["responses.b"],
            ),
            history.event(
                "about_me",
                "cleared",
                about,
                "amended",
                {"responses": {"a": None}, "reason": "Not so"},
                fields=["responses.a"],
            ),
        ],
    )
    entry = plan.entries["about-me", about]
    assert entry.content == {"responses": {"b": {"text": "3"}}, "shared": True}
    assert entry.leaves == {"responses.b": 2, "shared": 1}
    assert entry.said[1]["stated_by"] == PERSON
    assert entry.said[2]["recorded_by"] == {k: v for k, v in GP.items() if k != "identifier"}
    assert entry.said[2]["plan_version"] == 2
    assert set(entry.said) == {1, 2}


def test_a_field_set_whole_takes_the_place_of_its_parts() -> None:
    history = History()
    entry_id = uuid4()
    parts = {"m": {"a": 1, "b": 2}}
    plan = folded(
        history.plan_id,
        [
            history.event("novel", "made", entry_id, "created", parts, fields=["m.a", "m.b"]),
            history.event("novel", "changed", entry_id, "amended", {"m": {"c": 3}}),
        ],
    )
    assert plan.entries["novel", entry_id].content == {"m": {"c": 3}}
    assert plan.entries["novel", entry_id].leaves == {"m": 2}
    fold(plan, history.event("novel", "emptied", entry_id, "amended", {"m": None}))
    assert plan.entries["novel", entry_id].content == {}
    assert plan.entries["novel", entry_id].leaves == {}


def test_the_plan_opens_ends_and_is_merged_by_the_events_of_the_person() -> None:
    history = History()
    other = str(uuid4())
    plan = folded(
        history.plan_id, [history.event("needs", "found", uuid4(), "created", {"what": 1})]
    )
    assert plan.state == "unknown"
    assert not plan.is_complete
    opened = history.opened()
    fold(plan, opened)
    assert plan.state == "open"
    assert plan.is_complete
    assert plan.opened_at == opened.recorded_at
    for name, state in (
        ("plan-ended", "ended"),
        ("plan-reopened", "open"),
        ("plan-merged", "merged"),
    ):
        content = {"merged_into": other, "reason": "x"} if name == "plan-merged" else {}
        fold(plan, history.event("person", name, history.plan_id, "amended", content))
        assert plan.state == state
    assert plan.merged_into == other
    fold(plan, history.event("person", "plan-unmerged", history.plan_id))
    assert (plan.state, plan.merged_into) == ("open", None)


def test_what_was_only_confirmed_or_talked_about_was_not_updated() -> None:
    history = History()
    about, comment = uuid4(), uuid4()
    written = history.event("about_me", "written", about, "created", {"a": 1})
    plan = folded(history.plan_id, [written])
    fold(plan, history.event("about_me", "confirmed", about))
    fold(plan, history.event("support_plans", "table-confirmed", uuid4(), "created"))
    fold(
        plan,
        history.event("stewardship", "comment-made", comment, "created", entry_type="comment"),
    )
    assert plan.last_updated == written.recorded_at
    unconfirmed = history.event("about_me", "unconfirmed", about)
    fold(plan, unconfirmed)
    assert plan.last_updated == unconfirmed.recorded_at


def test_the_fold_takes_any_provenance() -> None:
    history = History()
    odd: list[dict[str, Any]] = [
        {},
        {"recorded_by": None, "stated_at": 5},
        {"recorded_by": "somebody", "stated_by": [], "stated_at": "yesterday"},
        {"recorded_by": {"organisation": 1}, "stated_at": "2026-03-10T14:00:00"},
        {"stated_at": "0001-01-01T00:00:00+14:00"},
    ]
    for provenance in odd:
        event = history.event("novel", "made", uuid4(), "created", {"a": 1})
        plan = folded(history.plan_id, [replace(event, provenance=provenance)])
        assert plan.version == 1
        assert plan.accepted[0].stated_at == event.recorded_at


def test_times_are_folded_in_utc() -> None:
    event = History().event("novel", "made", uuid4(), "created")
    elsewhere = replace(event, recorded_at=datetime.fromisoformat("2026-07-01T09:00:00+01:00"))
    assert in_utc(elsewhere).recorded_at == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert in_utc(elsewhere).recorded_at.tzinfo is UTC


CHANGES = st.sampled_from(["created", "amended", "withdrawn", "restored"])
LEAVES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.one_of(st.none(), st.integers(0, 9)), max_size=3
)


@st.composite
def histories(draw: st.DrawFn) -> list[RecordedEvent]:
    history = History()
    ids = [uuid4(), uuid4()]
    events = [history.opened()]
    for _ in range(draw(st.integers(1, 14))):
        content: dict[str, Any] = dict(draw(LEAVES))
        responses = draw(LEAVES)
        fields = [*content, *(f"responses.{key}" for key in responses)]
        if responses:
            content["responses"] = responses
        events.append(
            history.event(
                draw(st.sampled_from(["goals", "needs", "never-heard-of"])),
                draw(st.sampled_from(["made", "changed", "confirmed"])),
                draw(st.sampled_from(ids)),
                draw(CHANGES),
                content,
                fields=fields,
            )
        )
    return events


@settings(deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.data())
def test_any_order_and_repetition_gives_the_same_plan(
    events: list[RecordedEvent], random: Any, data: st.DataObject
) -> None:
    again = [event for event in events for _ in range(data.draw(st.integers(1, 3)))]
    random.shuffle(again)
    straight = folded(events[0].plan_id, events)
    shuffled = folded(events[0].plan_id, again)
    assert said(shuffled) == said(straight)
    assert [one.plan_version for one in shuffled.accepted] == list(range(1, len(events) + 1))
    assert shuffled.is_complete


@settings(deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_what_an_entry_says_is_what_its_events_make_of_it(
    events: list[RecordedEvent], random: Any
) -> None:
    random.shuffle(events)
    plan = folded(events[0].plan_id, events)
    for (section, entry_id), entry in plan.entries.items():
        content: dict[str, Any] = {}
        its_own = [e for e in events if e.entry == (section, entry_id)]
        for event in sorted(its_own, key=lambda event: event.entry_version):
            content = event.applied_to(content)
        assert entry.content == content
        leaves = set()
        for key, value in content.items():
            parts = value if key == "responses" else None
            leaves |= {f"{key}.{part}" for part in parts} if parts else {key}
        assert set(entry.leaves) == leaves
        assert set(entry.said) == set(entry.leaves.values())


@settings(deadline=None)
@given(histories(), st.integers(0, 15), st.randoms(use_true_random=False))
def test_what_waits_is_shown_and_nothing_is_counted_twice(
    events: list[RecordedEvent], missing: int, random: Any
) -> None:
    random.shuffle(events)
    kept = [event for number, event in enumerate(events) if number != missing]
    plan = Plan(events[0].plan_id)
    outcomes = [fold(plan, event) for event in [*kept, *kept]]
    waiting = sum(len(events) for events in plan.parked.values())
    assert plan.version + waiting == len(kept)
    assert len(outcomes) == 2 * len(kept)
    assert outcomes.count(Outcome.DUPLICATE) == len(kept)
