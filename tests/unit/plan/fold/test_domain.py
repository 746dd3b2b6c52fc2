"""The fold: repeats, gaps, order, leaves and who said them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.plan.fold.domain import Accepted, Outcome, Plan, PlanEntry, fold
from services.plan.store.reading import read_event
from services.plan.store.values import object_of
from shared.ledger import RecordedEvent
from shared.testing.events import GP, History, record_of, told_of
from shared.testing.plain_fold import applied

PERSON = {"kind": "person", "name": "Edith Marlow-Synth"}


@dataclass
class Told(Plan):
    """A plan, and what it accepted."""

    accepted: list[Accepted] = field(default_factory=list)


def take(plan: Told, event: RecordedEvent) -> Outcome:
    """The event as the plan reads it, folded."""
    event_read = read_event(record_of(event)).event
    return fold(plan, event_read, lambda _, __, accepted: plan.accepted.append(accepted))


def folded(plan_id: UUID, events: Sequence[RecordedEvent]) -> Told:
    plan = Told(plan_id)
    for event in events:
        take(plan, event)
    return plan


def content(entry: PlanEntry) -> Any:
    """What the entry says."""
    return orjson.loads(object_of(entry.content))


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
            key: (e.version, e.state, e.current, content(e), e.leaves, e.recorded_at, e.stated_at)
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
    assert take(twice, events[1]) is Outcome.DUPLICATE
    assert twice.version == 2


def test_a_gap_parks_its_entry_and_no_other_until_it_is_filled() -> None:
    history = History()
    goal, need = uuid4(), uuid4()
    first = history.event("goals", "agreed", goal, "created", {"aim": {"text": "One"}})
    second = history.event("goals", "reworded", goal, "amended", {"aim": {"text": "Two"}})
    third = history.event("goals", "set-aside", goal, "withdrawn", {"reason": "Moved"})
    other = history.event("needs", "found", need, "created", {"what": {"text": "Pain"}})
    plan = Told(history.plan_id)
    assert take(plan, third) is Outcome.PARKED
    assert take(plan, third) is Outcome.DUPLICATE
    assert take(plan, second) is Outcome.PARKED
    assert take(plan, other) is Outcome.APPLIED
    assert not plan.is_complete
    assert plan.version == 1
    assert take(plan, first) is Outcome.APPLIED
    versions = [one.event.entry_version for one in plan.accepted if one.event.entry_id == goal]
    assert versions == [1, 2, 3]
    assert [one.plan_version for one in plan.accepted] == [1, 2, 3, 4]
    assert plan.parked == {}
    assert plan.entries["goals", goal].state == "withdrawn"
    assert content(plan.entries["goals", goal]) == {"aim": {"text": "Two"}}


def test_one_gap_filled_leaves_the_next_one_waiting() -> None:
    history = History()
    goal = uuid4()
    events = [history.event("goals", "reworded", goal, "amended", {"n": n}) for n in range(5)]
    plan = folded(history.plan_id, [events[4], events[1], events[0]])
    assert plan.entries["goals", goal].version == 2
    assert list(plan.parked["goals", goal]) == [5]
    take(plan, events[3])
    take(plan, events[2])
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
    take(plan, history.event("goals", "resumed", goal, "restored"))
    assert plan.entries["goals", goal].state == "current"
    assert plan.entries["goals", goal].order == 1


def test_an_entry_in_error_stays_out_until_it_is_begun_again() -> None:
    history = History()
    step = uuid4()
    in_error = "stage-goal-entered-in-error"
    plan = folded(
        history.plan_id,
        [
            history.event("goals", "stage-goal-set", step, "created", {"aim": 1}),
            history.event("goals", in_error, step, "withdrawn", {"reason": "x"}),
            history.event("goals", "stage-goal-restricted", step, "amended", {"visibility": {}}),
        ],
    )
    assert plan.entries["goals", step].state == "entered-in-error"
    assert not plan.entries["goals", step].current
    take(plan, history.event("goals", "stage-goal-set", step, "restored", {"aim": 2}))
    assert plan.entries["goals", step].state == "current"


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
    assert content(entry) == {"responses": {"b": {"text": "3"}}, "shared": True}
    assert entry.leaves == {"responses.b": 2, "shared": 1}
    assert orjson.loads(bytes(plan.accepted[0].event.stated_by)) == PERSON
    shown = {k: v for k, v in GP.items() if k != "identifier"}
    assert orjson.loads(bytes(plan.accepted[1].event.by)) == shown


def test_an_item_that_is_the_same_keeps_its_author() -> None:
    """Lists are set whole: whoever adds an item did not say the others."""
    history = History()
    entry_id = uuid4()

    def listed(*items: tuple[str, int]) -> dict[str, Any]:
        return {"strategies": [{"item_id": name, "n": n} for name, n in items]}

    plan = folded(
        history.plan_id,
        [
            history.event("novel", "made", entry_id, "created", listed(("a", 1), ("b", 1))),
            history.event("novel", "added", entry_id, "amended", listed(("c", 1), ("b", 1))),
            history.event(
                "novel", "reworded", entry_id, "amended", listed(("c", 2), ("b", 1), ("a", 1))
            ),
        ],
    )
    leaves = plan.entries["novel", entry_id].leaves
    assert leaves == {"strategies": 3, "strategies.c": 3, "strategies.b": 1, "strategies.a": 3}
    take(plan, history.event("novel", "cleared", entry_id, "amended", {"strategies": None}))
    assert leaves == {}


def test_a_film_keeps_its_author_when_the_heading_it_belongs_to_is_reworded() -> None:
    history = History()
    about = uuid4()

    def heading(text: str, *films: str) -> dict[str, Any]:
        media = [{"media_id": film, "kind": "video"} for film in films]
        return {"responses": {"my_wellness": {"text": text, "media": media}}}

    plan = folded(
        history.plan_id,
        [
            history.event("about_me", name, about, change, said, fields=["responses.my_wellness"])
            for name, change, said in (
                ("begun", "created", heading("One", "f1")),
                ("reworded", "amended", heading("Two", "f1", "f2")),
            )
        ],
    )
    assert plan.entries["about-me", about].leaves == {
        "responses.my_wellness": 2,
        "responses.my_wellness.media.f1": 1,
        "responses.my_wellness.media.f2": 2,
    }
    empty: dict[str, Any] = {"responses": {"my_wellness": None}}
    cleared = history.event(
        "about_me", "cleared", about, "amended", empty, fields=["responses.my_wellness"]
    )
    take(plan, cleared)
    assert plan.entries["about-me", about].leaves == {}


def test_a_name_never_stands_beside_the_time_of_somebody_else() -> None:
    """Who set what the entry says: not who restricted it, withdrew it or found it still right."""
    history = History()
    goal = uuid4()
    told = history.event("goals", "agreed", goal, "created", {"aim": 1}, recorded_by=PERSON)
    restricted = {"visibility": {"level": "restricted"}}
    plan = folded(
        history.plan_id,
        [
            told,
            history.event("goals", "restricted", goal, "amended", restricted),
            history.event("goals", "confirmed", goal, "amended"),
            history.event("goals", "set-aside", goal, "withdrawn", {"reason": "x"}),
        ],
    )
    entry = plan.entries["goals", goal]
    assert orjson.loads(bytes(entry.by)) == PERSON
    assert entry.recorded_at == told.recorded_at
    assert entry.version == 4
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    take(plan, reworded)
    assert orjson.loads(bytes(entry.by))["kind"] == "professional"
    assert entry.recorded_at == reworded.recorded_at


def test_what_other_systems_call_an_entry_and_when_it_was_confirmed_is_kept() -> None:
    history = History()
    about = uuid4()
    made = history.event("about_me", "begun", about, "created", {"a": 1})
    confirmed = history.event("about_me", "confirmed", about)
    refs = [
        ("EPR", {"id": "1", "version": "a"}),
        ("App", {"id": "7"}),
        ("EPR", {"id": "1", "version": "b"}),
    ]
    events = [made, confirmed]
    for system, ref in refs:
        event = history.event("about_me", "reworded", about, "amended", {"a": 2})
        source = {"system": {"name": system}, "source_ref": ref}
        events.append(replace(event, provenance={**event.provenance, **source}))
    entry = folded(history.plan_id, events).entries["about-me", about]
    stated_at = datetime.fromisoformat(confirmed.provenance["stated_at"])
    assert entry.confirmed_at == stated_at
    assert [orjson.loads(bytes(ref)) for ref in entry.external_refs.values()] == [
        {"system": "EPR", "id": "1", "version": "b"},
        {"system": "App", "id": "7"},
    ]


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
    assert content(plan.entries["novel", entry_id]) == {"m": {"c": 3}}
    assert plan.entries["novel", entry_id].leaves == {"m": 2}
    take(plan, history.event("novel", "emptied", entry_id, "amended", {"m": None}))
    assert content(plan.entries["novel", entry_id]) == {}
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
    take(plan, opened)
    assert plan.state == "open"
    assert plan.is_complete
    assert plan.opened_at == opened.recorded_at
    for name, state in (
        ("plan-ended", "ended"),
        ("plan-reopened", "open"),
        ("plan-merged", "merged"),
    ):
        content = {"merged_into": other, "reason": "x"} if name == "plan-merged" else {}
        take(plan, history.event("person", name, history.plan_id, "amended", content))
        assert plan.state == state
    assert plan.merged_into == UUID(other)
    # Unmerged, or opened again after an error, which leaves nothing of what was said before.
    for lifts in ("plan-unmerged", "plan-opened"):
        for name in ("plan-ended", "plan-reopened", "entered-in-error"):
            take(plan, history.event("person", name, history.plan_id))
            assert (plan.state, plan.merged_into) == ("merged", UUID(other))
        take(plan, history.event("person", lifts, history.plan_id))
        assert (plan.state, plan.merged_into) == ("open", None)
        content = {"merged_into": other, "reason": "x"}
        take(plan, history.event("person", "plan-merged", history.plan_id, "amended", content))


def test_only_the_person_of_the_plan_says_what_becomes_of_it() -> None:
    """A type is what a producer writes: the section and the entry have to be the plan's own."""
    history = History()
    plan = folded(history.plan_id, [history.opened()])
    ended = history.event("person", "plan-ended", uuid4(), "created")
    take(plan, ended)
    assert plan.state == "open"
    foreign = read_event(record_of(history.event("goals", "ended", uuid4(), "created"))).event
    foreign.type = "careplan.person.plan-ended.v1"
    fold(plan, foreign, lambda *_: None)
    assert plan.state == "open"


