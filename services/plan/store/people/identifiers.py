"""What a plan is found by: the identifiers of its person, each in one form."""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple
from unicodedata import normalize
from uuid import UUID

import msgspec

from services.plan.store.document import Shown
from shared.chassis.database.database import Database

_SECTION: Final = "person"
_FIND: Final = """
SELECT plan_id, revision, state, merged_into FROM plan
 WHERE found_by @> $1::text[] AND state <> 'unknown'
 ORDER BY state <> 'open', plan_id LIMIT $2
"""
_BLANKS: Final = re.compile(r"\s+")


class Identifier(StrEnum):
    """Which identifier of a person it is, as a search names it."""

    NHS_NUMBER = "nhs_number"
    OTHER = "other_identifier"
    BORN = "date_of_birth"
    FAMILY = "family"
    FIRST = "first"
    POSTCODE = "postcode"


HELD_BY: Final[Mapping[Identifier, str]] = {
    Identifier.NHS_NUMBER: "nhs_number",
    Identifier.OTHER: "other_identifiers",
    Identifier.BORN: "date_of_birth",
    Identifier.FAMILY: "name",
    Identifier.FIRST: "name",
    Identifier.POSTCODE: "addresses",
}
"""The leaf of the person that holds each: who may not see it finds nobody by it."""

LONGEST: Final[Mapping[Identifier, int]] = {
    Identifier.NHS_NUMBER: 10,
    Identifier.OTHER: 100,
    Identifier.BORN: 10,
    Identifier.FAMILY: 100,
    Identifier.FIRST: 100,
    Identifier.POSTCODE: 10,
}
"""Characters that somebody may search by; of the kind of another identifier as well."""


def key(identifier: Identifier, text: str, kind: str = "") -> str:
    """An identifier as plans are found by it: case, blanks and forms of a letter are the same.

    ``kind`` is that of another identifier: the same number of another scheme is another one.
    """
    plain = _plain(text)
    if identifier is Identifier.POSTCODE:
        plain = plain.replace(" ", "")
    return f"{identifier}:{_plain(kind)}:{plain}" if kind else f"{identifier}:{plain}"


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", normalize("NFKC", text)).strip().casefold()


def person_key(plan_id: UUID) -> tuple[str, UUID]:
    """The entry that says who the person of a plan is."""
    return _SECTION, plan_id


def found_by(person: Shown | None) -> list[str]:
    """The keys of a plan, by the entry of its person as it stands; none where there is none.

    What is longer than anybody may search by has none: an index takes no text of any length.
    """
    if person is None or not person.current:
        return []
    content = _entry_of(person.body).content
    return sorted(
        {
            key(identifier, text, kind)
            for identifier, text, kind in _identifiers(content)
            if text and max(len(text), len(kind)) <= LONGEST[identifier]
        }
    )


class PlanFound(NamedTuple):
    """A plan that has what was searched by."""

    plan_id: UUID
    revision: int
    state: str
    merged_into: UUID | None


async def plans_with(database: Database, keys: Collection[str], most: int) -> list[PlanFound]:
    """Plans that have all of these keys, at most so many, the open ones first."""
    return [PlanFound(*row) for row in await database.pool.fetch(_FIND, sorted(keys), most)]


class _Name(msgspec.Struct, gc=False):
    family: str | None = None
    first: str | None = None


class _Number(msgspec.Struct, gc=False):
    value: str | None = None
    kind: str = ""


class _Address(msgspec.Struct, gc=False):
    postcode: str | None = None


class _Content(msgspec.Struct, gc=False):
    name: _Name | None = None
    date_of_birth: str | None = None
    nhs_number: _Number | None = None
    other_identifiers: list[_Number] | None = None
    addresses: list[_Address] | None = None


class _Entry(msgspec.Struct, gc=False):
    content: _Content


def _entry_of(body: bytes) -> _Entry:
    """What an older event said in another form is nothing that anybody finds a plan by."""
    try:
        return _decoded(body)
    except msgspec.ValidationError:
        return _Entry(_Content())


_decoded = msgspec.json.Decoder(_Entry).decode


def _identifiers(content: _Content) -> Iterator[tuple[Identifier, str | None, str]]:
    name, number = content.name or _Name(), content.nhs_number or _Number()
    yield Identifier.NHS_NUMBER, number.value, ""
    yield from ((Identifier.OTHER, one.value, one.kind) for one in content.other_identifiers or ())
    yield Identifier.BORN, content.date_of_birth, ""
    yield Identifier.FAMILY, name.family, ""
    yield Identifier.FIRST, name.first, ""
    yield from ((Identifier.POSTCODE, one.postcode, "") for one in content.addresses or ())
