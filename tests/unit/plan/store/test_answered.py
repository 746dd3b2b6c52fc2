"""A comment names the changes that answer it, and none that its reader may not know of."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.plan.store.answered import Answer, answers_in, with_answers
from services.plan.store.document import Authored
from services.plan.store.reading import read_event
from shared.chassis.policy.access import Scope
from shared.chassis.policy.redaction.marks import Rule, Withheld
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Reader, Sees
from shared.ledger import RecordedEvent
from shared.testing.events import History, record_of

SEES = Sees(Reader.PERSON, scopes=(Scope(),))
COMMENT, GOAL, OTHER = (str(UUID(int=number)) for number in (5, 6, 7))
BODY = b'{"entry_type":"comment","content":{}}'
ROWS = [
    [COMMENT, "goals", GOAL, 2, str(UUID(int=8)), 9, ["aim", "why"]],
    [OTHER, "goals", GOAL, 3, str(UUID(int=8)), 10, ["why"]],
    [COMMENT, "needs", OTHER, 1, str(UUID(int=9)), 11, []],
]
SHOWN = [
    {"section": "goals", "entry_id": GOAL, "entry_version": 2,
     "contribution_id": str(UUID(int=8)), "plan_version": 9},
    {"section": "needs", "entry_id": OTHER, "entry_version": 1,
     "contribution_id": str(UUID(int=9)), "plan_version": 11},
]  # fmt: skip
ANSWERS = answers_in(orjson.dumps(ROWS).decode())


def redaction(**withheld: Withheld) -> Redaction:
    ids = {"goals": GOAL, "needs": OTHER}
    entries = {(section, ids[section]): one for section, one in withheld.items()}
    return Redaction(SEES, entries, frozenset())


def shown(
    body: bytes = BODY,
    *,
    section: str = "stewardship",
    answers: tuple[Answer, ...] = ANSWERS,
    to: Redaction | None = None,
) -> bytes:
    given: list[Authored] = [(section, UUID(COMMENT), body, {})]
    [(_, _, told, _)] = with_answers(given, answers, to or redaction())
    return told


def test_a_comment_names_what_answers_it_in_the_order_of_the_plan() -> None:
    assert orjson.loads(shown()) == {**orjson.loads(BODY), "answered_with": SHOWN}


def test_what_nothing_answers_and_what_is_no_comment_stays_as_it_is_byte_for_byte() -> None:
    assert shown(answers=answers_in(None)) == BODY
    assert shown(answers=ANSWERS[1:2]) == BODY
    assert shown(section="goals") == BODY
    review = BODY.replace(b"comment", b"review")
    assert shown(review) == review


def test_an_answer_is_not_named_to_whom_its_entry_or_all_that_it_sets_is_withheld() -> None:
    whole = redaction(goals=Withheld(Rule.LABEL))
    every = redaction(goals=Withheld(leaves={"aim": Rule.LABEL, "why": Rule.LABEL}))
    for one in (whole, every):
        assert orjson.loads(shown(to=one))["answered_with"] == SHOWN[1:]
    part = redaction(goals=Withheld(leaves={"why": Rule.LABEL}))
    assert orjson.loads(shown(to=part))["answered_with"] == SHOWN
    both = redaction(goals=Withheld(Rule.LABEL), needs=Withheld(Rule.LABEL))
    assert shown(to=both) == BODY


def answering(ref: Any) -> RecordedEvent:
    event = History(UUID(int=1)).opened()
    return replace(event, provenance={**event.provenance, "answers": ref})


@pytest.mark.parametrize(
    ("ref", "wanted"),
    [
        ({"section": "stewardship", "entry_id": COMMENT}, UUID(COMMENT)),
        ({"section": "goals", "entry_id": COMMENT}, None),
        ({"section": "stewardship", "entry_id": "no id"}, None),
        ({"section": "stewardship", "entry_id": 7}, None),
        ({"section": "stewardship"}, None),
        ("stewardship", None),
        (None, None),
    ],
)
def test_an_event_answers_the_comment_that_it_names(ref: Any, wanted: UUID | None) -> None:
    assert read_event(record_of(answering(ref))).event.answers == wanted
