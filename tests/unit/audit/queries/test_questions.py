"""The catalogue: each question says what it takes, and is read strictly."""

from typing import Any

import pytest

from services.audit.queries.questions.catalogue import BY_NAME, QUESTIONS
from services.audit.queries.questions.finding import Findings
from services.audit.queries.questions.question import Form
from services.audit.queries.questions.reading import Unanswerable, given_in
from services.audit.queries.search.language import terms_in, written
from services.audit.queries.search.qualifiers import QUALIFIERS, Statement, conditions_of
from shared.cli.services.audit import words

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
RIGHT: dict[Form, Any] = {
    Form.PLAN: PLAN,
    Form.ENTRY: PLAN,
    Form.SECTION: "goals",
    Form.ACTOR: "quill, of ZZG01",
    Form.ORGANISATION: "ZZG01",
    Form.MOMENT: "2026-03-10",
    Form.PLACE: 0,
    Form.SIZE: 1,
    Form.ROOT: "A" * 43 + "=",
}
WRONG: dict[Form, list[Any]] = {
    Form.PLAN: ["x", 1, PLAN.upper()],
    Form.ENTRY: ["", {}],
    Form.SECTION: ["gaols", 1, []],
    Form.ACTOR: ["", "a\nb", 'a"b', 1],
    Form.ORGANISATION: ["zzg01", 7],
    Form.MOMENT: ["2026-02-30", "2026-03-10T14:00:00", 20260310, "soon"],
    Form.PLACE: [-1, "01", 1.5, True, 2**53],
    Form.SIZE: [0, "0"],
    Form.ROOT: ["root", "A" * 44],
}


def rightly(question: Any) -> dict[str, Any]:
    return {one.name: RIGHT[one.form] for one in question.params}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.id)
def test_a_question_takes_what_it_says_and_is_a_search_or_has_a_finder(question: Any) -> None:
    given = given_in(question, rightly(question))
    assert question.asks.endswith(("?", "."))
    assert question.names_of_columns
    if question.terms is None:
        assert question.rows is None
        # The door itself answers this one from the record.
        assert question.id == "Q19" or question.id in Findings(None, None, "UTC").answers  # type: ignore[arg-type]
        return
    terms = question.terms(given)
    assert [one.texts for one in terms_in(written(terms))] == [one.texts for one in terms]
    conditions_of(terms, Statement("Europe/London"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.id)
def test_what_a_question_cannot_be_asked_with_is_named(question: Any) -> None:
    right = rightly(question)
    with pytest.raises(Unanswerable) as refused:
        given_in(question, {**right, "colour": "blue"})
    assert refused.value.wrong.keys() == {"colour"}
    for one in question.params:
        for told in WRONG[one.form]:
            with pytest.raises(Unanswerable) as refused:
                given_in(question, {**right, one.name: told})
            assert refused.value.wrong == {one.name: f"It has to be {one.form}."}
    missing = {one.name for one in question.params if one.is_required}
    if missing:
        with pytest.raises(Unanswerable) as refused:
            given_in(question, {})
        assert refused.value.wrong.keys() == missing


def test_the_earlier_of_two_days_comes_first() -> None:
    with pytest.raises(Unanswerable) as refused:
        given_in(BY_NAME["Q9"], {"from": "2026-03-11", "to": "2026-03-10"})
    assert refused.value.wrong.keys() == {"from"}


def test_the_help_of_the_command_line_has_every_question_and_qualifier() -> None:
    assert [one.removesuffix(":") for one in words.QUALIFIERS] == [*QUALIFIERS]
    for one in QUESTIONS:
        takes, asks = words.QUESTIONS[one.name]
        told = takes.replace("(", "").replace(")", "").replace(",", "")
        assert told.split() == [param.name for param in one.params]
        needed = takes.partition("(")[0].split()
        assert needed == [param.name for param in one.params if param.is_required]
        assert asks in words.help_of_ask()
        # No line is broken where somebody's terminal is as wide as most.
        assert len(asks) <= 70
    assert words.QUESTIONS.keys() == {one.name for one in QUESTIONS}
