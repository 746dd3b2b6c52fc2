"""What strengths, needs and formulations decide."""

from typing import Any

import pytest

from services.needs.domain import Formulation, Need, Strength
from services.needs.domain.formulation import SharedWithPerson, Sharing
from services.needs.domain.need import NeedKind, ProblemRef, Raised
from shared.ledger import KEEP, Code, CodedText
from shared.testing.people import EDITH, RUTH, TOM
from shared.testing.scenario import Speaker, Step, acting, do, given, happened, said

WHAT = CodedText("Afraid of falling again")
IDENTIFIED = do(Need.identify, TOM, what=WHAT)
RECOGNISED = do(Strength.recognise, TOM, what=CodedText("Sociable"))
FORMULATED = do(Formulation.formulate, TOM, text="Alone at night, she is back in the ward.")
BLANK = [CodedText(), CodedText(" "), CodedText("\u200b")]


@pytest.mark.parametrize("what", BLANK)
def test_a_strength_and_a_need_say_something(what: CodedText) -> None:
    given().when(do(Strength.recognise, TOM, what=what)).refused(
        "strength-needs-code-or-text", "what"
    )
    given(RECOGNISED).when(do(Strength.reword, TOM, what=what)).refused(
        "strength-needs-code-or-text", "what"
    )
    given().when(do(Need.identify, TOM, what=what)).refused("need-needs-code-or-text", "what")
    given(IDENTIFIED).when(do(Need.reword, TOM, what=what)).refused(
        "need-needs-code-or-text", "what"
    )


@pytest.mark.parametrize(
    ("by", "raised_by"),
    [
        (TOM, Raised.PROFESSIONAL),
        (said(EDITH), Raised.PERSON),
        (said(EDITH, recorded_by=TOM), Raised.PERSON),
        (acting(RUTH, EDITH), Raised.CARER),
    ],
)
def test_who_raised_a_need_follows_from_who_said_it(by: Speaker, raised_by: Raised) -> None:
    given().when(do(Need.identify, by, what=WHAT)).then(
        happened(Need.Identified, what=WHAT, kind=None, problem_ref=None, raised_by=raised_by)
    )


def test_reword_leaves_what_it_does_not_name() -> None:
    given(IDENTIFIED).when(do(Need.reword, TOM, kind=NeedKind.CONCERN)).then(
        happened(Need.Reworded, what=KEEP, kind=NeedKind.CONCERN)
    )


def test_a_need_points_to_a_problem_list_and_away_from_it() -> None:
    ref = ProblemRef("GP record", "problem-17")
    for problem in (ref, None):
        given(IDENTIFIED).when(do(Need.link_problem, TOM, problem_ref=problem)).then(
            happened(Need.LinkedToProblem, problem_ref=problem)
        )


@pytest.mark.parametrize(
    ("first", "entry", "kind"), [(RECOGNISED, Strength, {}), (IDENTIFIED, Need, {"kind": KEEP})]
)
def test_coding_changes_none_of_the_words(
    first: Step, entry: type[Strength], kind: dict[str, Any]
) -> None:
    code = Code("http://snomed.info/sct", "129839007")
    words = first.content["what"].text
    coded = do(entry.reword, TOM, what=CodedText(code=code))
    given(first).when(coded).then(happened(entry.Reworded, what=CodedText(words, code), **kind))
    other = do(entry.reword, TOM, what=CodedText("Said better"))
    given(first, coded).when(other).then(
        happened(entry.Reworded, what=CodedText("Said better"), **kind)
    )
    given(first, other).when(coded).then(
        happened(entry.Reworded, what=CodedText("Said better", code), **kind)
    )


@pytest.mark.parametrize("entry", [Strength, Need, Formulation])
def test_each_is_set_aside_for_a_reason_and_resumed(entry: type[Strength]) -> None:
    first = {Strength: RECOGNISED, Need: IDENTIFIED, Formulation: FORMULATED}[entry]
    codes = {
        Strength: ("strength-already-set-aside", "strength-not-set-aside"),
        Need: ("need-already-set-aside", "need-not-set-aside"),
        Formulation: ("formulation-set-aside", "formulation-not-set-aside"),
    }[entry]
    set_aside = do(entry.set_aside, TOM, reason="No longer so")
    given(first).when(do(entry.set_aside, TOM)).refused("reason-missing", "reason")
    given(first, set_aside).when(set_aside).refused(codes[0])
    given(first).when(do(entry.resume, TOM)).refused(codes[1])
    given(first, set_aside).when(do(entry.resume, TOM)).then(happened(entry.Resumed))


