"""What every value type is made with: its constraints, and the texts that fields hold.

A ``Shape`` in an annotation also tells the doors and the contracts what the type cannot: pydantic
asks each piece of metadata for the method below, so the constraint reaches validation and JSON
Schema without an import here.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, Final, Protocol, TypeVar, dataclass_transform
from uuid import UUID

from shared.ledger.text import CAN_BE_SEEN, says_something
from shared.ledger.words import titled


class Keep(Enum):
    """The type of ``KEEP``: a field that a change leaves as it is (``None`` would remove it)."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Final = Keep.KEEP


class Misshapen(ValueError):
    """What is wrong with a value and what would be right, quoting nothing of what was sent.

    ``at`` is the member of the value that is wrong, where it is one of them.
    """

    def __init__(self, said: str, at: str | None = None) -> None:
        super().__init__(said)
        self.at = at


@dataclass(frozen=True)
class Shape:
    """A constraint: on text a regular expression and its length, on a number its range."""

    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    ge: int | None = None
    le: int | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        given = {name: value for name, value in vars(self).items() if value is not None}
        return {**handler(source), **given}


# A type and a subtype (RFC 6838), without parameters.
_OF_MIME: Final = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
MIME: Final = f"^{_OF_MIME}/{_OF_MIME}$"
# What a reader may safely be given to follow: no script, no file of theirs.
URL: Final = r"^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"
SHA256: Final = r"^[0-9a-f]{64}$"

ItemId = Annotated[
    UUID, titled("Item", "The id of the item; sent again with the list it means the same one.")
]
Text = Annotated[str, Shape(pattern=CAN_BE_SEEN)]
"""A text that says something; the doors bound every text."""
Name = Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=255)]
"""A text that says something and is repeated wherever somebody is named, so it is short."""
Sha256 = Annotated[str, Shape(pattern=SHA256)]
Mime = Annotated[str, Shape(pattern=MIME)]
Url = Annotated[str, Shape(pattern=URL, max_length=2_048)]
Bytes = Annotated[int, Shape(ge=1)]
"""How many bytes something has."""
Score = Annotated[int, Shape(ge=1, le=10)]
Preference = Annotated[int, Shape(ge=1, le=5)]
"""How gladly something is used: 1 is most."""


ClassT = TypeVar("ClassT")


@dataclass_transform(frozen_default=True)
def value(of: type[ClassT]) -> type[ClassT]:
    """A frozen value type; a door that reads one takes no key that it does not have."""
    made = dataclass(frozen=True)(of)
    made.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return made


def says_nothing(*texts: str | None) -> bool:
    """True where no text is given, or one of those given cannot be read."""
    given = [text for text in texts if text is not None]
    return not given or any(map(is_blank, given))


def is_blank(text: str | None) -> bool:
    """True where nothing can be read in it: no text, or only characters that are not drawn."""
    return text is None or not says_something(text)


class Handler(Protocol):
    """What makes a JSON Schema of a type; pydantic hands it to ``__get_pydantic_json_schema__``."""

    def __call__(self, schema: Any, /) -> dict[str, Any]: ...
    def resolve_ref_schema(self, schema: dict[str, Any], /) -> dict[str, Any]: ...


class SomethingGiven:
    """A value of which at least one field is given; its contract says so as well."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        return _with_rule(cls, schema, handler, "anyOf")


class OneGiven:
    """A value of which exactly one field is given; its contract says so as well."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        return _with_rule(cls, schema, handler, "oneOf")


def _with_rule(cls: type[Any], schema: Any, handler: Handler, how_many: str) -> dict[str, Any]:
    named = handler(schema)
    given = [
        {"required": [field.name], "properties": {field.name: {"not": {"type": "null"}}}}
        for field in fields(cls)
    ]
    handler.resolve_ref_schema(named)["allOf"] = [{how_many: given}]
    return named
