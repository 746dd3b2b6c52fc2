"""Given a plan as it stands on a day, when its rules are asked, then these are its findings."""

from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import pytest

from services.plan.fold.findings.all_rules import findings_of
from services.plan.fold.findings.facts import Changed, Changes, PlanFacts, Said, Today, last_day
from services.plan.fold.findings.links import LEADS_TO
from services.plan.fold.findings.rules import RULES_BEHIND, Found
from services.plan.fold.standard import of_an_entry
from shared.contracts import discover
from shared.ledger import EntryRef
from shared.ledger.entry.fields import hints_of, wire_field

LONDON = ZoneInfo("Europe/London")
OPENED = datetime(2026, 1, 1, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = Today(NOW, LONDON)

COMPLETE = {
    "name": {"first": "Edie", "family": "Synth"},
    "date_of_birth": "1938-03-14",
    "nhs_number": {"value": "9994100017", "verification": "traced-and-verified"},
    "addresses": [{"line1": "4 Sample Court", "postcode": "ZZ1 1AA"}],
    "gp_practices": [{"ods": "ZZG01"}],
}


class APlan:
    """A plan that is told entry by entry; each is an event of its own, an hour after the last."""

    def __init__(self, **person: Any) -> None:
        self.entries: dict[tuple[str, str], Said] = {}
        self.changes: list[Changed] = []
        self.waiting: dict[tuple[str, str], datetime] = {}
        self.hours = count()
        self.says("person/person", "p", {**COMPLETE, **person})

    def says(
        self,
        kind: str,
        entry_id: str,
        content: dict[str, Any],
        *,
        withdrawn: bool = False,
        at: datetime | None = None,
        type_: str = "careplan.x.said.v1",
        fields: tuple[str, ...] | None = None,
        **more: Any,
    ) -> "APlan":
        section, _, entry_type = kind.partition("/")
        at = at or OPENED + timedelta(hours=next(self.hours))
        fields = tuple(content) if fields is None else fields
        version = len(self.changes) + 1
        self.changes.append(
            Changed(version, section, entry_id, entry_type, type_, at, fields, **more)
        )
        self.entries[section, entry_id] = Said(
            section, entry_id, entry_type, not withdrawn, content, at, at
        )
        return self

    def facts(self) -> PlanFacts:
        changes = Changes(self.changes)
        return PlanFacts(len(changes), self.entries, changes, self.waiting)

    def found(self, today: Today = TODAY, **settings: bool) -> Iterator[Found]:
        return findings_of(self.facts(), today, **settings)

    def codes(self, *wanted: str, today: Today = TODAY, **settings: bool) -> list[Any]:
        """Code and entries of those findings that are asked for by code."""
        assert {*wanted} <= RULES_BEHIND.keys()
        return [
            (one.code, *(concerned.entry_id for concerned in one.entries))
            for one in self.found(today, **settings)
            if one.code in wanted
        ]


def ref(section: str, entry_id: str) -> dict[str, str]:
    return {"section": section, "entry_id": entry_id}


def text(words: str) -> dict[str, str]:
    return {"text": words}


def test_a_complete_plan_lacks_a_review_and_an_agreement_and_nothing_else() -> None:
    assert [one.code for one in APlan().found()] == ["no-review-date", "no-agreement-recorded"]


@pytest.mark.parametrize(
    ("lacking", "field"),
    [
        ({"addresses": []}, "addresses"),
        ({"addresses": [{"line1": "4 Sample Court"}]}, "addresses"),
        ({"gp_practices": [{"details": "a practice without its code"}]}, "gp_practices"),
        ({"name": {"first": "Edie"}}, "name"),
        ({"date_of_birth": None}, "date_of_birth"),
    ],
)
def test_what_the_plan_cannot_be_sent_without_is_told_by_field(
    lacking: dict[str, Any], field: str
) -> None:
    (found,) = (one for one in APlan(**lacking).found() if one.code == "mandatory-element-missing")
    assert [(one.section, one.field) for one in found.entries] == [("person", field)]


@pytest.mark.parametrize(
    ("said", "is_found"),
    [
        ({"nhs_number": {"value": "9994100017", "verification": "present-not-verified"}}, True),
        ({"nhs_number": {"verification": "none-with-reason", "reason": "a visitor"}}, False),
        ({"other_identifiers": [{"kind": "chi", "value": "1403380016"}]}, True),
        ({"other_identifiers": [{"kind": "local", "value": "7"}]}, False),
    ],
)
def test_a_number_that_nobody_traced_may_have_a_second_plan(
    said: dict[str, Any], *, is_found: bool
) -> None:
    assert bool(APlan(**said).codes("identifier-not-verified")) is is_found


def test_an_entry_that_stands_nowhere_is_told_and_one_of_two_links_as_well() -> None:
    plan = (
        APlan()
        .says("needs/need", "n1", {"what": text("falls")})
        .says("needs/need", "n2", {"what": text("weight")}, withdrawn=True)
        .says("goals/goal", "g1", {"need_ids": [ref("needs", "n2")]})
        .says("goals/goal", "g2", {"need_ids": [ref("needs", "n1"), ref("needs", "n2")]})
        .says("goals/goal", "g3", {"need_ids": [ref("needs", "n1"), ref("needs", "n9")]})
        .says("goals/action", "a1", {"goal_ids": [ref("goals", "g9")], "who": {"name": "Edie"}})
        .says("goals/stage-goal", "s1", {"goal_id": ref("goals", "g1")})
        .says("goals/outcome", "o1", {"goal_id": ref("goals", "g9")})
    )
    assert plan.codes(
        "goal-without-need",
        "action-without-goal",
        "stage-goal-without-action",
        "outcome-without-goal",
        "refers-to-unknown-entry",
        "refers-to-withdrawn-entry",
    ) == [
        ("goal-without-need", "g1"),
        ("action-without-goal", "a1"),
        ("stage-goal-without-action", "s1"),
        ("outcome-without-goal", "o1"),
        ("refers-to-withdrawn-entry", "g2"),
        ("refers-to-unknown-entry", "g3"),
    ]


def test_what_was_said_of_an_entry_that_is_gone_is_no_broken_link() -> None:
    plan = (
        APlan()
        .says("goals/goal", "g1", {"need_ids": []}, withdrawn=True)
        .says(
            "stewardship/comment",
            "c1",
            {"kind": "comment", "target": ref("goals", "g1"), "proposed": {"x": ref("a", "b")}},
        )
    )
    assert plan.codes("refers-to-unknown-entry", "refers-to-withdrawn-entry") == []


def test_a_comment_on_an_entry_that_is_nowhere_is_told_with_its_target() -> None:
    plan = APlan().says("goals/goal", "g1", {"need_ids": []})
    on = {**ref("goals", "g1"), "field": "aim"}
    plan.says("stewardship/comment", "c1", {"kind": "comment", "target": on})
    assert plan.codes("refers-to-unknown-entry") == []
    nowhere = {**ref("goals", "g9"), "field": "aim"}
    plan.says("stewardship/comment", "c2", {"kind": "comment", "target": nowhere})
    assert plan.codes("refers-to-unknown-entry") == [("refers-to-unknown-entry", "c2")]


def test_a_link_to_an_entry_of_another_kind_leads_to_none() -> None:
    plan = APlan().says("needs/strength", "s1", {}).says("needs/need", "n1", {})
    plan.says("goals/goal", "g1", {"need_ids": [ref("needs", "s1")]})
    assert plan.codes("goal-without-need", "refers-to-unknown-entry") == [
        ("goal-without-need", "g1")
    ]
    both = {"need_ids": [ref("needs", "s1"), ref("needs", "n1")]}
    plan.says("goals/goal", "g1", both)
    assert plan.codes("goal-without-need", "refers-to-unknown-entry") == [
        ("refers-to-unknown-entry", "g1")
    ]
    right = {"need_ids": [ref("needs", "n1")], "strength_ids": [ref("needs", "s1")]}
    plan.says("goals/goal", "g1", right)
    assert plan.codes("goal-without-need", "refers-to-unknown-entry") == []


def test_the_kinds_that_links_lead_to_are_those_that_the_sections_declare() -> None:
    declared: dict[tuple[tuple[str, str], str], set[str]] = {}
    for section in discover.sections():
        for type_, event in section.events.items():
            kind = (section.wire_name, section.entry_type(section.entry_of_event(type_)))
            for name, hint in hints_of(event).items():
                for link in links_in(hint):
                    declared.setdefault((kind, wire_field(name)), set()).update(link.leads_to)
    assert declared == {field: {*types} for field, types in LEADS_TO.items()}


def links_in(hint: Any) -> Iterator[type[EntryRef]]:
    kind = get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, EntryRef):
        yield kind
    elif isinstance(kind, type) and is_dataclass(kind):
        for inner in get_type_hints(kind).values():
            yield from links_in(inner)
    else:
        for inner in get_args(hint):
            yield from links_in(inner)


