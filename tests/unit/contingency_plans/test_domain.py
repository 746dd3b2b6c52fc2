"""What a contingency plan decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.contingency_plans.domain import ContingencyPlan
from services.contingency_plans.domain.parts import (
    AdvanceStatement,
    Assessment,
    CopingStrategy,
    Equipment,
    Instruction,
    Severity,
    WhomToCall,
)
from shared.ledger import KEEP, CodedText
from shared.testing.people import EDITH, RUTH, TOM
from shared.testing.scenario import Step, acting, do, given, happened, said

AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
TRIGGERS = (CodedText("On the floor and cannot rise"),)
WALKING = CopingStrategy("Walks round the room", starts_at=AT, item_id=uuid4())
BREATHING = CopingStrategy("Breathes slowly", item_id=uuid4())
PARTS = (
    *("triggers", "name", "circumstance", "severity", "assessment", "early_warning_signs"),
    *("coping_strategies", "instructions", "contacts", "equipment"),
)
KEPT = dict.fromkeys(PARTS, KEEP)


def prepared(**content: Any) -> Step:
    return do(ContingencyPlan.prepare, TOM, **{"triggers": TRIGGERS, **content})


ENDED = do(ContingencyPlan.end, TOM, reason="Moved to a care home")


def test_a_plan_is_never_without_a_trigger() -> None:
    code = "contingency-plan-needs-a-trigger"
    given().when(prepared(triggers=())).refused(code, "triggers")
    given().when(prepared(triggers=(*TRIGGERS, CodedText(" ")))).refused(code, "triggers.1")
    given(prepared()).when(do(ContingencyPlan.revise, TOM, triggers=())).refused(code, "triggers")


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("name", CodedText(""), "name"),
        ("assessment", Assessment(), "assessment"),
        ("early_warning_signs", (CodedText(),), "early_warning_signs.0"),
        ("coping_strategies", (CopingStrategy(" "),), "coping_strategies.0"),
        (
            "instructions",
            (Instruction(CodedText("call")), Instruction(CodedText())),
            "instructions.1",
        ),
        ("contacts", (WhomToCall(1),), "contacts.0"),
        ("equipment", (Equipment("\u200b"),), "equipment.0"),
    ],
)
def test_every_part_says_something(field: str, value: Any, where: str) -> None:
    given().when(prepared(**{field: value})).refused("needs-code-or-text", where)
    given(prepared()).when(do(ContingencyPlan.revise, TOM, **{field: value})).refused(
        "needs-code-or-text", where
    )


def test_each_contact_has_its_own_place() -> None:
    contacts = (WhomToCall(2, "Ruth"), WhomToCall(1, "Pendant"), WhomToCall(2, contact="01632"))
    for step in (prepared(contacts=contacts),):
        given().when(step).refused("contact-order-repeated", "contacts.2.order")
    given(prepared()).when(do(ContingencyPlan.revise, TOM, contacts=contacts)).refused(
        "contact-order-repeated", "contacts.2.order"
    )


def test_revise_says_only_the_parts_that_are_named() -> None:
    given(prepared(severity=Severity.MILD)).when(
        do(ContingencyPlan.revise, TOM, severity=None, circumstance="At night")
    ).then(
        happened(ContingencyPlan.Revised, **{**KEPT, "severity": None, "circumstance": "At night"})
    )


def test_a_strategy_is_added_beside_the_others_and_ended_among_them() -> None:
    plan = prepared(coping_strategies=(WALKING,))
    add = do(
        ContingencyPlan.add_coping_strategy,
        said(EDITH, recorded_by=TOM),
        text=BREATHING.text,
        item_id=BREATHING.item_id,
    )
    given(plan).when(add).then(
        happened(ContingencyPlan.CopingStrategyAdded, coping_strategies=(WALKING, BREATHING))
    )
    later = AT + timedelta(days=30)
    end = do(ContingencyPlan.end_coping_strategy, TOM, item_id=WALKING.item_id, ends_at=later)
    given(plan, add).when(end).then(
        happened(
            ContingencyPlan.CopingStrategyEnded,
            coping_strategies=(replace(WALKING, ends_at=later), BREATHING),
        )
    )


def test_a_strategy_says_something_is_known_and_ends_after_it_starts() -> None:
    plan = prepared(coping_strategies=(WALKING,))
    add, end = ContingencyPlan.add_coping_strategy, ContingencyPlan.end_coping_strategy
    given(plan).when(do(add, TOM, text=" ")).refused("needs-code-or-text", "text")
    early = AT - timedelta(days=1)
    given(plan).when(do(add, TOM, text="Rests", starts_at=AT, ends_at=early)).refused(
        "ends-before-it-starts", "ends_at"
    )
    given(plan).when(do(end, TOM, item_id=WALKING.item_id, ends_at=early)).refused(
        "ends-before-it-starts", "ends_at"
    )
    given(plan).when(do(end, TOM, item_id=uuid4(), ends_at=AT)).refused(
        "coping-strategy-unknown", "item_id"
    )
    given().when(prepared(coping_strategies=(replace(WALKING, ends_at=early),))).refused(
        "ends-before-it-starts", "coping_strategies.0.ends_at"
    )


def test_strategies_that_were_revised_away_are_no_longer_known() -> None:
    revised = do(ContingencyPlan.revise, TOM, coping_strategies=None)
    end = do(ContingencyPlan.end_coping_strategy, TOM, item_id=WALKING.item_id, ends_at=AT)
    given(prepared(coping_strategies=(WALKING,)), revised).when(end).refused(
        "coping-strategy-unknown", "item_id"
    )


def test_the_advance_statement_is_the_persons_alone() -> None:
    record = ContingencyPlan.record_advance_statement
    what = CodedText("At home, with my cat")
    statement = {"what": what, "held_at": "Desk drawer"}
    for by in (TOM, acting(RUTH, EDITH)):
        given(prepared()).when(do(record, by, **statement)).refused(
            "advance-statement-is-the-persons", "provenance.stated_by"
        )
    hers = said(EDITH, recorded_by=TOM)
    given(prepared()).when(do(record, hers, **statement)).then(
        happened(
            ContingencyPlan.AdvanceStatementRecorded,
            advance_statement=AdvanceStatement("Desk drawer", what),
        )
    )
    given(prepared()).when(do(record, hers, held_at=" ")).refused(
        "advance-statement-needs-where-held", "held_at"
    )


def test_an_advance_statement_is_withdrawn_where_there_is_one() -> None:
    hers = said(EDITH)
    record = do(ContingencyPlan.record_advance_statement, hers, held_at="Desk drawer")
    withdraw = do(ContingencyPlan.withdraw_advance_statement, hers, reason="Not any more")
    given(prepared()).when(withdraw).refused("no-advance-statement")
    given(prepared(), record).when(withdraw).then(
        happened(
            ContingencyPlan.AdvanceStatementWithdrawn,
            advance_statement=None,
            reason="Not any more",
        )
    )
    given(prepared(), record, withdraw).when(withdraw).refused("no-advance-statement")


def test_a_plan_ends_for_a_reason_and_is_reinstated() -> None:
    given(prepared()).when(do(ContingencyPlan.end, TOM)).refused("reason-missing", "reason")
    given(prepared(), ENDED).when(do(ContingencyPlan.confirm, TOM)).refused(
        "contingency-plan-ended"
    )
    given(prepared()).when(do(ContingencyPlan.reinstate, TOM)).refused("contingency-plan-not-ended")
    given(prepared(), ENDED).when(do(ContingencyPlan.reinstate, TOM)).then(
        happened(ContingencyPlan.Reinstated)
    )
    given(prepared()).when(do(ContingencyPlan.confirm, TOM)).then(
        happened(ContingencyPlan.Confirmed)
    )
