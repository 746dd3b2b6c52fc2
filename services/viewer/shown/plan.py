"""The plan on a page: who it is about, how current it is, and every entry in its part."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.viewer.shown.entries import (
    Entries,
    ShownEntry,
    agreement_tags,
    review_tags,
    titles_of,
)
from services.viewer.shown.parts import ELEMENTS_OF, PARTS
from services.viewer.shown.times import Clock, Moment, counted, lasting
from services.viewer.shown.values import Json, Key, Showing, spaced
from services.viewer.shown.who import Somebody, somebody
from services.viewer.shown.words import Words

_BEHIND: Final = 5.0
"""Seconds from which a plan is said to be behind."""


@dataclass(frozen=True)
class Banner:
    """Who the plan is about; it stands above every page about them."""

    family: str
    first: str
    title: str
    preferred: str
    born: Moment | None
    age: int | None
    nhs_number: str

    @property
    def name(self) -> str:
        """The name as it is said."""
        return " ".join(part for part in (self.first, self.family) if part) or "Name not known"

    @property
    def called(self) -> str:
        """What to call them."""
        return self.preferred or self.first or self.family


@dataclass(frozen=True)
class Currency:
    """How far the plan is up to date. ``is_behind`` where a reader must know."""

    words: str
    is_behind: bool


@dataclass(frozen=True)
class Noticed:
    """Something that the plan says about itself, and where: the title of each entry, its place."""

    words: str
    since: str
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ShownPart:
    """A part with its entries in groups of one kind."""

    name: str
    title: str
    groups: tuple[tuple[str, tuple[ShownEntry, ...]], ...]
    nothing: str
    withheld: str
    not_recorded: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many entries stand here, those that hang under others among them."""
        return sum(_with_below(entries) for _, entries in self.groups)


@dataclass(frozen=True)
class PlanPage:
    """All that the page of a plan shows."""

    plan_id: str
    version: int
    state: str
    merged_into: str
    banner: Banner
    currency: Currency
    changed: Moment | None
    changed_ago: str
    last_said: Moment | None
    tags: tuple[tuple[str, str], ...]
    lead: Somebody | None
    contributors: tuple[Somebody, ...]
    noticed: tuple[Noticed, ...]
    incomplete: tuple[str, ...]
    withheld: str
    parts: tuple[ShownPart, ...]
    has_emergency: bool


@dataclass(frozen=True)
class Asked:
    """An answer of the plan's API, with what its headers say of it."""

    plan: Json
    lag: str = "0"


def banner_of(plan: Json, clock: Clock) -> Banner:
    """Who a plan is about, from their entry."""
    person: Json = next(iter((plan.get("sections") or {}).get("person") or ()), {})
    content = person.get("content") or {}
    name = content.get("name") or {}
    born = content.get("date_of_birth")
    return Banner(
        family=str(name.get("family") or name.get("full") or ""),
        first=str(name.get("first") or ""),
        title=str(name.get("title") or ""),
        preferred=str(name.get("preferred") or ""),
        born=clock.day(str(born)) if born else None,
        age=clock.age(str(born)) if born else None,
        nhs_number=spaced(str((content.get("nhs_number") or {}).get("value") or "")),
    )


def currency_of(lag: str) -> Currency:
    """How far the plan is behind what was contributed, from ``Ledger-Lag``."""
    try:
        seconds = float(lag)
    except ValueError:
        return Currency("Nobody can tell how far this plan is up to date. Ask before acting", True)
    if seconds < 1:
        return Currency("Up to date", False)
    if seconds < _BEHIND:
        return Currency(f"Up to date to {lasting(seconds)} ago", False)
    return Currency(f"May be out of date by {lasting(seconds)}", True)


def plan_page(asked: Asked, words: Words, clock: Clock, *, is_past: bool = False) -> PlanPage:
    """What the page of this plan shows; of a past one nobody is rung."""
    plan = asked.plan
    sections: Mapping[str, Sequence[Json]] = plan.get("sections") or {}
    titles = titles_of(sections, words, clock)
    files = f"/plans/{plan['plan_id']}/files"
    showing = Showing(clock, titles, may_telephone=not is_past, files=files)
    entries = Entries(words, showing, _notes(plan.get("findings") or ()))
    derived = plan.get("derived") or {}
    withheld = {str(one["section"]): int(one["entries"]) for one in plan.get("withheld") or ()}
    changed, said = (
        derived.get("changed_at") or plan.get("last_updated"),
        derived.get("last_stated_at"),
    )
    return PlanPage(
        plan_id=str(plan["plan_id"]),
        version=int(plan.get("plan_version") or 0),
        state=str(plan.get("state") or "unknown"),
        merged_into=str(plan.get("merged_into") or ""),
        banner=banner_of(plan, clock),
        currency=currency_of(asked.lag),
        changed=clock.instant(str(changed)) if changed else None,
        changed_ago=clock.ago(str(changed)) if changed else "",
        last_said=clock.day_of(str(said)) if said else None,
        tags=(*agreement_tags(derived), *review_tags(derived, showing)),
        lead=somebody(derived["lead"]) if derived.get("lead") else None,
        contributors=tuple(somebody(one) for one in derived.get("contributors") or ()),
        noticed=tuple(_noticed(plan.get("findings") or (), titles, clock)),
        incomplete=tuple(
            dict.fromkeys(words.section(str(one["section"])) for one in plan.get("parked") or ())
        ),
        withheld=_not_shared(sum(withheld.values())),
        parts=tuple(_parts(sections, entries, words, withheld, _lacking(derived))),
        has_emergency=bool(sections.get("contingency-plans")),
    )


