"""What a command leads to stands in its contract: at least what any example shows."""

import json

import pytest

from shared.contracts import discover
from shared.contracts.examples.playing import play
from shared.contracts.generate import CONTRACTS
from shared.contracts.outcomes import (
    OF_ANY_CHANGE,
    OF_ANY_COMMAND,
    recorded_by,
    refusals_of,
)
from shared.contracts.schemas import CONTRIBUTION, name_and_major
from shared.ledger import Command, Section

SECTIONS = discover.sections()
COMMANDS = {type_: one for section in SECTIONS for type_, one in section.commands.items()}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_each_refusal_that_an_example_shows_is_in_the_contract_of_its_command(
    section: Section,
) -> None:
    shown = [one for one in discover.examples(section.name) if one.refused]
    assert shown
    missing = [
        (one.command, one.refused)
        for one in shown
        if one.refused not in _all_of(section.commands[one.command])
    ]
    assert not missing


def _all_of(command: Command) -> set[str]:
    changes = () if command.creates else OF_ANY_CHANGE
    return {*refusals_of(command), *OF_ANY_COMMAND, *changes}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_each_event_that_an_example_leads_to_is_in_the_contract_of_its_command(
    section: Section,
) -> None:
    played = play(section, discover.examples(section.name))
    unnamed = {
        (answer.example.command, type(event).TOPIC)
        for answer in played.answers
        for event in answer.events
        if type(event).TOPIC not in recorded_by(section, section.commands[answer.example.command])
    }
    assert not unnamed
    silent = [t for t, one in section.commands.items() if not recorded_by(section, one)]
    assert not silent


def test_what_a_command_never_says_is_not_in_its_contract() -> None:
    agree = refusals_of(COMMANDS["careplan.goals.commands.agree.v1"])
    assert "goal-needs-a-need" in agree
    assert "goal-not-set-aside" not in agree, "that is said of putting back"
    assert "media-unknown" not in agree, "a goal has no media"
    resume = refusals_of(COMMANDS["careplan.goals.commands.resume.v1"])
    assert "goal-not-set-aside" in resume
    assert "goal-needs-a-need" not in resume


def test_each_refusal_says_in_a_sentence_what_would_be_right() -> None:
    bare = [
        (type_, code)
        for type_, command in COMMANDS.items()
        for code, words in refusals_of(command).items()
        if not words
    ]
    assert not bare


def test_what_is_refused_to_all_stands_in_the_contract_of_a_contribution() -> None:
    name, _ = name_and_major(CONTRIBUTION)
    schema = json.loads((CONTRACTS / name / "1.0.json").read_text("utf-8"))
    assert schema["x-refuses"].keys() == set(OF_ANY_COMMAND)
    assert schema["x-refuses-changes"].keys() == set(OF_ANY_CHANGE)
