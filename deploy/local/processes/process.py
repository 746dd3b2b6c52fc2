"""Processes: which one a pid means, and how a child ends with its parent."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: as little as possible may happen between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def born(pid: int) -> str | None:
    """When the process began, as text to compare; None where there is none, or only a zombie.

    A pid alone may have been given to somebody else's process since it was written down.
    """
    if pid <= 1:
        return None
    if sys.platform != "linux":
        ps = ["ps", "-o", "lstart=", "-p", str(pid)]
        answer = subprocess.run(ps, capture_output=True, text=True, check=False)
        return answer.stdout.strip() or None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def dying_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Runs in a child before its program: if the supervisor dies, the kernel signals the child."""
    parent = os.getpid()

    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

    return in_child


@dataclass(frozen=True)
class Ended:
    """The exit status of a short program, and what it printed on both streams."""

    status: int
    output: str


async def run(command: Sequence[str]) -> Ended:
    """Runs a short program to its end; kills it if this task is cancelled or this process dies."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=dying_with_parent(signal.SIGKILL),
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return Ended(process.returncode or 0, output.decode(errors="replace"))


async def gone(pid: int, birth: str, seconds: float) -> bool:
    """Waits until exactly this process has ended; False if it has not within the time."""
    deadline = time.monotonic() + seconds
    while born(pid) == birth:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
