"""The examples in ``contracts/``: the sections' own histories, played through their domains.

What a section's ``examples.py`` says is accepted is a valid example of its command, and what the
domain records of it one of its events. Beside them stand contents that were spoilt on purpose.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from shared.chassis.store.mapper import content_of, fields_of
from shared.contracts import discover
from shared.contracts.examples import spoilt
from shared.contracts.examples.playing import (
    Answered,
    NotTaken,
    play,
    recorded_when,
    stated_when,
)
from shared.contracts.schemas import CONTRIBUTION, EVENT, RECEIPT, name_and_major
from shared.ledger import (
    PROFESSIONAL,
    Section,
    change_of,
    instant,
    plain,
)
from shared.ledger.topics import inbox_topic

Json = dict[str, Any]

SENDERS: Final = "examples-sent-by.json"
"""Which token sends each valid example of a command."""

INBOX: Final = "inbox"
"""The folder of whole records, one for each section, that can be sent to an inbox as they are."""

COMMON: Final = frozenset({"mark_in_error", "restrict", "lift_restriction"})
"""What every entry has; an example of each, from any entry, shows them all."""

_IDS: Final = uuid5(NAMESPACE_URL, "careplan-contract-examples")
_IN_THE_ENVELOPE: Final = ("plan_id", "entry_id", "contribution_id")
_LONGEST_SLUG: Final = 60
_SENDER: Final = "zzg01"
_SPEAKER: Final = "Dr A. Quill-Synth"


@dataclass(frozen=True)
class Published:
    """One accepted example: the contribution, and the events as they are published."""

    name: str
    contribution: Json
    events: tuple[Json, ...]
    sent_by: Json

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
    """Examples by the type that they show, and one history per section."""

    valid: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    invalid: dict[str, list[tuple[str, Json]]] = field(default_factory=dict)
    histories: dict[str, list[Json]] = field(default_factory=dict)
    sent_by: dict[tuple[str, str], Json] = field(default_factory=dict)
    """By type and name of an example of a command: whose token sends it, with which provenance."""
    sent: dict[str, Json] = field(default_factory=dict)
    """By section: a record as an organisation puts it into its inbox."""
    broken: list[str] = field(default_factory=list)

    def files(self) -> dict[str, Any]:
        """The values by their paths below ``contracts/``."""
        found: dict[str, Any] = {
            f"histories/{name}.json": history for name, history in self.histories.items()
        }
        found |= {f"{INBOX}/{name}.json": record for name, record in self.sent.items()}
        senders: dict[str, Json] = {}
        for kind, examples in (("valid", self.valid), ("invalid", self.invalid)):
            for type_, named in examples.items():
                folder, major = name_and_major(type_)
                # All majors share a folder; those of the first stand there without a mark.
                mark = "" if major == 1 else f"v{major}-"
                for number, (name, value) in enumerate(named, 1):
                    file = f"{mark}{number:03}-{_slug(name)}.json"
                    path = f"{folder}/examples/{kind}/{file}"
                    found[path] = value
                    if kind == "valid" and (type_, name) in self.sent_by:
                        senders[path] = self.sent_by[type_, name]
        if senders:
            found[SENDERS] = dict(sorted(senders.items()))
        return dict(sorted(found.items()))

    def add(self, type_: str, name: str, value: Any) -> None:
        """One more valid example, unless there is one of the same value."""
        named = self.valid.setdefault(type_, [])
        if all(value != other for _, other in named):
            named.append((name, value))


def corpus_of(sections: Iterable[Section]) -> Corpus:
    """Everything that the sections' examples show."""
    corpus = Corpus()
    for section in sections:
        played = _published_examples(section, corpus.broken)
        for one in played:
            corpus.add(one.contribution["command"], one.name, one.contribution["content"])
            corpus.sent_by.setdefault((one.contribution["command"], one.name), one.sent_by)
            for event in one.events:
                corpus.add(event["type"], one.name, event["content"])
        if played:
            corpus.histories[section.wire_name] = [event for one in played for event in one.events]
        _add_envelopes(corpus, section, played)
    _put_on_one_plan(corpus.sent.values(), sections)
    for section in sections:
        for type_, command in section.commands.items():
            valid = [value for _, value in corpus.valid.get(type_, ())]
            spoiled = spoilt.contents(command, valid, briefly=command.method in COMMON)
            corpus.invalid[type_] = list(spoiled)
    return corpus


def _published_examples(section: Section, broken: list[str]) -> list[Published]:
    """What is accepted; where an example is not answered as it says, that is told."""
    try:
        played = play(section, discover.examples(section.name) or ())
    except NotTaken as error:
        broken.append(str(error))
        return []
    for one in played.answers:
        if one.code != one.example.refused:
            where = f"services/{section.name}/examples.py: {one.example.name!r}"
            broken.append(f"{where} says {one.example.refused}, and is answered {one.code}")
    accepted = (one for one in played.answers if one.code is None)
    return [_publish(section, number, one) for number, one in enumerate(accepted)]