def test_a_goal_is_to_be_looked_at_again_when_its_need_changed_later() -> None:
    plan = (
        APlan()
        .says("needs/need", "n1", {})
        .says("goals/goal", "g1", {"need_ids": [ref("needs", "n1")]})
    )
    assert plan.codes("goal-to-look-at-again") == []
    plan.says("needs/need", "n1", {}, type_="careplan.needs.confirmed.v1", is_update=False)
    assert plan.codes("goal-to-look-at-again") == []
    plan.says("needs/need", "n1", {"what": text("other words")})
    assert plan.codes("goal-to-look-at-again") == [("goal-to-look-at-again", "g1", "n1")]
    plan.says(
        "goals/goal", "g1", {"need_ids": [ref("needs", "n1")], "status": {"value": "on-going"}}
    )
    assert plan.codes("goal-to-look-at-again") == []


@pytest.mark.parametrize(
    ("importance", "confidence", "is_found"), [(8, 4, True), (7, 1, False), (10, 5, False)]
)
def test_low_confidence_counts_where_the_goal_matters(
    importance: int, confidence: int, *, is_found: bool
) -> None:
    plan = (
        APlan()
        .says("goals/goal", "g1", {"importance": importance})
        .says("goals/action", "a1", {"goal_ids": [ref("goals", "g1")], "confidence": confidence})
    )
    assert bool(plan.codes("low-confidence-on-important-goal")) is is_found


