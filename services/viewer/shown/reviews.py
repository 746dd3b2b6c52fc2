"""What is to be reviewed, across plans: when, whose plan it is, of what, and who sees to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.viewer.shown.times import Clock, Moment, counted
from services.viewer.shown.values import Json, Showing
from services.viewer.shown.words import Words, plain

STATES: Final[Mapping[str, str]] = {
    "overdue": "Overdue",
    "without-date": "No day planned",
    "due": "Due within 30 days",
    "later": "Later",
}
"""What a review may be, in words, the most urgent first."""

_COLOURS: Final = {"overdue": "red", "without-date": "yellow", "due": "yellow", "later": "grey"}


@dataclass(frozen=True)
class ReviewDue:
    """One review: where it stands, by when it is due in a few words, and by whom."""

    path: str
    person: str
    born: Moment | None
    what: str
    colour: str
    when: str
    due_on: Moment | None
    responsible: str
    contact: str
    last_read: Moment | None
    not_read: str
    is_nobodys: bool


def reviews_due(items: Iterable[Json], words: Words, clock: Clock) -> Iterator[ReviewDue]:
    """The items of the list of reviews, laid out."""
    showing = Showing(clock, {}, may_telephone=False, may_link=False)
    responsible_of = words.entry("stewardship", "review").fields["responsible"]
    for item in items:
        person, state = item.get("person") or {}, str(item.get("state"))
        born, due_on = person.get("date_of_birth"), item.get("due_on")
        read, said = item.get("last_read_at"), item.get("responsible") or {}
        yield ReviewDue(
            path=f"/plans/{item['plan_id']}#entry-{item['entry_id']}",
            person=_name(person.get("name")),
            born=clock.day(str(born)) if born else None,
            what=_what(item, words),
            colour=_COLOURS.get(state, "grey"),
            when=_when(state, item.get("days")),
            due_on=clock.day(str(due_on)) if due_on else None,
            responsible=showing.party(said, responsible_of).text if said else "Nobody named",
            contact=str(said.get("contact") or ""),
            last_read=clock.instant(str(read)) if read else None,
            not_read="Not lately" if said.get("organisation") else "No organisation named",
            is_nobodys=not said,
        )


def _name(name: Json | None) -> str:
    parts = [str(name[part]) for part in ("family", "first") if name.get(part)] if name else []
    return ", ".join(parts) or "Name not shared with you"


def _what(item: Json, words: Words) -> str:
    subject, kind = item.get("subject"), str(item.get("subject_type") or "")
    if subject == "plan":
        return "The whole plan"
    if not isinstance(subject, Mapping) or not kind:
        return "Something that is not on the plan"
    return words.entry(str(subject.get("section")), kind).title or plain(kind)


def _when(state: str, days: int | None) -> str:
    if days is None or state == "without-date":
        return STATES["without-date"]
    if days < 0:
        return f"{counted(-days, 'day')} overdue"
    return "Due today" if days == 0 else f"In {counted(days, 'day')}"
