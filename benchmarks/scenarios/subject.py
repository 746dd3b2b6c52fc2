"""What is measured with: a goal, reworded by the same people in the same words each time."""

from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from services.goals.domain.goal import Goal
from services.goals.section import SECTION
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import ReceiptRow
from shared.ledger import (
    Agent,
    CodedText,
    Contributor,
    Identifier,
    NeedRef,
    Organisation,
    Provenance,
)

LONGEST_STREAM = 50

NURSE = Contributor(
    kind="professional",
    sub="synth-nurse",
    name="Tom Okafor-Synth",
    role="nurse",
    organisation=Organisation("ZZC01"),
)
_BY = Agent(
    kind="professional",
    name=NURSE.name,
    role=NURSE.role,
    organisation=NURSE.organisation,
    identifier=Identifier("sub", NURSE.sub),
)
_NEED = NeedRef("needs", UUID("0199c0de-0000-7000-8000-0000000000b1"))
_WORDS = ("walk", "to the shop", "and back", "by myself", "with the frame", "before Christmas")
_random = Random(20261124)  # noqa: S311 - the same words in every run
_AIMS = tuple(CodedText(" ".join(_random.choices(_WORDS, k=7))) for _ in range(97))


def provenance(plan_id: UUID, entry_id: UUID) -> Provenance:
    """Who says it, in a contribution of its own."""
    return Provenance(
        plan_id=plan_id,
        entry_id=entry_id,
        contribution_id=uuid7(),
        recorded_by=_BY,
        stated_by=_BY,
    )


def agreed(plan_id: UUID) -> Goal:
    """A new goal, with its first event pending."""
    said = provenance(plan_id, uuid7())
    return Goal.agree(said, aim=_AIMS[0], need_ids=(_NEED,), why="So I can choose my own things")


def reword(goal: Goal, number: int) -> None:
    """One more event of the goal."""
    goal.reword(provenance(goal.plan_id, goal.id), aim=_AIMS[number % len(_AIMS)])


def receipt(goal: Goal) -> ReceiptRow:
    """The receipt kept with the goal's pending event, as large as a real one."""
    event: Any = goal.pending_events[-1]
    told = {
        "contribution_id": event.provenance.contribution_id,
        "outcome": "accepted",
        "plan_id": goal.plan_id,
        "section": SECTION.wire_name,
        "entry_id": goal.id,
        "entry_version": event.originator_version,
        "events": [{"type": event.TOPIC, "entry_version": event.originator_version}],
    }
    return ReceiptRow(event.provenance.contribution_id, NURSE.key, b"\0" * 32, orjson.dumps(told))


@cache
def sample_state() -> bytes:
    """The bytes of one such event as they are stored."""
    goal = agreed(uuid7())
    goal.collect_events()
    reword(goal, 1)
    state: bytes = EntryMapper().to_stored_event(goal.pending_events[0]).state
    return state
