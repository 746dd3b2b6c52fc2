"""Lines on the terminal and in the log files."""

import io
import json
from pathlib import Path

from deploy.local.processes.output import LogFile, Terminal

_WARNING = '{"level":"warning","event":"relay.interrupted"}'


def test_colour_only_where_asked() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    Terminal(plain, colour=False).show("goals", _WARNING)
    Terminal(coloured, colour=True).show("goals", _WARNING)
    assert plain.getvalue() == f"{'goals':<17} | warning: relay: interrupted\n"
    assert coloured.getvalue().startswith("\x1b[")
    assert coloured.getvalue().endswith("\x1b[33mwarning: relay: interrupted\x1b[0m\n")


def test_a_line_is_cut_at_the_edge_of_a_window_and_whole_where_it_is_piped() -> None:
    window, narrow, pipe = io.StringIO(), io.StringIO(), io.StringIO()
    Terminal(window, colour=False, width=80).show("goals", "x" * 500)
    Terminal(narrow, colour=False, width=40).show("goals", "x" * 500)
    Terminal(pipe, colour=False).show("goals", "x" * 500)
    assert len(window.getvalue()) == 80 + 1
    assert window.getvalue().endswith("…\n")
    assert narrow.getvalue().startswith("goals: xxx")
    assert len(narrow.getvalue()) <= 40 + 1
    assert pipe.getvalue().endswith(" | " + "x" * 500 + "\n")


def test_for_programs_every_line_is_json() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, colour=False, as_json=True)
    terminal.say("goals is ready")
    terminal.show("goals", _WARNING)
    terminal.show("kafka", "no JSON")
    terminal.write("\n  an address")
    terminal.write("")
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"service": "stack", "message": "goals is ready"},
        {"level": "warning", "event": "relay.interrupted"},
        {"service": "kafka", "message": "no JSON"},
        {"service": "stack", "message": "an address"},
    ]


def test_a_closed_terminal_stops_nobody() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    terminal = Terminal(Closed(), colour=False)
    terminal.say("first")
    terminal.say("second")


def test_a_log_begins_anew_at_its_size_and_keeps_the_one_before(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "goals.log", rotated_at=20)
    for number in range(5):
        log.write(f"line number {number}")
    log.close()
    assert (tmp_path / "logs" / "goals.log").read_text() == "line number 4\n"
    assert (tmp_path / "logs" / "goals.log.1").read_text() == "line number 2\nline number 3\n"
