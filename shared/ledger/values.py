"""The value types that fields of entries are made of.

They say their shape with the standard library alone. A ``Shape`` in an annotation also tells the
doors and the contracts what the type cannot: pydantic asks each piece of metadata for the method
below, so the constraint reaches validation and JSON Schema without an import here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import partial
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    dataclass_transform,
)
from uuid import UUID

from shared.ledger.names import LOCAL_ID, ODS
from shared.ledger.text import CAN_BE_SEEN, says_something
from shared.ledger.times import DURATION, INSTANT, PARTIAL_DATE, WITH_OR_WITHOUT_OFFSET


class Keep(Enum):
    """The type of ``KEEP``: a field that a change leaves as it is (``None`` would remove it)."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Final = Keep.KEEP


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


# Readers are kinder than RFC 3339: they take seconds since 1970 as text, a blank for the T, a time
# without its seconds. The offset may be missing here, so that it can be asked for by name.
_WRITTEN_OUT: Final = re.compile(WITH_OR_WITHOUT_OFFSET)


def _instant_in(given: Any, read: Callable[[Any], datetime]) -> datetime:
    """What ``read`` makes of it; it says itself what is wrong with anything but a time."""
    if isinstance(given, str):
        given = _written_out(given)
    return read(given if isinstance(given, datetime) else None).astimezone(UTC)


def _written_out(text: str) -> datetime | None:
    return datetime.fromisoformat(text.upper()) if _WRITTEN_OUT.fullmatch(text) else None


@dataclass(frozen=True)
class _InUtc:
    """An instant is RFC 3339 with an offset, and turned into UTC before anything is judged."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "type": "function-wrap",
            "function": {"type": "no-info", "function": _instant_in},
            "schema": {**handler(source), "tz_constraint": "aware"},
            "metadata": {"pydantic_js_updates": {"pattern": INSTANT}},
        }


Instant = Annotated[datetime, _InUtc()]
Id = UUID
Text = Annotated[str, Shape(pattern=CAN_BE_SEEN)]
"""A text that says something."""
Name = Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=255)]
"""A text that says something and is repeated wherever somebody is named, so it is short."""
Words = Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=10_000)]
"""A text that says something, in as many words as it needs, and is repeated like a name."""
PartialDate = Annotated[str, Shape(pattern=PARTIAL_DATE)]
Duration = Annotated[str, Shape(pattern=DURATION)]
OdsCode = Annotated[str, Shape(pattern=f"^{ODS}$")]
LocalId = Annotated[str, Shape(pattern=f"^{LOCAL_ID}$")]
Sha256 = Annotated[str, Shape(pattern=r"^[0-9a-f]{64}$")]
Score = Annotated[int, Shape(ge=1, le=10)]


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


@value
class Code:
    """A code and the system it comes from; carried as sent, never translated."""

    system: Text
    code: Annotated[str, Shape(pattern=CAN_BE_SEEN, max_length=64)]
    display: Text | None = None


@value
class CodedText:
    """A code, a text, or both (PCSP 2.0, coded and free text)."""

    text: str | None = None
    code: Code | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where there is neither a code nor a text, or the text given cannot be read."""
        return says_nothing(self.text) and (self.text is not None or self.code is None)


ValueT = TypeVar("ValueT", bound=str)


@value
class Status(Generic[ValueT]):
    """One value of the enumeration named, with the words and the code it was said in."""

    value: ValueT
    text: Text | None = None
    code: Code | None = None
    reason: Text | None = None


class Handler(Protocol):
    """What makes a JSON Schema of a type; pydantic hands it to ``__get_pydantic_json_schema__``."""

    def __call__(self, schema: Any, /) -> dict[str, Any]: ...
    def resolve_ref_schema(self, schema: dict[str, Any], /) -> dict[str, Any]: ...


class _SomethingGiven:
    """A value of which at least one field is given; its contract says so as well."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        return _with_rule(cls, schema, handler, "anyOf")


class _OneGiven:
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


@value
class Organisation(_SomethingGiven):
    """A body, by ODS code, or by a local code ``x-…`` where it has none, or by name alone."""

    ods: OdsCode | None = None
    name: Name | None = None
    local_id: LocalId | None = None

    def __post_init__(self) -> None:
        if self.ods is None and self.local_id is None and is_blank(self.name):
            raise ValueError("an organisation needs an ods, a local_id or a name")

    @classmethod
    def of(cls, code: str, name: str | None = None) -> "Organisation":
        """The one with this ODS code, which may be in lower case, or with this local code."""
        is_local = code.startswith("x-")
        return cls(None if is_local else code.upper(), name, code if is_local else None)

    @property
    def code(self) -> str | None:
        """Its ODS code, or its local code."""
        return self.ods or self.local_id


@value
class Location(_SomethingGiven):
    """A place: an ODS site code, words, or both."""

    ods: OdsCode | None = None
    text: Name | None = None

    def __post_init__(self) -> None:
        if self.ods is None and is_blank(self.text):
            raise ValueError("a location needs an ods or a text")


@value
class Identifier:
    """An identifier of somebody, with the kind of it (``sds-user-id``, ``gmc``, ``sub``)."""

    kind: Name
    value: Name
    item_id: UUID | None = None


@value
class EntryRef:
    """An entry, which its section's name belongs to: the same id in two sections is two entries."""

    section: Annotated[str, Shape(pattern=r"^[a-z][a-z-]*[a-z]$", max_length=40)]
    entry_id: UUID


@value
class CareTeamRef(EntryRef):
    """An entry of the care team."""

    section: Literal["care-team"]


