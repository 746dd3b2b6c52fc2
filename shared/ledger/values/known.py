"""The sections that there are, and the fields of their entries, for whoever names one of them.

No section knows another, and none is asked: what each declares is written down beside this module
whenever the contracts are made (``make contracts``).
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from shared.ledger.names import UUID_TEXT

FILE: Final = "known.json"

_STEP: Final = re.compile(r"[./]")
_OF_AN_ITEM: Final = f"[0-9]+|{UUID_TEXT}"
_ITEM: Final = re.compile(_OF_AN_ITEM)

NAMES_OF_OTHERS: Final = "x-names-of-others"
"""Marks where a schema lists names that other sections declare: they become more with those."""

Fields = Mapping[str, tuple[str, ...]]
"""The leaves of an entry, each with the names of what may stand within it, at any depth."""


@cache
def known() -> Mapping[str, Mapping[str, Fields]]:
    """What is declared: by section and type of entry, as the wire names them."""
    read = json.loads(files(__package__).joinpath(FILE).read_text("utf-8"))
    return {
        section: {
            entry: {leaf: tuple(within.split()) for leaf, within in leaves.items()}
            for entry, leaves in entries.items()
        }
        for section, entries in read.items()
    }


def section_names() -> tuple[str, ...]:
    """Every section, as the wire names it, in the order of names."""
    return tuple(known())


def fields_of(section: str) -> Fields:
    """The leaves that any entry of a section may have; nothing where there is no such section."""
    found: dict[str, tuple[str, ...]] = {}
    for leaves in known().get(section, {}).values():
        for leaf, within in leaves.items():
            found[leaf] = tuple(dict.fromkeys((*found.get(leaf, ()), *within)))
    return found


def is_a_field(section: str, path: str) -> bool:
    """True for a field of some entry of the section, for an item of it, and for what is in it.

    ``aim``, ``responses.my_wellness``, ``contact.phones.<item_id>.number``, ``strategies.0``.
    """
    return any(
        path == leaf or (path.startswith(leaf) and _is_within(path[len(leaf) :], within))
        for leaf, within in fields_of(section).items()
    )


def pattern_of_fields(section: str) -> str:
    """The same as a regular expression, for a contract."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for leaf, within in fields_of(section).items():
        alike.setdefault(within, []).append(leaf.replace(".", r"\."))
    each = (
        rf"(?:{'|'.join(leaves)})(?:[./](?:{'|'.join((*within, _OF_AN_ITEM))}))"
        + ("*" if within else "?")
        for within, leaves in alike.items()
    )
    return f"^(?:{'|'.join(each)})$"


def _is_within(rest: str, names: tuple[str, ...]) -> bool:
    first, *steps = _STEP.split(rest)
    is_deep_enough = bool(names) or len(steps) == 1  # in a list of texts there are only its items
    return (
        not first
        and is_deep_enough
        and all(step in names or _ITEM.fullmatch(step) for step in steps)
    )
