"""Ways to reach somebody, each with what it is for and how gladly it is used."""

from typing import Annotated, Literal
from uuid import UUID

from shared.ledger.values.shape import Preference, Shape, value


@value
class Phone:
    """A telephone number, what it is for, and how gladly it is used: 1 is most."""

    number: str
    kind: Literal["Home", "Mobile", "Temp", "Old", "Work"] | None = None
    preference: Preference | None = None
    item_id: UUID | None = None


@value
class Email:
    """An e-mail address, what it is for, and how gladly it is used: 1 is most."""

    address: Annotated[str, Shape(max_length=255)]
    kind: Literal["Home", "Work", "old"] | None = None
    preference: Preference | None = None
    item_id: UUID | None = None
