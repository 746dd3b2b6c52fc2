"""A plan as the rules of findings look at it: its entries, how they changed, and the day it is."""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import Any, Final, TypeGuard, overload

from shared.ledger import days_after, first_instant_of, in_zone

EntryKey = tuple[str, str]
"""An entry's section, as the wire names it, and its id."""

PERSON: Final = ("person", "person")
GOAL: Final = ("goals", "goal")
ACTION: Final = ("goals", "action")
STAGE_GOAL: Final = ("goals", "stage-goal")
OUTCOME: Final = ("goals", "outcome")
NEED: Final = ("needs", "need")
STRENGTH: Final = ("needs", "strength")
PROFESSIONAL_CONTACT: Final = ("care-team", "professional-contact")
PERSONAL_CONTACT: Final = ("care-team", "personal-contact")
PROXY: Final = ("care-team", "proxy")
RELATIONSHIP: Final = ("care-team", "relationship")
ABOUT_ME: Final = ("about-me", "about-me")
CONTINGENCY_PLAN: Final = ("contingency-plans", "contingency-plan")
SUPPORT_PLAN: Final = ("support-plans", "support-plan")
AGREEMENT: Final = ("stewardship", "agreement")
REVIEW: Final = ("stewardship", "review")
LINKED_DOCUMENT: Final = ("stewardship", "linked-document")
COMMENT: Final = ("stewardship", "comment")

_STANDS_UNDER: Final = {
    GOAL: "need_ids",
    ACTION: "goal_ids",
    STAGE_GOAL: "action_ids",
    OUTCOME: "goal_id",
}
"""By which field an entry stands under another in the tree of needs, goals and actions."""

