"""Histories that no section would write, in orders in which they never come; the same by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from uuid import UUID

from shared.ledger import RecordedEvent
from shared.testing.events import GP, History

_PARTIES: Sequence[Mapping[str, Any]] = (
    GP,
    {"kind": "person", "name": "Edith Marlow-Synth"},
    {"kind": "system", "organisation": {"local_id": "x", "name": "A charity"}},
    {"kind": "related-person", "name": "Ruth Marlow-Synth", "relationship": "daughter"},
)
_NAMES = ("made", "changed", "confirmed", "table-confirmed", "restricted", "entered-in-error")
_OF_THE_PERSON = ("plan-ended", "plan-reopened", "plan-merged", "plan-unmerged", *_NAMES)
_CHANGES = ("created", "amended", "amended", "withdrawn", "restored")
_SCALARS = (None, True, False, 0, 7, -1, 1.0, 0.1, 1e300, 2**60, "", "x", "é\u0001", '"]}', "null")
_KEYS = ("a", "b", "media", "visibility", "responses")
_DEEPEST = 3
_LEAVES = ("a", "b", "media", "never said")


def history_of(
    random: Random, plan_id: UUID, events: int, entries: Sequence[UUID]
) -> list[RecordedEvent]:
    """Events of one plan in their order, whatever they say."""
    history = History(plan_id)
    made = [history.opened()]
    last_of: dict[tuple[str, UUID], UUID] = {}
    while len(made) < events:
        section = random.choice(("goals", "about-me", "person", "sleep-diary"))
        is_of_the_plan = section == "person" and _mostly(random)
        content: dict[str, Any] = {
            key: _value(random) for key in random.sample(_KEYS, random.randrange(4))
        }
        if "visibility" in content:  # one that keeps it from nobody
            content["visibility"] = random.choice((None, {"reason": _value(random)}))
        fields = list(content)
        if _rarely(random):
            key = random.choice(("responses", "a"))
            leaves = random.sample(_LEAVES, random.randrange(1, 4))
            content[key] = {leaf: _value(random) for leaf in leaves if leaf != "never said"}
            fields += [f"{key}.{leaf}" for leaf in leaves]
        name = random.choice(_OF_THE_PERSON if is_of_the_plan else _NAMES)
        # Of the others of a plan nobody would read it.
        if is_of_the_plan and name in ("plan-merged", *_NAMES[:-1]):
            content["merged_into"] = str(UUID(int=random.randrange(2, 4)))
        random.shuffle(fields)
        if _rarely(random):
            content["reason"] = _value(random)
        entry_id = plan_id if is_of_the_plan else random.choice(entries)
        event = history.event(
            section,
            name,
            entry_id,
            random.choice(_CHANGES),
            content,
            entry_type=random.choice(("goal", "goal", "comment")),
            fields=fields,
            contribution_id=last_of.get((section, entry_id)) if _rarely(random) else None,
            recorded_by=random.choice(_PARTIES),
            stated_by=random.choice(_PARTIES),
        )
        last_of[section, entry_id] = event.contribution_id
        if _rarely(random):
            why = {"reason": random.choice(("Moved", None))}
            event = replace(event, provenance={**event.provenance, **why})
        if _rarely(random):
            ref = {"system": {"name": random.choice(("EPR", "App"))}, "source_ref": {"id": "7"}}
            event = replace(event, provenance={**event.provenance, **ref})
        made.append(event)
    return made


def as_it_comes(random: Random, events: Sequence[RecordedEvent]) -> list[list[RecordedEvent]]:
    """The events with repeats, gaps and disorder, cut into batches."""
    came = [event for event in events for _ in range(random.choice((1, 1, 1, 2, 0)))]
    if random.choice((True, False)):
        random.shuffle(came)
    cuts = sorted(random.randrange(len(came) + 1) for _ in range(random.randrange(5)))
    return [came[a:b] for a, b in zip([0, *cuts], [*cuts, len(came)], strict=True)]


def _mostly(random: Random) -> bool:
    return random.choice((True, True, False))


def _rarely(random: Random) -> bool:
    return random.choice((True, False, False, False))


def _value(random: Random, depth: int = 0) -> Any:
    kind = random.choice(("scalar", "list", "object")) if depth < _DEEPEST else "scalar"
    if kind == "scalar":
        return random.choice(_SCALARS)
    if kind == "list":
        return [_item(random, depth) for _ in range(random.randrange(4))]
    keys = random.sample(("a", "media", "text"), random.randrange(3))
    return {key: _value(random, depth + 1) for key in keys}


def _item(random: Random, depth: int) -> Any:
    if _rarely(random):
        return _value(random, depth + 1)
    item: dict[str, Any] = {"n": random.randrange(2)}
    if _mostly(random):
        item["item_id"] = random.choice(("i", "j", "i.j", 5))
    if _mostly(random):
        item["media_id"] = random.choice(("m", "n"))
    return item if _mostly(random) else dict(reversed(item.items()))


# The clocks go back and forward in the United Kingdom on these days, at 01:00 UTC.
_AUTUMN, _SPRING = datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC)
_STEP = timedelta(minutes=15)
_DATES = ("starts_at", "live_from", "ends_at", "live_until")


def told_at_odd_times(random: Random, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """The same events, recorded and said at few instants around the changes of the clocks.

    Each section has a clock of its own that never falls and often stands still; what is said is
    said before, after or at the same time, with any offset, and sometimes from and until when.
    """
    clocks: dict[str, datetime] = {}
    made = []
    for event in events:
        began = clocks.get(event.section, _AUTUMN + random.randrange(6) * _STEP)
        at = began + random.choice((0, 0, 1, 2)) * _STEP
        if _rarely(random) and at < _SPRING:
            at = _SPRING + random.randrange(3) * _STEP
        clocks[event.section] = at
        provenance = dict(event.provenance)
        del provenance["stated_at"]
        if _mostly(random):
            provenance["stated_at"] = _some_instant(random)
        given = {name: _some_instant(random) for name in _DATES if _rarely(random)}
        type_ = event.type
        if _rarely(random) and event.section != "person":
            type_ = f"careplan.{event.section}.words-corrected.v1"
        made.append(
            replace(
                event,
                recorded_at=at,
                provenance=provenance,
                type=type_,
                content={**event.content, **given},
                fields=(*event.fields, *given),
            )
        )
    return made


def _some_instant(random: Random) -> str:
    at = random.choice((_AUTUMN, _SPRING)) + random.randrange(-4, 10) * _STEP
    if _rarely(random):
        at += timedelta(microseconds=1)
    return at.astimezone(timezone(timedelta(hours=random.choice((0, 1, -5))))).isoformat()
