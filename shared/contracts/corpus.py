"""The examples in ``contracts/``: the sections' own histories, played through their domains.

What a section's ``examples.py`` says is accepted is a valid example of its command, and what the
domain records of it one of its events. Beside them stand contents that were spoilt on purpose.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.chassis.store.mapper import fields_of
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import claim_shape, command_shape, content_of
from shared.contracts import discover, spoilt
from shared.contracts.schemas import CONTRIBUTION, EVENT, RECEIPT, without_major
from shared.ledger import (
    PROFESSIONAL,
    RELATED_PERSON,
    Agent,
    Command,
    Entry,
    Identifier,
    Organisation,
    Provenance,
    Refused,
    Section,
    instant,
    plain,
)

Json = dict[str, Any]

COMMON: Final = frozenset({"mark_in_error", "restrict", "lift_restriction"})
"""What every entry has; an example of each, from any entry, shows them all."""

_IDS: Final = uuid5(NAMESPACE_URL, "careplan-contract-examples")
_BEGIN: Final = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
_IN_THE_ENVELOPE: Final = ("plan_id", "entry_id", "contribution_id")
_LONGEST_SLUG: Final = 60


class NoLongerTaken(Exception):
    """An example that was accepted is not any more: the declaration or the rules have changed."""

    def __init__(self, section: Section, example: Any, why: Exception) -> None:
        where = f"services/{section.name}/examples.py: {example.name!r}"
        super().__init__(f"{where} is no longer taken: {_said(why)}")


@dataclass(frozen=True)
class Played:
    """One accepted example: the contribution, and the events as they are published."""

    name: str
    contribution: Json
    events: tuple[Json, ...]

    @property
    def receipt(self) -> Json:
        """The answer it gets."""
        last = self.events[-1]
        told = [{"type": e["type"], "entry_version": e["entry_version"]} for e in self.events]
        return {
            "contribution_id": last["contribution_id"],
            "outcome": "accepted",
            "plan_id": last["plan_id"],
            "section": last["section"],
            "entry_id": last["entry_id"],
            "entry_version": last["entry_version"],
            "events": told,
            "recorded_at": last["recorded_at"],
        }


@dataclass
class Corpus:
    """Examples by the name of their schema, and one history per section."""

    valid: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    invalid: dict[str, list[tuple[str, Json]]] = field(default_factory=dict)
    histories: dict[str, list[Json]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def files(self) -> dict[str, Any]:
        """The values by their paths below ``contracts/``."""
        found: dict[str, Any] = {
            f"histories/{name}.json": history for name, history in self.histories.items()
        }
        for kind, examples in (("valid", self.valid), ("invalid", self.invalid)):
            for schema, named in examples.items():
                for number, (name, value) in enumerate(named, 1):
                    file = f"{number:03}-{_slug(name)}.json"
                    found[f"{schema}/examples/{kind}/{file}"] = value
        return dict(sorted(found.items()))

    def add(self, schema: str, name: str, value: Any) -> None:
        """One more valid example, unless there is one of the same value."""
        named = self.valid.setdefault(schema, [])
        if all(value != other for _, other in named):
            named.append((name, value))


def corpus_of(sections: Iterable[Section]) -> Corpus:
    """Everything that the sections' examples show."""
    corpus = Corpus()
    for section in sections:
        played = list(_played(section, corpus.broken))
        for one in played:
            corpus.add(without_major(one.contribution["command"]), one.name,
                       one.contribution["content"])  # fmt: skip
            for event in one.events:
                corpus.add(without_major(event["type"]), one.name, event["content"])
        if played:
            corpus.histories[section.wire_name] = [event for one in played for event in one.events]
        _add_envelopes(corpus, section, played)
    for section in sections:
        for type_, command in section.commands.items():
            name = without_major(type_)
            valid = [value for _, value in corpus.valid.get(name, ())]
            spoiled = spoilt.contents(command, valid, briefly=command.method in COMMON)
            corpus.invalid[name] = list(spoiled)
    return corpus


def _played(section: Section, broken: list[str]) -> Iterator[Played]:
    """As far as the examples hold; where one does not, that is told, and the rest rests on it."""
    try:
        yield from play(section, discover.examples(section.name) or ())
    except NoLongerTaken as error:
        broken.append(str(error))


def play(section: Section, examples: Iterable[Any]) -> Iterator[Played]:
    """Give the accepted examples to the domain, in order; raises ``NoLongerTaken``."""
    stage = _Stage(section)
    for number, example in enumerate(one for one in examples if one.refused is None):
        try:
            played = stage.take(number, example)
        except (Problem, Refused, KeyError) as error:
            raise NoLongerTaken(section, example, error) from error
        yield played


@dataclass
class _Stage:
    """A section's domain and the entries that examples have left in it."""

    section: Section
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def take(self, number: int, example: Any) -> Played:
        command = self.section.commands[example.command]
        label = (example.plan, example.entry)
        before = None if command.creates else self.entries[label]
        contribution = self._contribution(number, example, command, before)
        arguments = command_shape(command).read(contribution["content"])
        provenance = _provenance(example, contribution)
        if before is None:
            after: Entry = getattr(command.entry, command.method)(provenance, **arguments)
        else:
            getattr(before, command.method)(provenance, **arguments)
            after = before
        self.entries[label] = after
        recorded_at = _at(number) + timedelta(minutes=1)
        events = (_published(self.section, e, recorded_at) for e in after.collect_events())
        return Played(example.name, contribution, tuple(events))

    def _contribution(
        self, number: int, example: Any, command: Command, before: Entry | None
    ) -> Json:
        name = self.section.name
        plan_id = uuid5(_IDS, example.plan)
        entry_id = command.entry.fixed_id(plan_id)
        if entry_id is None:
            entry_id = uuid5(_IDS, f"{name}/{example.plan}/{example.entry}")
        return {
            "contribution_id": str(uuid5(_IDS, f"{name}/{number}/{example.name}")),
            "plan_id": str(plan_id),
            "command": example.command,
            "entry_id": str(entry_id),
            "based_on": None if before is None else before.version,
            "content": plain_json(example.content),
            "provenance": {"stated_at": instant(_at(number)), "stated_by": _stated_by(example)},
        }


