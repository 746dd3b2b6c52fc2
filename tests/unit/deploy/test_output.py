"""Lines on the terminal and in the log files."""

import io
from pathlib import Path

from deploy.local.processes.output import LogFile, Terminal


def test_colour_only_where_asked() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    Terminal(plain, colour=False).show("goals", "text")
    Terminal(coloured, colour=True).show("goals", "text")
    assert plain.getvalue() == f"{'goals':<18} | text\n"
    assert coloured.getvalue().startswith("\x1b[")
    assert coloured.getvalue().endswith("\x1b[0m text\n")


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
