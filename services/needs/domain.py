"""Needs: what the person finds hard, what they are good at, and how the two are understood."""

from dataclasses import replace
from typing import Annotated

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
    KEEP,
    NEEDS_AN_APPROVER,
    OF_THE_CHANGE,
    PERSON,
    PROFESSIONAL,
    PROXY,
    SYSTEM,
    Amendment,
    CanBeSetAside,
    Carries,
    ChangeReason,
    Choice,
    CodedText,
    Creation,
    Keep,
    Name,
    Provenance,
    Refusal,
    Refused,
    Text,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_say_something,
    need_reason,
    titled,
    value,
    who_and_where,
    withdraws,
)
from shared.ledger.codes.care import HEALTH_ISSUES, HEALTHCARE_MATTERS

RISK = "risk"
"""The security label of a need that tells of a risk: it is set aside only with confirmation."""


class NeedKind(Choice):
    """What it is to the person."""

    NEED = "need", "Need", "Something that the person needs."
    CONCERN = "concern", "Concern", "Something that worries the person or those around them."
    PROBLEM = "problem", "Problem", "A condition or difficulty that somebody has assessed."


class Raised(Choice):
    """Who raised it, as the first contribution says."""

    PERSON = "person", "The person", "The person raised it."
    CARER = "carer", "A carer", "Somebody close to the person raised it."
    PROFESSIONAL = "professional", "A professional", "A professional raised it."


class Sharing(Choice):
    """Whether the person may read it by themselves."""

    SHARED = "shared", "Shared", "The person has read it and may read it."
    DISCUSS_FIRST = (
        "discuss-first",
        "To be discussed first",
        "The person reads it once somebody has gone through it with them.",
    )
    WITHHELD = "withheld", "Held back", "The person does not read it, for a reason."


@value
class ProblemRef:
    """An entry of a problem list that is kept elsewhere."""

    system: Annotated[Name, titled("System", "The system that keeps the problem list.")]
    id: Annotated[Name, titled("Id", "What that system calls the problem.")]
    version: Annotated[Name, titled("Version", "Which version of it was meant.")] | None = None


@value
class SharedWithPerson:
    """Whether a formulation has been shared with the person, and if not, why."""

    state: Annotated[Sharing, titled("State", "Whether the person may read it.")]
    reason: Annotated[Text, titled("Reason", "Why it is not shared.")] | None = None


Strong = Annotated[
    CodedText,
    titled("Strength", "What the person is good at or can count on."),
    HEALTHCARE_MATTERS,
    Carries(""),
]
What = Annotated[
    CodedText, titled("Need", "What the need, concern or problem is."), HEALTH_ISSUES, Carries("")
]
KindOfNeed = Annotated[NeedKind, titled("Kind", "Whether it is a need, a concern or a problem.")]
Problem = Annotated[
    ProblemRef, titled("Problem list", "The entry of a shared or GP problem list that it is about.")
]
Understanding = Annotated[
    str,
    titled(
        "Formulation",
        "What person and professional together understand of the difficulties, and the way ahead.",
    ),
    Carries("Formulation"),
]

ApprovedBy = Annotated[
    str, OF_THE_CHANGE, titled("Approved by", "Who approved that it is held back.")
]

STRENGTH_NEEDS = Refusal(
    "strength-needs-code-or-text", "The strength says nothing", "Say it in words or by code."
)
NEED_NEEDS = Refusal(
    "need-needs-code-or-text", "The need says nothing", "Say it in words or by code."
)
RISK_NEEDS_CONFIRMATION = Refusal(
    "risk-needs-confirmation",
    "It tells of a risk",
    "This need bears the label `risk`: send `confirmed: true` to set it aside all the same.",
)
NEEDS_TEXT = Refusal(
    "formulation-needs-text", "The formulation says nothing", "Say it in words in `text`."
)
NEEDS_A_PROFESSIONAL = Refusal(
    "formulation-needs-a-professional",
    "No professional made it",
    "Name the professional who made the formulation in `provenance.stated_by`.",
)
ALREADY_SHARED = Refusal(
    "already-shared", "The person may read it already", "It is shared with the person."
)