_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True)
class Said:
    """One entry as it stands, withdrawn or not; ``content`` is as the plan shows it."""

    section: str
    entry_id: str
    entry_type: str
    is_current: bool
    content: Mapping[str, Any]
    recorded_at: datetime
    stated_at: datetime
    confirmed_at: datetime | None = None
    is_an_error: bool = False
    """True where it was marked in error: what it says never applied."""

    @property
    def key(self) -> EntryKey:
        """What it is called outside its section."""
        return self.section, self.entry_id

    @property
    def kind(self) -> tuple[str, str]:
        """Its section and its type."""
        return self.section, self.entry_type

    @cached_property
    def links(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Every reference in it, by field; what is proposed is kept as it was sent, and no link."""
        return tuple(
            (field_, ref)
            for field_, given in self.content.items()
            if field_ != "proposed"
            for ref in refs_in(given)
        )

    @property
    def status(self) -> str | None:
        """The value of its status, where it has one."""
        told = self.content.get("status")
        return told.get("value") if isinstance(told, dict) else None


@dataclass(frozen=True)
class Changed:
    """An event of the plan: which version it made, and which fields it set, by their first name."""

    plan_version: int
    section: str
    entry_id: str
    entry_type: str
    type: str
    recorded_at: datetime
    fields: tuple[str, ...] = ()
    is_update: bool = True
    """False for what only confirms or restricts."""

    @property
    def key(self) -> EntryKey:
        """The entry that it is of."""
        return self.section, self.entry_id

    @property
    def kind(self) -> tuple[str, str]:
        """The section and the type of that entry."""
        return self.section, self.entry_type


class Changes(Sequence[Changed]):
    """Events of a plan, oldest first, and beside them those of each entry."""

    def __init__(self, given: Iterable[Changed] = ()) -> None:
        self._all: list[Changed] = []
        self._by_entry: dict[EntryKey, list[Changed]] = {}
        for one in given:
            self.append(one)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Changed]:
        return iter(self._all)

    def __reversed__(self) -> Iterator[Changed]:
        return reversed(self._all)

    @overload
    def __getitem__(self, place: int) -> Changed: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Changed]: ...
    def __getitem__(self, place: int | slice) -> Changed | Sequence[Changed]:
        return self._all[place]

    def of(self, key: EntryKey) -> Sequence[Changed]:
        """Those of one entry."""
        return self._by_entry.get(key, ())

    def append(self, one: Changed) -> None:
        """One that came after all others."""
        self._all.append(one)
        self._by_entry.setdefault(one.key, []).append(one)

    def pop(self) -> Changed:
        """Take the last one away."""
        one = self._all.pop()
        self._by_entry[one.key].pop()
        return one

    def copy(self) -> "Changes":
        """The same events, to be changed apart from these."""
        made = Changes()
        made._all = self._all.copy()
        made._by_entry = {key: events.copy() for key, events in self._by_entry.items()}
        return made


@dataclass(frozen=True)
class Today:
    """When the findings are looked for, and in which zone its days begin."""

    now: datetime
    zone: tzinfo

    @property
    def day(self) -> date:
        """The day it is there."""
        return in_zone(self.now, self.zone).date()

    def begins(self, day: date) -> datetime:
        """The first instant of a day there."""
        return first_instant_of(day, self.zone)

    def after(self, day: date) -> datetime:
        """The first instant after a day."""
        return self.begins(days_after(day, 1))


@dataclass(frozen=True)
class Hidden:
    """What of a plan is withheld from its reader, and stands in none of its facts.

    ``kinds`` are those of entries that are withheld for what they are, and not because of what
    they are about; ``leaves`` are the fields withheld of entries that are shown. ``versions`` are
    those of the plan that set only what is withheld.
    """

    entries: frozenset[EntryKey] = frozenset()
    kinds: frozenset[tuple[str, str]] = frozenset()
    leaves: Mapping[EntryKey, frozenset[str]] = field(default_factory=dict)
    versions: Sequence[int] = ()

    def hides(self, key: EntryKey, *names: str) -> bool:
        """True where one of these fields of an entry is withheld, or a part of it."""
        withheld = self.leaves.get(key)
        return withheld is not None and not withheld.isdisjoint(names)


NOTHING_HIDDEN: Final = Hidden()


@dataclass(frozen=True)
class PlanFacts:
    """A plan at one of its versions, with the events that led to it, oldest first.

    What is ``hidden`` from its reader is left out of all else.
    """

    version: int
    entries: Mapping[EntryKey, Said]
    changes: Changes
    waiting: Mapping[EntryKey, datetime] = field(default_factory=dict)
    """Entries of which a version is missing, and since when."""
    hidden: Hidden = NOTHING_HIDDEN

    def current(self, *kinds: tuple[str, str]) -> Iterator[Said]:
        """The entries of these kinds that are on the plan, in the order in which they came."""
        return (said for said in self._of_kinds(kinds) if said.is_current)

    def ever(self, *kinds: tuple[str, str]) -> Iterator[Said]:
        """The entries of these kinds, also those taken out, but none that was an error."""
        return (said for said in self._of_kinds(kinds) if not said.is_an_error)

    @cached_property
    def person(self) -> Said | None:
        """The Person of the plan."""
        return next(self._of_kinds((PERSON,)), None)

    def at(self, ref: Any) -> Said | None:
        """The entry that a reference names, on the plan or withdrawn."""
        return self.entries.get(key_of(ref)) if is_ref(ref) else None

    def is_on_the_plan(self, ref: Any) -> bool:
        """True where a reference leads to an entry that is on the plan, as far as can be told."""
        said = self.at(ref)
        return self.is_hidden(ref) if said is None else said.is_current

    def is_hidden(self, ref: Any) -> bool:
        """True where a reference leads to an entry that is withheld."""
        return is_ref(ref) and key_of(ref) in self.hidden.entries

    def lacks(self, kind: tuple[str, str], *names: str) -> bool:
        """True where entries of a kind are withheld, or one of these fields of some of them."""
        return kind in self.hidden.kinds or any(
            self.hidden.hides(key, *names) and self.entries[key].kind == kind
            for key in self.hidden.leaves
            if key in self.entries
        )

    @cached_property
    def below(self) -> Mapping[EntryKey, Sequence[EntryKey]]:
        """What stands under each entry: goals under needs, actions under goals, and so on.

        An entry that serves two stands under both.
        """
        found: dict[EntryKey, list[EntryKey]] = {}
        for kind, field_ in _STANDS_UNDER.items():
            for said in self.current(kind):
                given = said.content.get(field_)
                for ref in given if isinstance(given, list) else [given]:
                    if is_ref(ref) and self.is_on_the_plan(ref):
                        found.setdefault(key_of(ref), []).append(said.key)
        return found

    def changed_at(self, said: Said) -> datetime:
        """When an entry last changed; what only confirms or restricts it does not count."""
        updates = (one for one in reversed(self.changes.of(said.key)) if one.is_update)
        last = next(updates, None)
        return last.recorded_at if last is not None else said.recorded_at

    def _of_kinds(self, kinds: tuple[tuple[str, str], ...]) -> Iterator[Said]:
        return (said for said in self.entries.values() if said.kind in kinds)


def is_ref(given: Any) -> TypeGuard[Mapping[str, Any]]:
    """True for a reference to an entry: its section and its id, and nothing else."""
    return isinstance(given, dict) and {"section", "entry_id"} <= given.keys() <= _REF


_REF: Final = frozenset({"section", "entry_id", "item_id", "field"})


def refs_in(given: Any) -> Iterator[Mapping[str, Any]]:
    """The references to entries in a value, at any depth."""
    if is_ref(given):
        yield given
    elif isinstance(given, dict):
        for inner in given.values():
            yield from refs_in(inner)
    else:
        for inner in listed(given):
            yield from refs_in(inner)


def key_of(ref: Mapping[str, Any]) -> EntryKey:
    """The entry that a reference names."""
    return str(ref["section"]), str(ref["entry_id"])


def listed(given: Any) -> list[Any]:
    """The items of a list; nothing where there is none."""
    return given if isinstance(given, list) else []


def words_of(coded: Any) -> str:
    """What tells one coded text from another: its code, else its words without case and spacing."""
    if not isinstance(coded, dict):
        return plain_words(coded)
    code = coded.get("code")
    if isinstance(code, dict):
        return f"{code.get('system')}|{code.get('code')}"
    return plain_words(coded.get("text"))


def plain_words(text: Any) -> str:
    """A text without what does not tell it from another: case, spacing, a full stop."""
    return _SPACES.sub(" ", text).strip(" .").casefold() if isinstance(text, str) else ""


def last_day(partial: Any) -> date | None:
    """The last day of ``2026-11`` or ``2026-11-24``; ``None`` for anything else."""
    if not isinstance(partial, str):
        return None
    try:
        if len(partial) == len("2026-11"):
            first = date.fromisoformat(f"{partial}-01")
            return first.replace(day=monthrange(first.year, first.month)[1])
        return date.fromisoformat(partial)
    except ValueError:
        return None


def instant_of(given: Any) -> datetime | None:
    """An instant as the plan shows it; ``None`` for anything else."""
    if not isinstance(given, str):
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
