"""The command as a whole, in a process of its own."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("kind", [(), ("--json",)])
def test_it_ends_quietly_where_nobody_reads_on(kind: tuple[str, ...]) -> None:
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared.cli.main", "standard", "coverage", *kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
    assert said == b""
    assert running.returncode == 141  # as the shell says it of whoever is ended by SIGPIPE
