"""The language of searches: a text of qualifiers as terms, each with its place in the text; pure.

``person:0199c0de-… operation:read,denial -role:gp created:>=2026-03-01``: qualifiers stand between
blanks and all of them match. A comma means or, a ``-`` in front means not, and quotes keep blanks
and commas together.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 2_000
"""How many characters a search may have."""

MOST_TERMS: Final = 20
MOST_VALUES: Final = 50
"""How many qualifiers a search may have, and how many values each of them."""

_NAME: Final = re.compile(r"(-?)([A-Za-z][A-Za-z.]*):")
_BARE: Final = re.compile(r'[^\s,"]+')
_BLANKS: Final = re.compile(r" +")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class QueryInvalid(ValueError):
    """A search that cannot be read: what would be right, and at which column, from 1."""

    def __init__(self, detail: str, column: int) -> None:
        super().__init__(detail)
        self.detail = detail
        self.column = column


@dataclass(frozen=True)
class Value:
    """One value of a qualifier, and the column at which it begins."""

    text: str
    column: int = 1


@dataclass(frozen=True)
class Term:
    """One qualifier with its values, any of which may match; negated, none of them."""

    name: str
    values: tuple[Value, ...]
    is_negated: bool = False
    column: int = 1

    @property
    def texts(self) -> tuple[str, ...]:
        """Its values as they were written."""
        return tuple(value.text for value in self.values)


def term(name: str, *texts: str, negated: bool = False) -> Term:
    """A term that nobody wrote: a named question is made of these."""
    return Term(name, tuple(map(Value, texts)), negated)


def written(terms: Iterable[Term]) -> str:
    """The text that these terms are read from."""
    return " ".join(
        f"{'-' if one.is_negated else ''}{one.name}:{','.join(map(_quoted, one.texts))}"
        for one in terms
    )


def terms_in(text: str) -> list[Term]:
    """The terms of a search; raises ``QueryInvalid``. Which qualifiers there are is not asked."""
    if len(text) > LONGEST:
        raise QueryInvalid(f"A search has at most {LONGEST:,} characters.", LONGEST + 1)
    odd = _CONTROL.search(text)
    if odd is not None:
        raise QueryInvalid("A search is one line without control characters.", odd.start() + 1)
    terms: list[Term] = []
    at = _past_blanks(text, 0)
    while at < len(text):
        if len(terms) == MOST_TERMS:
            raise QueryInvalid(f"A search has at most {MOST_TERMS} qualifiers.", at + 1)
        one, at = _term_at(text, at)
        terms.append(one)
        if at < len(text) and text[at] != " ":
            raise QueryInvalid("A blank stands between two qualifiers.", at + 1)
        at = _past_blanks(text, at)
    return terms


def _term_at(text: str, at: int) -> tuple[Term, int]:
    named = _NAME.match(text, at)
    if named is None:
        detail = "A search is made of qualifiers, as `operation:read`; there are no free words."
        raise QueryInvalid(detail, at + 1)
    values: list[Value] = []
    place = named.end()
    while True:
        if len(values) == MOST_VALUES:
            raise QueryInvalid(f"A qualifier has at most {MOST_VALUES} values.", place + 1)
        value, place = _value_at(text, place)
        values.append(value)
        if place == len(text) or text[place] != ",":
            break
        place += 1
    return Term(named[2], tuple(values), named[1] == "-", at + 1), place


def _value_at(text: str, at: int) -> tuple[Value, int]:
    if text.startswith('"', at):
        end = text.find('"', at + 1)
        if end < 0:
            raise QueryInvalid("A quotation mark is not closed.", at + 1)
        if end == at + 1:
            raise QueryInvalid("There is nothing between the quotation marks.", at + 1)
        return Value(text[at + 1 : end], at + 1), end + 1
    found = _BARE.match(text, at)
    if found is None:
        raise QueryInvalid("A value is missing here.", at + 1)
    return Value(found[0], at + 1), found.end()


def _past_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return at if blanks is None else blanks.end()


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else f'"{text}"'