def _parts(
    sections: Mapping[str, Sequence[Json]],
    entries: Entries,
    words: Words,
    withheld: Mapping[str, int],
    lacking: Sequence[str],
) -> Iterator[ShownPart]:
    known = {kind for part in PARTS for kind in part.kinds}
    hung = _Hung(sections)
    shown: set[str] = set()
    for part in PARTS:
        groups = tuple(_groups(sections, part.kinds, entries, words, hung))
        of = ELEMENTS_OF.get(part.name, ())
        shown.update(of)
        not_shared = _not_shared(sum(withheld.get(section, 0) for section in of))
        if groups or part.nothing or not_shared:
            missing = (words.element(e) for e in lacking if e.partition(".")[0] in of)
            not_recorded = tuple(dict.fromkeys(missing))
            yield ShownPart(part.name, part.title, groups, part.nothing, not_shared, not_recorded)
    for section, listed in sections.items():
        kinds = tuple(dict.fromkeys((section, str(entry["entry_type"])) for entry in listed))
        groups = tuple(
            _groups(sections, [kind for kind in kinds if kind not in known], entries, words, hung)
        )
        if groups:
            not_shared = _not_shared(withheld.get(section, 0)) if section not in shown else ""
            yield ShownPart(section, words.section(section), groups, "", not_shared, ())


def _groups(
    sections: Mapping[str, Sequence[Json]],
    kinds: Iterable[Key],
    entries: Entries,
    words: Words,
    hung: "_Hung",
) -> Iterator[tuple[str, tuple[ShownEntry, ...]]]:
    for section, kind in kinds:
        listed = [entry for entry in sections.get(section) or () if entry["entry_type"] == kind]
        top = tuple(
            hung.shown(section, entry, entries)
            for entry in listed
            if not hung.is_below((section, str(entry["entry_id"])))
        )
        if top:
            yield words.entry(section, kind).title, top


class _Hung:
    """Which entries hang under which: each is shown once, and named where it hangs again."""

    def __init__(self, sections: Mapping[str, Sequence[Json]]) -> None:
        self._entries = {
            (section, str(entry["entry_id"])): entry
            for section, listed in sections.items()
            for entry in listed
        }
        self._above: dict[Key, Key] = {}
        for key, entry in self._entries.items():
            for below in self._below(entry):
                if below != key and not self._leads_to(key, below):
                    self._above.setdefault(below, key)

    def is_below(self, key: Key) -> bool:
        """True where it is shown under another."""
        return key in self._above

    def shown(self, section: str, entry: Json, entries: Entries) -> ShownEntry:
        """The entry with what hangs under it."""
        key = section, str(entry["entry_id"])
        under = list(self._below(entry))
        below = tuple(
            self.shown(one[0], self._entries[one], entries)
            for one in under
            if self._above.get(one) == key
        )
        titles = entries.showing.titles
        also = tuple(
            (titles.get(one, ""), f"entry-{one[1]}") for one in under if self._above.get(one) != key
        )
        return entries.entry(section, entry, below, also, self._above.get(key))

    def _below(self, entry: Json) -> Iterator[Key]:
        for one in (entry.get("derived") or {}).get("below") or ():
            key = str(one["section"]), str(one["entry_id"])
            if key in self._entries:
                yield key

    def _leads_to(self, key: Key, other: Key) -> bool:
        above: Key | None = key
        while above is not None:
            if above == other:
                return True
            above = self._above.get(above)
        return False


def _notes(findings: Iterable[Json]) -> dict[Key, list[str]]:
    notes: dict[Key, list[str]] = {}
    for finding in findings:
        for entry in finding.get("entries") or ():
            key = str(entry["section"]), str(entry["entry_id"])
            notes.setdefault(key, []).append(str(finding["words"]))
    return notes


def _noticed(
    findings: Iterable[Json], titles: Mapping[Key, str], clock: Clock
) -> Iterator[Noticed]:
    by_words: dict[str, list[Json]] = {}
    for finding in findings:
        by_words.setdefault(str(finding["words"]), []).append(finding)
    for said, found in by_words.items():
        keys = dict.fromkeys(
            (str(entry["section"]), str(entry["entry_id"]))
            for finding in found
            for entry in finding.get("entries") or ()
        )
        places = tuple((titles[key], f"entry-{key[1]}") for key in keys if key in titles)
        since = min((str(finding.get("since") or "") for finding in found), default="")
        yield Noticed(said, clock.day_of(since).words if since else "", places)


def _lacking(derived: Json) -> tuple[str, ...]:
    return (*(derived.get("missing") or ()), *(derived.get("not_recorded") or ()))


def _not_shared(entries: int) -> str:
    return f"{counted(entries, 'entry')} not shared with you" if entries else ""


def _with_below(entries: Iterable[Any]) -> int:
    return sum(1 + _with_below(entry.below) for entry in entries)