@pytest.mark.parametrize(
    ("when", "since"),
    [
        ({"date": "2026-11-10"}, datetime(2026, 11, 11, tzinfo=UTC)),
        ({"date": "2026-07"}, datetime(2026, 7, 31, 23, tzinfo=UTC)),
        ({"period": {"start": "2026-01", "end": "2026-10-31"}}, datetime(2026, 11, 1, tzinfo=UTC)),
        ({"at": "2026-11-21T11:00:00Z"}, datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ({"date": "2026-11-21"}, None),
        ({"date": "2026-11"}, None),
        ({"timing": "twice weekly"}, None),
    ],
)
def test_an_action_is_overdue_after_its_last_planned_day(
    when: dict[str, Any], since: datetime | None
) -> None:
    def overdue(status: str) -> list[datetime | None]:
        action = {"when": when, "status": {"value": status}, "who": {"name": "Edie"}}
        plan = APlan().says("goals/action", "a1", action)
        return [one.since for one in plan.found() if one.code == "action-overdue"]

    assert overdue("not-started") == ([since] if since else [])
    assert overdue("completed") == overdue("refused") == []


def test_an_action_needs_an_owner_who_is_still_there() -> None:
    contact = {"name": "Tom", "ends_at": "2026-11-01T09:00:00Z"}
    plan = (
        APlan()
        .says("care-team/professional-contact", "t1", contact)
        .says("goals/action", "a1", {})
        .says("goals/action", "a2", {"who": {"contact_ref": ref("care-team", "t1")}})
    )
    assert plan.codes("action-without-owner", "assignee-has-left") == [
        ("action-without-owner", "a1"),
        ("assignee-has-left", "a2", "t1"),
    ]


def test_there_is_one_key_worker_and_where_a_deployment_says_so_at_least_one() -> None:
    plan = APlan()
    assert plan.codes("no-key-worker") == []
    assert plan.codes("no-key-worker", everybody_has_a_key_worker=True) == [("no-key-worker", "p")]
    plan.says("care-team/professional-contact", "t1", {"key_worker": True})
    assert plan.codes("no-key-worker", everybody_has_a_key_worker=True) == []
    plan.says("care-team/professional-contact", "t2", {"key_worker": True})
    assert plan.codes("two-key-workers") == [("two-key-workers", "t1", "t2")]


def test_a_key_worker_who_begins_later_is_none_until_then() -> None:
    begins = TODAY.now + timedelta(days=1)
    plan = APlan().says(
        "care-team/professional-contact",
        "t1",
        {"key_worker": True, "starts_at": begins.isoformat()},
    )
    told = plan.codes("no-key-worker", everybody_has_a_key_worker=True)
    assert told == [("no-key-worker", "p")]
    plan.says("care-team/professional-contact", "t2", {"key_worker": True})
    assert plan.codes("two-key-workers") == []
    (both,) = (one for one in plan.found(Today(begins, LONDON)) if "key-worker" in one.code)
    assert (both.code, both.since) == ("two-key-workers", begins)


def test_reviews_are_due_soon_and_overdue_by_the_days_of_the_place() -> None:
    plan = (
        APlan()
        .says("contingency-plans/contingency-plan", "c1", {"triggers": [text("a fall")]})
        .says("support-plans/support-plan", "asp", {})
        .says("stewardship/review", "r1", {"subject": "plan", "due_on": "2026-12-21"})
        .says(
            "stewardship/review",
            "r2",
            {"subject": ref("contingency-plans", "c1"), "due_on": "2026-09-24"},
        )
        .says(
            "stewardship/review", "r3", {"subject": ref("support-plans", "asp"), "interval": "P6W"}
        )
    )
    codes = ("review-overdue", "review-due-soon", "support-plan-review-overdue", "no-review-date")
    assert plan.codes(*codes) == [
        ("review-due-soon", "r1"),
        ("review-overdue", "r2", "c1"),
        ("support-plan-review-overdue", "r3", "asp"),
    ]
    summer = Today(datetime(2026, 9, 24, 23, 30, tzinfo=UTC), LONDON)
    assert plan.codes("review-overdue", today=summer) == [("review-overdue", "r2", "c1")]
    still = Today(datetime(2026, 9, 24, 22, 30, tzinfo=UTC), LONDON)
    assert plan.codes("review-overdue", today=still) == []


def test_an_interval_runs_from_when_it_was_set_or_the_review_was_last_held() -> None:
    held = {"subject": "plan", "interval": "P6M", "held": [{"held_on": "2026-08-31"}]}
    plan = APlan().says("stewardship/review", "r1", held, at=datetime(2026, 1, 2, tzinfo=UTC))
    assert plan.codes("review-overdue") == []
    late = Today(datetime(2027, 3, 1, 1, tzinfo=UTC), LONDON)  # the last day of February is due
    assert plan.codes("review-overdue", today=late) == [("review-overdue", "r1")]


def test_a_transition_advises_a_review_until_one_was_held() -> None:
    plan = APlan(date_of_birth="2008-11-20")
    assert plan.codes("review-advised") == [("review-advised", "p")]
    plan.says("stewardship/review", "r", {"subject": "plan", "held": [{"held_on": "2026-11-20"}]})
    assert plan.codes("review-advised") == []
    plan.says(
        "person/person",
        "p",
        COMPLETE,
        fields=("addresses",),
        at=datetime(2026, 11, 21, 9, tzinfo=UTC),
    )
    assert plan.codes("review-advised") == [("review-advised", "p")]


def test_an_agreement_is_to_a_version_and_says_so_when_more_changed() -> None:
    plan = APlan().says("goals/goal", "g1", {"need_ids": []})
    agreed = {"subject": "plan", "outcome": "yes", "plan_version": 2}
    plan.says("stewardship/agreement", "y", agreed)
    codes = (
        "no-agreement-recorded",
        "not-agreed",
        "changed-since-agreement",
        "agreement-to-unknown-version",
    )
    assert plan.codes(*codes) == []
    plan.says("stewardship/comment", "c", {"kind": "comment"})
    plan.says("goals/goal", "g1", {}, is_update=False)
    plan.says("care-team/professional-contact", "k", {"name": "Sam"})
    assert plan.codes(*codes) == []
    plan.says("goals/goal", "g1", {})
    assert plan.codes(*codes) == [("changed-since-agreement", "y")]
    plan.says("stewardship/agreement", "z", {**agreed, "outcome": "partly", "plan_version": 99})
    assert plan.codes(*codes) == [("not-agreed", "z"), ("agreement-to-unknown-version", "z")]


def test_what_was_said_last_counts_and_not_what_was_written_down_last() -> None:
    plan = APlan()
    agreed = {"subject": "plan", "outcome": "yes", "plan_version": 1}
    plan.says("stewardship/agreement", "y", agreed)
    plan.says("stewardship/agreement", "old", {**agreed, "outcome": "no"}, at=OPENED)
    assert plan.codes("not-agreed") == []
    plan.says("stewardship/agreement", "new", {**agreed, "outcome": "no"})
    assert plan.codes("not-agreed") == [("not-agreed", "new")]


@pytest.mark.parametrize("authority", ["lpa", "deputy", "parental-responsibility"])
def test_a_right_by_which_somebody_agrees_is_shown_by_a_proxy_that_may_agree(
    authority: str,
) -> None:
    """The kind: a right that only whoever recorded it says there is."""
    agreed = {"subject": "plan", "outcome": "yes", "plan_version": 2, "by": "representative"}
    plan = APlan().says("stewardship/agreement", "y", {**agreed, "authority": authority})
    code = "agreement-without-proxy"
    assert plan.codes(code) == [(code, "y")]
    by_proxy = {**agreed, "authority": authority, "proxy": ref("care-team", "x")}
    plan.says("stewardship/agreement", "y", by_proxy)
    assert plan.codes(code) == [(code, "y")]
    for held, names in (
        ({"authority": authority, "scope": {"view": True}}, [(code, "y", "x")]),
        ({"authority": "nomination", "scope": {"agree": True}}, [(code, "y", "x")]),
        ({"authority": authority, "scope": {"agree": True}}, []),
    ):
        plan.says("care-team/proxy", "x", held)
        assert plan.codes(code) == names


@pytest.mark.parametrize(
    "said",
    [
        {"by": "person"},
        {"by": "representative", "authority": "best-interests"},
        {"by": "representative", "authority": "lpa", "outcome": "no"},
    ],
)
def test_nobody_needs_a_proxy_for_their_own_yes_for_a_no_or_for_best_interests(
    said: dict[str, Any],
) -> None:
    agreed = {"subject": "plan", "outcome": "yes", "plan_version": 2, **said}
    plan = APlan().says("stewardship/agreement", "y", agreed)
    assert plan.codes("agreement-without-proxy") == []


def test_a_contingency_plan_rests_on_an_assessment_and_is_confirmed_within_a_year() -> None:
    plan = APlan().says(
        "contingency-plans/contingency-plan", "c1", {"triggers": [text("a fall")]}, at=OPENED
    )
    codes = ("contingency-plan-without-assessment", "contingency-plan-not-confirmed")
    assert plan.codes(*codes) == [("contingency-plan-without-assessment", "c1")]
    a_year_on = Today(datetime(2027, 1, 1, 0, tzinfo=UTC), LONDON)
    assert plan.codes(*codes[1:], today=a_year_on) == [("contingency-plan-not-confirmed", "c1")]


EMERGENCY = {"kind": "emergency", "live_from": "2026-03-10T02:14:00Z"}
HAPPENED = datetime(2026, 3, 10, 2, 14, tzinfo=UTC)


def an_older_contingency_plan() -> APlan:
    triggers = {"triggers": [text("a fall")]}
    return APlan().says("contingency-plans/contingency-plan", "c1", triggers, at=OPENED)


def confirmed(plan: APlan, at: datetime) -> APlan:
    key = "contingency-plans", "contingency-plan"
    before = plan.entries["contingency-plans", "c1"]
    plan.changes.append(
        Changed(len(plan.changes) + 1, key[0], "c1", key[1], "x.confirmed.v1", at, (), False)
    )
    plan.entries["contingency-plans", "c1"] = replace(before, confirmed_at=at)
    return plan


def test_a_contingency_plan_is_confirmed_again_after_something_happened() -> None:
    code = "contingency-plan-not-confirmed"
    plan = an_older_contingency_plan().says("care-team/relationship", "r", EMERGENCY)
    (found,) = [one for one in plan.found() if one.code == code]
    assert [(one.entry_id, one.field) for one in found.entries] == [
        ("c1", None),
        ("r", "live_from"),
    ]
    assert (found.since, "emergency" in found.words) == (HAPPENED, True)
    before = Today(HAPPENED - timedelta(seconds=1), LONDON)
    assert plan.codes(code, today=before) == []
    ended = an_older_contingency_plan().says(
        "care-team/relationship", "r", EMERGENCY, withdrawn=True
    )
    assert ended.codes(code) == [(code, "c1", "r")]
    assert confirmed(plan, HAPPENED + timedelta(days=3)).codes(code) == []
    for subject in ("plan", ref("contingency-plans", "c1")):
        for cause in ("transition", "incident"):
            review = {"subject": subject, "cause": cause, "due_on": "2027-01-01"}
            plan = an_older_contingency_plan().says("stewardship/review", "w", review, at=HAPPENED)
            assert plan.codes(code) == [(code, "c1", "w")]
            assert confirmed(plan, HAPPENED + timedelta(days=3)).codes(code) == []


def test_an_emergency_since_the_last_review_advises_another() -> None:
    code = "review-advised"
    plan = APlan().says("care-team/relationship", "r", EMERGENCY)
    assert plan.codes(code) == [(code, "r")]
    assert plan.codes(code, today=Today(HAPPENED - timedelta(seconds=1), LONDON)) == []
    held = [{"held_on": "2026-03-12", "kind": "formal"}]
    plan.says("stewardship/review", "w", {"subject": "plan", "due_on": "2027-01-01", "held": held})
    assert plan.codes(code) == []


def test_what_came_first_is_told_once_and_goes_on() -> None:
    code = "contingency-plan-not-confirmed"
    a_year_on = Today(datetime(2027, 1, 2, tzinfo=UTC), LONDON)
    later = {**EMERGENCY, "live_from": "2026-05-10T02:14:00Z"}
    plan = an_older_contingency_plan().says("care-team/relationship", "r", EMERGENCY)
    plan.says("care-team/relationship", "s", later)
    assert plan.codes(code, today=a_year_on) == [(code, "c1", "r")]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("care-team/relationship", {**EMERGENCY, "kind": "referral"}),
        ("care-team/relationship", {**EMERGENCY, "live_from": "2025-12-31T00:00:00Z"}),
        ("stewardship/review", {"subject": "plan", "cause": "planned", "due_on": "2027-01-01"}),
        (
            "stewardship/review",
            {"subject": ref("about-me", "me"), "cause": "transition", "due_on": "2027-01-01"},
        ),
    ],
)
def test_nothing_else_asks_for_it(kind: str, content: dict[str, Any]) -> None:
    plan = an_older_contingency_plan().says(kind, "x", content, at=HAPPENED)
    assert plan.codes("contingency-plan-not-confirmed") == []


