"""What the events of the care team come to, in whatever order and however often they come."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.care_team.domain import Proxy, Relationship
from shared.chassis.policy.access import Access, Doing, Scope, live
from shared.chassis.policy.relationships import (
    _FROM,
    OPENERS_TIME,
    Known,
    access_of,
    claim_of,
    known_from,
)
from shared.ledger import Organisation, RecordedEvent
from shared.ledger.entry.fields import hints_of, wire_field
from shared.testing.events import BEGAN, GP, History

CONTRACTS = Path(__file__).parents[4] / "contracts"
ENTRY, OTHER = UUID(int=1), UUID(int=2)
REGISTRATION = ("registration-service",)
LATER = BEGAN + timedelta(days=1)
PERSON = {"kind": "person"}
CLAIMED = {
    "organisation": {"ods": "ZZG01", "name": "Larkfield"},
    "kind": "caseload",
    "live_from": "2026-01-01T00:00:00Z",
}


def example_of(name: str) -> dict[str, Any]:
    """What the contract kit gives as the first valid content of this event."""
    folder = CONTRACTS / f"careplan.care-team.{name}" / "examples" / "valid"
    found: dict[str, Any] = orjson.loads(min(folder.iterdir()).read_bytes())
    return found


class Story(History):
    """What happened to the relationships and Proxies of one plan."""

    def tell(self, name: str, entry_id: UUID = ENTRY, **others: Any) -> RecordedEvent:
        kind = name.partition("-")[0]
        change = {"relationship-established": "created", "proxy-appointed": "created"}.get(name)
        if name.endswith(("-ended", "revoked", "entered-in-error")):
            change = "withdrawn"
        content = others.pop("content", None)
        return self.event(
            "care_team", name, entry_id, change or "amended",
            example_of(name) if content is None else content,
            **{"entry_type": kind, **others},
        )  # fmt: skip


def learned(events: Iterable[RecordedEvent]) -> list[Known]:
    held: dict[UUID, Known] = {}
    for known in map(known_from, events):
        if known is not None:
            before = held.get(known.entry_id)
            held[known.entry_id] = known if before is None else before.having(known)
    return list(held.values())


def told(events: Iterable[RecordedEvent]) -> Access:
    return access_of(learned(events), REGISTRATION)


def whole_life() -> list[RecordedEvent]:
    story = Story()
    names = (
        "relationship-established", "relationship-preference-recorded", "relationship-objected",
        "relationship-released", "relationship-objection-lifted", "relationship-extended",
        "relationship-objected", "relationship-restricted", "relationship-ended",
    )  # fmt: skip
    of_proxy = (
        "proxy-appointed", "proxy-authority-verified", "proxy-scope-changed", "proxy-suspended",
        "proxy-reinstated", "proxy-restricted", "proxy-revoked",
    )  # fmt: skip
    return [
        story.opened(),
        *(story.tell(name) for name in names),
        *(story.tell(name, OTHER) for name in of_proxy),
    ]


@given(st.data())
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    """The kind: a redelivery, a rebuild, a partition read again from an old offset."""
    life = whole_life()
    part = life[: data.draw(st.integers(1, len(life)))]
    again = data.draw(st.lists(st.sampled_from(part), max_size=10))
    shuffled = data.draw(st.permutations([*part, *again]))
    assert told(shuffled) == told(part)
    by_id = {one.entry_id: one for one in learned(part)}
    assert {one.entry_id: one for one in learned(shuffled)} == by_id


@given(st.data())
def test_what_has_not_come_yet_permits_nothing(data: st.DataObject) -> None:
    """Without the event that makes it, an entry is nothing: no half of it lets anybody in."""
    life = [one for one in whole_life() if one.entry_version > 1]
    some = data.draw(st.lists(st.sampled_from(life), unique_by=id))
    assert told(some) == Access()


def test_what_is_taken_of_an_entry_is_named_as_the_care_team_names_it() -> None:
    """The kind: a field renamed there, which a copy would then never see."""
    for kind, entry in (("relationship", Relationship), ("proxy", Proxy)):
        events = [one for one in vars(entry).values() if isinstance(one, type)]
        fields = {wire_field(name) for event in events for name in hints_of(event)}
        assert _FROM[kind].keys() <= fields


def test_no_reason_and_no_words_are_taken() -> None:
    story = Story()
    events = [
        story.tell("relationship-established"),
        story.tell("relationship-objected"),
        story.tell("relationship-released"),
        story.tell("proxy-appointed", OTHER),
    ]
    kept = orjson.dumps([one.leaves for one in learned(events)]).decode()
    for event in events:
        for name in ("reason", "lawful_basis", "preference", "evidence"):
            said = event.content.get(name)
            if isinstance(said, str):
                assert said not in kept
            assert f'"{name}"' not in kept


def test_an_entry_that_has_ended_or_was_an_error_is_left_out() -> None:
    for last in ("relationship-ended", "relationship-entered-in-error"):
        story = Story()
        established = story.tell("relationship-established")
        assert len(told([established]).relationships) == 1
        assert told([established, story.tell(last, content={"reason": "r"})]) == Access()
    story = Story()
    appointed = story.tell("proxy-appointed")
    assert told([appointed, story.tell("proxy-revoked")]) == Access()


@pytest.mark.parametrize("said", [{}, {"self_claimed": True}, {"self_claimed": None}])
@pytest.mark.parametrize("stated_by", [None, PERSON, {"kind": "related-person"}])
def test_a_relationship_is_a_claim_until_its_section_says_that_it_is_none(
    said: dict[str, Any], stated_by: dict[str, Any] | None
) -> None:
    """Whom a contribution quotes changes nothing."""
    story = Story()
    begun = story.tell("relationship-established", stated_by=stated_by, content={**CLAIMED, **said})
    (one,) = told([begun]).relationships
    assert one.self_claimed is True
    confirmed = story.tell("relationship-confirmed", content={"self_claimed": False})
    (one,) = told([confirmed, begun]).relationships
    assert one.self_claimed is False
    extended = story.tell(
        "relationship-extended",
        content={"live_until": "2999-01-01T00:00:00Z", "self_claimed": True},
    )
    (one,) = told([extended, confirmed, begun]).relationships
    assert one.self_claimed is True


def test_a_claim_is_counted_until_it_is_confirmed_or_ended() -> None:
    story, until = Story(), "2999-01-01T00:00:00+00:00"
    begun = story.tell("relationship-established", content={**CLAIMED, "live_until": until})
    extended = story.tell("relationship-extended", content={"live_until": "soon"})
    confirmed = story.tell("relationship-confirmed", content={"self_claimed": False})
    ended = story.tell("relationship-ended", content={})
    ends = datetime.fromisoformat(until)

    def counted(*events: RecordedEvent) -> tuple[str | None, datetime | None]:
        (one,) = learned(events)
        return claim_of(one)

    assert counted(begun) == ("claimed", ends)
    assert counted(begun, confirmed) == ("confirmed", ends)
    assert counted(begun, confirmed, ended) == (None, None)
    assert counted(begun, extended) == (None, None), "an end that cannot be read ends nothing else"
    registered = story.tell("relationship-established", OTHER, content={"self_claimed": False})
    assert counted(registered) == (None, None)
    assert counted(Story().tell("proxy-appointed")) == (None, None)


@pytest.mark.parametrize(("claimed", "opened"), [(True, set()), (False, {"address"})])
def test_what_an_organisation_claims_for_itself_opens_no_label_until_somebody_else_adds_it(
    claimed: bool, opened: set[str]
) -> None:
    story = Story()
    scope = {"sections": ["goals"], "labels": ["address"], "contribute": True}
    begun = story.tell(
        "relationship-established", content={**CLAIMED, "scope": scope, "self_claimed": claimed}
    )
    extended = story.tell(
        "relationship-extended",
        content={"live_until": "2999-01-01T00:00:00Z", "self_claimed": True},
    )
    (one,) = told([extended, begun]).relationships
    assert one.scope == Scope(frozenset({"goals"}), frozenset(opened))

    in_full = Scope(frozenset({"goals"}), frozenset({"address"}))
    confirmed = story.tell("relationship-confirmed", content={"self_claimed": False})
    by_an_officer = story.tell("relationship-scope-changed", content={"scope": scope})
    for word in (confirmed, by_an_officer):
        for events in ([begun, extended, word], [word, extended, begun]):
            (one,) = told(events).relationships
            assert one.scope == in_full


def test_whoever_opens_a_plan_has_it_for_thirty_days() -> None:
    story = Story()
    opened = story.opened()
    here, elsewhere = Organisation(ods="ZZG01"), Organisation(ods="ZZC01")
    code = GP["organisation"]["ods"]
    assert code == here.code
    relationships = told([opened]).relationships
    until = opened.recorded_at + OPENERS_TIME
    for at, is_live in (
        (opened.recorded_at - timedelta(microseconds=1), False),
        (opened.recorded_at, True),
        (until - timedelta(microseconds=1), True),
        (until, False),
    ):
        found = live(relationships, here, at, "goals", contributing=True)
        assert [one.self_claimed for one in found] == ([True] if is_live else [])
        assert live(relationships, elsewhere, at) == ()
    (shorter,) = access_of(learned([opened]), REGISTRATION, timedelta(days=7)).relationships
    assert shorter.live_until == opened.recorded_at + timedelta(days=7)
    # The person, who has opened it without an organisation, needs none.
    assert told([History().event(*("person", "plan-opened", ENTRY, "created"),
                                 recorded_by=PERSON)]) == Access()  # fmt: skip


def test_opening_a_plan_or_claiming_another_relationship_is_no_way_past_an_objection() -> None:
    story = Story()
    here = Organisation(ods="ZZG01")
    events = [
        story.opened(),
        story.tell("relationship-established", content=CLAIMED),
        story.tell("relationship-objected", content={"objection": {"stated_at": "x"}}),
        story.tell("relationship-established", OTHER, content={**CLAIMED, "kind": "self-claimed"}),
    ]
    assert live(told(events[:2]).relationships, here, LATER) != ()
    assert live(told(events).relationships, here, LATER) == ()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"live_from": None}, {"live_from": "yesterday"}, {"live_from": "2026-01-01T00:00:00"},
        {"live_until": 7}, {"scope": "all"}, {"scope": {"sections": "needs"}},
        {"scope": {"sections": [7]}}, {"organisation": {}}, {"organisation": {"ods": 7}},
        {"released": {"until": "soon"}, "objection": {}},
    ],
)  # fmt: skip
def test_what_is_not_in_its_form_permits_nothing_and_stops_nobody(spoilt: dict[str, Any]) -> None:
    event = Story().tell("relationship-established", content={**CLAIMED, **spoilt})
    assert told([event]) == Access()


@pytest.mark.parametrize("objection", [{}, {"scope": None}, "all of it", 7, []])
def test_an_objection_that_names_no_scope_is_to_all_of_it(objection: Any) -> None:
    event = Story().tell("relationship-established", content={**CLAIMED, "objection": objection})
    assert live(told([event]).relationships, Organisation(ods="ZZG01"), LATER) == ()


@pytest.mark.parametrize("party", [None, "ruth", {}, {"identifiers": 7}, {"identifiers": [7]}])
def test_a_party_that_is_not_in_its_form_is_nobody(party: Any) -> None:
    content = {**example_of("proxy-appointed"), "party": party}
    for proxy in told([Story().tell("proxy-appointed", content=content)]).proxies:
        assert ("sub", "ruth") not in proxy.identifiers


def test_a_proxy_is_what_was_last_said_of_it() -> None:
    story = Story()
    now = datetime(2026, 6, 1, tzinfo=UTC)
    events: list[RecordedEvent] = []

    def may(doing: Doing, section: str) -> bool:
        return any(one.permits(now, section, doing) for one in told(events).proxies)

    for name, expected in (
        ("proxy-appointed", (True, True, True)),
        ("proxy-scope-changed", (True, False, False)),
        ("proxy-suspended", (False, False, False)),
        ("proxy-reinstated", (True, False, False)),
        ("proxy-revoked", (False, False, False)),
    ):
        events.append(story.tell(name))
        asked = (
            may(Doing.VIEW, "about-me"), may(Doing.VIEW, "goals"), may(Doing.CONTRIBUTE, "goals"),
        )  # fmt: skip
        assert asked == expected, name
