"""A need, a concern or a problem of the person, in whoever's words."""

from typing import Annotated

from eventsourcing.domain import event

from services.needs.domain.rules import beside_the_words
from shared.ledger import (
    DERIVED,
    KEEP,
    OF_THE_CHANGE,
    PERSON,
    PROXY,
    Amendment,
    CanBeSetAside,
    Carries,
    ChangeReason,
    Choice,
    CodedText,
    Creation,
    InAnEmergency,
    Keep,
    Name,
    Refusal,
    Refused,
    Withdrawal,
    changes,
    creates,
    must_say_something,
    titled,
    value,
    withdraws,
)
from shared.ledger.codes.care import HEALTH_ISSUES

RISK = "risk"
"""The security label of a need that tells of a risk.

It is set aside only with confirmation, and an emergency is told of it before and after.
"""


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


@value
class ProblemRef:
    """An entry of a problem list that is kept elsewhere."""

    system: Annotated[Name, titled("System", "The system that keeps the problem list.")]
    id: Annotated[Name, titled("Id", "What that system calls the problem.")]
    version: Annotated[Name, titled("Version", "Which version of it was meant.")] | None = None


What = Annotated[
    CodedText, titled("Need", "What the need, concern or problem is."), HEALTH_ISSUES, Carries("")
]
KindOfNeed = Annotated[NeedKind, titled("Kind", "Whether it is a need, a concern or a problem.")]
Problem = Annotated[
    ProblemRef, titled("Problem list", "The entry of a shared or GP problem list that it is about.")
]
NEED_NEEDS = Refusal(
    "need-needs-code-or-text", "The need says nothing", "Say it in words or by code."
)
RISK_NEEDS_CONFIRMATION = Refusal(
    "risk-needs-confirmation",
    "It tells of a risk",
    "This need bears the label `risk`: send `confirmed: true` to set it aside all the same.",
)


@titled("Need")
class Need(CanBeSetAside):
    """A need, a concern or a problem, from when somebody names it until it is set aside."""

    carries = ("Care and support plan > Needs, concerns or problems",)
    in_an_emergency = InAnEmergency(("what", "kind"), labels=(RISK,), stays=True)
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
        return said.having(what=beside_the_words(said.what, self.words))

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


_RAISED_BY = {PERSON: Raised.PERSON, PROXY: Raised.CARER, "related-person": Raised.CARER}
