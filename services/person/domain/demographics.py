"""What is known about a person: the values that the fields of Person are made of."""

from typing import Annotated, Final, Literal

from shared.ledger import (
    Carries,
    CodedText,
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
from shared.ledger.codes.demographics import ADDRESS_TYPE, CONTACT_METHOD
from shared.ledger.values.shape import ItemId

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
_HOW_SURE: Final = {
    "traced-and-verified": titled(
        "Traced and verified", "The national service of its scheme has traced and verified it."
    ),
    "present-not-verified": titled("Not verified", "Somebody has given it."),
}
Verification = Annotated[
    Literal["traced-and-verified", "present-not-verified", "none-with-reason"],
    values_titled(
        {**_HOW_SURE, "none-with-reason": titled("None, with a reason", "There is none, and why.")}
    ),
]
OtherVerification = Annotated[
    Literal["traced-and-verified", "present-not-verified"], values_titled(_HOW_SURE)
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


@value
class PersonName:
    """A person's name in its parts, what they like to be called, and as one text."""

    first: Annotated[
        str, titled("First name", "The given name, or names."), Carries("Person first name")
    ]
    family: Annotated[str, titled("Family name", "The family name."), Carries("Person family name")]
    preferred: Annotated[
        Text | None,
        titled("Preferred name", "What they like to be called."),
        Carries("Person preferred name"),
    ] = None
    title: Annotated[Text | None, titled("Title", "Mrs, Dr and so on."), Carries("Title")] = None
    suffix: Annotated[
        Text | None,
        titled("Suffix", "What follows the family name."),
        Carries("Person name suffix"),
    ] = None
    full: Annotated[
        Text | None, titled("Full name", "The whole name as one text."), Carries("Person full name")
    ] = None

    @property
    def is_complete(self) -> bool:
        """True where there is a first and a family name to read."""
        return not is_blank(self.first) and not is_blank(self.family)


@value
class NhsNumber:
    """An NHS number and how sure it is, or the reason why there is none."""

    verification: Annotated[
        Verification,
        titled(
            "Verification",
            "How sure the number is. What anybody but the national service calls "
            "traced-and-verified is recorded as present-not-verified, but for a number that was "
            "verified before.",
        ),
    ]
    value: (
        Annotated[
            str,
            Shape(pattern=r"^[0-9]{10}$"),
            titled(
                "NHS number",
                "Ten digits without spaces, of which the last checks the others. It must be left "
                "out with none-with-reason, and must not be with any other verification.",
            ),
        ]
        | None
    ) = None
    reason: (
        Annotated[str, titled("Reason", "Why there is no number; needed with none-with-reason.")]
        | None
    ) = None

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
    verification: Annotated[
        OtherVerification | None,
        titled(
            "Verification",
            "How sure the number is. What anybody but the service of its scheme calls "
            "traced-and-verified is recorded as present-not-verified, but for a number that was "
            "verified before.",
        ),
    ] = None
    item_id: ItemId | None = None

    @property
    def is_verified(self) -> bool:
        """True where the service of its scheme has traced and verified it."""
        return self.verification == "traced-and-verified"


@value
class Address:
    """An address, in the lines it is written in; its kind may say that there is no fixed abode."""

    line1: Annotated[
        str | None, titled("Line 1", "The first line of the address."), Carries("Address line 1")
    ] = None
    line2: Annotated[
        str | None, titled("Line 2", "The second line of the address."), Carries("Address line 2")
    ] = None
    line3: Annotated[
        str | None, titled("Line 3", "The third line of the address."), Carries("Address line 3")
    ] = None
    line4: Annotated[
        str | None, titled("Line 4", "The fourth line of the address."), Carries("Address line 4")
    ] = None
    line5: Annotated[
        str | None, titled("Line 5", "The fifth line of the address."), Carries("Address line 5")
    ] = None
    postcode: Annotated[
        Annotated[str, Shape(max_length=8)] | None,
        titled("Postcode", "The postcode of the address."),
        Carries("Postcode"),
    ] = None
    kind: Annotated[
        CodedText | None,
        titled("Kind", "What the address is for; or that there is no fixed abode."),
        Carries("Address type"),
        ADDRESS_TYPE,
    ] = None
    item_id: ItemId | None = None

    @property
    def is_empty(self) -> bool:
        """True where nothing of it is given, or a part that is given cannot be read."""
        texts = (self.line1, self.line2, self.line3, self.line4, self.line5, self.postcode)
        if self.kind is None:
            return says_nothing(*texts)
        given = [text for text in texts if text is not None]
        return self.kind.is_empty or any(map(is_blank, given))


@value
class Contact:
    """The ways to reach a person, and which of them they prefer."""

    preferred_method: Annotated[
        CodedText | None,
        titled("Preferred method", "How the person likes to be reached."),
        Carries("Preferred contact method"),
        CONTACT_METHOD,
    ] = None
    phones: Annotated[
        tuple[Phone, ...],
        titled("Telephone numbers", "Where the person is called."),
        Carries("Person's telephone number details"),
    ] = ()
    emails: Annotated[
        tuple[Email, ...],
        titled("E-mail addresses", "Where the person is written to."),
        Carries("Person's email address details"),
    ] = ()
    other: Annotated[
        tuple[Annotated[str, Shape(max_length=255)], ...],
        titled("Other", "Other ways to reach the person."),
        Carries("Other contact information"),
    ] = ()

    @property
    def is_empty(self) -> bool:
        """True where one of the ways that are given leads nowhere."""
        phones = (phone.number for phone in self.phones)
        emails = (email.address for email in self.emails)
        preferred = self.preferred_method
        return (preferred is not None and preferred.is_empty) or any(
            is_blank(way) for way in (*phones, *emails, *self.other)
        )


@value
class GpPractice:
    """A practice that the person is registered with, for a time or for good."""

    ods: Annotated[
        OdsCode | None,
        titled("Practice code", "The code of the practice, or the one for having none."),
        Carries("GP practice identifier"),
    ] = None
    details: Annotated[
        str | None,
        titled("Details", "Name and address of the practice."),
        Carries("GP practice details"),
    ] = None
    gp_name: Annotated[
        str | None, titled("GP", "The GP whom the person usually sees."), Carries("GP name")
    ] = None
    temporary: Annotated[
        bool | None, titled("Temporary", "Whether the person is there only for a time.")
    ] = None
    item_id: ItemId | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could find it, or a text that is given cannot be read."""
        has_texts = (self.details, self.gp_name) != (None, None)
        return says_nothing(self.details, self.gp_name) and (has_texts or self.ods is None)


@value
class Source:
    """Where the demographics come from, and when they were traced there."""

    system: Annotated[SourceSystem, titled("System", "The system that it comes from.")]
    traced_at: (
        Annotated[Instant, titled("Traced at", "When it was traced there, a day and a time.")]
        | None
    ) = None
