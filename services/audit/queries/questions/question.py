"""What a named question is: what it asks in words, its parameters, and what a row of it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from services.audit.queries.search.language import Term


class Form(StrEnum):
    """What a parameter is; each says what would be right."""

    PLAN = "the id of a plan, a UUID in lower case"
    ENTRY = "the id of an entry, a UUID in lower case"
    SECTION = "the name of a section, as goals"
    ACTOR = "the `sub` of a token"
    ORGANISATION = "the code of an organisation, as ZZG01"
    MOMENT = "a day, as 2026-03-10, or a time with its offset, as 2026-03-10T14:00:00Z"
    PLACE = "the place of a record in the log, a whole number from 0"
    SIZE = "how many records a log had, a whole number from 1"
    ROOT = "the root of a log, 32 bytes in base64"


class Param(NamedTuple):
    """One parameter of a question."""

    name: str
    words: str
    form: Form
    is_required: bool = False


class Given(Mapping[str, Any]):
    """The parameters of one question, each read in its form."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = dict(params)

    def __getitem__(self, name: str) -> Any:
        return self._params[name]

    def __iter__(self) -> Any:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)


Rows = Mapping[str, str]
"""Of each member of a row, where it stands in a record as lists give it."""


@dataclass(frozen=True)
class Question:
    """A question of the catalogue.

    One that is a search has ``terms``, or a condition of our own (``asked``) beside them, and
    ``rows``; every other one is answered by the finder of its id. ``is_recent`` says that it looks
    back as far as a search does where ``from`` is left out.
    """

    id: str
    name: str
    asks: str
    params: tuple[Param, ...]
    columns: tuple[str, ...] = ()
    rows: Rows | None = None
    terms: Callable[[Given], Sequence[Term]] | None = None
    asked: str | None = None
    is_recent: bool = False

    def row_of(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """What the row of a record says."""
        return {name: at_path(item, path) for name, path in (self.rows or {}).items()}

    @property
    def names_of_columns(self) -> tuple[str, ...]:
        """The members of its rows, in their order."""
        return tuple(self.rows) if self.rows is not None else self.columns


def at_path(item: Mapping[str, Any], path: str) -> Any:
    """What stands in a record at a path of names with dots; ``None`` for nothing."""
    found: Any = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
