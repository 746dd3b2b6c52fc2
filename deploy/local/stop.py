"""`make stop`: asks the stack of this folder to stop and waits until it has."""

import os
import signal
import sys
import time

from deploy.local.processes.problem import Problem
from deploy.local.settings import stack_settings
from deploy.local.stack.place import holder

_LONGEST = 15.0


def main() -> int:
    """The exit code: 0 when nothing is running any more."""
    try:
        folder = stack_settings().folder
    except Problem as problem:
        sys.stderr.write(f"make stop: {problem}\n")
        return problem.status
    pid = holder(folder)
    if pid is None:
        sys.stdout.write(f"No stack runs in {folder}.\n")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _LONGEST
    while holder(folder) == pid:
        if time.monotonic() > deadline:
            sys.stderr.write(
                f"make stop: the stack (pid {pid}) has not stopped after {_LONGEST:.0f} s: "
                f"end it with `kill -9 {pid}`\n"
            )
            return 1
        time.sleep(0.1)
    sys.stdout.write("Stopped.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
