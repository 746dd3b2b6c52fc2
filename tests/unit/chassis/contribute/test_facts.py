"""What a contribution says besides its content is in the event that is stored, and published."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from services.goals.section import SECTION
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.contribute.validate import look
from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.policy.decide import Decision
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import StoredRow
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation, Refused

TOM = Contributor("professional", "tom", "Tom Okafor-Synth", "nurse", Organisation("ZZC01"))
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-00000000000c"}
COMMENT = {"section": "stewardship", "entry_id": "0199c0de-0000-7000-8000-0000000000c1"}
SYSTEM = {"name": "Northmoor EPR", "version": "4.2"}


def contribution(**members: Any) -> dict[str, Any]:
    return {
        "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
        "plan_id": "0199c0de-0000-7000-8000-00000000000a",
        "command": "careplan.goals.commands.agree.v1",
        "content": {"aim": {"text": "To walk to the shop"}, "need_ids": [NEED]},
        **members,
    }


def published(given: dict[str, Any]) -> Any:
    """The event of a contribution that creates, as it is stored and as everybody reads it."""
    prepared = prepare(SECTION, contribution_from_json(given), TOM)
    command = prepared.command
    entry = command.create(
        prepared.provenance, frozenset(), prepared.arguments, prepared.visibility
    )
    (event,) = entry.collect_events()
    stored = EntryMapper().to_stored_event(event)
    assert EntryMapper().to_domain_event(stored) == event
    row = StoredRow(1, entry.id, 1, stored.topic, stored.state, datetime.now(UTC), None, None)
    return orjson.loads(EventPublisher(SECTION).message(row)[1])


def test_what_the_source_calls_it_and_which_comment_it_answers() -> None:
    facts = {"system": SYSTEM, "source_ref": {"id": "77", "version": "3"}, "answers": COMMENT}
    told = published(contribution(provenance=facts))["provenance"]
    assert {name: told[name] for name in facts} == facts


WITHHELD = {
    "fields": ["aim", "why"],
    "labels": ["mental-health"],
    "withheld_from_person": True,
    "third_party": True,
    "reason": "Names somebody else",
    "approved_by": "The Caldicott guardian",
    "review_on": "2027-01-31",
}


def test_what_is_withheld_from_the_start_is_one_leaf_whole() -> None:
    told = published(contribution(visibility=WITHHELD))
    assert told["content"]["visibility"] == WITHHELD
    assert "visibility" in told["fields"]
    assert "visibility" not in published(contribution(visibility=None))["content"]


@pytest.mark.parametrize(
    ("visibility", "code", "field"),
    [
        ({**WITHHELD, "reason": None}, "reason-missing", "reason"),
        ({**WITHHELD, "reason": "\u200b"}, "reason-missing", "reason"),
        ({**WITHHELD, "approved_by": " "}, "withholding-needs-an-approver", "approved_by"),
        (
            {**WITHHELD, "withheld_from_person": False, "approved_by": " "},
            "needs-code-or-text",
            "approved_by",
        ),
    ],
)
def test_what_is_withheld_from_the_start_is_judged_as_by_restrict(
    visibility: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Refused, match=code) as refused:
        published(contribution(visibility=visibility))
    assert refused.value.field == f"visibility.{field}"


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"visibility": []}, "/visibility"),
        ({"visibility": {**WITHHELD, "who": "x"}}, "/visibility/who"),
        ({"visibility": {**WITHHELD, "review_on": "soon"}}, "/visibility/review_on"),
        ({"visibility": WITHHELD, "command": "careplan.goals.commands.weigh.v1",
          "content": {"importance": 3}, "entry_id": NEED["entry_id"], "based_on": 1},
         "/visibility"),
    ],
)  # fmt: skip
def test_a_visibility_that_cannot_be_read(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        prepare(SECTION, contribution_from_json(contribution(**members)), TOM)
    assert (caught.value.code, caught.value.errors[0]["pointer"]) == ("content-invalid", pointer)


@pytest.mark.parametrize(
    "claim",
    [
        {"source_ref": {"id": "77"}},
        {"source_ref": {"id": ""}, "system": SYSTEM},
        {"source_ref": {"version": "3"}, "system": SYSTEM},
        {"answers": {"entry_id": COMMENT["entry_id"]}},
    ],
)
def test_a_fact_that_says_nothing_cannot_be_read(claim: dict[str, Any]) -> None:
    with pytest.raises(Problem) as caught:
        contribution_from_json(contribution(provenance=claim))
    assert caught.value.code == "content-invalid"


def test_a_look_that_tells_of_another_plan_is_a_look_into_that_plan() -> None:
    """Kind: an answer that shows something of a plan whose record names another plan, or none."""
    asked = prepare(SECTION, contribution_from_json(contribution()), TOM)
    told = "0199c0de-0000-7000-8000-0000000000a2"
    for plan_id in (None, str(asked.plan_id)):
        receipt = {
            "section": "person",
            "plan_id": plan_id,
            "code": "plan-already-open",
            "existing_plan_id": told,
        }
        assert str(look(asked, Decision(True), receipt).plan_id) == told
