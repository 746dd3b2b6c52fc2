"""What is said by a code, in words, or both (PCSP 2.0, coded and free text)."""

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from shared.ledger.elements import Carries
from shared.ledger.text import CAN_BE_SEEN
from shared.ledger.values.shape import Shape, Text, says_nothing, value


@value
class Code:
    """A code and the system it comes from; carried as sent, never translated."""

    system: Text
    code: Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=64)]
    display: Text | None = None


@value
class CodedText:
    """A code, a text, or both (PCSP 2.0, coded and free text)."""

    text: Annotated[str | None, Carries("Free text")] = None
    code: Annotated[Code | None, Carries("Coded value")] = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is neither a code nor a text, or the text given cannot be read."""
        return says_nothing(self.text) and (self.text is not None or self.code is None)


ValueT = TypeVar("ValueT", bound=str)


@value
class Status(Generic[ValueT]):
    """One value of the enumeration named, with the words and the code it was said in."""

    value: ValueT
    text: Annotated[Text | None, Carries("Free text")] = None
    code: Annotated[Code | None, Carries("Coded value")] = None
    reason: Text | None = None
