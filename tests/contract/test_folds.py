"""Every history ever published folds, at each of its versions, to the plan that its events tell.

The service's fold and the plain one, which shares no code with it, agree on each.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.plan.fold.domain import Accepted, Outcome, Plan, fold
from services.plan.store.document import plan_document, shown
from services.plan.store.reading import read_event
from shared.contracts import discover
from shared.contracts.generate import CONTRACTS
from shared.testing.plain_fold import Taken, plan_of
from tests.faults.judge.published import difference

HISTORIES = sorted((CONTRACTS / "histories").glob("*.json"))
Event = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """An event as it stands on its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


def plans_in(path: Path) -> dict[str, list[Event]]:
    plans: dict[str, list[Event]] = defaultdict(list)
    for event in json.loads(path.read_text("utf-8")):
        plans[event["plan_id"]].append(event)
    return plans


def take(plan: Plan, event: Event, accepted: list[Event]) -> Outcome:
    """Folds the event as it is published, and notes which events the plan accepts of it."""

    def note(_: Plan, __: object, one: Accepted) -> None:
        accepted.append(orjson.loads(one.event.value))

    topic = f"careplan.{event['section']}.events.v1"
    record = Record(topic, event["plan_id"].encode(), orjson.dumps(event))
    return fold(plan, read_event(record).event, note)


def document(plan: Plan) -> Event:
    told: Event = json.loads(plan_document(plan, [shown(one) for one in plan.entries.values()]))
    return told


def plain(plan_id: str, events: list[Event]) -> Event:
    return plan_of(plan_id, Taken(list(events)))


def test_every_section_has_a_history_to_fold() -> None:
    assert {path.stem for path in HISTORIES} >= {s.wire_name for s in discover.sections()}
    for path in HISTORIES:
        assert plans_in(path), path


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_each_version_of_a_history_is_what_its_events_say(path: Path) -> None:
    for plan_id, events in plans_in(path).items():
        plan, accepted = Plan(UUID(plan_id)), list[Event]()
        for event in events:
            assert take(plan, event, accepted) is Outcome.APPLIED
            assert difference(document(plan), plain(plan_id, accepted)) == "", event["type"]
        assert accepted == events


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_that_comes_backwards_and_twice_is_the_same_plan(path: Path) -> None:
    for plan_id, events in plans_in(path).items():
        plan, accepted = Plan(UUID(plan_id)), list[Event]()
        for event in [*reversed(events), *events]:
            take(plan, event, accepted)
        assert difference(document(plan), plain(plan_id, accepted)) == ""
        assert sorted(map(_key, accepted)) == sorted(map(_key, events))


def _key(event: Event) -> tuple[str, int]:
    return event["entry_id"], event["entry_version"]