@pytest.mark.parametrize(
    ("first", "second", "is_found"),
    [
        (("A fall.", "call 999", False), ("a  FALL", "wait for the nurse", False), True),
        (("a fall", "call 999", False), ("a fall", "Call 999.", False), False),
        (("a fall", "call 999", False), ("chest pain", "call 999", True), True),
        (("a fall", "call 999", False), ("chest pain", "keep warm", True), False),
    ],
)
def test_two_contingency_plans_that_contradict_each_other(
    first: tuple[str, str, bool], second: tuple[str, str, bool], *, is_found: bool
) -> None:
    plan = APlan()
    for entry_id, (trigger, what, avoid) in (("c1", first), ("c2", second)):
        content = {
            "triggers": [text(trigger)],
            "instructions": [{"what": text(what), "avoid": avoid}],
        }
        plan.says("contingency-plans/contingency-plan", entry_id, content)
    expected = [("contradictory-instructions", "c1", "c2")] if is_found else []
    assert plan.codes("contradictory-instructions") == expected


def test_a_contingency_plan_without_instructions_contradicts_none() -> None:
    plan = APlan()
    instructed = {"instructions": [{"what": text("call 999")}]}
    for entry_id, said in (("c1", {}), ("c2", {"instructions": []}), ("c3", instructed)):
        plan.says(
            "contingency-plans/contingency-plan", entry_id, {"triggers": [text("a fall")], **said}
        )
    assert plan.codes("contradictory-instructions") == []


