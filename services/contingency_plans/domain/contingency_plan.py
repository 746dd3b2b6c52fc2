"""A contingency plan: prepared for one thing that may happen, revised, and ended."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from eventsourcing.domain import event

from services.contingency_plans.domain.parts import (
    AdvanceStatement,
    Assessment,
    CopingStrategy,
    Equipment,
    Instruction,
    Severity,
    WhomToCall,
)
from shared.ledger import (
    DERIVED,
    KEEP,
    NEEDS_CODE_OR_TEXT,
    Amendment,
    CanBeConfirmed,
    CanEnd,
    Carries,
    ChangeReason,
    CodedText,
    Creation,
    InAnEmergency,
    Instant,
    Keep,
    Refusal,
    Refused,
    Text,
    changes,
    creates,
    must_be_the_person_alone,
    must_end_after_it_starts,
    must_name_one,
    must_say_something,
    titled,
    who_and_where,
)
from shared.ledger import item_id as an_item_id
from shared.ledger.codes.care import CARE_PLAN_TYPES, HEALTH_ISSUES, HEALTHCARE_MATTERS

PlanName = Annotated[
    CodedText,
    titled("Name", "The condition or circumstance that the plan is for."),
    CARE_PLAN_TYPES,
    Carries("Contingency plan name"),
]
Circumstance = Annotated[Text, titled("Circumstance", "When it is meant to be used.")]
HowBad = Annotated[Severity, titled("Severity", "How bad it is when it comes to that.")]
RestsOn = Annotated[Assessment, titled("Assessment", "The assessment that the plan rests on.")]
Triggers = Annotated[
    tuple[CodedText, ...],
    titled("Triggers", "What says that the plan is to be followed now."),
    HEALTH_ISSUES,
    Carries("Trigger factors"),
]
WarningSigns = Annotated[
    tuple[CodedText, ...],
    titled("Early warning signs", "What shows that it may come to that."),
    HEALTHCARE_MATTERS,
    Carries("Relapse indicators / early warning signs"),
]
Strategies = Annotated[
    tuple[CopingStrategy, ...],
    titled("Coping strategies", "What the person does against it."),
    Carries("Coping strategies"),
]
Instructions = Annotated[
    tuple[Instruction, ...],
    titled("What should happen", "What to do and what to avoid, in this order."),
    Carries("What should happen"),
]
Contacts = Annotated[
    tuple[WhomToCall, ...],
    titled("Who should be contacted", "Whom to call, each with their place in the order."),
    Carries("Who should be contacted"),
]
Ready = Annotated[
    tuple[Equipment, ...],
    titled("Medicines and equipment", "What is kept ready, and where."),
    Carries("Anticipatory medicines/equipment"),
]
Statement = Annotated[
    AdvanceStatement,
    titled("Advance statement", "What the person wishes. It does not bind by law."),
    Carries("Advance statement", provenance=who_and_where(is_the_persons=True, stated_at="Date")),
]

NEEDS_A_TRIGGER = Refusal(
    "contingency-plan-needs-a-trigger",
    "The plan has no trigger",
    "Say in `triggers` what tells a reader that this plan is to be followed now.",
)
CONTACT_ORDER_REPEATED = Refusal(
    "contact-order-repeated",
    "Two contacts have the same place",
    "Give each contact its own `order`, so that it is clear whom to call first.",
)
STRATEGY_UNKNOWN = Refusal(
    "coping-strategy-unknown",
    "There is no such coping strategy",
    "Name the `item_id` of a coping strategy of this plan.",
)
NEEDS_WHERE_HELD = Refusal(
    "advance-statement-needs-where-held",
    "Nobody could find the statement",
    "Say in `held_at` where the statement is kept.",
)
STATEMENT_IS_THE_PERSONS = Refusal(
    "advance-statement-is-the-persons",
    "Only the person makes an advance statement",
    "Nobody makes it for them. Name the person in `provenance.stated_by` where it is theirs.",
)
NO_STATEMENT = Refusal(
    "no-advance-statement", "There is no advance statement", "There is nothing to withdraw."
)


@titled("Contingency plan")
class ContingencyPlan(CanEnd, CanBeConfirmed):
    """One plan for one thing that may happen, from when it is prepared until it ends."""

    carries = ("Contingency/safety plans",)
    in_an_emergency = InAnEmergency(stays=True)
    provenance_carries = who_and_where()
    already_out = Refusal(
        "contingency-plan-ended",
        "The contingency plan has ended",
        "This contingency plan has ended; reinstate it first.",
    )
    not_out = Refusal(
        "contingency-plan-not-ended",
        "The contingency plan has not ended",
        "This contingency plan is part of the current plan.",
    )

    @titled("Contingency plan prepared")
    class Prepared(Creation):
        """Somebody thought ahead with the person."""

        triggers: Triggers
        name: PlanName | None = None
        circumstance: Circumstance | None = None
        severity: HowBad | None = None
        assessment: RestsOn | None = None
        early_warning_signs: WarningSigns = ()
        coping_strategies: Strategies = ()
        instructions: Instructions = ()
        contacts: Contacts = ()
        equipment: Ready = ()

    @titled("Contingency plan revised")
    class Revised(Amendment):
        """The parts named were said anew; the others stay."""

        triggers: Triggers | Keep = KEEP
        name: PlanName | Keep | None = KEEP
        circumstance: Circumstance | Keep | None = KEEP
        severity: HowBad | Keep | None = KEEP
        assessment: RestsOn | Keep | None = KEEP
        early_warning_signs: WarningSigns | Keep | None = KEEP
        coping_strategies: Strategies | Keep | None = KEEP
        instructions: Instructions | Keep | None = KEEP
        contacts: Contacts | Keep | None = KEEP
        equipment: Ready | Keep | None = KEEP

    @titled("Coping strategy added")
    class CopingStrategyAdded(Amendment):
        """The person has one more way to get through it."""

        coping_strategies: Annotated[Strategies, DERIVED]

    @titled("Coping strategy ended")
    class CopingStrategyEnded(Amendment):
        """The person no longer uses it; until when they did stands beside it."""

        coping_strategies: Annotated[Strategies, DERIVED]

    @titled("Advance statement recorded")
    class AdvanceStatementRecorded(Amendment):
        """The person has said what they wish."""

        advance_statement: Annotated[Statement, DERIVED]

    @titled("Advance statement withdrawn")
    class AdvanceStatementWithdrawn(Amendment):
        """The statement no longer stands."""

        advance_statement: Annotated[Statement | None, DERIVED]
        reason: ChangeReason

    @creates(Prepared, "Prepare a contingency plan")
    @staticmethod
    def prepare(said: Prepared) -> None:
        """Think ahead: what tells that it has come to that, what to do, whom to call."""
        _must_hold_together(said)

    @changes(Revised, "Revise the contingency plan")
    def revise(self, said: Revised) -> None:
        """Say the parts that are named anew; the others stay."""
        _must_hold_together(said)

    @changes(CopingStrategyAdded, "Add a coping strategy")
    def add_coping_strategy(
        self,
        said: CopingStrategyAdded,
        text: Annotated[str, titled("Coping strategy", "What the person does against it.")],
        tools: Annotated[Text, titled("Tools", "What they use for it.")] | None = None,
        starts_at: Annotated[Instant, titled("Start", "From when it is used, a day and a time.")]
        | None = None,
        ends_at: Annotated[Instant, titled("End", "Until when it is used, a day and a time.")]
        | None = None,
        item_id: Annotated[UUID, titled("Item", "What it is called from now on.")] | None = None,
    ) -> CopingStrategyAdded:
        """One more way for the person to get through it."""
        named = item_id or an_item_id(said.provenance.contribution_id, "coping_strategies/0")
        added = CopingStrategy(text, tools, starts_at, ends_at, named)
        must_say_something(added, NEEDS_CODE_OR_TEXT, "text")
        must_end_after_it_starts(starts_at, ends_at)
        others = tuple(one for one in self.coping_strategies if one.item_id != named)
        return said.having(coping_strategies=(*others, added))

    @changes(CopingStrategyEnded, "End a coping strategy")
    def end_coping_strategy(
        self,
        said: CopingStrategyEnded,
        item_id: Annotated[UUID, titled("Item", "The coping strategy that is no longer used.")],
        ends_at: Annotated[Instant, titled("End", "Until when it was used, a day and a time.")],
    ) -> CopingStrategyEnded:
        """It is no longer used; it stays beside the others with its end."""
        ended = [one for one in self.coping_strategies if one.item_id == item_id]
        if not ended:
            raise Refused(STRATEGY_UNKNOWN, field="item_id")
        must_end_after_it_starts(ended[0].starts_at, ends_at)
        after = (
            replace(one, ends_at=ends_at) if one.item_id == item_id else one
            for one in self.coping_strategies
        )
        return said.having(coping_strategies=tuple(after))

    @changes(AdvanceStatementRecorded, "Record an advance statement")
    def record_advance_statement(
        self,
        said: AdvanceStatementRecorded,
        held_at: Annotated[str, titled("Held at", "Where the statement is kept.")],
        what: Annotated[CodedText, titled("Statement", "What it says, in short.")] | None = None,
    ) -> AdvanceStatementRecorded:
        """What the person wishes for when they cannot say so; nobody says it for them."""
        must_be_the_person_alone(said.provenance, STATEMENT_IS_THE_PERSONS, "provenance.stated_by")
        must_say_something(held_at, NEEDS_WHERE_HELD, "held_at")
        must_say_something(what, NEEDS_CODE_OR_TEXT, "what")
        return said.having(advance_statement=AdvanceStatement(held_at, what))

    @changes(AdvanceStatementWithdrawn, "Withdraw the advance statement")
    def withdraw_advance_statement(
        self, said: AdvanceStatementWithdrawn
    ) -> AdvanceStatementWithdrawn:
        """The person no longer stands by it."""
        must_be_the_person_alone(said.provenance, STATEMENT_IS_THE_PERSONS, "provenance.stated_by")
        if not self.has_statement:
            raise Refused(NO_STATEMENT)
        return said

    @event(Prepared)
    def __init__(self, coping_strategies: Iterable[CopingStrategy] = ()) -> None:
        self.coping_strategies = tuple(coping_strategies)
        self.has_statement = False

    @event(Revised)
    def _apply_revised(self, coping_strategies: tuple[CopingStrategy, ...] | Keep | None) -> None:
        if coping_strategies is not KEEP:
            self.coping_strategies = coping_strategies or ()

    @event(CopingStrategyAdded)
    def _apply_added(self, coping_strategies: tuple[CopingStrategy, ...]) -> None:
        self.coping_strategies = coping_strategies

    @event(CopingStrategyEnded)
    def _apply_ended(self, coping_strategies: tuple[CopingStrategy, ...]) -> None:
        self.coping_strategies = coping_strategies

    @event(AdvanceStatementRecorded)
    def _apply_recorded(self) -> None:
        self.has_statement = True

    @event(AdvanceStatementWithdrawn)
    def _apply_withdrawn(self) -> None:
        self.has_statement = False


def _must_hold_together(said: Any) -> None:
    """What is asked of a whole plan and of the parts that are said anew."""
    must_name_one(said.triggers, NEEDS_A_TRIGGER, "triggers")
    for field in (
        *("name", "assessment", "early_warning_signs", "coping_strategies"),
        *("instructions", "contacts", "equipment"),
    ):
        must_say_something(getattr(said, field), NEEDS_CODE_OR_TEXT, field)
    for index, strategy in enumerate(_items(said.coping_strategies)):
        field = f"coping_strategies.{index}.ends_at"
        must_end_after_it_starts(strategy.starts_at, strategy.ends_at, field)
    orders = [contact.order for contact in _items(said.contacts)]
    for index, order in enumerate(orders):
        if order in orders[:index]:
            raise Refused(CONTACT_ORDER_REPEATED, field=f"contacts.{index}.order")


def _items(given: Any) -> tuple[Any, ...]:
    """The items of a list that is said; none where it stays as it is or is taken away."""
    return given if isinstance(given, tuple) else ()
