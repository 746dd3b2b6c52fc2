"""What the load takes from the examples can be read at the doors, whatever section is declared."""

from random import Random
from typing import Any, cast
from uuid import UUID

import pytest

from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.contracts import discover
from shared.ledger import Contributor, Organisation
from tests.faults.load.deeds import Deeds, Life, Plan
from tests.faults.load.sent import NAME, Sent
from tests.faults.load.stories import Story, stories

STORIES = stories()
PLAN = Plan("0199c0de-0000-7000-8000-0000000000a1", "ZZC01")


def contributor(sent: Sent) -> Contributor:
    by: Any = sent.by
    return Contributor(
        kind=by.kind,
        sub=by.claims["sub"],
        name=NAME,
        role=by.role or None,
        organisation=Organisation(by.org) if by.org else None,
        plan_id=UUID(by.plan_id) if by.plan_id else None,
    )


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.entry.__name__))
@pytest.mark.parametrize("door", ["http", "kafka"])
def test_every_step_of_a_story_can_be_read_at_the_doors(story: Story, door: str) -> None:
    deeds, rng = Deeds(cast("Any", None), cast("Any", None), 0), Random("stories")  # noqa: S311 - no secret
    fixed = story.fixed_id(PLAN.id)
    life = Life(story, fixed or PLAN.id, version=3)
    for step in story.steps * 5:
        sent = deeds._new(rng, deeds._step(rng, PLAN, life, step, door))
        prepared = prepare(
            story.section, contribution_from_json(sent.contribution), contributor(sent)
        )
        assert str(prepared.entry_id) == sent.contribution["entry_id"]


def test_a_story_is_of_one_type_of_entry() -> None:
    for story in STORIES:
        assert {story.section.commands[step.command].entry for step in story.steps} == {story.entry}


def test_every_section_but_the_one_that_opens_plans_is_under_load() -> None:
    told = {story.section.name for story in STORIES if story.comes_to_something}
    opening = {
        section.name
        for section in discover.sections()
        if any(entry.opens_plan for entry in section.entries)
    }
    assert told | opening == {section.name for section in discover.sections()}
