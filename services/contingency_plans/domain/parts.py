"""What a contingency plan consists of: what to do, whom to call, what is kept ready."""

from typing import Annotated
from uuid import UUID

from shared.ledger import (
    CareTeamRef,
    Carries,
    Choice,
    CodedText,
    Duration,
    Instant,
    Name,
    Shape,
    Text,
    is_blank,
    titled,
    value,
)
from shared.ledger.codes.care import ACTIONS


class Severity(Choice):
    """How bad it is when it comes to that."""

    MILD = "mild", "Mild", "A disruption that the person and those around them can deal with."
    MODERATE = "moderate", "Moderate", "It needs help from outside soon."
    SEVERE = "severe", "Severe", "It needs help at once."


@value
class Assessment:
    """The assessment that a contingency plan rests on."""

    text: (
        Annotated[Text, titled("Assessment", "What was assessed, and what came of it.")] | None
    ) = None
    ref: Annotated[Text, titled("Reference", "Where the assessment is kept.")] | None = None
    assessed_at: (
        Annotated[Instant, titled("Assessed at", "When it was made, a day and a time.")] | None
    ) = None

    @property
    def is_empty(self) -> bool:
        """True where it names no assessment."""
        return is_blank(self.text) and is_blank(self.ref)


@value
class CopingStrategy:
    """What the person thinks, does and uses to get through it, from when to when."""

    text: Annotated[
        str,
        titled("Coping strategy", "What the person does against it."),
        Carries("Coping strategy"),
    ]
    tools: Annotated[Text, titled("Tools", "What they use for it.")] | None = None
    starts_at: Annotated[
        Instant | None,
        titled("Start", "From when it is used, a day and a time."),
        Carries("Start date"),
    ] = None
    ends_at: Annotated[
        Instant | None,
        titled("End", "Until when it was used, a day and a time."),
        Carries("End date"),
    ] = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where it does not say what is done."""
        return is_blank(self.text)


@value
class Instruction:
    """Something to do, or something to avoid."""

    what: Annotated[
        CodedText, titled("What", "What to do, or what to avoid."), ACTIONS, Carries("")
    ]
    avoid: Annotated[bool, titled("Avoid", "True where this must not be done.")] = False
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to read."""
        return self.what.is_empty


@value
class WhomToCall:
    """Somebody to contact; the lowest number first."""

    order: Annotated[int, Shape(ge=1, le=100), titled("Order", "Whom to call first: 1.")]
    name: Annotated[Name | None, titled("Name", "Who they are."), Carries("Name")] = None
    role: Annotated[
        CodedText | None, titled("Role", "What they are to the person."), Carries("Role")
    ] = None
    contact: Annotated[
        Text | None, titled("Contact details", "How to reach them."), Carries("Contact details")
    ] = None
    hours: Annotated[Text, titled("Hours", "When they can be reached.")] | None = None
    escalate_after: (
        Annotated[Duration, titled("Escalate after", "How long to wait before calling the next.")]
        | None
    ) = None
    contact_ref: (
        Annotated[CareTeamRef, titled("Contact", "Who they are in the care team.")] | None
    ) = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be reached by it."""
        has_role = self.role is not None and not self.role.is_empty
        named = not (is_blank(self.name) and is_blank(self.contact))
        return not (named or has_role or self.contact_ref is not None)


@value
class Equipment:
    """A medicine or a piece of equipment that is kept ready, and where it is."""

    what: Annotated[str, titled("What", "What is kept ready; a dose stays on the prescription.")]
    where: Annotated[Text, titled("Where", "Where it is kept.")] | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where it does not say what it is."""
        return is_blank(self.what)


@value
class AdvanceStatement:
    """What the person wishes for a time at which they cannot say so; it does not bind by law."""

    held_at: Annotated[
        str, titled("Held at", "Where the statement is kept."), Carries("Location of document")
    ]
    what: Annotated[
        CodedText | None,
        titled("Statement", "What it says, in short."),
        Carries("Advance statement"),
    ] = None