def test_somebody_excluded_is_named_by_reference_or_by_name() -> None:
    plan = APlan().says(
        "care-team/personal-contact", "k", {"name": "Keith S", "excluded": {"reason": "x"}}
    )
    for entry_id, contact in (
        ("c1", {"contact_ref": ref("care-team", "k")}),
        ("c2", {"name": "keith  s"}),
        ("c3", {"name": "Ruth"}),
    ):
        content = {"triggers": [text(entry_id)], "contacts": [contact]}
        plan.says("contingency-plans/contingency-plan", entry_id, content)
    assert plan.codes("excluded-contact-named") == [
        ("excluded-contact-named", "c1", "k"),
        ("excluded-contact-named", "c2", "k"),
    ]


def test_somebody_excluded_is_not_to_be_called_when_they_were_set_aside() -> None:
    shut_out = {"name": "Keith S", "excluded": {"reason": "x"}}
    content = {"triggers": [text("a fall")], "contacts": [{"item_id": "i", "name": "Keith S"}]}
    plan = APlan().says("contingency-plans/contingency-plan", "c", content)
    plan.says("care-team/personal-contact", "k", shut_out, withdrawn=True)
    assert plan.codes("excluded-contact-named") == [("excluded-contact-named", "c", "k")]
    assert derived_of(plan, "c")["not_to_be_called"] == ["i"]
    in_error = {**vars(plan.entries["care-team", "k"]), "is_an_error": True}
    plan.entries["care-team", "k"] = Said(**in_error)
    assert plan.codes("excluded-contact-named") == []
    assert "not_to_be_called" not in derived_of(plan, "c")


