"""Ways to reach somebody, each with what it is for and how gladly it is used."""

from typing import Annotated, Final, Literal

from shared.ledger.elements import Carries
from shared.ledger.values.shape import ItemId, Preference, Shape, value
from shared.ledger.words import ValuesTitled, titled, values_titled

_USES: Final = {
    "Home": titled("Home", "At home."),
    "Mobile": titled("Mobile", "A mobile telephone, which goes where they go."),
    "Temp": titled("Temporary", "For a time only."),
    "Old": titled("Old", "No longer in use; kept for the record."),
    "Work": titled("Work", "At work."),
    "old": titled("Old", "No longer in use; kept for the record."),
}


def _words_of(*uses: str) -> ValuesTitled:
    return values_titled({use: _USES[use] for use in uses})


PhoneUse = Annotated[
    Literal["Home", "Mobile", "Temp", "Old", "Work"],
    _words_of("Home", "Mobile", "Temp", "Old", "Work"),
]
EmailUse = Annotated[Literal["Home", "Work", "old"], _words_of("Home", "Work", "old")]


@value
class Phone:
    """A telephone number, what it is for, and how gladly it is used: 1 is most."""

    number: Annotated[
        str,
        Carries("Person's telephone number"),
        titled("Telephone number", "The number as it is dialled."),
    ]
    kind: Annotated[
        PhoneUse | None,
        Carries("Person's telephone number type"),
        titled("Kind of number", "What the number is used for."),
    ] = None
    preference: Annotated[
        Preference | None,
        Carries("Preference of telephone number"),
        titled("Preference", "How gladly it is used, from 1 (most) to 5."),
    ] = None
    item_id: ItemId | None = None


@value
class Email:
    """An e-mail address, what it is for, and how gladly it is used: 1 is most."""

    address: Annotated[
        Annotated[str, Shape(max_length=255)],
        Carries("Person's email address"),
        titled("E-mail address", "The address to write to."),
    ]
    kind: Annotated[
        EmailUse | None,
        Carries("Person's email address type"),
        titled("Kind of address", "What the address is used for."),
    ] = None
    preference: Annotated[
        Preference | None,
        Carries("Preference of email address"),
        titled("Preference", "How gladly it is used, from 1 (most) to 5."),
    ] = None
    item_id: ItemId | None = None
