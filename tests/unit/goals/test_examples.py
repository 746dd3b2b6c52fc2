from functools import cache

import pytest

from services.goals.examples import EXAMPLES
from services.goals.section import SECTION
from shared.contracts.examples.playing import Played, play
from shared.ledger.example import Example
from shared.testing.scenario import read_again

REFUSALS = {
    "goal-needs-an-aim",
    "goal-needs-a-need",
    "goal-already-set-aside",
    "importance-is-the-persons",
    "goal-not-set-aside",
    "action-needs-code-or-text",
    "action-needs-a-goal",
    "action-needs-one-accountable-party",
    "action-already-set-aside",
    "confidence-is-the-persons",
    "action-not-set-aside",
    "stage-goal-needs-an-aim",
    "stage-goal-already-set-aside",
    "stage-goal-not-set-aside",
    "outcome-needs-code-or-text",
    "outcome-already-set-aside",
    "outcome-not-set-aside",
    "comment-is-the-persons",
    "correction-belongs-to-the-origin",
    "reason-missing",
    "needs-code-or-text",
    "ends-before-it-starts",
    "entry-not-restricted",
    "withholding-needs-an-approver",
}


@cache
def played() -> Played:
    return play(SECTION, EXAMPLES)


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=lambda n: EXAMPLES[n].name)
def test_every_example_is_answered_as_it_says(number: int) -> None:
    example: Example = EXAMPLES[number]
    answered = played().answers[number]
    assert (answered.example, answered.code) == (example, example.refused)


def test_every_command_has_an_accepted_example() -> None:
    accepted = {example.command for example in EXAMPLES if example.refused is None}
    assert accepted == set(SECTION.commands)


def test_every_event_happens() -> None:
    assert played().event_types == set(SECTION.events)


def test_every_refusal_has_an_example() -> None:
    assert {example.refused for example in EXAMPLES} >= REFUSALS


def test_no_command_has_two_examples_of_one_name() -> None:
    named = [(example.command, example.name) for example in EXAMPLES]
    assert len(named) == len(set(named))


def test_every_history_is_read_back_as_the_same_entry() -> None:
    for entry_id, events in played().events.items():
        assert read_again(events) == played().entries[entry_id]
