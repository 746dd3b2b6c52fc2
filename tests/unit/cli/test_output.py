"""What the command writes."""

import json

import pytest

from shared.cli.output import as_json


def test_no_text_in_json_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"text": "a\x1b[2J \x7f \x9b2J \x80 é 😀"}
    as_json(told)
    written = capsys.readouterr().out
    assert json.loads(written) == told
    assert [one for one in written if not one.isprintable() and one != "\n"] == []
    assert "é 😀" in written
