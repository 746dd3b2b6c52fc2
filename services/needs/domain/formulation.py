"""A formulation: how the difficulties are understood, and who may read it."""

from typing import Annotated

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
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
    Creation,
    Provenance,
    Refusal,
    Refused,
    Text,
    changes,
    creates,
    is_blank,
    must_say_something,
    need_reason,
    titled,
    value,
    who_and_where,
)


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
class SharedWithPerson:
    """Whether a formulation has been shared with the person, and if not, why."""

    state: Annotated[Sharing, titled("State", "Whether the person may read it.")]
    reason: Annotated[Text, titled("Reason", "Why it is not shared.")] | None = None


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

    @property
    def is_shared_with_person(self) -> bool:
        """True once the person may read it."""
        return self.sharing is Sharing.SHARED

    @event(Formulated)
    def __init__(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state

    @event(SharedWithThePerson)
    def _apply_shared(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state

    @event(HeldBack)
    def _apply_held_back(self, shared_with_person: SharedWithPerson) -> None:
        self.sharing = shared_with_person.state


def _must_be_a_professionals(provenance: Provenance) -> None:
    if provenance.stated_by.kind != PROFESSIONAL:
        raise Refused(NEEDS_A_PROFESSIONAL, field="provenance.stated_by")


def _must_be_approved(approved_by: str | None) -> None:
    if is_blank(approved_by):
        raise Refused(NEEDS_AN_APPROVER, field="approved_by")
