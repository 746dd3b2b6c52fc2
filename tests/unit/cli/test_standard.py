"""`careplan standard`, as somebody types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.cli.standard import app
from shared.standard.tree import elements

PLAN = {
    "plan_id": "0199c0de-0000-7000-8000-000000000001",
    "plan_version": 2,
    "sections": {
        "person": [
            {
                "entry_id": "0199c0de-0000-7000-8000-000000000001",
                "entry_type": "person",
                "current": True,
                "recorded_at": "2026-11-24T08:00:00Z",
                "stated_at": "2026-11-24T08:00:00Z",
                "content": {"name": {"first": "Edie", "family": "Synth"}},
            }
        ]
    },
}


def run(*typed: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, typed)
    return answer.exit_code, answer.output


def test_coverage_names_a_carrier_for_each_element() -> None:
    _, said = run("coverage", "--json")
    told = json.loads(said)
    assert [one["element"] for one in told] == [one.path for one in elements()]
    by_path = {one["element"]: one["carried_by"] for one in told}
    strengths = "Care and support plan > Strengths > Free text"
    assert by_path[strengths] == ["needs.Strength.what.text"]
    set_by = {one["element"]: one["set_by"] for one in told}
    assert set_by[strengths] == [
        "careplan.needs.commands.strength-recognise.v1",
        "careplan.needs.commands.strength-reword.v1",
    ]
    without = [one["element"] for one in told if not one["set_by"]]
    assert [one for one in without if "derived:" not in "".join(by_path[one])] == []
    _, said = run("coverage")
    assert "needs/strength-recognise, needs/strength-reword" in said


def test_every_element_of_the_standard_is_carried() -> None:
    status, said = run("coverage", "--missing")
    assert said == "287 of 287 elements are carried.\n"
    assert status == 0


def test_a_plan_in_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN))
    status, said = run("check", str(path))
    assert status == 1
    assert "The plan cannot be sent." in said
    assert "Person demographics > Date of birth" in said
    assert "no-agreement-recorded" in said
    assert "person 0199c0de-0000-7000-8000-000000000001 date_of_birth" in said
    assert "Synth" not in said
    _, said = run("check", str(path), "--json")
    told = json.loads(said)
    assert told["sendable"] is False
    assert len(told["held"]) + len(told["not_recorded"]) == len(elements())


def test_a_plan_in_a_file_is_exported_with_what_was_shortened_beside_it(tmp_path: Path) -> None:
    (person,) = PLAN["sections"]["person"]  # type: ignore[index]
    whole = {
        "name": {"first": "Edie", "family": "Synth"},
        "date_of_birth": "1941-02-03",
        "addresses": [{"line1": "The cottage " * 4, "postcode": "ZZ1 1AA"}],
        "gp_practices": [{"ods": "ZZG01"}],
    }
    plan = {**PLAN, "derived": {}, "sections": {"person": [{**person, "content": whole}]}}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    status, said = run("export", str(path))
    told = json.loads(said)
    assert status == 0
    assert told["standard"]["reference"] == "DAPB4022 Amd 38/2021"
    assert told["document"]["Person demographics"]["Person name"]["Person first name"] == "Edie"
    assert [one["whole"] for one in told["shortened"]] == ["The cottage " * 4]
    assert [one["code"] for one in told["findings"]] == ["shortened-on-export"]


def test_a_plan_that_cannot_be_sent_is_not_exported(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "derived": {}}))
    status, said = run("export", str(path))
    assert status == 1
    assert "Person demographics > Date of birth" in said
    assert "Synth" not in said
    path.write_text(json.dumps(PLAN))
    status, said = run("export", str(path))
    assert status == 1
    assert "?include=derived,authorship" in said


@pytest.mark.parametrize("content", ["", "[]", '{"sections": []}'])
def test_what_is_no_plan_is_said_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "no-plan.json"
    path.write_text(content)
    answer = CliRunner().invoke(app, ["check", str(path)])
    assert answer.exit_code == 1
    assert "Traceback" not in answer.output
    assert len(answer.output.splitlines()) <= 1


def test_a_plan_of_a_stack_that_does_not_run_is_said_in_one_line(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["check", str(PLAN["plan_id"]), "--stack-dir", str(tmp_path)])
    assert answer.exit_code == 1
    assert "No stack runs" in answer.output