def derived_of(plan: APlan, entry_id: str) -> dict[str, Any]:
    said = plan.entries["contingency-plans", entry_id]
    return of_an_entry(plan.facts(), said, TODAY)


def test_a_document_with_the_number_of_somebody_else_and_a_stale_one() -> None:
    plan = (
        APlan()
        .says("stewardship/linked-document", "d1", {"document": {"title": "For 999 410 0017"}})
        .says("stewardship/linked-document", "d2", {"document": {"title": "For 999 000 0018"}})
        .says("support-plans/support-plan", "s1", {"label": "v3", "newer": {"label": "v4"}})
        .says("support-plans/support-plan", "s2", {"label": "v4", "newer": {"label": "v4"}})
    )
    assert plan.codes("document-names-another-person", "support-plan-stale") == [
        ("document-names-another-person", "d2"),
        ("support-plan-stale", "s1"),
    ]


def test_a_number_of_the_person_of_another_scheme_is_nobody_elses() -> None:
    own = {"kind": "hc-number", "value": "9990000018"}
    plan = APlan(other_identifiers=[own])
    plan.says("stewardship/linked-document", "d1", {"document": {"title": "For 999 000 0018"}})
    plan.says("stewardship/linked-document", "d2", {"document": {"title": "For 999 000 0026"}})
    found = [("document-names-another-person", "d2")]
    assert plan.codes("document-names-another-person") == found
    without = APlan(nhs_number=None, other_identifiers=[own])
    without.says("stewardship/linked-document", "d1", {"document": {"title": "999 000 0018"}})
    without.says("stewardship/linked-document", "d2", {"document": {"title": "999 000 0026"}})
    assert without.codes("document-names-another-person") == found


