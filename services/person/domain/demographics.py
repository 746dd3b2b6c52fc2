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
    value,
)

PlanState = Literal["open", "ended", "merged"]

OneLetter = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=1)]
TwoLetters = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=2)]
ThreeLetters = Annotated[str, Shape(pattern=CAN_BE_SEEN, min_length=1, max_length=3)]


@value
class PersonName:
    """A person's name in its parts, what they like to be called, and as one text."""

    first: str
    family: str
    preferred: Text | None = None
    title: Text | None = None
    suffix: Text | None = None
    full: Text | None = None

    @property
    def is_complete(self) -> bool:
        """True where there is a first and a family name to read."""
        return not is_blank(self.first) and not is_blank(self.family)


@value
class NhsNumber:
    """An NHS number and how sure it is, or the reason why there is none."""

    verification: Literal["traced-and-verified", "present-not-verified", "none-with-reason"]
    value: Annotated[str, Shape(pattern=r"^[0-9]{10}$")] | None = None
    reason: str | None = None

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

    kind: Text
    value: Annotated[str, Shape(min_length=1, max_length=20)]
    issuer: Text | None = None
    item_id: UUID | None = None


@value
class Address:
    """An address, in the lines it is written in; its kind may say that there is no fixed abode."""

    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    line4: str | None = None
    line5: str | None = None
    postcode: Annotated[str, Shape(max_length=8)] | None = None
    kind: str | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nothing of it is given, or a part that is given cannot be read."""
        lines = (self.line1, self.line2, self.line3, self.line4, self.line5)
        return says_nothing(*lines, self.postcode, self.kind)


@value
class Contact:
    """The ways to reach a person, and which of them they prefer."""

    preferred_method: str | None = None
    phones: tuple[Phone, ...] = ()
    emails: tuple[Email, ...] = ()
    other: tuple[Annotated[str, Shape(max_length=255)], ...] = ()

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

    ods: OdsCode | None = None
    details: str | None = None
    gp_name: str | None = None
    temporary: bool | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could find it, or a text that is given cannot be read."""
        has_texts = (self.details, self.gp_name) != (None, None)
        return says_nothing(self.details, self.gp_name) and (has_texts or self.ods is None)


@value
class Source:
    """Where the demographics come from, and when they were traced there."""

    system: Literal["PDS", "other"]
    traced_at: Instant | None = None
