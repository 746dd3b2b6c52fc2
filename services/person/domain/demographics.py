"""What is known about a person: the values that the fields of Person are made of."""

from typing import Annotated, Literal
from uuid import UUID

from shared.ledger import (
    CAN_BE_SEEN,
    Email,
    Instant,
    OdsCode,
    Phone,
    Shape,
    Text,
    is_blank,
    is_nhs_number,
    says_nothing,
    titled,
    value,
    values_titled,
)

PlanState = Annotated[
    Literal["open", "ended", "merged"],
    values_titled(
        {
            "open": titled("Open", "Contributions are taken."),
            "ended": titled("Ended", "It takes nothing more, and can still be read."),
            "merged": titled("Merged", "It goes on in another plan."),
        }
    ),
]
Verification = Annotated[
    Literal["traced-and-verified", "present-not-verified", "none-with-reason"],
    values_titled(
        {
            "traced-and-verified": titled(
                "Traced and verified", "The national service has traced and verified it."
            ),
            "present-not-verified": titled("Not verified", "Somebody has given it."),
            "none-with-reason": titled("None, with a reason", "There is none, and why."),
        }
    ),
]
SourceSystem = Annotated[
    Literal["PDS", "other"],
    values_titled(
        {
            "PDS": titled("PDS", "The Personal Demographics Service."),
            "other": titled("Another system", "Any other system, or nobody's."),
        }
    ),
]

OneLetter = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=1)]
TwoLetters = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=2)]
ThreeLetters = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=3)]


@value
class PersonName:
    """A person's name in its parts, what they like to be called, and as one text."""

    first: Annotated[str, titled("First name", "The given name, or names.")]
    family: Annotated[str, titled("Family name", "The family name.")]
    preferred: Annotated[Text, titled("Preferred name", "What they like to be called.")] | None = (
        None
    )
    title: Annotated[Text, titled("Title", "Mrs, Dr and so on.")] | None = None
    suffix: Annotated[Text, titled("Suffix", "What follows the family name.")] | None = None
    full: Annotated[Text, titled("Full name", "The whole name as one text.")] | None = None

    @property
    def is_complete(self) -> bool:
        """True where there is a first and a family name to read."""
        return not is_blank(self.first) and not is_blank(self.family)


@value
class NhsNumber:
    """An NHS number and how sure it is, or the reason why there is none."""

    verification: Annotated[Verification, titled("Verification", "How sure the number is.")]
    value: (
        Annotated[
            str, Shape(pattern=r"^[0-9]{10}$"), titled("NHS number", "Ten digits without spaces.")
        ]
        | None
    ) = None
    reason: Annotated[str, titled("Reason", "Why there is no number.")] | None = None

    @property
    def is_verified(self) -> bool:
        """True where the national service has traced and verified it."""
        return self.verification == "traced-and-verified"

    @property
    def says_why_none(self) -> bool:
        """True where it gives the reason for having no number."""
        return self.verification == "none-with-reason" and not is_blank(self.reason)

    @property
    def lacks_its_reason(self) -> bool:
        """True where there is said to be none, and not why; or the reason given says nothing."""
        needs_one = self.verification == "none-with-reason" or self.reason is not None
        return needs_one and is_blank(self.reason)

    @property
    def is_valid(self) -> bool:
        """True for a number whose check digit holds, and for none where none is claimed."""
        if self.verification == "none-with-reason":
            return self.value is None
        return self.value is not None and is_nhs_number(self.value)


@value
class OtherIdentifier:
    """An identifier of another scheme, with the kind of it and who gives it out."""

    kind: Annotated[Text, titled("Kind", "Which scheme it belongs to.")]
    value: Annotated[
        str, Shape(min_length=1, max_length=20), titled("Identifier", "The identifier itself.")
    ]
    issuer: Annotated[Text, titled("Issuer", "Who gives it out.")] | None = None
    item_id: UUID | None = None


@value
class Address:
    """An address, in the lines it is written in; its kind may say that there is no fixed abode."""

    line1: Annotated[str, titled("Line 1", "The first line of the address.")] | None = None
    line2: Annotated[str, titled("Line 2", "The second line of the address.")] | None = None
    line3: Annotated[str, titled("Line 3", "The third line of the address.")] | None = None
    line4: Annotated[str, titled("Line 4", "The fourth line of the address.")] | None = None
    line5: Annotated[str, titled("Line 5", "The fifth line of the address.")] | None = None
    postcode: (
        Annotated[str, Shape(max_length=8), titled("Postcode", "The postcode of the address.")]
        | None
    ) = None
    kind: Annotated[str, titled("Kind", "What the address is for.")] | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nothing of it is given, or a part that is given cannot be read."""
        lines = (self.line1, self.line2, self.line3, self.line4, self.line5)
        return says_nothing(*lines, self.postcode, self.kind)


@value
class Contact:
    """The ways to reach a person, and which of them they prefer."""

    preferred_method: (
        Annotated[str, titled("Preferred method", "How the person likes to be reached.")] | None
    ) = None
    phones: Annotated[tuple[Phone, ...], titled("Phones", "Telephone numbers.")] = ()
    emails: Annotated[tuple[Email, ...], titled("E-mail", "E-mail addresses.")] = ()
    other: Annotated[
        tuple[Annotated[str, Shape(max_length=255)], ...],
        titled("Other", "Other ways to reach the person."),
    ] = ()

    @property
    def is_empty(self) -> bool:
        """True where one of the ways that are given leads nowhere."""
        phones = (phone.number for phone in self.phones)
        emails = (email.address for email in self.emails)
        preferred = () if self.preferred_method is None else (self.preferred_method,)
        return any(is_blank(way) for way in (*phones, *emails, *self.other, *preferred))


@value
class GpPractice:
    """A practice that the person is registered with, for a time or for good."""

    ods: Annotated[OdsCode, titled("Practice code", "The ODS code of the practice.")] | None = None
    details: Annotated[str, titled("Details", "Name and address of the practice.")] | None = None
    gp_name: Annotated[str, titled("GP", "The name of the GP.")] | None = None
    temporary: (
        Annotated[bool, titled("Temporary", "Whether the person is there only for a time.")] | None
    ) = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could find it, or a text that is given cannot be read."""
        has_texts = (self.details, self.gp_name) != (None, None)
        return says_nothing(self.details, self.gp_name) and (has_texts or self.ods is None)


@value
class Source:
    """Where the demographics come from, and when they were traced there."""

    system: Annotated[SourceSystem, titled("System", "The system that it comes from.")]
    traced_at: Annotated[Instant, titled("Traced at", "When it was traced there.")] | None = None
