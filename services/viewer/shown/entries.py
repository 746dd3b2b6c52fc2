"""An entry as a screen shows it: its title, its statements, and who said each of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from services.viewer.shown.values import Json, Key, Showing, Shown, anchor
from services.viewer.shown.who import Who, who_said
from services.viewer.shown.words import EntryWords, Field, Words, plain
from services.viewer.texts import to_read

_LEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("name",),
    "professional-contact": ("name", "role", "team", "organisation"),
    "relationship": ("organisation",),
    "proxy": ("party",),
    "stage-goal": ("aim",),
    "linked-document": ("document",),
    "contingency-plan": ("name", "circumstance", "triggers"),
    "funding": ("source",),
    "comment": ("kind",),
    "agreement": ("outcome",),
    "review": ("subject",),
    "formulation": (),
    "about-me": (),
}
"""Which field names an entry, by its type; the first that says something."""

_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "contingency-plan": (
        *("circumstance", "severity", "early_warning_signs", "triggers", "coping_strategies"),
        *("instructions", "contacts", "equipment", "advance_statement", "assessment"),
    ),
    "agreement": ("outcome", "subject", "plan_version", "by", "name", "role"),
}
"""In which order fields are read, where that is not the order in which they are declared."""

_USUAL_LEADS: Final = ("name", "title", "aim", "what", "text")
_TITLED_OTHERWISE: Final = frozenset({"agreement", "review", "linked-document", "comment"})
"""Those whose title says more than the field that names them."""

_IN_OWN_WORDS: Final = "about-me"
"""Where it stands beside each line who said it, also where it is the same voice throughout."""

HIDDEN: Final = frozenset({"visibility", "plan_state", "merged_into", "source"})
"""What no line of an entry says."""


@dataclass(frozen=True)
class Statement:
    """One field of an entry: its label, what it says, and who said it."""

    path: str
    label: str
    about: str
    value: Shown
    who: Who | None
    is_withheld: bool = False
    is_title: bool = False


@dataclass(frozen=True)
class Run:
    """Statements that one voice made at one time, one after another."""

    who: Who | None
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class ShownEntry:
    """One entry. ``runs`` has its statements in order; ``notes`` are what the plan finds of it."""

    key: Key
    entry_type: str
    version: int
    kind: str
    title: str
    has_own_title: bool
    runs: tuple[Run, ...]
    who: Who
    confirmed: str
    tags: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    is_restricted: bool
    is_withdrawn: bool
    below: tuple["ShownEntry", ...] = ()
    also: tuple[tuple[str, str], ...] = ()

    @property
    def anchor(self) -> str:
        """Where it stands on its page."""
        return anchor(self.key)


@dataclass(frozen=True)
class Entries:
    """Makes entries into what is shown, with the words of what is declared."""

    words: Words
    showing: Showing
    notes: Mapping[Key, Sequence[str]]

    def entry(
        self,
        section: str,
        entry: Json,
        below: tuple[ShownEntry, ...] = (),
        also: tuple[tuple[str, str], ...] = (),
        above: Key | None = None,
    ) -> ShownEntry:
        """One entry, with those that stand under it; that it belongs ``above`` is to be seen."""
        words = self.words.entry(section, str(entry["entry_type"]))
        key = section, str(entry["entry_id"])
        content = entry.get("content") or {}
        clock, showing = self.showing.clock, self.showing.within(section)
        confirmed = entry.get("confirmed_at")
        statements = tuple(
            one
            for one in self._statements(entry, words, showing)
            if not _only_names(one.value, above)
        )
        return ShownEntry(
            key=key,
            entry_type=str(entry["entry_type"]),
            version=int(entry.get("entry_version") or 0),
            kind=words.title,
            title=title_of(entry, words, self.showing),
            has_own_title=any(statement.is_title for statement in statements),
            runs=tuple(_runs(statements, each_alone=entry["entry_type"] == _IN_OWN_WORDS)),
            who=who_said(entry, clock),
            confirmed=clock.instant(str(confirmed)).words if confirmed else "",
            tags=tuple(self._tags(entry, words)),
            notes=tuple(dict.fromkeys(self.notes.get(key, ()))),
            is_restricted=bool(content.get("visibility")),
            is_withdrawn=entry.get("current") is False,
            below=below,
            also=also,
        )

    def _statements(self, entry: Json, words: EntryWords, showing: Showing) -> Iterator[Statement]:
        content = entry.get("content") or {}
        lead = lead_of(entry)
        first = _ORDER.get(str(entry["entry_type"]), ())
        names: list[str] = [lead, *first, *words.fields, *content]
        for name in dict.fromkeys(names):
            if name in content and (name == lead or name not in HIDDEN):
                yield from self._of_a_field(entry, name, words.fields.get(name, Field()), showing)
        for path in entry.get("withheld") or ():
            name, _, rest = str(path).partition(".")
            field = words.fields.get(name, Field())
            field = field.inside(rest) if rest else field
            label = field.title or plain(rest or name)
            yield Statement(str(path), label, "", Shown("words"), None, is_withheld=True)

    def _of_a_field(
        self, entry: Json, name: str, field: Field, showing: Showing
    ) -> Iterator[Statement]:
        said = entry["content"][name]
        if name == "contacts":
            said = [
                one if may_be_called else _not_called(one)
                for one, may_be_called in contacts_of(entry)
            ]
        if said in (None, [], {}, ""):
            return
        if field.is_map and isinstance(said, Mapping):
            ordered = [key for key in field.names if key in said]
            for key in [*ordered, *(key for key in said if key not in ordered)]:
                if said[key] is not None:
                    inside = field.inside(key)
                    yield self._statement(entry, f"{name}.{key}", said[key], inside, showing)
        else:
            statement = self._statement(entry, name, said, field, showing)
            is_title = name == lead_of(entry) and entry["entry_type"] not in _TITLED_OTHERWISE
            yield replace(statement, is_title=is_title and not statement.value.rows)

    def _statement(
        self, entry: Json, path: str, said: Any, field: Field, showing: Showing
    ) -> Statement:
        name = path.rpartition(".")[2]
        authored = (entry.get("authorship") or {}).get(path)
        who = who_said(authored, self.showing.clock) if authored else None
        is_whole = said == "plan" and name in ("subject", "target")
        value = Shown("words", "The whole plan") if is_whole else showing.value(said, field)
        return Statement(path, field.title or plain(name), field.description, value, who)

    def _tags(self, entry: Json, words: EntryWords) -> Iterator[tuple[str, str]]:
        """What is to be seen at once: a colour's name, and words that say it without colour."""
        content, derived = entry.get("content") or {}, entry.get("derived") or {}
        if entry.get("current") is False:
            yield "grey", "Taken out of the plan"
        if (severity := content.get("severity")) and "severity" in words.fields:
            yield "plum", self.showing.value(severity, words.fields["severity"]).text
        if content.get("key_worker"):
            yield "blue", "Key worker"
        if content.get("excluded"):
            yield "red", "Do not contact"
        if (status := content.get("status")) and "status" in words.fields:
            colour = "green" if derived.get("closed") else "blue"
            yield colour, self.showing.value(status, words.fields["status"]).text
        elif derived.get("closed"):
            yield "green", "Closed"
        yield from agreement_tags(derived)
        yield from review_tags(derived, self.showing)


