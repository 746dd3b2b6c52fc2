"""A list of codes that a field takes its codes from, with the words for each of them.

``Annotated[CodedText, GENDER]`` names the list of a field: the contract has the codes, and a code
that came without its term gets the list's. What the list does not have is kept as it was sent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, partial
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from shared.ledger.codes.snomed import SNOMED, could_be_a_concept
from shared.ledger.values.coded import Code, CodedText, Status
from shared.ledger.words import Titled

CODE_LIST: Final = "x-code-list"
"""Where a contract has the list that the codes of a field are from."""

Codes = Mapping[str, Titled]


@dataclass(frozen=True)
class CodeList:
    """Codes by the systems that they may come from; ``None`` for a system without its codes here.

    ``is_code_only`` says that the standard has no words there, so that words alone are reported.
    """

    name: str
    titled: Titled = field(hash=False)
    systems: Mapping[str, Codes | None] = field(hash=False)
    is_code_only: bool = False

    def term(self, code: Code) -> str | None:
        """The words for a code of this list, in English; ``None`` where it is not held here."""
        words = (self.systems.get(code.system) or {}).get(code.code)
        return words.title if words is not None else None

    def has(self, system: str, code: str) -> bool:
        """True for a code that may be of this list: it is held here, or its system's are not.

        No list of SNOMED CT is held; what cannot be one of its concepts is in none of them.
        """
        if system not in self.systems:
            return False
        held = self.systems[system]
        if held is not None:
            return code in held
        return system != SNOMED or could_be_a_concept(code)

    def is_mapped(self, said: Mapping[str, Any]) -> bool:
        """False for a code of another list, and for words alone where the standard has a code.

        ``said`` is a coded text as JSON has it. Both are kept and shown all the same, and reported
        (``unmapped-code``).
        """
        code = said.get("code")
        if not isinstance(code, dict):
            return not self.is_code_only
        return self.has(str(code.get("system")), str(code.get("code")))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        systems = {
            system: {code: words.title for code, words in (codes or {}).items()}
            for system, codes in self.systems.items()
        }
        listed = {"name": self.name, "called": self.titled.title, "systems": systems}
        return {**handler(schema), CODE_LIST: listed}


def codes(words: Mapping[str, str]) -> Codes:
    """Each code with its words."""
    return {code: Titled(title) for code, title in words.items()}


Fill = Callable[[Any], Any]
"""Puts terms into a value of one type."""


def fills_of(declared: Mapping[str, Any]) -> dict[str, Fill]:
    """What puts terms into the fields that name a list; ``declared`` are annotations by name."""
    return {name: fill for name, of in declared.items() if (fill := _filler(of)) is not None}


def with_terms(content: Mapping[str, Any], fills: Mapping[str, Fill]) -> dict[str, Any]:
    """The content with the term of each code that came without one, from the list of its field.

    A term that was sent stays, and so does all else.
    """
    if not fills:
        return dict(content)
    return {name: fills[name](given) if name in fills else given for name, given in content.items()}


@cache
def _filler(annotation: Any) -> Fill | None:
    """What puts terms into a value of this type; ``None`` where no field of it names a list."""
    if get_origin(annotation) is Annotated:
        of, *marks = get_args(annotation)
        named = next((mark for mark in marks if isinstance(mark, CodeList)), None)
        return _filler(of) if named is None else partial(_fill, named)
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and is_dataclass(kind):
        return _within(kind)
    # Of a union at most one is a value type, and of a map the values are.
    fill = next((fill for part in get_args(annotation) if (fill := _filler(part))), None)
    if fill is None:
        return None
    if kind is tuple:
        return partial(_fill_items, fill)
    is_map = isinstance(kind, type) and issubclass(kind, Mapping)
    return partial(_fill_values, fill) if is_map else fill


def _fill(code_list: CodeList, given: Any) -> Any:
    if isinstance(given, tuple):
        return tuple(_fill(code_list, one) for one in given)
    code = given.code if isinstance(given, CodedText | Status) else None
    if code is None or code.display is not None:
        return given
    term = code_list.term(code)
    return given if term is None else replace(given, code=replace(code, display=term))


def _within(kind: type[Any]) -> Fill | None:
    fills = fills_of(_hints_of(kind))
    return partial(_fill_fields, kind, fills) if fills else None


def _fill_fields(kind: type[Any], fills: Mapping[str, Fill], given: Any) -> Any:
    if not isinstance(given, kind):
        return given
    return replace(given, **{name: fill(getattr(given, name)) for name, fill in fills.items()})


def _fill_items(fill: Fill, given: Any) -> Any:
    return tuple(map(fill, given)) if isinstance(given, tuple) else given


def _fill_values(fill: Fill, given: Any) -> Any:
    return {key: fill(of) for key, of in given.items()} if isinstance(given, Mapping) else given


def _hints_of(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: hints[one.name] for one in fields(kind)}


def lists_in(annotation: Any) -> Iterator[tuple[str, CodeList]]:
    """The lists that an annotation names, each by the path below it; at the root it is empty."""
    if get_origin(annotation) is Annotated:
        of, *marks = get_args(annotation)
        yield from (("", mark) for mark in marks if isinstance(mark, CodeList))
        yield from lists_in(of)
        return
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and is_dataclass(kind):
        for name, hint in _hints_of(kind).items():
            yield from ((f".{name}{path}", found) for path, found in lists_in(hint))
        return
    for part in get_args(annotation):
        yield from lists_in(part)