@titled("Strength")
class Strength(CanBeSetAside):
    """Something that the person is good at, or can count on."""

    carries = ("Care and support plan > Strengths",)
    already_out = Refusal(
        "strength-already-set-aside",
        "The strength was set aside",
        "This strength was set aside; resume it first.",
    )
    not_out = Refusal(
        "strength-not-set-aside",
        "The strength is not set aside",
        "This strength is part of the current plan.",
    )

    @titled("Strength recognised")
    class Recognised(Creation):
        """A strength of the person was recognised."""

        what: Strong

    @titled("Strength reworded")
    class Reworded(Amendment):
        """The strength was said better."""

        what: Strong

    @creates(Recognised, "Recognise a strength")
    @staticmethod
    def recognise(said: Recognised) -> None:
        """Say what the person is good at, or can count on."""
        must_say_something(said.what, STRENGTH_NEEDS, "what")

    @changes(Reworded, "Reword the strength")
    def reword(self, said: Reworded) -> Reworded:
        """Say it better; a code alone stands beside the words that there are."""
        must_say_something(said.what, STRENGTH_NEEDS, "what")
        return said.having(what=_beside_the_words(said.what, self.words))

    words: str | None = None

    @event(Recognised)
    def __init__(self, what: CodedText) -> None:
        self.words = what.text

    @event(Reworded)
    def _apply_reworded(self, what: CodedText) -> None:
        self.words = what.text


@titled("Need")
class Need(CanBeSetAside):
    """A need, a concern or a problem, from when somebody names it until it is set aside."""

    carries = ("Care and support plan > Needs, concerns or problems",)
    already_out = Refusal(
        "need-already-set-aside",
        "The need was set aside",
        "This need was set aside; resume it first.",
    )
    not_out = Refusal(
        "need-not-set-aside", "The need is not set aside", "This need is part of the current plan."
    )

    @titled("Need identified")
    class Identified(Creation):
        """A need, a concern or a problem was named."""

        what: What
        raised_by: Annotated[
            Raised, DERIVED, titled("Raised by", "Who raised it: it follows from who said it.")
        ]
        kind: KindOfNeed | None = None
        problem_ref: Problem | None = None

    @titled("Need reworded")
    class Reworded(Amendment):
        """The need, or what kind it is, was said better."""

        what: What | Keep = KEEP
        kind: KindOfNeed | Keep | None = KEEP

    @titled("Need linked to a problem list")
    class LinkedToProblem(Amendment):
        """It is about an entry of a problem list that is kept elsewhere."""

        problem_ref: Problem | None

    @titled("Set aside")
    class SetAside(Withdrawal):
        """It is no longer part of the current plan."""

        reason: ChangeReason
        confirmed: (
            Annotated[
                bool,
                OF_THE_CHANGE,
                titled("Confirmed", "That a need which tells of a risk is set aside knowingly."),
            ]
            | None
        ) = None

    @creates(Identified, "Identify a need")
    @staticmethod
    def identify(said: Identified) -> Identified:
        """Name a need, a concern or a problem."""
        must_say_something(said.what, NEED_NEEDS, "what")
        return said.having(raised_by=_RAISED_BY.get(said.provenance.voice, Raised.PROFESSIONAL))

    @changes(Reworded, "Reword the need")
    def reword(self, said: Reworded) -> Reworded:
        """Say it better or what kind it is; a code alone stands beside the words that there are."""
        must_say_something(said.what, NEED_NEEDS, "what")
        if said.what is KEEP:
            return said
        return said.having(what=_beside_the_words(said.what, self.words))

    @changes(LinkedToProblem, "Link the need to a problem list")
    def link_problem(self, said: LinkedToProblem) -> None:
        """Point to an entry of a problem list instead of repeating it."""

    @withdraws(SetAside, "Set aside")
    def set_aside(self, said: SetAside) -> None:
        """Take it out of the current plan; one that tells of a risk only with confirmation."""
        labels = self.visibility.labels if self.visibility is not None else ()
        if RISK in labels and said.confirmed is not True:
            raise Refused(RISK_NEEDS_CONFIRMATION, field="confirmed")

    words: str | None = None

    @event(Identified)
    def __init__(self, what: CodedText) -> None:
        self.words = what.text

    @event(Reworded)
    def _apply_reworded(self, what: CodedText | Keep) -> None:
        self.words = self.words if what is KEEP else what.text


