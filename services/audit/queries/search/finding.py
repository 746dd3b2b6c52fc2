"""Finds what a search asks for: a page of it, how much it is, or all of it piece by piece."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.audit.queries.records import COLUMNS, NONE, as_item
from services.audit.queries.search.language import Term
from services.audit.queries.search.qualifiers import Statement, conditions_of
from services.audit.store.log import Asked
from shared.ledger import id_in

USUAL_DAYS: Final = 90
"""How far back a search looks that says nothing about when."""

_PIECE: Final = 500
"""How many records are held at a time while all are given."""

_RECORDS: Final = "audit_record r"
_TIMES: Final = ("created", "logged")
_LEADING: Final = (
    *("contribution", "entry", "person", "actor", "override", "code", "event", "role"),
    *("relationship", "what", "purpose", "actor.org", "operation"),
)
"""The qualifiers that an index begins with, the narrowest first."""


@dataclass(frozen=True)
class Sought:
    """What is looked for: the terms that a record matches, and the bounds beside them.

    ``within`` is the organisation of which alone something is told. Only records below the place
    ``below`` of the log count, where one is given. ``since`` is when the records begin where no
    term says when. ``asked`` is a condition of our own on the row ``r``, without values.
    """

    terms: tuple[Term, ...]
    within: str | None = None
    below: int | None = None
    since: datetime | None = None
    asked: str | None = None

    @property
    def plans(self) -> list[UUID]:
        """The plans of which alone something is asked for; none where it may be any."""
        named = [one for one in self.terms if one.name == "person" and not one.is_negated]
        found = (id_in(text) for text in (named[0].texts if named else ()))
        return [one for one in found if one is not None]

    def texts_of(self, name: str) -> list[str]:
        """The values of a qualifier that is asked for, and not negated."""
        named = (one for one in self.terms if one.name == name and not one.is_negated)
        return [text for one in named for text in one.texts]


def usual_since(terms: Sequence[Term], now: datetime) -> datetime | None:
    """From when on a search looks that says nothing about when; ``None`` where it does."""
    return None if says_when(terms) else now - timedelta(days=USUAL_DAYS)


def says_when(terms: Sequence[Term]) -> bool:
    """True where a search says something about when, be it when it was not."""
    return any(one.name in _TIMES for one in terms)


def page_of(
    sought: Sought, zone: str, limit: int, after: tuple[datetime, int] | None = None
) -> tuple[str, list[Any]]:
    """The statement of a page, newest first, and its values. Raises ``QueryInvalid``.

    Each part of it is a range of one index in its own order, so that a page costs what it shows:
    where a qualifier has several values, each is a part of its own.
    """
    into = Statement(zone)
    leading = _leading_of(sought.terms)
    rest = [one for one in sought.terms if one is not leading]
    shared = _conditions(replace(sought, terms=tuple(rest)), into)
    if after is not None:
        shared.append(f"(r.recorded_at, r.idx) < ({into.put(after[0])}, {into.put(after[1])})")
    if leading is None and sought.within is None and sought.asked is None:
        # The only condition that the index of all records asks for; see there.
        shared.append("r.idx >= 0")
    parts = []
    for one in _each(leading):
        own = shared if one is None else [*conditions_of([one], into), *shared]
        parts.append(f"({_part(own, limit, is_sorted=_is_sorted(sought, leading))})")
    union = f"({' UNION ALL '.join(parts)}) AS parts"
    newest = _select("DISTINCT idx, recorded_at", union, tail=_newest("", limit))
    joined = f"({newest}) AS found JOIN {_RECORDS} USING (idx) JOIN audit_payload p USING (idx)"
    return _select(COLUMNS, joined, tail=_newest("r.")), into.values


def count_of(sought: Sought, zone: str) -> tuple[str, list[Any]]:
    """The statement that says how many records match, and its values."""
    into = Statement(zone)
    asked = [*_conditions(sought, into), "r.idx >= 0"]
    return _select("count(*)", _RECORDS, asked), into.values


class Searches:
    """Finds records; a day begins at midnight in the time zone of that name."""

    def __init__(self, database: Asked, zone: str) -> None:
        self._database = database
        self._zone = zone

    def read(self, terms: Sequence[Term], within: str | None = None) -> Sought:
        """What terms ask for; raises ``QueryInvalid`` where a value is none of its qualifier."""
        sought = Sought(tuple(terms), within, since=usual_since(terms, datetime.now(UTC)))
        count_of(sought, self._zone)
        return sought

    async def page(
        self, sought: Sought, limit: int, after: int | None, *, shows_authn: bool
    ) -> list[dict[str, Any]]:
        """Records as lists give them, newest first, behind the one at the place ``after``."""
        behind = None
        if after is not None:
            found = await self._database.fetch(
                "SELECT recorded_at FROM audit_record WHERE idx = $1", after
            )
            if not found:
                return []
            behind = found[0]["recorded_at"], after
        query, values = page_of(sought, self._zone, limit, behind)
        rows = await self._database.fetch(query, *values)
        return [as_item(row, shows_authn=shows_authn) for row in rows]

    async def count(self, sought: Sought) -> int:
        """How many records match."""
        query, values = count_of(sought, self._zone)
        [row] = await self._database.fetch(query, *values)
        number: int = row["count"]
        return number

    async def places(self, sought: Sought, limit: int) -> list[tuple[int, UUID | None]]:
        """The places in the log of the newest that match, so many at most, each with its plan."""
        query, values = page_of(sought, self._zone, limit)
        placed = _select("idx, plan_id", f"({query}) AS found")
        return [tuple(row) for row in await self._database.fetch(placed, *values)]

    async def all(
        self, sought: Sought, *, shows_authn: bool
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """All that match, newest first, some at a time; no connection is held in between."""
        after: int | None = None
        while True:
            found = await self.page(sought, _PIECE, after, shows_authn=shows_authn)
            if found:
                yield found
            if len(found) < _PIECE:
                return
            after = found[-1]["idx"]


def _conditions(sought: Sought, into: Statement) -> list[str]:
    """What is asked of the row ``r``, but for its place in the order."""
    asked = conditions_of(sought.terms, into)
    if sought.since is not None:
        asked.append(f"r.recorded_at >= {into.put(sought.since)}")
    if sought.within is not None:
        asked.append(f"r.organisation = {into.put(sought.within)}")
    if sought.below is not None:
        asked.append(f"r.idx < {into.put(sought.below)}")
    if sought.asked is not None:
        asked.append(f"({sought.asked})")
    return asked


def _part(conditions: Sequence[str], limit: int, *, is_sorted: bool) -> str:
    placed = "r.idx, r.recorded_at"
    if is_sorted:
        # What was logged then is a stretch of the table: it is read, and sorted afterwards.
        stretch = _select(placed, _RECORDS, conditions, tail=" OFFSET 0")
        return _select(placed, f"({stretch}) AS r", tail=_newest("r.", limit))
    return _select(placed, _RECORDS, conditions, tail=_newest("r.", limit))


def _newest(of: str, limit: int | None = None) -> str:
    return f" ORDER BY {of}recorded_at DESC, {of}idx DESC" + (f" LIMIT {limit:d}" if limit else "")


def _select(what: str, source: str, conditions: Sequence[str] = (), *, tail: str = "") -> str:
    """A statement of our own words alone: what a caller says is a value beside it (``put``)."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {what} FROM {source}{where}{tail}"  # noqa: S608 - no part comes from a caller


def _leading_of(terms: Sequence[Term]) -> Term | None:
    """The term whose index is read, if there is one for any."""
    named = {one.name: one for one in reversed(terms) if not one.is_negated and _narrows(one)}
    return next((named[name] for name in _LEADING if name in named), None)


def _narrows(one: Term) -> bool:
    """False for what nearly every record matches: it is read in the order of all records."""
    return one.name != "override" or NONE not in one.texts


def _each(leading: Term | None) -> Iterator[Term | None]:
    """The term once for each of its values."""
    if leading is None:
        yield None
        return
    for value in leading.values:
        yield replace(leading, values=(value,))


def _is_sorted(sought: Sought, leading: Term | None) -> bool:
    """True where the stretch of the log is what narrows the search."""
    names = {one.name for one in sought.terms if not one.is_negated}
    return "logged" in names and "created" not in names and leading is None
