"""`careplan contract validate`: exit codes, and a report for people or programs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.cli.contract import app
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