@titled("Formulation")
class Formulation(CanBeSetAside):
    """What person and professional together understand of the difficulties; several may stand."""

    may_contribute = (PROFESSIONAL,)
    carries = ("Formulation > Formulation record entry",)
    provenance_carries = who_and_where(stated_at="Date")
    already_out = Refusal(
        "formulation-set-aside",
        "The formulation was set aside",
        "This formulation was set aside; resume it first.",
    )
    not_out = Refusal(
        "formulation-not-set-aside",
        "The formulation is not set aside",
        "This formulation is part of the current plan.",
    )

    @titled("Formulated")
    class Formulated(Creation):
        """A professional made a formulation with the person."""

        text: Understanding
        shared_with_person: (
            Annotated[
                SharedWithPerson,
                titled(
                    "Shared with the person", "Left out, it is to be discussed with them first."
                ),
            ]
            | None
        ) = None
        approved_by: ApprovedBy | None = None

    @titled("Formulation revised")
    class Revised(Amendment):
        """It was said anew."""

        text: Understanding

    @titled("Shared with the person")
    class SharedWithThePerson(Amendment):
        """The person may read it."""

        wire_name = "SharedWithPerson"
        shared_with_person: Annotated[
            SharedWithPerson, DERIVED, titled("Shared with the person", "It is shared.")
        ]

    @titled("Held back from the person")
    class HeldBack(Amendment):
        """The person does not read it, for a reason that somebody approved."""

        shared_with_person: Annotated[
            SharedWithPerson, DERIVED, titled("Shared with the person", "It is held back, and why.")
        ]
        reason: ChangeReason
        approved_by: ApprovedBy | None = None

    # Whoever else tries is told that it takes a professional.
    @creates(Formulated, "Formulate", by=(PERSON, PROXY, PROFESSIONAL, SYSTEM))
    @staticmethod
    def formulate(said: Formulated) -> Formulated:
        """Write down what was understood; the person reads it once it is shared with them."""
        _must_be_a_professionals(said.provenance)
        must_say_something(said.text, NEEDS_TEXT, "text")
        given = said.shared_with_person or SharedWithPerson(Sharing.DISCUSS_FIRST)
        if given.state is Sharing.WITHHELD:
            need_reason(given.reason, "shared_with_person.reason")
            _must_be_approved(said.approved_by)
        return said.having(shared_with_person=given)

    @changes(Revised, "Revise the formulation")
    def revise(self, said: Revised) -> None:
        """Say it anew."""
        _must_be_a_professionals(said.provenance)
        must_say_something(said.text, NEEDS_TEXT, "text")

    @changes(SharedWithThePerson, "Share with the person")
    def share_with_person(self, said: SharedWithThePerson) -> SharedWithThePerson:
        """Let the person read it."""
        if self.sharing is Sharing.SHARED:
            raise Refused(ALREADY_SHARED)
        return said.having(shared_with_person=SharedWithPerson(Sharing.SHARED))

    @changes(HeldBack, "Hold back from the person")
    def hold_back(self, said: HeldBack) -> HeldBack:
        """Keep it from the person, for a reason and with somebody's approval."""
        _must_be_approved(said.approved_by)
        held_back = SharedWithPerson(Sharing.WITHHELD, said.reason)
        return said.having(shared_with_person=held_back)

    @event(Formulated)
    def __init__(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state

    @event(SharedWithThePerson)
    def _apply_shared(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state

    @event(HeldBack)
    def _apply_held_back(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state


def _beside_the_words(what: CodedText, words: str | None) -> CodedText:
    """Coding changes none of the words: a code that comes alone is put beside those that stand."""
    return replace(what, text=words) if what.text is None else what


def _must_be_a_professionals(provenance: Provenance) -> None:
    if provenance.stated_by.kind != PROFESSIONAL:
        raise Refused(NEEDS_A_PROFESSIONAL, field="provenance.stated_by")


def _must_be_approved(approved_by: str | None) -> None:
    if is_blank(approved_by):
        raise Refused(NEEDS_AN_APPROVER, field="approved_by")


_RAISED_BY = {PERSON: Raised.PERSON, PROXY: Raised.CARER, "related-person": Raised.CARER}