def agreement_tags(derived: Json) -> Iterator[tuple[str, str]]:
    """Whether it is agreed, and with what."""
    agreement = derived.get("agreement")
    if not agreement:
        return
    outcome = {"yes": "Agreed", "no": "Not agreed", "partly": "Agreed in part"}
    words = outcome.get(str(agreement.get("outcome")), "Agreement recorded")
    if agreement.get("changed_since"):
        yield "yellow", f"{words}, but changed since"
    else:
        yield ("green" if agreement.get("outcome") == "yes" else "yellow"), words


def review_tags(derived: Json, showing: Showing) -> Iterator[tuple[str, str]]:
    """When it is to be looked at again."""
    review = derived.get("review")
    if not review:
        return
    day = showing.clock.day(str(review["due_on"])).words if review.get("due_on") else ""
    match review.get("state"):
        case "overdue":
            yield "red", f"Review overdue since {day}"
        case "due":
            yield "yellow", f"Review due {day}"
        case "without-date":
            yield "yellow", "No day planned for a review"
        case _ if day:
            yield "grey", f"Review {day}"


def lead_of(entry: Json) -> str:
    """The field that names the entry; empty where none of those says something."""
    content = entry.get("content") or {}
    leads = _LEADS.get(str(entry["entry_type"]), _USUAL_LEADS)
    return next((name for name in leads if content.get(name)), "")


def title_of(entry: Json, words: EntryWords, showing: Showing) -> str:
    """What an entry is called: what its own naming field says, or what it is."""
    lead = lead_of(entry)
    if not lead:
        return words.title
    said = (entry.get("content") or {})[lead]
    field = words.fields.get(lead, Field())
    if entry["entry_type"] == "review" and said == "plan":
        return "Review of the whole plan"
    shown = showing.value(said, field)
    match str(entry["entry_type"]):
        case "review":
            return f"Review of: {to_read(shown.text)}"
        case "linked-document":
            text = str(said.get("title") or words.title)
        case "agreement":
            subject = (entry.get("content") or {}).get("subject")
            about = showing.value(subject, words.fields.get("subject", Field()))
            of = "the whole plan" if subject == "plan" else about.text
            text = f"{to_read(shown.text)}: {to_read(of)}"
        case "person":
            text = shown.text
        case _:
            text = shown.text or shown.plain_text
    return text


def titles_of(sections: Mapping[str, Iterable[Json]], words: Words, clock: Any) -> dict[Key, str]:
    """What every entry of a plan is called, for those that refer to it."""
    titles: dict[Key, str] = {}
    # A review and an agreement are called after what they are about, so they come last.
    entries = [(section, entry) for section, listed in sections.items() for entry in listed]
    entries.sort(key=lambda pair: pair[1]["entry_type"] in ("review", "agreement"))
    for section, entry in entries:
        declared = words.entry(section, str(entry["entry_type"]))
        key = section, str(entry["entry_id"])
        titles[key] = title_of(entry, declared, Showing(clock, titles))
    return titles


def _only_names(value: Shown, above: Key | None) -> bool:
    """True where a value says nothing but what the place of its entry says."""
    named = value.items if value.kind == "list" else (value,)
    return above is not None and all(
        one.kind == "link" and one.target == anchor(above) for one in named
    )


def contacts_of(entry: Json) -> Iterator[tuple[Json, bool]]:
    """Each contact that a contingency plan names, and whether they may be called."""
    shut_out = (entry.get("derived") or {}).get("not_to_be_called") or ()
    for one in (entry.get("content") or {}).get("contacts") or ():
        yield one, one.get("item_id") not in shut_out


def _not_called(contact: Json) -> Json:
    """A contact without what they would be called by."""
    kept = {name: contact[name] for name in ("name", "role", "order") if name in contact}
    return {**kept, "hours": "must not be contacted"}


def _runs(statements: Iterable[Statement], *, each_alone: bool) -> Iterator[Run]:
    together: list[Statement] = []
    for statement in statements:
        if together and (each_alone or statement.who != together[-1].who):
            yield Run(together[-1].who, tuple(together))
            together = []
        together.append(statement)
    if together:
        yield Run(together[-1].who, tuple(together))
