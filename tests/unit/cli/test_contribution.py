"""`careplan contribution where`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli.services.contribution import app

ID = "0199c0de-0000-7000-8000-000000000001"
PLAN = "0199c0de-0000-7000-8000-0000000000a1"
ACCEPTED = {
    "outcome": "accepted",
    "plan_id": PLAN,
    "section": "goals",
    "recorded_at": "2026-12-01T08:00:00.000001Z",
}
REFUSED = {**ACCEPTED, "outcome": "refused", "code": "goal-needs-an-aim", "detail": "Say what."}
ON_PLAN = {
    "events": [{"plan_version": 7, "projected_at": "2026-12-01T08:00:00.1Z"}],
    "first_read": {"at": "2026-12-01T09:00:00Z", "organisation": {"ods": "ZZC01"}},
}
RECORD = {
    "section": "goals",
    "idx": 41,
    "code": None,
    "logged_at": "2026-12-01T08:00:00.2Z",
    "sealed": {"size": 48, "at": "2026-12-01T08:00:01Z"},
}
UNKNOWN = (404, {"code": "contribution-unknown"})


def where(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    answers: dict[str, tuple[int, dict[str, Any]]],
    *typed: str,
) -> tuple[int, str]:
    """What the command says where services answer so; a section that is not named knows nothing."""
    services = ("goals", "needs", "intake", "plan", "audit", "viewer")
    told = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/x"},
        "issuer": {"iss": "https://issuer.example", "private_key": "/nowhere"},
        "services": {name: {"url": f"http://{name}"} for name in services},
    }
    (folder / "stack.json").write_text(json.dumps(told))

    def request(_: str, url: str, **others: Any) -> httpx.Response:
        assert others["headers"] == {"Authorization": "Bearer t"}
        service = httpx.URL(url).host
        assert service not in ("intake", "viewer")
        status, body = answers.get(service, UNKNOWN)
        return httpx.Response(status, json=body)

    monkeypatch.setattr(httpx, "request", request)
    options = ("where", ID, "--token", "t", "--stack-dir", str(folder))
    answer = CliRunner().invoke(app, [*options, *typed])
    return answer.exit_code, answer.output


def test_each_step_has_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers: dict[str, Any] = {
        "goals": (200, ACCEPTED),
        "plan": (200, ON_PLAN),
        "audit": (200, {"items": [RECORD]}),
    }
    status, said = where(monkeypatch, tmp_path, answers)
    assert status == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[1:] == [
        "received 2026-12-01T08:00:00.000001Z",
        "recorded 2026-12-01T08:00:00.000001Z goals",
        "on the plan 2026-12-01T08:00:00.1Z version 7",
        "in the audit log 2026-12-01T08:00:00.2Z record 41",
        "sealed 2026-12-01T08:00:01Z in a log of 48",
        "first read 2026-12-01T09:00:00Z by ZZC01",
    ]
    _, said = where(monkeypatch, tmp_path, answers, "--json")
    assert json.loads(said)["on_the_plan"]["plan_versions"] == [7]


def test_what_another_section_took_is_not_called_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers: dict[str, Any] = {"goals": (200, ACCEPTED), "audit": (200, {"items": [RECORD]})}
    status, said = where(monkeypatch, tmp_path, answers, "--section", "needs")
    assert (status, "refused" in said) == (0, False)
    assert "goals" in said


def test_what_has_not_come_yet_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, said = where(monkeypatch, tmp_path, {"goals": (200, ACCEPTED)})
    assert (status, said.count("not yet")) == (0, 4)


def test_whoever_may_not_read_the_plan_any_more_is_not_told_that_it_has_not_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = {"goals": (200, ACCEPTED), "plan": (403, {"code": "no-live-relationship"})}
    status, said = where(monkeypatch, tmp_path, answers)
    assert (status, said.count("not told"), said.count("not yet")) == (0, 2, 2)
    assert json.loads(where(monkeypatch, tmp_path, answers, "--json")[1])["is_shut_out"] is True


def test_of_a_refused_one_the_receipt_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    status, said = where(monkeypatch, tmp_path, {"goals": (200, REFUSED)})
    assert (status, "goals: goal-needs-an-aim. Say what." in said) == (0, True)
    assert "on the plan" not in said
    record = {**RECORD, "section": "intake", "code": "organisation-claim-differs"}
    status, said = where(monkeypatch, tmp_path, {"audit": (200, {"items": [record]})})
    assert (status, "intake: organisation-claim-differs." in said) == (0, True)


def test_nobody_else_is_told_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, said = where(monkeypatch, tmp_path, {"plan": (403, {"code": "not-permitted"})})
    assert (status, "Nobody knows this contribution" in said) == (1, True)
    assert where(monkeypatch, tmp_path, {}, "--section", "nobody")[0] == 2
