"""What is said by a code, in words, or both (PCSP 2.0, coded and free text)."""

from typing import Annotated, Generic, TypeVar

from shared.ledger.elements import Carries
from shared.ledger.text import CAN_BE_SEEN
from shared.ledger.values.shape import ItemId, Shape, Text, says_nothing, value
from shared.ledger.words import titled


@value
class Code:
    """A code and the system it comes from; carried as sent, never translated."""

    system: Annotated[
        Text, titled("Code system", "Which list or terminology the code is from, by its address.")
    ]
    code: Annotated[
        str,
        Shape(pattern=CAN_BE_SEEN, max_length=64),
        titled("Code", "The code as it was sent; it is never translated."),
    ]
    display: Annotated[Text | None, titled("Term", "The words for the code, from its list.")] = None


@value
class CodedText:
    """A code, a text, or both (PCSP 2.0, coded and free text)."""

    text: Annotated[
        str | None, Carries("Free text"), titled("Words", "What was said, in words.")
    ] = None
    code: Annotated[
        Code | None, Carries("Coded value"), titled("Code", "What was said, by a code.")
    ] = None
    item_id: ItemId | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is neither a code nor a text, or the text given cannot be read."""
        return says_nothing(self.text) and (self.text is not None or self.code is None)


ValueT = TypeVar("ValueT", bound=str)


@value
class Status(Generic[ValueT]):
    """One value of the enumeration named, with the words and the code it was said in."""

    value: Annotated[ValueT, titled("Status", "One value of the list.")]
    text: Annotated[
        Text | None, Carries("Free text"), titled("Words", "The status as somebody said it.")
    ] = None
    code: Annotated[
        Code | None, Carries("Coded value"), titled("Code", "The status by a code.")
    ] = None
    reason: Annotated[Text | None, titled("Reason", "Why it has this status.")] = None
