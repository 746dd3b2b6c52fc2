"""What differs between two plans of one person, in words: by entry and by field."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from services.viewer.shown.entries import HIDDEN, lead_of
from services.viewer.shown.parts import PARTS
from services.viewer.shown.times import Clock, Moment, counted
from services.viewer.shown.values import Json, Key, Showing, Shown, anchor
from services.viewer.shown.who import Who, who_said
from services.viewer.shown.words import EntryWords, Field, Words, plain
from services.viewer.texts import together

_WHAT: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("green", "Added"),
    "changed": ("blue", "Changed"),
    "withdrawn": ("plum", "Taken out"),
    "restored": ("green", "Put back"),
}
_CAME_AND_WENT: Final = "plum", "Added and taken out again"
_OTHERWISE: Final = "other"
"""The part of what no part of the page names."""

_VISIBILITY: Final = "visibility"
_SAME: Final = "="


@dataclass(frozen=True)
class Differs:
    """A value that differs: ``before`` and ``after`` it, or of two texts their ``words``.

    ``what`` is ``added``, ``changed`` or ``removed``. Each of the words has ``=``, ``-`` or ``+``.
    """

    what: str
    before: Shown | None = None
    after: Shown | None = None
    words: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class FieldDiffers:
    """One field that differs; of a list whose items have a name, only those that do."""

    label: str
    who: Who
    differs: Differs
    items: tuple[Differs, ...] = ()


@dataclass(frozen=True)
class EntryDiffers:
    """One entry that differs, with its fields in runs of one voice."""

    key: Key
    kind: str
    title: str
    what: str
    tag: tuple[str, str]
    who: Who
    reason: str
    runs: tuple[tuple[Who, tuple[FieldDiffers, ...]], ...]
    is_partly_withheld: bool
    is_seen_otherwise: bool

    @property
    def anchor(self) -> str:
        """Where it stands on its page, and on that of the plan."""
        return anchor(self.key)

    @property
    def says_the_same(self) -> bool:
        """True where nothing of what it says differs."""
        return self.what == "changed" and not self.runs and not self.is_seen_otherwise


@dataclass(frozen=True)
class Compared:
    """Two plans compared: which, how much differs, by whom, and each entry in its part."""

    before: str
    after: str
    number: int
    kinds: tuple[tuple[str, str], ...]
    by: tuple[str, ...]
    parts: tuple[tuple[str, str, tuple[EntryDiffers, ...]], ...]
    withheld: str
    to_version: int
    has_looked: bool


@dataclass(frozen=True)
class Since:
    """What has changed since a reader last looked: when that was, and each entry that differs.

    ``fields`` are the paths of what differs within an entry that was there before.
    """

    looked: Moment
    entries: tuple[tuple[Key, str, str], ...]
    news: Mapping[Key, str]
    fields: Mapping[Key, frozenset[str]]


_NEWS: Final = {
    "added": "New",
    "changed": "Changed",
    "withdrawn": "Taken out",
    "restored": "Put back",
}


def since_looked(
    difference: Json, words: Words, titles: Mapping[Key, str], clock: Clock
) -> Since | None:
    """What differs since a last look; ``None`` where there was none."""
    begin = difference.get("from") or {}
    if not begin.get("access_id"):
        return None
    entries, news, fields = [], {}, {}
    for one in difference.get("entries") or ():
        key = str(one["section"]), str(one["entry_id"])
        what = _NEWS.get(str(one["what"]), _NEWS["changed"])
        kind = words.entry(key[0], str(one["entry_type"])).title
        entries.append((key, titles.get(key) or kind, what))
        news[key] = what
        if one["what"] == "changed":
            fields[key] = frozenset(str(field["field"]) for field in one.get("fields") or ())
    return Since(clock.instant(str(begin.get("at") or "")), tuple(entries), news, fields)


def compared(difference: Json, words: Words, titles: Mapping[Key, str], clock: Clock) -> Compared:
    """A difference laid out; ``titles`` are those of the entries of the later plan."""
    showing = Showing(clock, titles, may_telephone=False, may_link=False)
    entries = [_entry(one, words, showing) for one in difference.get("entries") or ()]
    withheld = sum(int(one["entries"]) for one in difference.get("withheld") or ())
    parties = (_by(one) for one in difference.get("entries") or ())
    return Compared(
        before=_side(difference["from"], clock),
        after=_side(difference["to"], clock),
        number=len(entries),
        kinds=tuple(_counted(entries)),
        by=tuple(dict.fromkeys(name for names in parties for name in names)),
        parts=tuple(_parts(difference.get("entries") or (), entries, words)),
        withheld=f"{counted(withheld, 'entry')} not shared with you" if withheld else "",
        to_version=int(difference["to"].get("plan_version") or 0),
        has_looked=bool(difference["from"].get("access_id")),
    )


def _side(point: Json, clock: Clock) -> str:
    version, at = int(point.get("plan_version") or 0), str(point.get("at") or "")
    if not version:
        return "before anything was recorded"
    when = clock.instant(at).words if at else ""
    if point.get("access_id"):
        return f"your last look, {when}, at version {version}"
    return f"version {version}, {when}" if when else f"version {version}"


def _entry(said: Json, words: Words, showing: Showing) -> EntryDiffers:
    key = str(said["section"]), str(said["entry_id"])
    declared = words.entry(key[0], str(said["entry_type"]))
    what, versions = str(said["what"]), said.get("entry_versions") or (1, 1)
    came_and_went = what == "withdrawn" and not versions[0]
    title = showing.titles.get(key) or declared.title
    fields = tuple(
        one
        for one in _fields(said, declared, showing)
        if one.differs.what != "added"
        or one.differs.after is None
        # Its heading says this already.
        or one.differs.after.text != title
    )
    return EntryDiffers(
        key=key,
        kind=declared.title,
        title=title,
        what=what,
        tag=_CAME_AND_WENT if came_and_went else _WHAT.get(what, _WHAT["changed"]),
        who=who_said(said.get("said") or {}, showing.clock),
        reason=_words_of(said.get("reason")),
        runs=tuple((who, tuple(run)) for who, run in groupby(fields, lambda one: one.who)),
        is_partly_withheld=bool(said.get("withheld")),
        is_seen_otherwise=any(_name(one) == _VISIBILITY for one in said.get("fields") or ()),
    )


def _fields(said: Json, declared: EntryWords, showing: Showing) -> Iterator[FieldDiffers]:
    """In the order in which they are declared, those that name the entry first."""
    content = {_name(one): one.get("after", one.get("before")) for one in said.get("fields") or ()}
    lead = lead_of({"entry_type": said["entry_type"], "content": content})
    order = {name: place for place, name in enumerate((lead, *declared.fields))}
    listed = [
        one for one in said.get("fields") or () if _name(one) == lead or _name(one) not in HIDDEN
    ]
    for one in sorted(listed, key=lambda one: order.get(_name(one), len(order))):
        name, _, rest = str(one["field"]).partition(".")
        field = declared.fields.get(name, Field())
        field = field.inside(rest) if rest else field
        yield FieldDiffers(
            label=field.title or plain(rest or name),
            who=who_said(one.get("said") or said.get("said") or {}, showing.clock),
            differs=_differs(one, field, showing),
            items=tuple(_differs(item, field.item, showing) for item in one.get("items") or ()),
        )


def _differs(said: Json, field: Field, showing: Showing) -> Differs:
    before, after = (_shown(said, side, field, showing) for side in ("before", "after"))
    differs = Differs(str(said["what"]), before, after)
    told = tuple((str(kind), str(text)) for kind, text in said.get("words") or ())
    if before is None or after is None or not told:
        return differs
    # Word by word only where the words are all that is shown: of a code, for example, they are not.
    sides = (("-", before), ("+", after))
    is_told = all(
        one.kind == "words"
        and one.text == "".join(text for kind, text in told if kind in (_SAME, sign))
        for sign, one in sides
    )
    if is_told and before.note == after.note:
        return replace(differs, words=told, note=after.note)
    return differs


def _shown(said: Json, side: str, field: Field, showing: Showing) -> Shown | None:
    if side not in said:
        return None
    if said[side] == "plan":
        return Shown("words", "The whole plan")
    return showing.value(said[side], field)


def _name(field: Json) -> str:
    return str(field["field"]).partition(".")[0]


def _words_of(reason: Any) -> str:
    return str(reason.get("text") or "") if isinstance(reason, Mapping) else str(reason or "")


def _by(said: Json) -> Iterator[str]:
    """Who made the difference: the organisation, or somebody who belongs to none."""
    for one in (said, *(said.get("fields") or ())):
        who = (one.get("said") or {}).get("recorded_by") or {}
        organisation = who.get("organisation") or {}
        if organisation:
            yield str(organisation.get("name") or organisation.get("ods") or "")
        elif who:
            yield "the person" if who.get("kind") == "person" else str(who.get("name") or "")


def _counted(entries: Iterable[EntryDiffers]) -> Iterator[tuple[str, str]]:
    """Of each kind how many were added, changed and so on, in words."""
    by_kind: dict[str, Counter[str]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, Counter())[entry.tag[1].lower()] += 1
    for kind, tags in by_kind.items():
        yield kind, together((f"{number} {words}" for words, number in tags.items()), ", ")


def _parts(
    said: Iterable[Json], entries: Iterable[EntryDiffers], words: Words
) -> Iterator[tuple[str, str, tuple[EntryDiffers, ...]]]:
    """In the order of the plan on its page; what has no part there stands under its section."""
    place = {kind: part for part in PARTS for kind in part.kinds}
    found: dict[str, list[EntryDiffers]] = {}
    others: dict[str, list[EntryDiffers]] = {}
    for one, entry in zip(said, entries, strict=True):
        part = place.get((entry.key[0], str(one["entry_type"])))
        if part is None:
            others.setdefault(entry.key[0], []).append(entry)
        else:
            found.setdefault(part.name, []).append(entry)
    for part in PARTS:
        if part.name in found:
            yield part.name, part.title, tuple(found[part.name])
    for section, listed in others.items():
        yield f"{_OTHERWISE}-{section}", words.section(section), tuple(listed)
