"""What an event must say of what was sent: each rule, kept and broken."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.contracts import discover
from tests.faults.judge.evidence import Stored
from tests.faults.judge.promised.contract import completed, known
from tests.faults.judge.promised.rules import Case, said_by
from tests.faults.judge.said import provenance_of, what_is_another
from tests.faults.load.sent import Party, Sent

ID = UUID(int=7)
Json = dict[str, Any]


def another(
    command: str,
    type_: str,
    given: Json,
    said: Json,
    before: Json | None = None,
    *,
    visibility: Json | None = None,
) -> str:
    contribution = {
        "contribution_id": str(ID),
        "plan_id": "p1",
        "command": f"careplan.{command}.v1",
        "content": given,
        "provenance": {"reason": "word"},
        **({"visibility": visibility} if visibility else {}),
    }
    sent = Sent("goals", contribution, Party("professional", "ZZG01", role="nurse"), "http", "word")
    ids = {"plan_id": "p1", "entry_id": "e1", "contribution_id": str(ID)}
    state = {**said, "provenance": {**provenance_of(sent), **ids}}
    raw, at = json.dumps(state).encode(), datetime.now(UTC)
    full = str(contribution["command"])
    event = Stored("goals", 1, "e1", 1, f"careplan.{type_}.v1", raw, at, None, command=full)
    return what_is_another(event, sent, before or {})


def practice(ods: str, details: str = "") -> Json:
    return {"ods": ods, "details": details}


NEW = {"item_id": str(uuid5(ID, "gp_practices/0"))}
OTHER = {**practice("B"), "item_id": str(ID)}
NOW = {"added_at": datetime.now(UTC).isoformat()}
LONG_AGO = {"added_at": "2026-01-01T00:00:00Z"}
PICTURE, FILM = {"media_id": "m", "caption": "c"}, {"media_id": "l", **LONG_AGO}


@pytest.mark.parametrize(
    ("command", "type_", "given", "said", "spoilt", "before"),
    [
        (
            "goals.commands.reword", "goals.reworded",
            {"why": None}, {"why": None}, {"why": "x"}, {},
        ),
        (
            "goals.commands.reword", "goals.reworded",
            {"aim": {"text": "a"}}, {"aim": {"text": "a"}}, {}, {},
        ),
        (
            "goals.commands.reword", "goals.reworded",
            {"aim": {"text": "a"}}, {"aim": {"text": "a"}}, {"aim": {"text": "a"}, "why": None},
            {"why": "So"},
        ),
        (
            "goals.commands.set-aside", "goals.set-aside",
            {"reason": "r"}, {"reason": "r"}, {"reason": "s"}, {},
        ),
        (
            "about-me.commands.clear", "about-me.cleared",
            {"heading": "h", "reason": "r"},
            {"responses": {"h": None}, "reason": "r"},
            {"responses": {"h": None, "g": None}, "reason": "r"},
            {},
        ),
        (
            "goals.commands.action-restrict", "goals.action-restricted",
            {"labels": ["a"], "reason": "r"},
            {"visibility": {"labels": ["a"], "reason": "r", "withheld_from_person": False,
                            "third_party": False}},
            {"visibility": {"labels": ["a"], "reason": "r", "withheld_from_person": True,
                            "third_party": False}},
            {},
        ),
        (
            "goals.commands.lift-restriction", "goals.restriction-lifted",
            {"reason": "r"},
            {"visibility": None, "reason": "r"}, {"visibility": {}, "reason": "r"}, {},
        ),
        (
            "person.commands.register-with-practice", "person.registered-with-practice",
            {"practice": practice("A", "d")},
            {"gp_practices": [OTHER, {**practice("A", "d"), **NEW}]},
            {"gp_practices": [{**practice("A", "d"), **NEW}]},
            {"gp_practices": [OTHER]},
        ),
        (
            "person.commands.leave-practice", "person.left-practice",
            {"ods": "A"},
            {"gp_practices": [OTHER]}, {"gp_practices": []},
            {"gp_practices": [OTHER, {**practice("A"), **NEW}]},
        ),
        (
            "about-me.commands.add-media", "about-me.media-added",
            {"heading": "h", "media": PICTURE},
            {"responses": {"h": {"text": "t", "media": [FILM, {**PICTURE, **NOW}]}}},
            {"responses": {"h": {"media": [FILM, {**PICTURE, **NOW}]}}},
            {"responses": {"h": {"text": "t", "media": [FILM]}, "g": {"text": "x"}}},
        ),
        (
            "about-me.commands.remove-media", "about-me.media-removed",
            {"media_id": "m", "reason": "r"},
            {"responses": {"h": None, "g": {"text": "t"}}, "reason": "r"},
            {"responses": {"h": None, "g": None}, "reason": "r"},
            {"responses": {"h": {"media": [{**PICTURE, **NOW}]},
                           "g": {"text": "t", "media": [{**PICTURE, **NOW}]},
                           "f": {"media": [FILM]}}},
        ),
        (
            "person.commands.open-plan", "person.plan-opened",
            {"nhs_number": {"value": "1", "verification": "traced-and-verified"}, "aliases": []},
            {"nhs_number": {"value": "1", "verification": "present-not-verified"},
             "plan_state": "open"},
            {"nhs_number": {"value": "1", "verification": "traced-and-verified"},
             "plan_state": "open"},
            {},
        ),
        (
            "person.commands.end-plan", "person.plan-ended",
            {"reason": "r"},
            {"reason": "r", "plan_state": "ended", "ended_at": None},
            {"reason": "r", "plan_state": "open", "ended_at": None},
            {},
        ),
        (
            "person.commands.reopen-plan", "person.plan-reopened",
            {"reason": "r"},
            {"reason": "r", "plan_state": "open"}, {"reason": "r", "plan_state": "ended"}, {},
        ),
    ],
)  # fmt: skip
def test_an_event_says_what_its_command_leads_to(
    command: str, type_: str, given: Json, said: Json, spoilt: Json, before: Json
) -> None:
    assert another(command, type_, given, said, before) == ""
    assert another(command, type_, given, spoilt, before) != ""


@pytest.mark.parametrize("added_at", [{}, LONG_AGO])
def test_media_say_when_they_were_added_and_that_is_now(added_at: Json) -> None:
    said = {"responses": {"h": {"media": [{**PICTURE, **added_at}]}}}
    given = {"heading": "h", "media": PICTURE}
    add = ("about-me.commands.add-media", "about-me.media-added")
    assert another(*add, given, said) != ""
    held = {"responses": {"h": {"media": [{**PICTURE, **LONG_AGO}]}}}
    assert another(*add, given, held, held) == ""
    again = {"responses": {"h": {"media": [{**PICTURE, **NOW}]}}}
    assert another(*add, given, again, held) != ""


def test_what_is_withheld_from_the_start_is_said_whole() -> None:
    given = {"aim": {"text": "a"}, "strength_ids": []}
    withheld = {"labels": ["x"], "fields": ["aim"], "reason": "r"}
    said = {"aim": {"text": "a"}, "visibility": {**withheld, "withheld_from_person": False,
                                                 "third_party": False}}  # fmt: skip
    agree = ("goals.commands.agree", "goals.agreed")
    assert another(*agree, given, said, visibility=withheld) == ""
    assert another(*agree, given, {"aim": {"text": "a"}}, visibility=withheld) != ""
    assert another(*agree, given, said) != ""


def test_it_carries_the_word_and_the_names_of_whoever_sent_it() -> None:
    sent = Sent(
        "goals",
        {
            "plan_id": "p1",
            "contribution_id": str(ID),
            "provenance": {
                "reason": "word",
                "stated_at": "2026-11-02T01:00:00.5+01:00",
                "system": {"name": "EPR"},
                "stated_by": {"kind": "person"},
            },
        },
        Party("system", "ZZC01"),
        "kafka",
        "word",
    )
    assert provenance_of(sent) == {
        "reason": "word",
        "stated_at": "2026-11-02T00:00:00.500000Z",
        "system": {"name": "EPR"},
        "stated_by": {"kind": "person"},
        "recorded_by": {
            "kind": "system",
            "name": "EPR",
            "organisation": {"ods": "ZZC01"},
            "identifier": {"kind": "sub", "value": "org:ZZC01"},
        },
    }


def test_an_item_that_had_no_id_was_given_the_one_that_follows_from_its_place() -> None:
    given = {
        "what": [{"text": "a"}, {"text": "b", "item_id": "mine"}],
        "who": {"identifiers": [{}]},
    }
    said: Json = {
        "what": [
            {"text": "a", "item_id": str(uuid5(ID, "what/0"))},
            {"text": "b", "item_id": "mine"},
        ],
        "who": {"identifiers": [{"item_id": str(uuid5(ID, "who.identifiers/0"))}]},
    }
    plan = ("goals.commands.action-plan", "goals.action-planned")
    assert another(*plan, given, said) == ""
    said["what"] = [{"text": "a", "item_id": str(uuid5(ID, "what/1"))}, *said["what"][1:]]
    assert another(*plan, given, said) != ""


def test_every_event_that_is_declared_has_its_place_in_a_history() -> None:
    """What is not there could be judged by nobody: its entry, its change, what it always says."""
    for section in discover.sections():
        for type_ in section.events:
            assert known(type_).entry_type == section.entry_type(section.entry_of_event(type_))
            assert known(type_).change == section.events[type_].change


def test_whoever_has_no_name_holds_a_review_and_answers_without_one() -> None:
    """A person whose word comes by a system is a kind of speaker and nothing more."""
    case = Case(
        given={"outcome": "accepted", "reason": None},
        before={},
        said={},
        contribution_id=ID,
        recorded_at=datetime.now(UTC),
        stated_at=None,
        stated_by={"kind": "person"},
        recorded_by={"kind": "system"},
    )
    answered = said_by("careplan.stewardship.commands.comment-answer.v1", case)
    assert completed("careplan.stewardship.comment-answered.v1", answered, ID) == {
        "answer": {"outcome": "accepted"}
    }
    held = said_by("careplan.stewardship.commands.review-hold.v1", case)
    assert held["held"][0]["by"] == {"kind": "person"}
