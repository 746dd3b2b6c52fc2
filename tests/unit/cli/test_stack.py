"""`careplan stack status`, and what the command says where there is no stack to speak of."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli import servers
from shared.cli.main import app
from shared.cli.running_stack import without_password

_SECRET = "0e7c-the-password"
_URL = f"postgresql://postgres:{_SECRET}@127.0.0.1:15432/postgres"
_STACK: dict[str, Any] = {
    "kafka": {"bootstrap": "127.0.0.1:19092", "pid": 2},
    "postgres": {"url": _URL, "pid": 1},
    "issuer": {"iss": "issuer", "private_key": "key"},
    "services": {"goals": {"url": "http://127.0.0.1:8105", "pid": 3, "ready": True}},
}
_READY = {"ready": True, "version": "0.1.0", "parts": {"relay": {"ready": True, "lag": 7}}}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a stack whose servers and only service answer."""
    (tmp_path / "stack.json").write_text(json.dumps(_STACK))

    def answer(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, json=_READY, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", answer)
    servers_say(monkeypatch, postgres={"ready": True, "version": "16.9"}, kafka={"ready": True})
    return tmp_path


def servers_say(
    monkeypatch: pytest.MonkeyPatch, *, postgres: dict[str, Any], kafka: dict[str, Any]
) -> None:
    monkeypatch.setattr(servers, "asked", lambda *_: (postgres, kafka))


def status(folder: Path, *more: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["stack", "status", "--stack-dir", str(folder), *more])
    return answer.exit_code, answer.output


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_the_password_is_never_shown(stack: Path, more: tuple[str, ...]) -> None:
    code, text = status(stack, *more)
    assert code == 0
    assert _SECRET not in text
    assert "postgresql://postgres:...@127.0.0.1:15432/postgres" in text


def test_servers_stand_beside_the_services(stack: Path) -> None:
    _, text = status(stack)
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["name", "ready", "pid", "lag", "version", "address"]
    assert rows[1][:4] == ["postgres", "yes", "1", "16.9"]
    assert rows[2] == ["kafka", "yes", "2", "127.0.0.1:19092"]
    assert rows[3] == ["goals", "yes", "3", "7", "0.1.0", "http://127.0.0.1:8105"]


def test_a_server_that_does_not_answer_is_named_and_the_exit_code_tells(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"ready": False, "error": "KafkaConnectionError"}
    servers_say(monkeypatch, postgres={"ready": True}, kafka=away)
    code, text = status(stack)
    assert code == 1
    assert "no: no answer (KafkaConnectionError)" in text


def test_a_table_that_is_piped_on_is_whole(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    long = {**_STACK, "services": {"goals": {"url": "http://" + "x" * 300}}}
    (stack / "stack.json").write_text(json.dumps(long))
    _, text = status(stack)
    assert "x" * 300 in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "{}", '{"services": []}', json.dumps({**_STACK, "kafka": 1})]
)
def test_a_file_of_something_else_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    code, text = status(tmp_path)
    assert (code, len(text.splitlines())) == (1, 1)
    assert "make run" in text


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, text = status(tmp_path / "file")
    assert (code, len(text.splitlines())) == (1, 1)
    (tmp_path / "stack.json").mkdir()
    code, text = status(tmp_path)
    assert (code, len(text.splitlines())) == (1, 1)
    assert "--stack-dir" in text


def test_the_version_is_told() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert answer.exit_code == 0
    assert answer.output.startswith("careplan ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:...@h:1/d"),
        ("postgresql://u:p@q@h/d", "postgresql://u:...@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://[broken", "(not an address)"),
    ],
)
def test_an_address_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