def _at(number: int) -> datetime:
    return _BEGIN + timedelta(minutes=5 * number)


def without_example(sections: Iterable[Section], corpus: Corpus) -> list[str]:
    """Commands and events that no example shows; what every entry has needs one in all."""
    missing = []
    shown_somewhere = {
        command.method
        for section in sections
        for type_, command in section.commands.items()
        if without_major(type_) in corpus.valid
    }
    for section in sections:
        for type_, command in section.commands.items():
            is_shown = command.method in COMMON and command.method in shown_somewhere
            if without_major(type_) not in corpus.valid and not is_shown:
                missing.append(type_)
        for type_, event in section.events.items():
            is_common = event.__name__ in _COMMON_EVENTS
            if without_major(type_) not in corpus.valid and not is_common:
                missing.append(type_)
    return missing


_COMMON_EVENTS: Final = frozenset({"EnteredInError", "Restricted", "RestrictionLifted"})


def plain_json(given: Any) -> Any:
    """JSON as it was written: unlike ``plain``, a null stays where it stands."""
    if isinstance(given, Mapping):
        return {key: plain_json(value) for key, value in given.items()}
    if isinstance(given, tuple | list):
        return [plain_json(value) for value in given]
    return plain(given)


def _stated_by(example: Any) -> Json:
    kind = example.stated_by_kind or example.recorded_by_kind
    said: Json = {"kind": kind}
    if kind == PROFESSIONAL:
        said["role"] = example.role or "nurse"
    if kind == RELATED_PERSON:
        said["relationship"] = "daughter"
    return said


def _provenance(example: Any, contribution: Json) -> Provenance:
    organisation = Organisation(ods=example.organisation) if example.organisation else None
    recorded_by = Agent(
        kind=example.recorded_by_kind,
        role=example.role,
        organisation=organisation,
        identifier=Identifier("sub", f"example-{example.recorded_by_kind}"),
    )
    claim = claim_shape().read(contribution["provenance"])
    return Provenance(
        plan_id=UUID(contribution["plan_id"]),
        entry_id=UUID(contribution["entry_id"]),
        contribution_id=UUID(contribution["contribution_id"]),
        recorded_by=recorded_by,
        stated_by=claim.stated_by or recorded_by,
        stated_at=claim.stated_at,
    )


def _published(section: Section, event: Any, recorded_at: datetime) -> Json:
    provenance = plain(event.provenance)
    told = {name: value for name, value in provenance.items() if name not in _IN_THE_ENVELOPE}
    type_ = event.TOPIC
    content = content_of(event)
    return {
        "plan_id": provenance["plan_id"],
        "section": section.wire_name,
        "entry_id": str(event.originator_id),
        "entry_type": section.entry_type(section.entry_of_event(type_)),
        "entry_version": event.originator_version,
        "type": type_,
        "change": event.change.value,
        "contribution_id": provenance["contribution_id"],
        "recorded_at": instant(recorded_at),
        "content": content,
        "fields": fields_of(type(event), content),
        "provenance": told,
    }


def _add_envelopes(corpus: Corpus, section: Section, played: list[Played]) -> None:
    """One that creates and one that changes, of each section."""
    creates = [one for one in played if section.commands[one.contribution["command"]].creates]
    changes = [one for one in played if one not in creates]
    for one in (*creates[:1], *changes[:1]):
        name = f"{section.wire_name} {one.name}"
        corpus.add(CONTRIBUTION, name, one.contribution)
        corpus.add(RECEIPT, name, one.receipt)
        for event in one.events:
            corpus.add(EVENT, name, event)
    for one in changes[:1]:
        corpus.add(RECEIPT, f"{section.wire_name} refused as stale", _stale(one))
        if CONTRIBUTION not in corpus.invalid:
            corpus.invalid[CONTRIBUTION] = list(spoilt.envelopes(one.contribution))


def _stale(one: Played) -> Json:
    last = one.events[-1]
    by = {k: v for k, v in last["provenance"]["recorded_by"].items() if k != "identifier"}
    since = {
        "entry_version": last["entry_version"],
        "fields": last["fields"],
        "by": by,
        "at": last["recorded_at"],
    }
    return {
        "contribution_id": str(uuid5(_IDS, f"stale/{one.contribution['contribution_id']}")),
        "outcome": "refused",
        "plan_id": last["plan_id"],
        "section": last["section"],
        "code": "base-version-stale",
        "detail": "The entry has moved on.",
        "entry_id": last["entry_id"],
        "entry_version": last["entry_version"],
        "changed_since": [since],
        "recorded_at": last["recorded_at"],
    }


def _said(why: Exception) -> str:
    if isinstance(why, Problem):
        return f"{why.code} {', '.join(error['pointer'] for error in why.errors)}"
    return f"{type(why).__name__} {why}"


def _slug(name: str) -> str:
    plain_name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain_name[:_LONGEST_SLUG].rstrip("-") or "example"
