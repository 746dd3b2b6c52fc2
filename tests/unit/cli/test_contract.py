"""`careplan contract`: exit codes, and reports for people and for programs."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from shared.cli.contracts.commands import app
from shared.contracts.generate import CONTRACTS

RUNNER = CliRunner()
VALID = next(iter(sorted((CONTRACTS / "careplan.contribution/examples/valid").glob("*.json"))))


def test_a_valid_file_exits_0_and_says_what_was_not_judged() -> None:
    result = RUNNER.invoke(app, ["validate", str(VALID)])
    assert result.exit_code == 0, result.output
    assert "history" in result.stdout


def test_an_invalid_file_exits_1_and_points(tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**json.loads(VALID.read_text("utf-8")), "more": 1}), "utf-8")
    result = RUNNER.invoke(app, ["validate", str(file), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["valid"] is False
    assert [error["pointer"] for error in report["errors"]] == ["/more"]
    assert report["notes"]


def test_every_line_about_an_invalid_file_names_it_and_the_last_says_not_valid(
    tmp_path: Path,
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text("not JSON", "utf-8")
    result = RUNNER.invoke(app, ["validate", str(file)])
    fault, last = result.stderr.splitlines()
    assert fault.startswith(f'{file}: "": unreadable-json: ')
    assert last == f"{file}: the form of this contribution is not valid."


@pytest.mark.parametrize("file", ["nowhere.json", ".", "x" * 300, "a\0b"])
def test_what_is_no_file_exits_1_and_says_what_to_name(file: str) -> None:
    result = RUNNER.invoke(app, ["validate", file])
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "Name a JSON file" in result.output


@pytest.mark.parametrize("body", ["", "{", "[1"])
def test_what_is_piped_in_is_judged_too(body: str) -> None:
    assert RUNNER.invoke(app, ["validate", "-"], input=body).exit_code == 1


def test_several_files_are_judged_together_and_told_to_a_ci(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**json.loads(VALID.read_text("utf-8")), "more": 1}), "utf-8")
    report = tmp_path / "report.xml"
    result = RUNNER.invoke(app, ["validate", str(VALID), str(wrong), "--junit", str(report)])
    assert result.exit_code == 1
    (suite,) = ET.parse(report).getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    good, bad = suite
    assert (good.get("name"), good.find("failure")) == (str(VALID), None)
    failure = bad.find("failure")
    assert failure is not None
    assert "/more: content-invalid" in str(failure.get("message"))


def test_a_list_names_what_has_all_the_words() -> None:
    result = RUNNER.invoke(app, ["list", "agree", "goal", "--json"])
    told = {one["type"]: one for one in json.loads(result.stdout)}
    assert told["careplan.goals.commands.agree.v1"]["kind"] == "command"
    assert told["careplan.goals.agreed.v1"]["kind"] == "event"
    assert "careplan.needs.commands.identify.v1" not in told
    assert RUNNER.invoke(app, ["list", "nothing-is-called-that"]).exit_code == 1


def test_a_contract_is_shown_with_fields_refusals_and_what_it_leads_to() -> None:
    shown = RUNNER.invoke(app, ["show", "careplan.goals.commands.agree"])
    assert shown.exit_code == 0
    for said in (
        "May be sent by: the person; a proxy, for the person; a professional",
        "Leads to: careplan.goals.agreed.v1",
        "importance (a whole number, 1 to 10)",
        "aim (CodedText, needed)",
        "goal-needs-a-need: Name the need",
    ):
        assert said in shown.stdout
    schema = json.loads(
        RUNNER.invoke(app, ["show", "careplan.goals.commands.agree.v1", "--json"]).stdout
    )
    assert schema["$id"] == "urn:careplan:contract:careplan.goals.commands.agree:1.0"
    unknown = RUNNER.invoke(app, ["show", "goals.commands.agree"])
    assert unknown.exit_code == 1
    assert "Is it careplan.goals.commands.agree.v1" in unknown.output


def test_two_folders_of_contracts_are_compared(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        for name in ("careplan.goals.agreed", "careplan.goals.reworded"):
            shutil.copytree(CONTRACTS / name, folder / name)
    assert "Nothing differs." in RUNNER.invoke(app, ["diff", str(old), str(new)]).stdout
    path = new / "careplan.goals.agreed" / "1.0.json"
    schema = json.loads(path.read_text("utf-8"))
    schema["properties"]["colour"] = {"type": "string"}
    path.write_text(json.dumps(schema), "utf-8")
    wider = RUNNER.invoke(app, ["diff", str(old), str(new), "--json"])
    assert wider.exit_code == 0
    (change,) = json.loads(wider.stdout)
    assert (change["what"], change["adds"]) == ("changed", ["colour"])
    narrower = RUNNER.invoke(app, ["diff", str(new), str(old)])
    assert narrower.exit_code == 1
    assert "careplan.goals.agreed.v1" in narrower.stdout
    shutil.rmtree(new / "careplan.goals.reworded")
    gone = RUNNER.invoke(app, ["diff", str(old), str(new)])
    assert gone.exit_code == 1
    assert "gone: careplan.goals.reworded.v1" in gone.stdout
    nowhere = RUNNER.invoke(app, ["diff", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 2


@pytest.mark.parametrize(
    "spoilt",
    [
        *(b"{", b"[]", b"{}", b"\xff", b'{"title": "T", "properties": []}'),
        *(b'{"title": "T", "properties": {"why": 3}}', b"[" * 100_000),
    ],
)
def test_a_folder_that_is_spoilt_is_said_in_one_line_that_names_the_contract(
    tmp_path: Path, spoilt: bytes
) -> None:
    name = "careplan.goals.agreed"
    whole, other = tmp_path / "whole", tmp_path / "other"
    for folder in (whole, other):
        shutil.copytree(CONTRACTS / name, folder / name)
    (other / name / "1.0.json").write_bytes(spoilt)
    asked = [
        *(["diff", str(other), str(whole)], ["diff", str(whole), str(other)]),
        ["show", name, "--contracts", str(other)],
    ]
    for words in asked:
        result = RUNNER.invoke(app, words)
        assert isinstance(result.exception, SystemExit), words
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert name in line


def test_an_example_that_is_spoilt_is_named(tmp_path: Path) -> None:
    name = "careplan.goals.commands.agree"
    shutil.copytree(CONTRACTS / name, tmp_path / name)
    example = min((tmp_path / name / "examples" / "invalid").glob("*.json"))
    for spoilt in ("{", "{}", "[]"):
        example.write_text(spoilt, "utf-8")
        result = RUNNER.invoke(app, ["diff", str(tmp_path)])
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert example.name in result.stderr