@pytest.mark.parametrize("major", [1, 2, 10])
def test_each_major_version_of_an_event_says_the_same_of_the_plan(major: int) -> None:
    history = History()
    plan = folded(history.plan_id, [history.opened()])
    ended = history.event("person", "plan-ended", history.plan_id)
    take(plan, replace(ended, type=f"careplan.person.plan-ended.v{major}"))
    assert plan.state == "ended"


def test_what_was_only_confirmed_or_talked_about_was_not_updated() -> None:
    history = History()
    about, comment = uuid4(), uuid4()
    written = history.event("about_me", "written", about, "created", {"a": 1})
    plan = folded(history.plan_id, [written])
    take(plan, history.event("about_me", "confirmed", about))
    take(plan, history.event("support_plans", "table-confirmed", uuid4(), "created"))
    take(plan, history.event("about_me", "restricted", about, "amended", {"visibility": {}}))
    take(plan, history.event("about_me", "restriction-lifted", about))
    take(
        plan,
        history.event("stewardship", "comment-made", comment, "created", entry_type="comment"),
    )
    assert plan.last_updated == written.recorded_at
    claim = uuid4()
    take(plan, history.event("care_team", "relationship-established", claim, "created", {"a": 1}))
    vouched = history.event("care_team", "relationship-confirmed", claim, "amended", {"a": 2})
    take(plan, vouched)
    assert plan.last_updated == vouched.recorded_at
    assert plan.entries["care-team", claim].confirmed_at is None
    unconfirmed = history.event("about_me", "unconfirmed", about)
    take(plan, unconfirmed)
    assert plan.last_updated == unconfirmed.recorded_at


