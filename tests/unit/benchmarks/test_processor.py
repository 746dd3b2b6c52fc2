"""Processor time by process: what is used counts, whoever used it below, and nothing else does."""

import os
import subprocess
import sys

import pytest

from benchmarks.measuring.processor import Processes, Used

_BURN = "import time\nwhile time.process_time() < {0}: pass\n"
_LONG = _BURN.format(0.15)
_BY_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {_LONG!r}])\n"


@pytest.mark.parametrize("script", [_LONG, _BY_A_CHILD], ids=["itself", "a child"])
def test_what_a_process_and_its_children_use_is_counted_also_when_they_have_ended(
    script: str,
) -> None:
    used = Used(Processes({"all": os.getpid()}))
    subprocess.run([sys.executable, "-S", "-c", script], check=True, timeout=60)  # noqa: S603 - ours

    assert used.microseconds(requests=1)["all"] >= 100_000
    assert used.microseconds(requests=10)["all"] >= 10_000


def test_a_process_that_does_nothing_uses_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as idle:
        assert idle.stdin is not None
        assert idle.stdout is not None
        idle.stdout.readline()  # from here on it does nothing
        used = Used(Processes({"idle": idle.pid, "gone": 2**22 + 1}))
        subprocess.run([sys.executable, "-S", "-c", _BURN.format(0.1)], check=True, timeout=60)  # noqa: S603 - ours
        told = used.microseconds(requests=1)
        idle.stdin.close()

    assert told["gone"] == 0
    assert told["idle"] < 100_000
