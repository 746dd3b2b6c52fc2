"""An example says the whole of a provenance, and refers to other examples by their labels."""

from typing import Any

from services.goals.examples import COMMANDS
from services.goals.section import SECTION
from shared.contracts.examples.playing import entry_of, play
from shared.ledger import plain
from shared.ledger.example import Example, link

NEEDS = [{"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}]
PLACE = {"ods": "ZZC01", "text": "Northmoor day centre"}
SYSTEM = {"name": "Northmoor EPR", "maker": "Northmoor Community", "version": "4.2"}
COLLEAGUE = {
    "kind": "professional",
    "name": "Una Falls-Synth",
    "role": "physiotherapist",
    "organisation": {"ods": "ZZC01"},
    "identifier": {"kind": "hcpc", "value": "PH1"},
    "team": "Falls service",
    "grade": "Band 6",
}


def example(**given: Any) -> Example:
    content = {"aim": {"text": "Walk to the corner"}, "need_ids": NEEDS}
    return Example("agree", f"{COMMANDS}agree.v1", content, "g1", **given)


def test_place_system_reference_and_a_colleague_reach_the_event() -> None:
    claimed = {
        "location": PLACE,
        "system": SYSTEM,
        "source_ref": {"id": "falls-plan-77", "version": "1"},
        "stated_by": COLLEAGUE,
        "stated_at": "2026-03-10T14:00:00Z",
    }
    [answer] = play(SECTION, [example(provenance=claimed)]).answers
    assert answer.code is None
    [event] = answer.events
    kept = plain(event.provenance)
    assert {name: kept[name] for name in claimed} == claimed


def test_a_supporter_stands_beside_the_rest() -> None:
    [answer] = play(
        SECTION,
        [
            example(
                stated_by_kind="person",
                supported_by={"name": "Ruth Marlow-Synth", "how": "Read it aloud"},
                provenance={"location": PLACE},
            )
        ],
    ).answers
    [event] = answer.events
    assert event.provenance.stated_by.kind == "person"
    assert event.provenance.supported_by.how == "Read it aloud"
    assert plain(event.provenance.location) == PLACE


def test_who_acts_under_a_proxy_names_it_by_its_label() -> None:
    proxy = link("care-team", "ruth-for-edith")
    acting = example(
        recorded_by_kind="related-person",
        provenance={"on_behalf_of": {"kind": "person", "proxy": proxy}},
    )
    [answer] = play(SECTION, [acting]).answers
    assert answer.contribution["provenance"]["on_behalf_of"]["proxy"] == proxy


def test_a_label_leads_to_the_entry_that_an_example_creates() -> None:
    created = example()
    assert link("goals", "g1")["entry_id"] == str(entry_of(SECTION, created))
    assert link("goals", "g1", plan="other") != link("goals", "g1")
