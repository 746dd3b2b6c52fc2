"""What an event must say of what was sent: each rule, kept and broken."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from tests.faults.judge.evidence import Stored
from tests.faults.judge.said import what_is_another
from tests.faults.load.sent import Party, Sent

ID = UUID(int=7)
Json = dict[str, Any]


def another(
    command: str, given: Json, said: Json, *, nonce: str = "word", org: str = "ZZG01"
) -> str:
    contribution = {
        "contribution_id": str(ID),
        "command": f"careplan.goals.commands.{command}.v1",
        "content": given,
    }
    sent = Sent("goals", contribution, Party("professional", "ZZG01"), "http", nonce)
    recorded_by = {"kind": "professional", "organisation": {"ods": org}}
    state = {**said, "provenance": {"recorded_by": recorded_by, "reason": "word"}}
    raw = json.dumps(state).encode()
    event = Stored("goals", 1, "e1", 1, "x", raw, datetime.now(UTC), None)
    return what_is_another([event], sent)


def practice(ods: str, details: str = "") -> Json:
    return {"ods": ods, "details": details, "temporary": False}


@pytest.mark.parametrize(
    ("command", "given", "said", "spoilt"),
    [
        ("reword", {"why": None}, {"why": None}, {"why": "x"}),
        ("reword", {"aim": {"text": "a"}}, {"aim": {"text": "a"}}, {}),
        ("set-aside", {"reason": "r"}, {"reason": "r"}, {"reason": "s"}),
        (
            "clear",
            {"heading": "h", "reason": "r"},
            {"responses": {"h": None}, "reason": "r"},
            {"responses": {"g": None}, "reason": "r"},
        ),
        (
            "action-restrict",
            {"labels": ["a"], "reason": "r"},
            {"visibility": {"labels": ["a"], "reason": "r"}},
            {"visibility": {"labels": [], "reason": "r"}},
        ),
        (
            "lift-restriction",
            {"reason": "r"},
            {"visibility": None, "reason": "r"},
            {"visibility": {}, "reason": "r"},
        ),
        (
            "register-with-practice",
            {"practice": {"ods": "A", "details": "d"}},
            {"gp_practices": [practice("B"), practice("A", "d")]},
            {"gp_practices": [practice("B")]},
        ),
        (
            "leave-practice",
            {"ods": "A"},
            {"gp_practices": [practice("B")]},
            {"gp_practices": [practice("B"), practice("A")]},
        ),
        (
            "add-media",
            {"heading": "h", "media": {"media_id": "m"}},
            {
                "responses": {
                    "h": {"media": [{"media_id": "l"}, {"media_id": "m", "added_at": "t"}]}
                }
            },
            {"responses": {"h": {"media": [{"media_id": "l"}, {"media_id": "m"}]}}},
        ),
        (
            "remove-media",
            {"media_id": "m", "reason": "r"},
            {"responses": {"h": None, "g": {"media": [{"media_id": "l"}]}}},
            {"responses": {"g": {"media": [{"media_id": "m"}]}}},
        ),
        (
            "open-plan",
            {"nhs_number": {"value": "1", "verification": "traced-and-verified"}},
            {
                "nhs_number": {"value": "1", "verification": "present-not-verified"},
                "plan_state": "open",
            },
            {
                "nhs_number": {"value": "1", "verification": "traced-and-verified"},
                "plan_state": "open",
            },
        ),
        (
            "end-plan",
            {"reason": "r"},
            {"reason": "r", "plan_state": "ended"},
            {"reason": "r", "plan_state": "open"},
        ),
        (
            "reopen-plan",
            {"reason": "r"},
            {"reason": "r", "plan_state": "open"},
            {"reason": "r", "plan_state": "ended"},
        ),
    ],
)
def test_an_event_says_what_its_command_leads_to(
    command: str, given: Json, said: Json, spoilt: Json
) -> None:
    assert another(command, given, said) == ""
    assert another(command, given, spoilt) != ""


def test_it_carries_the_word_and_the_organisation_of_whoever_sent_it() -> None:
    assert another("reword", {}, {}) == ""
    assert another("reword", {}, {}, nonce="another") == "its own word is not in it"
    assert another("reword", {}, {}, org="ZZC01").startswith("it was recorded by")


def test_an_item_that_had_no_id_was_given_the_one_that_follows_from_its_place() -> None:
    given = {"what": [{"text": "a"}, {"text": "b", "item_id": "mine"}], "contact": {"phones": [{}]}}
    said: Json = {
        "what": [
            {"text": "a", "item_id": str(uuid5(ID, "what/0"))},
            {"text": "b", "item_id": "mine"},
        ],
        "contact": {"phones": [{"item_id": str(uuid5(ID, "contact.phones/0"))}]},
    }
    assert another("plan", given, said) == ""
    said["what"] = [{"text": "a", "item_id": str(uuid5(ID, "what/1"))}, *said["what"][1:]]
    assert another("plan", given, said) != ""
