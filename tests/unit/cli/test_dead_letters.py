"""`careplan dead-letters`, as somebody types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli.services.dead_letters import app

ID = "0199c0de-0000-7000-8000-000000000001"
ITEM = {
    "dead_letter_id": ID,
    "at": "2026-12-01T08:00:00.000001Z",
    "organisation": "ZZC01",
    "topic": "careplan.inbox.zzc01.v1",
    "type": "careplan.goals.commands.agree.v1",
    "state": "held",
    "code": "content-invalid",
    "reason": "`aim` must be an object.",
}
UNKNOWN = {"code": "dead-letter-unknown", "title": "No such dead letter", "detail": ""}

Answer = Callable[[str, str, dict[str, Any]], tuple[int, dict[str, Any]]]


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    told = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/x"},
        "issuer": {"iss": "https://issuer.example", "private_key": "/nowhere"},
        "services": {name: {"url": f"http://{name}"} for name in ("goals", "intake", "viewer")},
    }
    (tmp_path / "stack.json").write_text(json.dumps(told))
    return tmp_path


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[tuple[str, str]]:
    """Every service answers so; what was asked of which."""
    asked: list[tuple[str, str]] = []

    def request(method: str, url: str, **others: Any) -> httpx.Response:
        asked.append((method, url))
        assert others["headers"]["Authorization"] == "Bearer t"
        status, told = answer(method, url, others)
        return httpx.Response(status, json=told)

    monkeypatch.setattr(httpx, "request", request)
    return asked


def run(stack: Path, *typed: str) -> tuple[int, str]:
    typed = (*typed, "--token", "t", "--stack-dir", str(stack))
    answer = CliRunner().invoke(app, typed)
    return answer.exit_code, answer.output


def test_a_list_asks_every_service_for_every_page(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: str, url: str, others: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert others["params"]["state"] == "held"
        if "goals" in url and "cursor" not in others["params"]:
            return 200, {"items": [ITEM], "next": "2"}
        return 200, {"items": [ITEM] if "goals" in url else [], "next": None}

    asked = answering(monkeypatch, answer)
    status, said = run(stack, "list", "--json")
    assert status == 0
    assert [one["service"] for one in json.loads(said)] == ["goals", "goals"]
    assert {url.partition("/v1")[0] for _, url in asked} == {"http://goals", "http://intake"}
    _, said = run(stack, "list")
    assert said.count(ID) == 2
    assert "content-invalid: `aim` must be an object." in said


def test_a_letter_is_looked_for_at_each_service_and_a_retry_says_whether_it_went(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter(("held", "retried"))

    def answer(_: str, url: str, others: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "goals" in url:
            return 404, UNKNOWN
        assert others["json"] == {"reason": "It is registered"}
        return 200, {**ITEM, "state": next(states)}

    asked = answering(monkeypatch, answer)
    status, said = run(stack, "retry", ID, "--reason", "It is registered")
    assert (status, "still held" in said) == (1, True)
    status, said = run(stack, "retry", ID, "--reason", "It is registered")
    assert (status, said) == (0, f"{ID}: retried.\n")
    assert asked[-1] == ("POST", f"http://intake/v1/ops/dead-letters/{ID}:retry")


def test_what_goes_wrong_is_said(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda *_: (404, UNKNOWN))
    status, said = run(stack, "show", ID)
    assert (status, "No service has this dead letter" in said) == (1, True)
    assert run(stack, "show", "1")[0] == 2
    assert run(stack, "show", ID, "--level", "some")[0] == 2
    assert run(stack, "list", "--service", "nobody")[0] == 2
    refused = {"code": "not-permitted", "title": "Not permitted", "detail": "Only an operator."}
    answering(monkeypatch, lambda *_: (403, refused))
    status, said = run(stack, "discard", ID, "--reason", "x")
    assert (status, "Only an operator." in said) == (1, True)


def test_what_one_service_does_not_say_is_named_beside_what_the_others_have(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: str, url: str, __: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "goals" in url:
            raise httpx.ConnectError("away")
        return 200, {"items": [ITEM], "next": None}

    answering(monkeypatch, answer)
    status, said = run(stack, "list")
    assert (status, said.count(ID)) == (1, 1)
    assert "The service goals does not answer (ConnectError)." in said
    status, said = run(stack, "list", "--json")
    assert status == 1
    assert [one["service"] for one in json.loads(said.partition("careplan:")[0])] == ["intake"]
    status, said = run(stack, "list", "--service", "goals")
    assert (status, "There are none" in said) == (1, False)


def test_a_service_that_cannot_say_ends_no_search(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unavailable = {"code": "unavailable", "title": "Not now", "detail": "Ask again."}

    def answer(_: str, url: str, __: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return (503, unavailable) if "goals" in url else (200, ITEM)

    answering(monkeypatch, answer)
    status, said = run(stack, "show", ID)
    assert (status, json.loads(said)["service"]) == (0, "intake")
    answering(
        monkeypatch, lambda _, url, __: (503, unavailable) if "goals" in url else (404, UNKNOWN)
    )
    status, said = run(stack, "show", ID)
    assert (status, "The service goals: Not now (unavailable): Ask again." in said) == (1, True)