def test_comments_wait_for_an_answer_but_those_that_ask_for_none() -> None:
    plan = APlan()
    for kind in ("comment", "proposal", "disagreement", "correction-request"):
        plan.says("stewardship/comment", kind, {"kind": kind, "target": "plan"})
    plan.says("stewardship/comment", "a", {"kind": "proposal", "answer": {"outcome": "declined"}})
    codes = ("open-proposal", "open-disagreement", "open-correction-request")
    assert [entry_id for _, entry_id in plan.codes(*codes)] == [
        "proposal",
        "disagreement",
        "correction-request",
    ]


def test_what_waits_and_what_came_after_the_end_is_told() -> None:
    plan = APlan().says("goals/goal", "g1", {"need_ids": []})
    plan.says("person/person", "p", COMPLETE, type_="careplan.person.plan-ended.v1")
    plan.says("goals/goal", "g2", {"need_ids": []})
    refreshed = "careplan.person.demographics-refreshed.v1"
    plan.says("person/person", "p", COMPLETE, type_=refreshed)
    plan.says("person/person", "p", COMPLETE, type_="careplan.person.plan-reopened.v1")
    plan.says("goals/goal", "g3", {"need_ids": []})
    plan.waiting["goals", "g4"] = OPENED
    assert plan.codes("plan-incomplete", "contributed-while-not-open") == [
        ("plan-incomplete", "g4"),
        ("contributed-while-not-open", "g2"),
    ]


