"""Ways to reach somebody, each with what it is for and how gladly it is used."""

from typing import Annotated, Literal
from uuid import UUID

from shared.ledger.elements import Carries
from shared.ledger.values.shape import Preference, Shape, value


@value
class Phone:
    """A telephone number, what it is for, and how gladly it is used: 1 is most."""

    number: Annotated[str, Carries("Person's telephone number")]
    kind: Annotated[
        Literal["Home", "Mobile", "Temp", "Old", "Work"] | None,
        Carries("Person's telephone number type"),
    ] = None
    preference: Annotated[Preference | None, Carries("Preference of telephone number")] = None
    item_id: UUID | None = None


@value
class Email:
    """An e-mail address, what it is for, and how gladly it is used: 1 is most."""

    address: Annotated[Annotated[str, Shape(max_length=255)], Carries("Person's email address")]
    kind: Annotated[
        Literal["Home", "Work", "old"] | None, Carries("Person's email address type")
    ] = None
    preference: Annotated[Preference | None, Carries("Preference of email address")] = None
    item_id: UUID | None = None
