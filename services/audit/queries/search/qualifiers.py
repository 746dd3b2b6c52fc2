"""The qualifiers of searches: how the values of each are read, and what they ask of a record."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from services.audit.queries.records import ACCESSES, NONE, OVERRIDES, UNJUSTIFIED, begin, end
from services.audit.queries.search.language import QueryInvalid, Term, Value
from services.audit.queries.search.moments import moment_of
from services.audit.record.model import Operation
from services.audit.record.reading import LONGEST_ROLE
from shared.chassis.accesses.record import OWN_ACCESS, What
from shared.chassis.http.parameters import PURPOSES
from shared.ledger import ORGANISATION_CODE, id_in
from shared.ledger.values.known import section_names

VIAS: Final = ("api", "viewer", "fhir", "feed")
"""The doors through which a plan is read."""

_OPERATIONS: Final = tuple(word.value for word in Operation if word is not Operation.UNKNOWN)
_OF_AN_OVERRIDE: Final = ("break-glass", "objection", "any", NONE, UNJUSTIFIED)
_INTAKE: Final = "intake"
_LARGEST: Final = 2**53
_ROLE: Final = rf"[^\x00-\x1f]{{1,{LONGEST_ROLE}}}"
_EVENT: Final = r"careplan(\.[a-z][a-z0-9-]*){2}\.v[1-9][0-9]?"
_ASKED: Final = "r.what IS NOT NULL"
_CHANGED: Final = "r.operation = 'change'"
_RESTED_ON: Final = "coalesce(r.relationship, '')"
"""As its index has it: one that is null would not be read in the order of the index."""

_RANGE: Final = re.compile(r"(?P<from>[^.>=<][^>=<]*?)\.\.(?P<to>[^.>=<][^>=<]*)")

_ID: Final = "a UUID in lower case, as 0199c0de-0000-7000-8000-000000000001"
_TIME: Final = "a day, as 2026-03-10, or a time with its offset from UTC, as 2026-03-10T14:00:00Z"


@dataclass
class Statement:
    """A statement that is being made: what it asks of a record, and the values beside it."""

    zone: str
    values: list[Any] = field(default_factory=list)

    def put(self, value: Any) -> str:
        """The parameter that stands for a value."""
        self.values.append(value)
        return f"${len(self.values)}"


Condition = Callable[[Statement, tuple[Value, ...]], str]
"""What the values of a qualifier ask of the row ``r``; raises ``QueryInvalid``."""


@dataclass(frozen=True)
class Qualifier:
    """One qualifier: what it looks for in words, an example, and its condition."""

    words: str
    example: str
    condition: Condition


def conditions_of(terms: Iterable[Term], into: Statement) -> list[str]:
    """What the terms ask of the row ``r``; raises ``QueryInvalid``."""
    asked = []
    for one in terms:
        qualifier = QUALIFIERS.get(one.name)
        if qualifier is None:
            detail = f"There is no such qualifier. The qualifiers are {', '.join(QUALIFIERS)}."
            raise QueryInvalid(detail, one.column)
        condition = qualifier.condition(into, one.values)
        # A record that says nothing of it does not match, and so matches what is negated.
        asked.append(f"({condition}) IS NOT TRUE" if one.is_negated else f"({condition})")
    return asked


def _one_of(column: str, known: Collection[str]) -> Condition:
    def condition(into: Statement, values: tuple[Value, ...]) -> str:
        for value in values:
            if value.text not in known:
                raise _no_such(value, f"one of {', '.join(known)}")
        return _any_of(column, into, [value.text for value in values])

    return condition


def _formed(column: str, pattern: str, right: str) -> Condition:
    form = re.compile(pattern)

    def condition(into: Statement, values: tuple[Value, ...]) -> str:
        for value in values:
            if not form.fullmatch(value.text):
                raise _no_such(value, right)
        return _any_of(column, into, [value.text for value in values])

    return condition


def _ids(column: str) -> Condition:
    def condition(into: Statement, values: tuple[Value, ...]) -> str:
        found = []
        for value in values:
            named = id_in(value.text)
            if named is None:
                raise _no_such(value, _ID)
            found.append(named)
        return _any_of(column, into, found)

    return condition


def _any_of(column: str, into: Statement, values: list[Any]) -> str:
    # A single value keeps to the order of its index; with several the planner may have to sort.
    if len(values) == 1:
        return f"{column} = {into.put(values[0])}"
    return f"{column} = ANY({into.put(values)})"


def _sections(into: Statement, values: tuple[Value, ...]) -> str:
    names = (*section_names(), _INTAKE)
    for value in values:
        if value.text not in names:
            raise _no_such(value, f"one of {', '.join(names)}")
    return f"r.sections && {into.put([value.text for value in values])}::text[]"


def _event(into: Statement, values: tuple[Value, ...]) -> str:
    is_type = _formed("r.type", _EVENT, "a type of event, as careplan.goals.agreed.v1")
    return f"{_CHANGED} AND {is_type(into, values)}"


def _relationship(into: Statement, values: tuple[Value, ...]) -> str:
    for value in values:
        if not re.fullmatch(r"[a-z][a-z-]{0,39}", value.text):
            raise _no_such(value, f"a kind of relationship, as self-claimed, or {NONE}")
    kinds = [value.text for value in values if value.text != NONE]
    asked = [f"{_ASKED} AND {_any_of(_RESTED_ON, into, kinds)}"] if kinds else []
    if len(kinds) < len(values):
        of_accesses = f"r.operation = ANY({into.put([*ACCESSES])})"
        asked.append(f"{_ASKED} AND {_RESTED_ON} = '' AND {of_accesses}")
    return " OR ".join(asked)


def _override(into: Statement, values: tuple[Value, ...]) -> str:
    asked = []
    for value in values:
        if value.text not in _OF_AN_OVERRIDE:
            raise _no_such(value, f"one of {', '.join(_OF_AN_OVERRIDE)}")
        if value.text == NONE:
            kinds = into.put([*ACCESSES])
            asked.append(f"{OVERRIDES[NONE]} AND r.operation = ANY({kinds})")
        elif value.text in OVERRIDES:
            asked.append(f"({OVERRIDES[value.text]})")
        else:
            asked.append(f"r.override_id IS NOT NULL AND r.override = {into.put(value.text)}")
    return " OR ".join(asked)


def _version(into: Statement, values: tuple[Value, ...]) -> str:
    def number(text: str, value: Value) -> int:
        if not re.fullmatch(r"[1-9][0-9]{0,15}", text) or int(text) >= _LARGEST:
            raise _no_such(value, "a whole number from 1, as 17, >=17, <=17 or 3..17")
        return int(text)

    asked = []
    for value in values:
        since, until = _bounds_of(value)
        first = None if since is None else number(since, value)
        last = None if until is None else number(until, value)
        asked.append(
            _between(
                value,
                first,
                last,
                None if first is None else f"r.plan_version >= {into.put(first)}",
                None if last is None else f"r.plan_version <= {into.put(last)}",
            )
        )
    return " OR ".join(asked)


def _time(column: str) -> Condition:
    def condition(into: Statement, values: tuple[Value, ...]) -> str:
        asked = []
        for value in values:
            since, until = (_moment(text, value) for text in _bounds_of(value))
            lower = upper = None
            if since is not None:
                lower = f"{column} >= {begin(since, into.zone).format(into.put(since))}"
            if until is not None:
                upper = f"{column} {end(until, into.zone).format(into.put(until))}"
            is_comparable = type(since) is type(until)
            asked.append(
                _between(value, *((since, until) if is_comparable else (None, None)), lower, upper)
            )
        return " OR ".join(asked)

    return condition


def _bounds_of(value: Value) -> tuple[str | None, str | None]:
    """From where to where: ``a..b``, ``>=a``, ``<=b``, or one value, which is both."""
    text = value.text
    if text.startswith(">="):
        return text[2:], None
    if text.startswith("<="):
        return None, text[2:]
    between = _RANGE.fullmatch(text)
    return (between["from"], between["to"]) if between else (text, text)


def _between(value: Value, first: Any, last: Any, lower: str | None, upper: str | None) -> str:
    if first is not None and last is not None and first > last:
        raise QueryInvalid("Nothing lies between these two: the first is the later.", value.column)
    return " AND ".join(one for one in (lower, upper) if one is not None)


def _moment(text: str | None, value: Value) -> date | datetime | None:
    if text is None:
        return None
    try:
        return moment_of(text)
    except ValueError:
        right = f"{_TIME}; with >= or <= before it, or two with .. between them"
        raise _no_such(value, right) from None


def _no_such(value: Value, right: str) -> QueryInvalid:
    return QueryInvalid(f"This has to be {right}.", value.column)


_EXAMPLE: Final = "0199c0de-0000-7000-8000-0000000000a1"

QUALIFIERS: Final[Mapping[str, Qualifier]] = {
    "person": Qualifier("the plan, by its id", f"person:{_EXAMPLE}", _ids("r.plan_id")),
    "actor": Qualifier(
        "who did it, by the `sub` of their token",
        "actor:quill",
        _formed("r.actor_id", r"[^\x00-\x1f]{1,500}", "the `sub` of a token"),
    ),
    "actor.org": Qualifier(
        "the organisation they did it for, by its code",
        "actor.org:ZZG01",
        _formed("r.organisation", ORGANISATION_CODE, "the code of an organisation, as ZZG01"),
    ),
    "role": Qualifier(
        "the role they did it in",
        'role:gp,"social worker"',
        _formed("r.role", _ROLE, f"a role, of at most {LONGEST_ROLE} characters"),
    ),
    "operation": Qualifier(
        "what was done", "operation:read,denial", _one_of("r.operation", _OPERATIONS)
    ),
    "what": Qualifier(
        "the kind of answer that was asked for",
        "what:emergency",
        _one_of("r.what", tuple(word.value for word in What)),
    ),
    "section": Qualifier(
        "the section that was changed, or that something was shown of",
        "section:contingency-plans",
        _sections,
    ),
    "entry": Qualifier("the entry, by its id", f"entry:{_EXAMPLE}", _ids("r.entry_id")),
    "event": Qualifier(
        "the type of event",
        "event:careplan.goals.agreed.v1",
        _event,
    ),
    "code": Qualifier(
        "why it was refused or denied",
        "code:base-version-stale",
        _formed("r.code", r"[a-z][a-z0-9-]{0,63}", "a code, as base-version-stale"),
    ),
    "contribution": Qualifier(
        "the contribution that it comes from",
        f"contribution:{_EXAMPLE}",
        _ids("r.contribution_id"),
    ),
    "purpose": Qualifier(
        "why they read", "purpose:emergency", _one_of("r.purpose", (*PURPOSES, OWN_ACCESS))
    ),
    "relationship": Qualifier(
        "the kind of relationship that an access rested on, or `none`",
        "relationship:none",
        _relationship,
    ),
    "override": Qualifier(
        "an access against the rule: its kind, `any`, `none`, or `unjustified` after a day",
        "override:any",
        _override,
    ),
    "via": Qualifier("the door it came through", "via:viewer", _one_of("r.via", VIAS)),
    "version": Qualifier("the version of the plan that was shown", "version:3..17", _version),
    "created": Qualifier(
        "when it happened, as its source says", "created:>=2026-03-01", _time("r.recorded_at")
    ),
    "logged": Qualifier(
        "when it was added to the log", "logged:2026-03-01..2026-03-31", _time("r.logged_at")
    ),
}
"""Every qualifier by its name, in the order in which help shows them."""
