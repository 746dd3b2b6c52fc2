"""The words that a screen shows for what is declared: a title and a description, by language."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

DeclaredT = TypeVar("DeclaredT", bound=type[Any])

LANGUAGES: Final = ("en", "cy")
"""English, which everything has, and Welsh, which may follow."""

AS_TITLED: Final = "x-titled"
"""Where a schema holds the words until its own titles, which only repeat names, are taken out."""

VALUES: Final = "x-values"
"""Where a contract has the words for each value of a closed list."""


@dataclass(frozen=True)
class Titled:
    """A title and a description for people, in English; ``others`` has them by other languages.

    In an annotation, ``Annotated[CodedText, titled("Aim", "What ...")]``, it names a field: the
    contract has both words there. Above a class, ``@titled("Goal")``, it names an entry or event.
    """

    title: str
    description: str = ""
    others: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.title.strip() or not {*self.others} <= {*LANGUAGES[1:]}:
            raise ValueError("a title says something, in a language that is known here")

    def in_language(self, language: str) -> tuple[str, str]:
        """Title and description in that language; in English where nobody has translated them."""
        return self.others.get(language, (self.title, self.description))

    def as_json(self) -> dict[str, Any]:
        """The words as a contract has them."""
        said: dict[str, Any] = {"title": self.title}
        if self.description:
            said["description"] = self.description
        if self.others:
            said["x-languages"] = {
                language: {"title": title, "description": description}
                for language, (title, description) in self.others.items()
            }
        return said

    def __call__(self, declared: DeclaredT) -> DeclaredT:
        """Names a class, as a decorator of it; what it does not describe, its docstring does."""
        said = self if self.description else replace(self, description=sentence(declared.__doc__))
        declared.__titled__ = said
        return declared

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), AS_TITLED: self.as_json()}


def titled_of(declared: type[Any]) -> Titled | None:
    """The words that were declared for an entry or an event itself."""
    return getattr(declared, "__titled__", None)


def sentence(doc: str | None) -> str:
    """A docstring as one line."""
    return " ".join((doc or "").split())


def titled(title: str, description: str = "", **others: tuple[str, str]) -> Titled:
    """The words for a field or a value: ``titled("Aim", "What ...", cy=("Nod", "Beth ..."))``."""
    return Titled(title, description, others)


class Choice(StrEnum):
    """A closed list, each value with its words: ``ENDED = "ended", "Ended", "It is over."``.

    A member is its text as well, so that it compares and is written as the value alone.
    """

    titled: Titled

    def __new__(
        cls, value: str, title: str = "", description: str = "", **others: tuple[str, str]
    ) -> Self:
        """A member: what is on the wire, and the words for it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.titled = Titled(title, description, others)
        return member

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        named = handler(schema)
        words = {str(member): member.titled.as_json() for member in cls}
        handler.resolve_ref_schema(named)[VALUES] = words
        return dict(named)


@dataclass(frozen=True)
class ValuesTitled:
    """The words for each value of a ``Literal``, as a piece of its annotation."""

    words: Mapping[str, Titled] = field(hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        named = handler(schema)
        listed = named.get("enum", [named.get("const")])
        if {*listed} != {*self.words}:
            raise ValueError(f"each of {listed} has its words, and nothing else has")
        return {**named, VALUES: {one: self.words[one].as_json() for one in listed}}


def values_titled(words: Mapping[str, Titled]) -> ValuesTitled:
    """The words for each value of a ``Literal``; a list that is ours alone is a ``Choice``."""
    return ValuesTitled(words)
