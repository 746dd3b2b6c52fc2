"""What a receiver that keeps the standard's limits can take of a value, and what it cannot.

Words are shortened at a blank, with ``…`` at the end. A number, a code, an address or a date that
is too long would be another one if it were cut, so it is left out whole.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.ledger.codes.code_list import CodeList
from shared.standard.tree import Element

_LIMIT: Final = re.compile(r"(string|text)\((?:[0-9]+\.\.)?([0-9]+)\)")
_IN_WORDS: Final = re.compile(r"[Nn]ame|Title|alias|Address line")
_CODED: Final = "coded/untyped"
_CUT: Final = "…"
_FULL_TEXT: Final = "text"

CODE_UNKNOWN: Final = "The standard has only a code here, and there is none of its list."
TOO_LONG: Final = "It is longer than the standard allows, and would be another one if it were cut."
NO_PLACE: Final = "The standard has one place here, and the plan has several values."


@dataclass(frozen=True)
class Taken:
    """What is taken of a value: all of it, less, or nothing (``why_not``).

    ``limit`` is how many characters the element takes, where the value has more (``characters``).
    """

    value: Any = None
    limit: int | None = None
    characters: int | None = None
    why_not: str | None = None

    @property
    def counted(self) -> dict[str, int | None]:
        """The limit that was passed, and by how much; empty where none was."""
        if self.limit is None:
            return {}
        return {"limit": self.limit, "characters": self.characters}


def taken_of(element: Element, given: Any, code_list: CodeList | None = None) -> Taken:
    """What the element takes of a value as the plan has it."""
    if isinstance(given, Mapping):
        return _of_an_object(element, given, code_list)
    found = _LIMIT.fullmatch(element.type)
    if found is None or not isinstance(given, str) or len(given) <= int(found[2]):
        return Taken(given)
    if found[1] == _FULL_TEXT or _IN_WORDS.search(element.name):
        return Taken(_shortened(given, int(found[2])), int(found[2]), len(given))
    return Taken(None, int(found[2]), len(given), TOO_LONG)


def _of_an_object(element: Element, given: Mapping[str, Any], code_list: CodeList | None) -> Taken:
    if element.type == _CODED:
        return Taken(_coded(given))
    code = given.get("code")
    if isinstance(code, Mapping) and (code_list is None or code_list.is_mapped(given)):
        return taken_of(element, str(code.get("code")))
    if _LIMIT.fullmatch(element.type) and not element.type.startswith(_FULL_TEXT):
        return Taken(why_not=CODE_UNKNOWN)
    return taken_of(element, str(given.get("text") or given.get("value") or ""))


def _coded(given: Mapping[str, Any]) -> dict[str, Any]:
    """A code with its term, the words, or both; a status that has neither by its own value."""
    if "system" in given:
        return {"code": dict(given)}
    told = {name: given[name] for name in ("code", "text") if given.get(name)}
    return told or {"text": given.get("value")}


def _shortened(text: str, limit: int) -> str:
    cut = text[: limit - len(_CUT)]
    at_a_blank = cut.rpartition(" ")[0]
    return (at_a_blank or cut).rstrip(" ,;:") + _CUT