def _publish(section: Section, number: int, one: Answered) -> Published:
    stated_at, recorded_at = stated_when(number), recorded_when(number)
    provenance = {"stated_at": instant(stated_at), **one.contribution.get("provenance", {})}
    contribution = {**plain_json(one.contribution), "provenance": provenance}
    events = (_published(section, event, stated_at, recorded_at) for event in one.events)
    return Published(one.example.name, contribution, tuple(events), _sender_of(one))


def _sender_of(answered: Answered) -> Json:
    """What the token of whoever sends it has to say, and what it claims beside its content.

    The token of a person names the plan besides.
    """
    example, claimed = answered.example, answered.contribution.get("provenance")
    works = example.recorded_by_kind in ("professional", "system")
    said = {
        "kind": example.recorded_by_kind,
        "role": example.role if works else None,
        "organisation": example.organisation if works else None,
        "provenance": plain_json(claimed) if claimed else None,
    }
    return {name: told for name, told in said.items() if told is not None}


def without_example(sections: Iterable[Section], corpus: Corpus) -> list[str]:
    """Commands and events that no example shows; what every entry has needs one in all."""
    missing = []
    shown_somewhere = {
        command.method
        for section in sections
        for type_, command in section.commands.items()
        if type_ in corpus.valid
    }
    for section in sections:
        for type_, command in section.commands.items():
            is_shown = command.method in COMMON and command.method in shown_somewhere
            if type_ not in corpus.valid and not is_shown:
                missing.append(type_)
        for type_, event in section.events.items():
            is_common = event.__name__ in _COMMON_EVENTS
            # Nothing records what a later major has followed; what it left is kept as published.
            is_past = event.followed_by is not None
            if type_ not in corpus.valid and not is_common and not is_past:
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


def _published(section: Section, event: Any, stated_at: datetime, recorded_at: datetime) -> Json:
    provenance = {**plain(event.provenance), "stated_at": instant(stated_at)}
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
        "change": change_of(type(event), event.originator_version).value,
        "contribution_id": provenance["contribution_id"],
        "recorded_at": instant(recorded_at),
        "content": content,
        "fields": fields_of(type(event), content, event.originator_version),
        "provenance": told,
    }


def _add_envelopes(corpus: Corpus, section: Section, played: list[Published]) -> None:
    """One that creates and one that changes, of each section."""
    creates = [one for one in played if section.commands[one.contribution["command"]].creates]
    changes = [one for one in played if one not in creates]
    by_staff = [one for one in creates if one.sent_by["kind"] == PROFESSIONAL]
    if by_staff:
        shortest = min(by_staff, key=lambda one: len(str(one.contribution)))
        corpus.sent[section.wire_name] = _record(shortest)
    for one in (*creates[:1], *changes[:1]):
        name = f"{section.wire_name} {one.name}"
        corpus.add(CONTRIBUTION, name, one.contribution)
        corpus.sent_by[CONTRIBUTION, name] = one.sent_by
        corpus.add(RECEIPT, name, one.receipt)
        for event in one.events:
            corpus.add(EVENT, name, event)
    for one in changes[:1]:
        corpus.add(RECEIPT, f"{section.wire_name} refused as stale", _stale(one))
        if CONTRIBUTION not in corpus.invalid:
            corpus.invalid[CONTRIBUTION] = list(spoilt.envelopes(one.contribution))


def _record(one: Published) -> Json:
    """What a system sends for the professional who says it."""
    said = {"kind": PROFESSIONAL, "name": _SPEAKER, "role": one.sent_by["role"]}
    provenance = {"stated_by": said, "system": {"name": "Example EPR"}}
    value = {
        **one.contribution,
        "provenance": {**provenance, **one.contribution["provenance"]},
    }
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": value["contribution_id"],
        "ce_source": f"urn:careplan:org:{_SENDER}",
        "ce_type": value["command"],
    }
    topic = inbox_topic(_SENDER)
    return {"topic": topic, "key": value["plan_id"], "headers": headers, "value": value}


def _put_on_one_plan(records: Iterable[Json], sections: Iterable[Section]) -> None:
    """Whoever sends the one that opens a plan can then send all the others."""
    opening = {
        type_
        for section in sections
        for type_, command in section.commands.items()
        if command.opens_plan
    }
    told = list(records)
    for plan_id in [one["key"] for one in told if one["value"]["command"] in opening]:
        for one in told:
            one["key"] = one["value"]["plan_id"] = plan_id
            if one["value"]["command"] not in opening:
                one["value"].pop("entry_id", None)  # it may follow from the plan


def _stale(one: Published) -> Json:
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


def _slug(name: str) -> str:
    plain_name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain_name[:_LONGEST_SLUG].rstrip("-") or "example"
