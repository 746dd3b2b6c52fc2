"""Examples are played through the domain; one that no longer holds is named."""

import pytest

from shared.contracts import discover
from shared.contracts.corpus import NoLongerTaken, play
from shared.ledger.example import Example

GOALS = next(section for section in discover.sections() if section.name == "goals")
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
AGREED = Example(
    "agree a goal",
    "careplan.goals.commands.agree.v1",
    {"aim": {"text": "Walk to the shop"}, "need_ids": [NEED]},
)


def test_a_history_has_versions_and_every_change_is_based_on_the_last() -> None:
    reworded = Example("say it better", "careplan.goals.commands.reword.v1", {"why": "Freedom"})
    refused = Example("no", "careplan.goals.commands.agree.v1", {}, refused="goal-needs-an-aim")
    first, second = play(GOALS, [AGREED, refused, reworded])
    assert first.contribution["based_on"] is None
    assert second.contribution["based_on"] == 1
    assert [event["entry_version"] for event in (*first.events, *second.events)] == [1, 2]
    assert second.events[0]["fields"] == ["why"]
    assert "plan_id" not in second.events[0]["provenance"]
    assert second.receipt["entry_version"] == second.events[-1]["entry_version"]


def test_the_same_examples_give_the_same_history() -> None:
    assert list(play(GOALS, [AGREED])) == list(play(GOALS, [AGREED]))


@pytest.mark.parametrize(
    ("example", "why"),
    [
        (Example("x", "careplan.goals.commands.agree.v1", {"aim": 1, "need_ids": [NEED]}),
         "/content/aim"),
        (Example("x", "careplan.goals.commands.agree.v1", {"aim": {}, "need_ids": [NEED]}),
         "goal-needs-an-aim"),
        (Example("x", "careplan.goals.commands.reword.v1", {"why": "y"}), "entry"),
        (Example("x", "careplan.goals.commands.gone.v1"), "gone"),
    ],
)  # fmt: skip
def test_an_example_that_no_longer_holds_is_named(example: Example, why: str) -> None:
    with pytest.raises(NoLongerTaken, match=f"'x' is no longer taken.*{why}"):
        list(play(GOALS, [example]))
