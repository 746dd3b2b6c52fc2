"""`careplan audit`, as an auditor types it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from shared.cli.services.audit.commands import app

ITEM = {
    "idx": 7,
    "at": "2026-12-01T08:00:00.000001Z",
    "operation": "read",
    "what": "plan",
    "event_type": None,
    "actor": {"id": "ida", "name": "Ida Nurse-Synth", "role": "nurse",
              "organisation": {"ods": "ZZN01"}},
    "code": None,
    "purpose": "direct-care",
    "plan_id": "0199c0de-0000-7000-8000-0000000000a1",
}  # fmt: skip
TABLE = b"idx,at\r\n7,x\r\n8,y\r\n"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    told = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/x"},
        "issuer": {"iss": "https://issuer.example", "private_key": "/nowhere"},
        "services": {"audit": {"url": "http://audit"}},
    }
    (tmp_path / "stack.json").write_text(json.dumps(told))
    return tmp_path


def run(stack: Path, *typed: str) -> tuple[int, str, str]:
    typed = (*typed, "--token", "t", "--stack-dir", str(stack))
    answer = CliRunner().invoke(app, typed)
    return answer.exit_code, answer.stdout, answer.stderr


def answering(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> list[dict[str, Any]]:
    """The audit answers these, one after the other; what was asked."""
    asked: list[dict[str, Any]] = []
    told = iter(answers)

    def request(method: str, url: str, **given: Any) -> httpx.Response:
        asked.append({"what": f"{method} {url}", **given})
        one = next(told)
        return httpx.Response(one.get("status", 200), json=one)

    monkeypatch.setattr(httpx, "request", request)
    return asked


def giving(
    monkeypatch: pytest.MonkeyPatch, body: bytes, rows: int, status: int = 200
) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    @contextmanager
    def stream(method: str, url: str, **given: Any) -> Iterator[httpx.Response]:
        asked.append({"what": f"{method} {url}", **given})
        headers = {
            "Ledger-Result-Count": str(rows), "Ledger-Log-Size": "9", "Ledger-Access-Id": "a-1",
        }  # fmt: skip
        yield httpx.Response(status, content=body, headers=headers)

    monkeypatch.setattr(httpx, "stream", stream)
    return asked


def test_a_search_is_shown_as_a_table(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"items": [ITEM], "next": None})
    code, out, _ = run(stack, "search", "operation:read", "-role:gp", "created:>=2026-03-01")
    assert code == 0
    assert asked[0]["params"]["q"] == "operation:read -role:gp created:>=2026-03-01"
    for told in ("7", "2026-12-01T08:00:00Z", "plan", "Ida Nurse-Synth", "ZZN01", "direct-care"):
        assert told in out


def test_no_more_pages_are_asked_for_than_are_shown(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"items": [ITEM, ITEM], "next": "more"}
    asked = answering(monkeypatch, page, page, page)
    code, out, err = run(stack, "search", "operation:read", "--limit", "3", "--json")
    assert (code, len(json.loads(out))) == (0, 3)
    assert [one["params"].get("cursor") for one in asked] == [None, "more"]
    assert err == ""
    answering(monkeypatch, page)
    _, _, err = run(stack, "search", "--limit", "2")
    assert "first 2" in err
    answering(monkeypatch, {**page, "next": None})
    _, _, err = run(stack, "search", "--limit", "2")
    assert err == "", "these are all"


def test_what_the_audit_refuses_is_said(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = {"status": 400, "code": "query-invalid", "title": "The search cannot be read",
               "detail": "There is no such qualifier.", "column": 5}  # fmt: skip
    answering(monkeypatch, problem)
    code, _, err = run(stack, "search", "colour:blue")
    assert code == 1
    assert "query-invalid" in err
    assert "column 5" in err


def test_a_file_has_its_proof_beside_it(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = giving(monkeypatch, TABLE, rows=2)
    answering(monkeypatch, {"size": 9, "root": "r", "checkpoint": "note", "idx": 0})
    out = tmp_path / "reads.csv"
    code, _, err = run(stack, "search", "operation:read", "--csv", "--out", str(out))
    assert code == 0, err
    assert asked[0]["headers"]["Accept"] == "text/csv"
    assert out.read_bytes() == TABLE
    assert json.loads((tmp_path / "reads.csv.proof.json").read_text()) == {
        "q": "operation:read",
        "asked_by_record": "a-1",
        "file": {"name": "reads.csv", "rows": 2, "sha256": hashlib.sha256(TABLE).hexdigest()},
        "log": {"size": 9, "root": "r", "checkpoint": "note"},
    }
    assert "2 rows" in err


def test_an_answer_that_was_cut_off_is_told(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    giving(monkeypatch, TABLE, rows=3)
    out = tmp_path / "reads.csv"
    out.write_text("of yesterday")
    code, _, err = run(stack, "search", "operation:read", "--csv", "--out", str(out))
    assert code == 1
    assert "2 of 3 rows" in err
    # What stands beside a file is of that file: one that was cut off takes nobody's place.
    assert out.read_text() == "of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reads.csv", "stack.json"]


@pytest.mark.parametrize("form", ["--csv", "--ndjson", "--bundle"])
def test_what_cannot_be_written_is_said_and_nothing_is_asked(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    asked = giving(monkeypatch, TABLE, rows=2)
    out = tmp_path / "no such folder" / "reads"
    code, _, err = run(stack, "search", "operation:read", form, "--out", str(out))
    assert (code, asked) == (1, [])
    assert "reads cannot be written (No such file or directory)." in err


def test_a_bundle_is_written(stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = giving(monkeypatch, b"PK", rows=2)
    out = tmp_path / "reads.zip"
    code, _, err = run(stack, "search", "operation:read", "--bundle", "--out", str(out))
    assert (code, out.read_bytes()) == (0, b"PK")
    assert asked[0]["headers"]["Accept"] == "application/zip"
    assert "careplan verify bundle" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reads.zip", "stack.json"]


def test_a_refusal_of_a_file_is_said_and_no_file_is_written(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = b'{"code": "not-permitted", "title": "Not permitted", "detail": "No."}'
    giving(monkeypatch, problem, rows=0, status=403)
    out = tmp_path / "reads.csv"
    code, _, err = run(stack, "search", "--ndjson", "--out", str(out))
    assert (code, out.exists()) == (1, False)
    assert "not-permitted" in err


def test_a_question_is_asked_by_its_name(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = {
        "rows": [{"idx": 7, "record_id": "r", "at": "2026-12-01T08:00:00.000001Z",
                  "relationship": {"kind": "registered", "id": "x"}, "name_at_time": None,
                  "sections": ["goals", "needs"]}],
        "next": None, "total": 1, "truncated": False, "as_of": {"size": 9},
        "completeness": {"kind": "full-scan"},
    }  # fmt: skip
    asked = answering(monkeypatch, envelope)
    code, out, err = run(
        stack, "ask", "who-viewed", "plan_id=p", "from=2026-03-01", "--case", "ZZG01/7"
    )
    assert code == 0
    assert asked[0]["what"] == "POST http://audit/v1/audit/queries/who-viewed"
    body = json.loads(asked[0]["content"])
    assert body == {
        "params": {"plan_id": "p", "from": "2026-03-01"}, "case": "ZZG01/7", "limit": 50,
    }  # fmt: skip
    assert "RELATIONSHIP" in out
    assert out.splitlines()[1].split() == [
        "7", "2026-12-01T08:00:00Z", "registered", "goals", "needs",
    ]  # fmt: skip
    assert "log of 9 records" in err
    assert "There are more" not in err
    answering(monkeypatch, {**envelope, "truncated": True})
    _, _, err = run(stack, "ask", "withdrawn-contributions", "organisation=ZZG01")
    assert "There are more" in err


@pytest.mark.parametrize(
    "typed",
    [
        ("ask", "who-viewed", "plan"),
        ("ask", "who-viewed", "a=1", "a=2"),
        ("search", "--csv", "--json"),
        ("search", "--out", "x"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    stack: Path, typed: tuple[str, ...]
) -> None:
    code, _, err = run(stack, *typed)
    assert code == 2
    assert err.startswith("careplan: ")


def test_the_questions_are_listed(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    question = {
        "query_id": "Q1", "name": "who-viewed", "asks": "Who saw it?",
        "params": [{"name": "plan_id", "words": "the plan", "form": "an id", "required": True},
                   {"name": "from", "words": "since", "form": "a day", "required": False}],
    }  # fmt: skip
    answering(monkeypatch, {"questions": [question], "qualifiers": []})
    code, out, _ = run(stack, "questions")
    assert code == 0
    assert "who-viewed" in out
    assert "since; a day (may be left out)" in out