@value
class StewardshipRef(EntryRef):
    """An entry of the stewardship of the plan, such as a comment."""

    section: Literal["stewardship"]


@value
class Party:
    """Somebody who does or answers for something: a person, a team, a device."""

    kind: Literal["person", "related-person", "professional", "team", "device"] | None = None
    name: Name | None = None
    relationship: Name | None = None
    role: CodedText | None = None
    grade: Name | None = None
    speciality: Name | None = None
    identifiers: tuple[Identifier, ...] = ()
    organisation: Organisation | None = None
    team: Name | None = None
    contact: Name | None = None
    contact_ref: CareTeamRef | None = None
    item_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        """True where nobody could be found by it."""
        role_says_nothing = self.role is None or self.role.is_empty
        return (
            is_blank(self.name)
            and is_blank(self.team)
            and role_says_nothing
            and self.organisation is None
            and self.contact_ref is None
            and self.kind != "person"
        )


@value
class Period(_SomethingGiven):
    """From a date to a date; either end may be open."""

    start: PartialDate | None = None
    end: PartialDate | None = None

    def __post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise ValueError("a period needs a start or an end")

    @property
    def is_reversed(self) -> bool:
        """True where it certainly ends before it starts, to the precision both have."""
        if self.start is None or self.end is None:
            return False
        precision = min(len(self.start), len(self.end))
        return self.end[:precision] < self.start[:precision]


@value
class When(_OneGiven):
    """Exactly one of a date, a time, a period, an interval, a timing in words, or as needed."""

    date: PartialDate | None = None
    at: Instant | None = None
    period: Period | None = None
    interval: Duration | None = None
    timing: Text | None = None
    as_needed: Literal[True] | None = None

    def __post_init__(self) -> None:
        given = (self.date, self.at, self.period, self.interval, self.as_needed)
        if sum(one is not None for one in given) + (not is_blank(self.timing)) != 1:
            raise ValueError("when is exactly one of date, at, period, interval, timing, as_needed")


@value
class Media:
    """A stored picture, sound or film, named by its id and the SHA-256 of its bytes."""

    # When the entry first had it, by the section's clock: nobody sends that.
    set_by_section: ClassVar[frozenset[str]] = frozenset({"added_at"})

    media_id: UUID
    filename: Name | None = None
    mime: Name | None = None
    sha256: Sha256 | None = None
    size: int | None = None
    url: Text | None = None
    caption: Text | None = None
    transcript: Text | None = None
    taken_at: Instant | None = None
    added_at: Instant | None = None


@value
class Visibility:
    """Who may not see an entry, or some leaves of it, why, who approved it, and when to look again.

    Without ``fields`` it is about the whole entry. ``third_party`` marks what is about somebody
    else than the person. On ``review_on`` somebody looks again; the day lifts nothing.
    """

    fields: tuple[str, ...] = ()
    labels: tuple[Name, ...] = ()
    withheld_from_person: bool = False
    third_party: bool = False
    reason: str | None = None
    approved_by: str | None = None
    review_on: date | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Handler) -> dict[str, Any]:
        named = handler(schema)
        handler.resolve_ref_schema(named)["anyOf"] = FROM_SOMEBODY
        return named

    def takes_nothing_from(self, other: "Visibility") -> bool:
        """True where whatever the other withholds, from whomever, this one withholds too."""
        is_as_wide = not self.fields or bool(other.fields and {*other.fields} <= {*self.fields})
        return (
            is_as_wide
            and {*other.labels} <= {*self.labels}
            and self.withheld_from_person >= other.withheld_from_person
            and self.third_party >= other.third_party
        )


FROM_WHOM: Final = (
    "Say from whom: give `labels`, or make `withheld_from_person` or `third_party` true."
)
FROM_SOMEBODY: Final[list[dict[str, Any]]] = [
    {"required": [name], "properties": {name: said}}
    for name, said in (
        ("labels", {"type": "array", "minItems": 1}),
        ("withheld_from_person", {"const": True}),
        ("third_party", {"const": True}),
    )
]
"""JSON Schema: a restriction keeps something from somebody, or it would be none."""


def restricts_somebody(said: Mapping[str, Any]) -> bool:
    """True where the members of a restriction keep something from somebody."""
    return any(said.get(name) for name in ("labels", "withheld_from_person", "third_party"))


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, microseconds where there are any."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat()[:-6] + "Z"


def plain(given: Any) -> Any:
    """A value as JSON holds it; a value type leaves out what is empty, a map keeps it."""
    make = _PLAIN.get(type(given))
    if make is None:
        make = _PLAIN[type(given)] = _plain_of(type(given))
    return make(given)


def _plain_of(kind: type[Any]) -> Callable[[Any], Any]:
    """How values of one type are made plain; found once for each type."""
    for base, make in _PLAIN_BY_BASE:
        if issubclass(kind, base):
            return make
    if is_dataclass(kind):
        return partial(_plain_fields, tuple(field.name for field in fields(kind)))
    raise TypeError(f"no plain form of {kind.__name__}")


def _plain_fields(names: tuple[str, ...], given: Any) -> dict[str, Any]:
    named = ((name, getattr(given, name)) for name in names)
    return {name: plain(item) for name, item in named if item is not None and item != ()}


_PLAIN_BY_BASE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda member: plain(member.value)),
    ((str, bool, int, float, type(None)), lambda as_it_is: as_it_is),
    (UUID, str),
    (datetime, instant),
    (date, date.isoformat),
    (dict, lambda named: {key: plain(item) for key, item in named.items()}),
    ((tuple, list), lambda items: [plain(item) for item in items]),
)
_PLAIN: dict[type[Any], Callable[[Any], Any]] = {}
