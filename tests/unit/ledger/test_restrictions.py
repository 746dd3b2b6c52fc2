"""Who may see an entry is restricted by whoever may, and lifted by nobody else."""

from typing import Any
from uuid import uuid4

import pytest

from services.goals.domain import Goal
from shared.ledger import LIFTING, CodedText, NeedRef, Visibility
from shared.testing.people import EDITH, HELEN, RUTH, SAM, TOM
from shared.testing.scenario import Step, acting, do, given, happened, said

AGREED = do(Goal.agree, TOM, aim=CodedText("Walk"), need_ids=(NeedRef("needs", uuid4()),))
LIFT: dict[str, Any] = {"reason": "Nobody is named any more"}
NOT_YOURS = "restriction-is-not-yours-to-lift"
HIDDEN = {"withheld_from_person": True, "approved_by": "The Caldicott guardian"}


def restricted(by: Any = TOM, **content: Any) -> Step:
    return do(Goal.restrict, by, **{"labels": ("address",), "reason": "A refuge", **content})


def lifted(by: Any, **more: Any) -> Step:
    return do(Goal.lift_restriction, by, **LIFT, **more)


def test_a_restriction_says_all_that_it_is() -> None:
    content: dict[str, Any] = {
        "fields": ("aim",),
        "labels": ("address", "mental-health"),
        "third_party": True,
        "reason": "A refuge",
        **HIDDEN,
    }
    given(AGREED).when(restricted(**content)).then(
        happened(Goal.Restricted, visibility=Visibility(**content))
    )


@pytest.mark.parametrize("by", [EDITH, acting(RUTH, EDITH), said(EDITH, recorded_by=TOM)])
def test_only_a_professional_withholds_from_the_person(by: Any) -> None:
    given(AGREED).when(restricted(by, **HIDDEN)).refused("role-may-not-contribute")


def test_a_colleague_of_whoever_restricted_lifts_it() -> None:
    given(AGREED, restricted()).when(lifted(HELEN)).then(
        happened(Goal.RestrictionLifted, visibility=None, **LIFT)
    )


@pytest.mark.parametrize("by", [SAM, EDITH, acting(RUTH, EDITH)])
def test_nobody_else_lifts_it(by: Any) -> None:
    given(AGREED, restricted()).when(lifted(by)).refused(NOT_YOURS)


def test_the_person_lifts_their_own() -> None:
    given(AGREED, restricted(EDITH)).when(lifted(EDITH)).then(
        happened(Goal.RestrictionLifted, visibility=None, **LIFT)
    )
    given(AGREED, restricted(EDITH)).when(lifted(TOM)).refused(NOT_YOURS)


def test_a_privacy_officer_lifts_any_and_the_person_never_what_is_hidden_from_them() -> None:
    officer = frozenset({LIFTING.name})
    given(AGREED, restricted(**HIDDEN)).when(lifted(SAM, granted=officer)).then(
        happened(Goal.RestrictionLifted, visibility=None, **LIFT)
    )
    for by in (EDITH, acting(RUTH, EDITH)):
        given(AGREED, restricted(**HIDDEN)).when(lifted(by, granted=officer)).refused(NOT_YOURS)


@pytest.mark.parametrize(
    "less",
    [
        {"labels": ()},
        {"fields": ("aim",)},
        {"labels": ("mental-health",)},
        {"third_party": False},
    ],
)
def test_another_organisation_takes_nothing_from_it(less: dict[str, Any]) -> None:
    stands: dict[str, Any] = {"labels": ("address",), "third_party": True}
    given(AGREED, restricted(**stands)).when(restricted(SAM, **{**stands, **less})).refused(
        NOT_YOURS
    )
    more: dict[str, Any] = {"labels": ("address", "mental-health"), "third_party": True}
    given(AGREED, restricted(**stands)).when(restricted(SAM, **more)).then(
        happened(Goal.Restricted, visibility=Visibility(**more, reason="A refuge"))
    )


@pytest.mark.parametrize(("first", "second"), [(TOM, SAM), (EDITH, SAM), (SAM, EDITH)])
def test_whoever_adds_to_a_restriction_does_not_take_it_over(first: Any, second: Any) -> None:
    more = restricted(second, labels=("address", "mental-health"))
    again = restricted(second, labels=("address", "mental-health", "sexual-health"))
    given(AGREED, restricted(first), more, again).when(lifted(second)).refused(NOT_YOURS)
    given(AGREED, restricted(first), more).when(restricted(second)).refused(NOT_YOURS)
    given(AGREED, restricted(first), more, again).when(lifted(first)).then(
        happened(Goal.RestrictionLifted, visibility=None, **LIFT)
    )


def test_a_restriction_from_which_an_officer_took_is_the_officers() -> None:
    officer = frozenset({LIFTING.name})
    less = restricted(SAM, labels=("mental-health",), granted=officer)
    given(AGREED, restricted(), less).when(lifted(TOM)).refused(NOT_YOURS)
    given(AGREED, restricted(), less).when(lifted(SAM)).then(
        happened(Goal.RestrictionLifted, visibility=None, **LIFT)
    )


def test_one_that_was_lifted_belongs_to_whoever_restricts_next() -> None:
    given(AGREED, restricted(), lifted(TOM), restricted(SAM)).when(lifted(TOM)).refused(NOT_YOURS)
