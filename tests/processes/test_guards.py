"""What a guard replaces in a service is still there by its name."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]

# Each in a process of its own, which it leaves without a guard.
_EACH_ALONE = """
import os
from tests.faults.guards.__main__ import _ALTERED
for guard, alter in _ALTERED.items():
    child = os.fork()
    if child == 0:
        alter()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, guard
"""


def test_everything_that_is_replaced_in_memory_is_still_there_by_its_name() -> None:
    ended = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", _EACH_ALONE], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