def test_a_risk_is_set_aside_knowingly() -> None:
    risk = do(Need.restrict, TOM, labels=("risk",), reason="A history of risk is kept in sight")
    unconfirmed = do(Need.set_aside, TOM, reason="Long ago")
    given(IDENTIFIED, risk).when(unconfirmed).refused("risk-needs-confirmation", "confirmed")
    for confirmed in (None, False):
        given(IDENTIFIED, risk).when(
            do(Need.set_aside, TOM, reason="Long ago", confirmed=confirmed)
        ).refused("risk-needs-confirmation", "confirmed")
    given(IDENTIFIED, risk).when(do(Need.set_aside, TOM, reason="Long ago", confirmed=True)).then(
        happened(Need.SetAside, reason="Long ago", confirmed=True)
    )
    given(IDENTIFIED).when(unconfirmed).then(
        happened(Need.SetAside, reason="Long ago", confirmed=None)
    )


def test_a_formulation_is_a_professionals_and_says_something() -> None:
    given().when(do(Formulation.formulate, said(EDITH), text="Some words")).refused(
        "formulation-needs-a-professional", "provenance.stated_by"
    )
    given(FORMULATED).when(
        do(Formulation.revise, said(EDITH, recorded_by=TOM), text="Other words")
    ).refused("formulation-needs-a-professional", "provenance.stated_by")
    given().when(do(Formulation.formulate, TOM, text=" ")).refused("formulation-needs-text", "text")
    given(FORMULATED).when(do(Formulation.revise, TOM, text="")).refused(
        "formulation-needs-text", "text"
    )


def test_a_formulation_is_discussed_first_unless_somebody_says_otherwise() -> None:
    given().when(FORMULATED).then(
        happened(
            Formulation.Formulated,
            text="Alone at night, she is back in the ward.",
            shared_with_person=SharedWithPerson(Sharing.DISCUSS_FIRST),
            approved_by=None,
        )
    )
    held_back = SharedWithPerson(Sharing.WITHHELD)
    given().when(
        do(Formulation.formulate, TOM, text="Words", shared_with_person=held_back)
    ).refused("reason-missing", "shared_with_person.reason")


def test_a_formulation_is_held_back_with_an_approver_from_its_first_version_on() -> None:
    held_back = SharedWithPerson(Sharing.WITHHELD, "She is in crisis")
    first = {"text": "Words", "shared_with_person": held_back}
    for approved_by in (None, " "):
        given().when(do(Formulation.formulate, TOM, **first, approved_by=approved_by)).refused(
            "withholding-needs-an-approver", "approved_by"
        )
    given().when(do(Formulation.formulate, TOM, **first, approved_by="Dr G")).then(
        happened(Formulation.Formulated, **first, approved_by="Dr G")
    )


def test_a_formulation_is_shared_once_and_held_back_with_an_approver() -> None:
    share = do(Formulation.share_with_person, TOM)
    shared = SharedWithPerson(Sharing.SHARED)
    given(FORMULATED).when(share).then(
        happened(Formulation.SharedWithThePerson, shared_with_person=shared)
    )
    given(FORMULATED, share).when(share).refused("already-shared")
    hold_back = {"reason": "She is in crisis"}
    given(FORMULATED, share).when(do(Formulation.hold_back, TOM, **hold_back)).refused(
        "withholding-needs-an-approver", "approved_by"
    )
    approved = {**hold_back, "approved_by": "Caldicott guardian"}
    given(FORMULATED, share).when(do(Formulation.hold_back, TOM, **approved)).then(
        happened(
            Formulation.HeldBack,
            shared_with_person=SharedWithPerson(Sharing.WITHHELD, "She is in crisis"),
            **approved,
        )
    )
    given(FORMULATED, share, do(Formulation.hold_back, TOM, **approved)).when(share).then(
        happened(Formulation.SharedWithThePerson, shared_with_person=shared)
    )
