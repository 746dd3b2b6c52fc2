"""Examples are played through the domain; one that no longer holds is named."""

from datetime import datetime

import orjson
import pytest

from shared.chassis.kafka.event_message import EventPublisher
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import StoredRow
from shared.contracts import discover
from shared.contracts.examples.corpus import corpus_of
from shared.contracts.examples.playing import NotTaken, play
from shared.ledger import Section
from shared.ledger.example import Example

GOALS = next(section for section in discover.sections() if section.name == "goals")
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
AGREED = Example(
    "agree a goal",
    "careplan.goals.commands.agree.v1",
    {"aim": {"text": "Walk to the shop"}, "need_ids": [NEED]},
)
REWORDED = Example("say it better", "careplan.goals.commands.reword.v1", {"why": "Freedom"})
NO_AIM = Example(
    "no",
    "careplan.goals.commands.agree.v1",
    {"aim": {}, "need_ids": [NEED]},
    refused="goal-needs-an-aim",
)


def test_a_history_has_versions_and_every_change_is_based_on_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discover, "examples", lambda _: [AGREED, NO_AIM, REWORDED])
    corpus = corpus_of([GOALS])
    assert corpus.broken == []
    first, second = corpus.histories["goals"]
    assert [event["entry_version"] for event in (first, second)] == [1, 2]
    assert second["fields"] == ["why"]
    assert "plan_id" not in second["provenance"]
    creates, changes = (value for _, value in corpus.valid["careplan.contribution.v1"])
    assert "based_on" not in creates
    assert changes["based_on"] == 1
    receipts = [value for _, value in corpus.valid["careplan.receipt.v1"]]
    assert receipts[1]["entry_version"] == second["entry_version"]


@pytest.mark.parametrize("section", discover.sections(), ids=lambda one: one.name)
def test_a_history_shows_what_the_section_stores_and_publishes(section: Section) -> None:
    told = corpus_of([section]).histories[section.wire_name]
    played = play(section, discover.examples(section.name) or ())
    happened = [event for one in played.answers if one.code is None for event in one.events]
    for shown, event in zip(told, happened, strict=True):
        stored = EntryMapper().to_stored_event(event)
        at = datetime.fromisoformat(shown["recorded_at"])
        entry_id, version = event.originator_id, event.originator_version
        row = StoredRow(1, entry_id, version, stored.topic, stored.state, at, None, None)
        value = orjson.loads(EventPublisher(section).message(row)[1])
        assert {**value, "provenance": {}} == {**shown, "provenance": {}}
        assert {**value["provenance"], "stated_at": ""} == {**shown["provenance"], "stated_at": ""}


def test_the_same_examples_give_the_same_history() -> None:
    one, two = (play(GOALS, [AGREED]).answers[0] for _ in range(2))
    assert one.contribution == two.contribution
    assert [event.aim for event in one.events] == [event.aim for event in two.events]


@pytest.mark.parametrize(
    ("example", "why"),
    [
        (Example("x", "careplan.goals.commands.agree.v1", {"aim": 1, "need_ids": [NEED]}),
         "/content/aim"),
        (Example("x", "careplan.goals.commands.gone.v1"), "gone"),
    ],
)  # fmt: skip
def test_an_example_that_cannot_be_read_any_more_is_named(
    example: Example, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotTaken, match=f"'x' is no longer taken.*{why}"):
        play(GOALS, [example])
    monkeypatch.setattr(discover, "examples", lambda _: [example])
    assert [why in told for told in corpus_of([GOALS]).broken] == [True]


@pytest.mark.parametrize(
    ("example", "answered"),
    [
        (Example("x", "careplan.goals.commands.agree.v1", {"aim": {}, "need_ids": [NEED]}),
         "says None, and is answered goal-needs-an-aim"),
        (Example("x", "careplan.goals.commands.reword.v1", {"why": "y"}), "entry-unknown"),
        (Example("x", AGREED.command, AGREED.content, refused="goal-needs-an-aim"),
         "says goal-needs-an-aim, and is answered None"),
    ],
)  # fmt: skip
def test_an_example_that_is_answered_otherwise_is_named(
    example: Example, answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "examples", lambda _: [example])
    (told,) = corpus_of([GOALS]).broken
    assert "'x'" in told
    assert answered in told
