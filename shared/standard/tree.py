"""The 287 elements of the standard (DAPB4022 Amd 38/2021, content version 2.0), as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from shared.ledger.elements import BETWEEN

_INDENT: Final = 2


@dataclass(frozen=True)
class Element:
    """A group or an item: where it stands, how often it may, and whether it must.

    ``cardinality`` is within its parent (``0..1``), ``duty`` is ``M`` mandatory, ``R`` required or
    ``-`` where the standard says nothing, ``type`` as the standard writes it.
    """

    path: str
    cardinality: str
    duty: str
    type: str

    @property
    def name(self) -> str:
        """Its own name, without those of the groups it stands in."""
        return self.path.rpartition(BETWEEN)[2]

    @property
    def depth(self) -> int:
        """How many groups it stands in."""
        return self.path.count(BETWEEN)

    @property
    def is_several(self) -> bool:
        """True where the standard has a place for any number of it."""
        return self.cardinality.endswith("*")

    @property
    def is_group(self) -> bool:
        """True where it holds elements rather than a value."""
        return self.type == "group"


@cache
def elements() -> tuple[Element, ...]:
    """All of them, each after the group that it stands in."""
    return tuple(_read(files(__package__).joinpath("pcsp_2_0.txt").read_text("utf-8")))


def paths_in(document: Any, above: str = "") -> Iterator[str]:
    """The paths of the elements that a document in the standard's form has."""
    for one in document if isinstance(document, list) else [document]:
        for name, inner in one.items() if isinstance(one, Mapping) else ():
            path = f"{above}{BETWEEN}{name}" if above else name
            yield path
            yield from paths_in(inner, path)


def _read(text: str) -> Iterator[Element]:
    groups: list[str] = []
    for line in text.splitlines():
        name, cardinality, duty, type_ = (part.strip() for part in line.split("|"))
        depth = (len(line) - len(line.lstrip())) // _INDENT
        groups[depth:] = [name]
        yield Element(BETWEEN.join(groups), cardinality, duty, type_)