def test_every_code_has_its_rule_and_no_words_of_the_plan() -> None:
    plan = APlan(name={"first": "Zebedee", "family": "Quagga"}, addresses=[])
    for found in plan.found():
        assert RULES_BEHIND[found.code]
        assert not any(name in found.words for name in ("Zebedee", "Quagga", "9994100017"))


@pytest.mark.parametrize(
    ("partial", "day"),
    [
        ("2024-02", date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 31)),
        ("2026-02-30", None),
        ("2026", None),
        (None, None),
    ],
)
def test_the_last_day_of_a_partial_date(partial: Any, day: date | None) -> None:
    assert last_day(partial) == day


def test_a_code_of_no_list_and_words_where_the_standard_has_a_code_are_told_by_field() -> None:
    plan = APlan(
        gender={"code": {"system": "urn:somebody", "code": "2"}},
        sex={"text": "female"},
        addresses=[*COMPLETE["addresses"], {"line1": "x", "kind": text("main")}],
        contact={"preferred_method": text("letter")},
        religion=text("Quaker"),
    )
    plan.says("needs/need", "n", {"what": text("Falls")})
    plan.says("goals/action", "a", {"what": [{"code": {"system": "urn:local", "code": "1"}}]})
    (person, action) = (one for one in plan.found() if one.code == "unmapped-code")
    assert [one.field for one in person.entries] == [
        "gender",
        "addresses.kind",
        "contact.preferred_method",
    ]
    assert [(one.entry_id, one.field) for one in action.entries] == [("a", "what")]


def test_a_status_by_a_code_of_another_list_is_reported() -> None:
    local = {"value": "on-going", "code": {"system": "urn:x-local", "code": "1"}}
    plan = APlan().says("goals/goal", "g", {"status": local})
    plan.says("goals/action", "a", {"status": {"value": "in-progress", "text": "half way"}})
    plan.says("goals/stage-goal", "s", {"status": local})
    found = [one.entries for one in plan.found() if one.code == "unmapped-code"]
    assert [(entry.entry_id, entry.field) for (entry,) in found] == [
        ("g", "status"), ("s", "status"),
    ]  # fmt: skip


def test_nobody_learns_from_a_finding_that_a_sex_is_recorded() -> None:
    assert APlan(sex={"text": "female"}).codes("unmapped-code") == []
