"""`careplan policy`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shared.chassis.policy.rules import RULES
from shared.cli.policy import app
from shared.contracts import discover

AGREE = "careplan.goals.commands.agree.v1"
NURSE = ("--org", "ZZC01", "--role", "nurse")
PROXY_ID = "0199c0de-0000-7000-8000-0000000000f1"


def run(*typed: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, typed)
    return answer.exit_code, answer.output


def asked(*typed: str) -> dict[str, Any]:
    status, said = run("explain", *typed, "--json")
    told: dict[str, Any] = json.loads(said)
    assert status == (0 if told["allowed"] else 1)
    return told


def test_the_table_has_every_rule_and_every_command() -> None:
    status, said = run("table", "--json")
    told = json.loads(said)
    assert (status, len(told["rules"])) == (0, len(RULES))
    commands = {name for section in discover.sections() for name in section.commands}
    assert {one["command"] for one in told["commands"]} == commands
    gains = [one["command"] for one in told["commands"] if one["action"] == "gain-access"]
    assert gains == [
        "careplan.care-team.commands.relationship-end.v1",
        "careplan.care-team.commands.relationship-establish.v1",
        "careplan.care-team.commands.relationship-extend.v1",
        "careplan.person.commands.open-plan.v1",
    ]
    _, printed = run("table")
    assert all(rule.needs.value in printed for rule in RULES)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (("read-plan", *NURSE), "no-live-relationship"),
        (("read-plan", *NURSE, "--relationship", "ZZC01"), None),
        (("read-plan", *NURSE, "--relationship", "ZZH01"), "no-live-relationship"),
        (("read-plan", *NURSE, "--relationship", "ZZC01", "--purpose", "audit"), "not-permitted"),
        (("read-emergency", *NURSE, "--purpose", "emergency"), None),
        (("read-plan", "--person"), None),
        (("read-plan", "--org", "ZZC01", "--role", "auditor"), "not-permitted"),
        ((AGREE, *NURSE, "--relationship", "ZZC01:goals"), None),
        ((AGREE, *NURSE, "--relationship", "ZZC01:needs"), "no-live-relationship"),
        ((AGREE, "--org", "ZZC01", "--system"), "role-may-not-contribute"),
        (("careplan.person.commands.open-plan.v1", *NURSE), None),
    ],
)
def test_why_somebody_could_or_could_not(typed: tuple[str, ...], code: str | None) -> None:
    assert asked(*typed)["code"] == code


def test_facts_are_read_from_a_file_as_the_care_team_records_them(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    proxy = {
        "entry_id": PROXY_ID,
        "party": {"name": "Grace Okoro-Synth", "identifiers": [{"kind": "sub", "value": "grace"}]},
        "scope": {"view": True, "contribute": True},
        "live_from": "2025-10-01T00:00:00Z",
    }
    facts.write_text(json.dumps({"proxies": [proxy]}))
    told = asked(
        AGREE, "--related-person", "grace", "--facts", str(facts), "--on-behalf-of", PROXY_ID
    )
    assert (told["code"], told["proxy"]) == (None, PROXY_ID)
    assert told["rests_on"] == {
        "entry_id": PROXY_ID,
        "kind": "proxy",
        "live_from": "2025-10-01T00:00:00Z",
        "live_until": None,
        "self_claimed": False,
    }
    of_joan = (AGREE, "--related-person", "joan", "--facts", str(facts), "--on-behalf-of", PROXY_ID)
    assert asked(*of_joan)["code"] == "proxy-not-live"


def test_where_a_relationship_comes_from_is_told_and_why_another_does_not_count(
    tmp_path: Path,
) -> None:
    ids = [f"0199c0de-0000-7000-8000-00000000000{number}" for number in range(4)]
    here = {"organisation": {"ods": "ZZC01"}, "live_from": "2025-10-01T00:00:00Z"}
    by = {"stated_by": {"kind": "person"}, "recorded_by": {"kind": "person", "name": "Edith"}}
    contents: list[dict[str, Any]] = [
        {**here, "kind": "caseload", "scope": {"sections": ["goals"]}, "self_claimed": False},
        {**here, "kind": "referral", "live_until": "2025-12-01T00:00:00Z"},
        {**here, "kind": "social-care", "scope": {"contribute": False}},
        {**here, "kind": "emergency", "live_from": "2999-01-01T00:00:00Z"},
    ]
    entries: list[dict[str, Any]] = [
        {"entry_id": one, "entry_type": "relationship", "content": content, **by}
        for one, content in zip(ids, contents, strict=True)
    ]
    facts = tmp_path / "plan.json"
    facts.write_text(json.dumps({"plan_id": "x", "sections": {"care-team": entries, "goals": []}}))
    told = asked(AGREE, *NURSE, "--facts", str(facts))
    assert told["rests_on"] == {
        "entry_id": ids[0],
        "kind": "caseload",
        "live_from": "2025-10-01T00:00:00Z",
        "live_until": None,
        "self_claimed": False,
        **by,
    }
    assert {one["entry_id"]: one["why_not"] for one in told["relationships"]} == {
        ids[0]: None,
        ids[1]: "It ended at 2025-12-01T00:00:00Z.",
        ids[2]: "Its scope covers seeing, and not contributing.",
        ids[3]: "It begins at 2999-01-01T00:00:00Z.",
    }
    needs = asked("careplan.needs.commands.identify.v1", *NURSE, "--facts", str(facts))
    assert needs["code"] == "no-live-relationship"
    assert needs["relationships"][0]["why_not"] == "Its scope does not cover this section."
    entries[0]["content"]["objection"] = {"stated_at": "2026-01-01T00:00:00Z"}
    facts.write_text(json.dumps({"sections": {"care-team": entries}}))
    objected = asked("read-plan", *NURSE, "--facts", str(facts))
    assert {one["why_not"] for one in objected["relationships"]} >= {"The person objects to it."}


@pytest.mark.parametrize(
    "typed",
    [
        ("read-plan",), ("read-plan", "--person", *NURSE), ("read-nothing", *NURSE),
        ("read-plan", "--token", "no-token"), ("read-plan", *NURSE, "--plan", "mine"),
        ("read-plan", *NURSE, "--facts", "not-there.json"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_in_one_line(typed: tuple[str, ...]) -> None:
    status, said = run("explain", *typed)
    assert status == 2
    assert said.startswith("careplan: ")
    assert said.count("\n") == 1
