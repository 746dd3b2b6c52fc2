"""What a plan is found by: the identifiers of its person, each in one form."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final
from unicodedata import normalize
from uuid import UUID

import msgspec

from services.plan.store.document import Shown
from shared.chassis.database.database import Database

_SECTION: Final = "person"
_FIND: Final = """
SELECT plan_id, revision FROM plan
 WHERE found_by @> $1::text[] AND state IN ('open', 'ended') ORDER BY plan_id LIMIT $2
"""
_BLANKS: Final = re.compile(r"\s+")


class Identifier(StrEnum):
    """Which identifier of a person it is."""

    NUMBER = "number"
    BORN = "date_of_birth"
    FAMILY = "family_name"
    POSTCODE = "postcode"


HELD_BY: Final[Mapping[Identifier, tuple[str, ...]]] = {
    Identifier.NUMBER: ("nhs_number", "other_identifiers"),
    Identifier.BORN: ("date_of_birth",),
    Identifier.FAMILY: ("name",),
    Identifier.POSTCODE: ("addresses",),
}
"""The leaves of the person that hold each: who may not see them finds nobody by it."""


def key(identifier: Identifier, text: str) -> str:
    """An identifier as plans are found by it: case, blanks and forms of a letter are the same."""
    plain = _BLANKS.sub(" ", normalize("NFKC", text)).strip().casefold()
    if identifier in (Identifier.NUMBER, Identifier.POSTCODE):
        plain = plain.replace(" ", "")
    return f"{identifier}:{plain}"


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
            key(kind, text)
            for kind, text in _identifiers(content)
            if text and len(text) <= _LONGEST[kind]
        }
    )


async def plans_with(
    database: Database, keys: Collection[str], most: int
) -> list[tuple[UUID, int]]:
    """Plans that have all of these keys, at most so many, each with its revision.

    A merged plan goes on in another one, which has them as well.
    """
    rows = await database.pool.fetch(_FIND, sorted(keys), most)
    return [(row["plan_id"], row["revision"]) for row in rows]


class _Name(msgspec.Struct, gc=False):
    family: str | None = None


class _Number(msgspec.Struct, gc=False):
    value: str | None = None


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


def _identifiers(content: _Content) -> Iterator[tuple[Identifier, str | None]]:
    numbers = [content.nhs_number, *(content.other_identifiers or ())]
    yield from ((Identifier.NUMBER, one.value) for one in numbers if one is not None)
    yield Identifier.BORN, content.date_of_birth
    yield Identifier.FAMILY, None if content.name is None else content.name.family
    yield from ((Identifier.POSTCODE, one.postcode) for one in content.addresses or ())


def read_identifier(identifier: Identifier, given: Any) -> str | None:
    """The key of what somebody searches by; ``None`` where it cannot be one."""
    if not isinstance(given, str) or not given.strip() or len(given) > _LONGEST[identifier]:
        return None
    if identifier is Identifier.BORN:
        try:
            return key(identifier, date.fromisoformat(given).isoformat())
        except ValueError:
            return None
    return key(identifier, given)


_LONGEST: Final[Mapping[Identifier, int]] = {
    Identifier.NUMBER: 20,
    Identifier.BORN: 10,
    Identifier.FAMILY: 100,
    Identifier.POSTCODE: 10,
}
