"""What the judge says of every example that is accepted: right as it is, and wrong if altered.

The kind of fault is one that the judge passes over: any single value of an event that is another
than the one that follows from what was sent.
"""

import json
from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from shared.chassis.store.mapper import content_of, fields_of
from shared.contracts import discover
from shared.contracts.examples.playing import Answered, play, recorded_when
from shared.ledger import Section
from shared.testing.plain_fold import after
from tests.faults.judge.evidence import Stored
from tests.faults.judge.said import provenance_of, what_is_another
from tests.faults.load.sent import NAME, Party, Sent

Json = dict[str, Any]
SECTIONS = {section.name: section for section in discover.sections()}


@dataclass(frozen=True)
class Told:
    """The first event of one accepted example, what was sent, and what the entry was before."""

    event: Stored
    sent: Sent
    before: Json

    def saying(self, content: Json) -> str:
        """What the judge finds where the event says this."""
        state = {**content, "provenance": self.event.provenance}
        raw = json.dumps(state).encode()
        return what_is_another(replace(self.event, raw=raw), self.sent, self.before)


def told(section: Section) -> Iterator[Told]:
    """Of every accepted example of a section, in turn."""
    entries: dict[UUID, Json] = {}
    played = play(section, discover.examples(section.name) or ())
    accepted = [one for one in played.answers if one.code is None]
    for number, one in enumerate(accepted):
        sent = _sent(section, one)
        for place, event in enumerate(one.events):
            before = entries.get(event.originator_id, {})
            content = _by_one_name(content_of(event))
            if place == 0:
                yield Told(_stored(section, event, content, sent, number), sent, before)
            fields = fields_of(type(event), content, event.originator_version)
            entries[event.originator_id] = after(before, {"content": content}, fields)


@pytest.mark.parametrize("name", SECTIONS)
def test_what_an_example_leads_to_is_right(name: str) -> None:
    wrong = [
        f"{one.event.command}: {found}"
        for one in told(SECTIONS[name])
        if (found := one.saying(one.event.content))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", SECTIONS)
def test_a_value_that_nobody_sent_is_noticed(name: str) -> None:
    passed_over = sorted(
        {
            f"{one.event.command}: {how}"
            for one in told(SECTIONS[name])
            for how, content in spoilt(one.event.content)
            if not one.saying(content)
        }
    )
    assert passed_over == []


def spoilt(said: Json) -> Iterator[tuple[str, Json]]:
    """The same with one value altered, one member left out, or an item left out or there twice."""
    for path, value in _places(said):
        for how, other in _others(value):
            yield f"/{'/'.join(str(step) for step in path)} {how}", _with(said, path, other)


def _with(said: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The same with another value there; what does not lead there is shared."""
    step, *further = path
    content = copy(said)
    if further:
        content[step] = _with(said[step], tuple(further), other)
    elif other is _GONE:
        del content[step]
    else:
        content[step] = other
    return content


_GONE: Any = object()


def _places(said: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    inner = said.items() if isinstance(said, dict) else enumerate(said)
    for step, value in inner:
        yield (*path, step), value
        if isinstance(value, dict | list):
            yield from _places(value, (*path, step))


def _others(value: Any) -> Iterator[tuple[str, Any]]:
    yield "left out", _GONE
    if value is None:
        yield "said", "Something"
    elif isinstance(value, bool):
        yield "turned", not value
    elif isinstance(value, int | float):
        yield "more", value + 1
    elif isinstance(value, str):
        yield "in other words", f"{value} x"
    elif isinstance(value, list) and value:
        yield "with an item twice", [*value, value[-1]]
        yield "emptied", []
    elif isinstance(value, dict):
        yield "removed", None


def _by_one_name(said: Any) -> Any:
    """The examples have another name for a professional than the load."""
    return json.loads(json.dumps(said).replace("Tom Okafor-Synth", NAME))


def _sent(section: Section, one: Answered) -> Sent:
    example = one.example
    works = example.recorded_by_kind in ("professional", "system")
    org, role = (example.organisation or "", example.role or "") if works else ("", "")
    contribution = deepcopy(one.contribution)
    contribution.setdefault("provenance", {})
    by = Party(example.recorded_by_kind, org, contribution["plan_id"], role)
    return Sent(section.name, _by_one_name(contribution), by, "http", "")


def _stored(section: Section, event: Any, content: Json, sent: Sent, number: int) -> Stored:
    ids = {
        "plan_id": sent.plan_id,
        "contribution_id": sent.id,
        "entry_id": str(event.originator_id),
    }
    state = {**content, "provenance": {**provenance_of(sent), **ids}}
    return Stored(
        section.wire_name,
        number + 1,
        str(event.originator_id),
        event.originator_version,
        event.TOPIC,
        json.dumps(state).encode(),
        recorded_when(number),
        None,
        command=sent.contribution["command"],
    )
