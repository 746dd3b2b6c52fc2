"""`careplan conformance` where the inbox cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from typer.testing import CliRunner

from shared.cli.main import app
from shared.cli.plans import conformance


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "is not UTF-8"),
        (KafkaConnectionError(), "KafkaConnectionError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_it_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, says: str
) -> None:
    told = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "postgres": {"url": "postgresql://nobody@127.0.0.1:1/x"},
        "issuer": {"iss": "https://issuer.example", "private_key": "/nowhere"},
        "services": {},
    }
    (tmp_path / "stack.json").write_text(json.dumps(told))

    async def read(*_: Any) -> None:
        raise error

    monkeypatch.setattr(conformance, "_read", read)
    answer = CliRunner().invoke(app, ["conformance", "ZZG01", "--stack-dir", str(tmp_path)])
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
