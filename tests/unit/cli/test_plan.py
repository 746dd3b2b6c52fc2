"""`careplan plan`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli.plans.plan import app

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
SHOWN = {
    "plan_id": PLAN,
    "plan_version": 3,
    "state": "open",
    "sections": {},
    "findings": [{"code": "review-overdue", "words": "A\x1b[2Jreview"}],
}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *typed: str) -> tuple[int, str]:
    told = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/x"},
        "issuer": {"iss": "https://issuer.example", "private_key": "/nowhere"},
        "services": {"plan": {"url": "http://plan"}},
    }
    (folder / "stack.json").write_text(json.dumps(told))

    def request(_: str, url: str, **__: Any) -> httpx.Response:
        assert url == f"http://plan/v1/plans/{PLAN}"
        return httpx.Response(200, json=SHOWN)

    monkeypatch.setattr(httpx, "request", request)
    answer = CliRunner().invoke(app, [*typed, "--token", "t", "--stack-dir", str(folder)])
    return answer.exit_code, answer.output


@pytest.mark.parametrize("command", ["show", "history"])
@pytest.mark.parametrize("given", ["", "..", f"{PLAN}/history", "a\nb", PLAN.upper()])
def test_what_is_no_id_of_a_plan_is_asked_of_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, given: str
) -> None:
    said = "careplan: The id of a plan is a UUID in lower case.\n"
    assert run(monkeypatch, tmp_path, command, given) == (2, said)


def test_there_is_no_version_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, "show", PLAN, "--version", "0")[0] == 2


def test_no_words_of_a_plan_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    status, said = run(monkeypatch, tmp_path, "show", PLAN)
    assert status == 0
    assert said == f"Plan {PLAN}, version 3, open\n\nreview-overdue: A\\x1b[2Jreview\n"
