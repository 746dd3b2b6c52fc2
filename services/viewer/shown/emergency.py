"""The emergency view: who this is, what matters now, what to do and not to do, whom to call."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.viewer.shown.entries import (
    agreement_tags,
    contacts_of,
    review_tags,
    title_of,
    titles_of,
)
from services.viewer.shown.plan import Asked, Banner, Currency, banner_of, currency_of
from services.viewer.shown.times import Clock, Moment, counted
from services.viewer.shown.values import Json, Showing, Shown
from services.viewer.shown.who import Somebody, somebody
from services.viewer.shown.words import EntryWords, Field, Words
from services.viewer.texts import together

_MATTERS: Final = ("what_is_most_important", "how_i_communicate", "please_do_and_please_dont")
_DOCUMENTS: Final = frozenset(
    {"respect", "adrt", "end-of-life-plan", "advance-care-plan", "reasonable-adjustments"}
    | {"safeguarding-marker"}
)
_WORST_FIRST: Final = ("severe", "moderate", "mild")
_TOLD_BEFORE: Final = ("triggers", "early_warning_signs")
_EMERGENCY: Final = ("emergency", "next of kin", "key holder", "carer")


@dataclass(frozen=True)
class Called:
    """Somebody to ring: the name, what they are, the number, and when they answer."""

    name: str
    is_what: str
    number: Shown
    note: str = ""


@dataclass(frozen=True)
class EmergencyPlan:
    """One contingency plan as it is followed: when, what to do, what not, and what helps."""

    anchor: str
    title: str
    tags: tuple[tuple[str, str], ...]
    when: tuple[Shown, ...]
    signs: tuple[Shown, ...]
    do: tuple[Shown, ...]
    avoid: tuple[Shown, ...]
    call: tuple[Called, ...]
    more: tuple[tuple[str, Shown], ...]
    said_by: Somebody
    said: Moment


@dataclass(frozen=True)
class Risk:
    """A need that tells of a risk, as long as it is on the plan."""

    title: str
    said_by: Somebody
    said: Moment


@dataclass(frozen=True)
class Before:
    """What was taken out of the plan and tells of a danger all the same: when, why, what it said.

    ``told`` is of a contingency plan what tells that it is to be followed, and its early signs.
    """

    title: str
    is_what: str
    told: tuple[tuple[str, tuple[Shown, ...]], ...]
    until: Moment
    reason: str


@dataclass(frozen=True)
class EmergencyPage:
    """All that the emergency view shows."""

    plan_id: str
    version: int
    banner: Banner
    currency: Currency
    matters: tuple[tuple[str, Shown], ...]
    risks: tuple[Risk, ...]
    plans: tuple[EmergencyPlan, ...]
    before: tuple[Before, ...]
    call: tuple[Called, ...]
    never_call: tuple[str, ...]
    key_workers: tuple[Called, ...]
    documents: tuple[tuple[str, str], ...]
    withheld: str
    is_complete: bool


def emergency_page(asked: Asked, words: Words, clock: Clock) -> EmergencyPage:
    """The emergency view of a plan, whole or with only the fields that an emergency opens."""
    plan = asked.plan
    sections: Mapping[str, Sequence[Json]] = plan.get("sections") or {}
    showing = Showing(clock, titles_of(sections, words, clock))
    view = _View(words, showing)
    # The one for the worst is first, as its author said; else they keep their order.
    listed = sorted(sections.get("contingency-plans") or (), key=_how_bad)
    plans = tuple(view.plan(entry) for entry in listed)
    team = sections.get("care-team") or ()
    hidden = sum(int(one["entries"]) for one in plan.get("withheld") or ())
    return EmergencyPage(
        plan_id=str(plan["plan_id"]),
        version=int(plan.get("plan_version") or 0),
        banner=banner_of(plan, clock),
        currency=currency_of(asked.lag),
        matters=tuple(view.matters(sections.get("about-me") or ())),
        risks=tuple(view.risks(sections.get("needs") or ())),
        plans=plans,
        before=tuple(view.before(plan.get("history") or {})),
        call=_each_once((*(one for plan in plans[:1] for one in plan.call), *view.people(team))),
        never_call=_each_named_once((*view.never_to_call(team), *view.named_but_shut_out(listed))),
        key_workers=tuple(view.key_workers(team)),
        documents=tuple(view.documents(sections.get("stewardship") or ())),
        withheld=f"{counted(hidden, 'entry')} not shared with you" if hidden else "",
        is_complete=plan.get("complete") is not False,
    )


class _View:
    """Lays out the entries that an emergency view is made of."""

    def __init__(self, words: Words, showing: Showing) -> None:
        self._words = words
        self._showing = showing

    def matters(self, about_me: Iterable[Json]) -> Iterator[tuple[str, Shown]]:
        fields = self._words.entry("about-me", "about-me").fields
        responses = fields.get("responses", Field())
        for entry in about_me:
            said = (entry.get("content") or {}).get("responses") or {}
            for heading in _MATTERS:
                if said.get(heading):
                    field = responses.inside(heading)
                    yield field.title, self._showing.value(said[heading], field)

    def plan(self, entry: Json) -> EmergencyPlan:
        words = self._words.entry("contingency-plans", str(entry["entry_type"]))
        content, derived = entry.get("content") or {}, entry.get("derived") or {}
        severity = self._one(content, "severity", words)
        tags = (("plum", severity.text),) if severity.text else ()
        steps = self._each(content, "instructions", words)
        clock = self._showing.clock
        more = ("circumstance", "coping_strategies", "equipment", "advance_statement")
        called = {**content, "contacts": [one for one, may in contacts_of(entry) if may]}
        return EmergencyPlan(
            anchor=f"entry-{entry['entry_id']}",
            title=title_of(entry, words, self._showing),
            tags=(*tags, *agreement_tags(derived), *review_tags(derived, self._showing)),
            when=self._each(content, "triggers", words),
            signs=self._each(content, "early_warning_signs", words),
            do=tuple(step for step in steps if step.kind != "avoid"),
            avoid=tuple(step for step in steps if step.kind == "avoid"),
            call=tuple(_called(one) for one in self._each(called, "contacts", words)),
            more=tuple(
                (words.fields[name].title, self._one(content, name, words))
                for name in more
                if content.get(name) and name in words.fields
            ),
            said_by=somebody(entry.get("stated_by") or entry.get("by") or {}),
            said=clock.day_of(str(entry.get("stated_at") or "")),
        )

    def risks(self, needs: Iterable[Json]) -> Iterator[Risk]:
        """What is known to be dangerous now: of the needs this view shows no others."""
        for entry in needs:
            words = self._words.entry("needs", str(entry["entry_type"]))
            said_by = somebody(entry.get("stated_by") or entry.get("by") or {})
            said = self._showing.clock.day_of(str(entry.get("stated_at") or ""))
            yield Risk(title_of(entry, words, self._showing), said_by, said)

    def before(self, history: Mapping[str, Sequence[Json]]) -> Iterator[Before]:
        """What was dangerous once, what was taken out last before the rest."""
        taken_out = [(section, entry) for section, listed in history.items() for entry in listed]
        taken_out.sort(key=lambda one: str(one[1]["taken_out"]["recorded_at"]), reverse=True)
        for section, entry in taken_out:
            words = self._words.entry(section, str(entry["entry_type"]))
            content, end = entry.get("content") or {}, entry["taken_out"]
            yield Before(
                title=title_of(entry, words, self._showing),
                is_what=words.title,
                told=tuple(
                    (words.fields[name].title, each)
                    for name in _TOLD_BEFORE
                    if name in words.fields and (each := self._each(content, name, words))
                ),
                until=self._showing.clock.day_of(str(end["recorded_at"])),
                reason=str(end.get("reason") or ""),
            )

    def people(self, team: Iterable[Json]) -> Iterator[Called]:
        """Those close to the person who are there for an emergency."""
        for entry in team:
            content = entry.get("content") or {}
            if content.get("excluded"):
                continue
            words = self._words.entry("care-team", str(entry["entry_type"]))
            numbers = self._each(content, "contact_details", words)
            number = next((one for one in numbers if one.kind == "telephone"), None)
            if number is None:
                continue
            roles = " ".join(str(role) for role in content.get("roles") or ()).casefold()
            name, is_what = str(content.get("name") or ""), self.relationship(content, words)
            if any(role in roles for role in _EMERGENCY):
                yield Called(name, is_what, number)

    def key_workers(self, team: Iterable[Json]) -> Iterator[Called]:
        """Who holds the care together."""
        for entry in team:
            content = entry.get("content") or {}
            if content.get("key_worker"):
                words = self._words.entry("care-team", str(entry["entry_type"]))
                numbers = self._each(content, "contact_details", words)
                number = numbers[0] if numbers else Shown("words")
                role = self.relationship(content, words)
                yield Called(str(content.get("name") or ""), role, number)

    def never_to_call(self, team: Iterable[Json]) -> Iterator[str]:
        """Those whom the person does not want to be told anything."""
        for entry in team:
            content = entry.get("content") or {}
            if content.get("excluded"):
                words = self._words.entry("care-team", str(entry["entry_type"]))
                parts = (str(content.get("name") or ""), self.relationship(content, words))
                yield together((part for part in parts if part), ", ")

    def named_but_shut_out(self, contingency_plans: Iterable[Json]) -> Iterator[str]:
        """Those whom a contingency plan names, and who must not be contacted all the same."""
        for entry in contingency_plans:
            for one, may_be_called in contacts_of(entry):
                if not may_be_called and one.get("name"):
                    yield str(one["name"])

    def relationship(self, content: Json, words: EntryWords) -> str:
        """What somebody is to the person, or does for them."""
        said = (self._one(content, name, words).text for name in ("relationship", "role"))
        return next((text for text in said if text), "")

    def documents(self, stewardship: Iterable[Json]) -> Iterator[tuple[str, str]]:
        for entry in stewardship:
            content = entry.get("content") or {}
            if entry["entry_type"] == "linked-document" and content.get("kind") in _DOCUMENTS:
                document = content.get("document") or {}
                held = document.get("held_at") or document.get("url") or "nobody says where"
                yield str(document.get("title") or ""), str(held)

    def _one(self, content: Json, name: str, words: EntryWords) -> Shown:
        return self._showing.value(content.get(name), words.fields.get(name, Field()))

    def _each(self, content: Json, name: str, words: EntryWords) -> tuple[Shown, ...]:
        return self._one(content, name, words).items


def _each_named_once(lines: Iterable[str]) -> tuple[str, ...]:
    """Without a name that stands there with more beside it."""
    kept: list[str] = []
    for line in lines:
        if not any(one.casefold().startswith(line.casefold()) for one in kept):
            kept.append(line)
    return tuple(kept)


def _how_bad(entry: Json) -> int:
    severity = (entry.get("content") or {}).get("severity")
    return _WORST_FIRST.index(severity) if severity in _WORST_FIRST else len(_WORST_FIRST)


def _called(shown: Shown) -> Called:
    number = shown.items[0] if shown.items else Shown("words", shown.text)
    return Called(shown.text, "", number, shown.note)


def _each_once(called: Iterable[Called]) -> tuple[Called, ...]:
    kept: dict[Any, Called] = {}
    for one in called:
        kept.setdefault(one.number.target or one.name, one)
    return tuple(kept.values())