def test_the_fold_takes_any_provenance() -> None:
    history = History()
    odd: list[dict[str, Any]] = [
        {},
        {"recorded_by": None, "stated_by": {}, "stated_at": None},
        {"recorded_by": {"organisation": 1}},
    ]
    for provenance in odd:
        event = history.event("novel", "made", uuid4(), "created", {"a": 1})
        plan = folded(history.plan_id, [replace(event, provenance=provenance)])
        assert plan.version == 1
        assert plan.accepted[0].event.stated_at == event.recorded_at


def test_times_are_folded_in_utc() -> None:
    event = History().event("novel", "made", uuid4(), "created")
    elsewhere = replace(event, recorded_at=datetime.fromisoformat("2026-07-01T09:00:00+01:00"))
    plan = folded(event.plan_id, [elsewhere])
    (accepted,) = plan.accepted
    assert accepted.event.recorded_at == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert accepted.event.recorded_at.tzinfo is UTC


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


@given(histories(), st.randoms(use_true_random=False))
def test_what_an_entry_says_is_what_its_events_make_of_it(
    events: list[RecordedEvent], random: Any
) -> None:
    random.shuffle(events)
    plan = folded(events[0].plan_id, events)
    for (section, entry_id), entry in plan.entries.items():
        told: dict[str, Any] = {}
        its_own = [e for e in events if e.entry == (section, entry_id)]
        for event in sorted(its_own, key=lambda event: event.entry_version):
            told = applied(told_of(event), told)
        assert content(entry) == told
        leaves = set()
        for key, value in told.items():
            parts = value if key == "responses" else None
            leaves |= {f"{key}.{part}" for part in parts} if parts else {key}
        assert set(entry.leaves) == leaves


@given(histories(), st.integers(0, 15), st.randoms(use_true_random=False))
def test_what_waits_is_shown_and_nothing_is_counted_twice(
    events: list[RecordedEvent], missing: int, random: Any
) -> None:
    random.shuffle(events)
    kept = [event for number, event in enumerate(events) if number != missing]
    plan = Told(events[0].plan_id)
    outcomes = [take(plan, event) for event in [*kept, *kept]]
    waiting = sum(len(events) for events in plan.parked.values())
    assert plan.version + waiting == len(kept)
    assert len(outcomes) == 2 * len(kept)
    assert outcomes.count(Outcome.DUPLICATE) == len(kept)
