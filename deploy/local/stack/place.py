"""The place where the stack runs: its folder is its own, its ports are free, its disk has room."""

import fcntl
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.processes.problem import Problem
from deploy.local.processes.process import born, gone
from deploy.local.processes.supervisor import Seen

_LEAST_FREE = 200 * 1024 * 1024


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Locks the folder for this process; the kernel releases the lock when the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "lock").open("a+")
    except OSError as error:
        raise Problem(
            f"{folder} cannot hold the stack ({error.strerror}): "
            "set CAREPLAN_STACK_DIR to a folder that you may write to",
            status=2,
        ) from None
    with held as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                f"a stack already runs in {folder} (pid {holder(folder)}): stop it with "
                "`make stop`, or start a second one with another CAREPLAN_STACK_DIR and "
                "CAREPLAN_PORT_OFFSET"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def holder(folder: Path) -> int | None:
    """The process that holds the folder; None if no process does."""
    try:
        with (folder / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = lock.read().strip()
                return int(text) if text else None
    except (FileNotFoundError, PermissionError, ValueError):
        return None
    return None


def check_disk(folder: Path) -> None:
    """Refuses a start that would fail later for lack of disk space."""
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        raise Problem(
            f"the disk of {folder} is full ({free // 1024 // 1024} MB left): free some space, "
            "or set CAREPLAN_STACK_DIR to a folder elsewhere"
        )


def check_ports(ports: Mapping[str, int]) -> None:
    """Refuses a start if a port is in use."""
    for name, port in ports.items():
        with socket.socket() as probe:
            # As the servers set it: connections of an earlier start may still be in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise Problem(
                    f"port {port} ({name}) is in use: stop what uses it, or set "
                    "CAREPLAN_PORT_OFFSET, for instance to 1000, to move all ports"
                ) from None


class Pids:
    """The processes started here, on disk, so that the next start can tidy up after a crash."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = ""

    def write(self, seen: Mapping[str, Seen]) -> None:
        """Which processes there are now."""
        text = json.dumps({name: [one.pid, one.born] for name, one in seen.items() if one.born})
        if text != self._written:
            self._path.write_text(text)
            self._written = text

    def forget(self) -> None:
        """Nothing is left."""
        self._path.unlink(missing_ok=True)

    async def tidy_up(self, report: Callable[[str], None]) -> None:
        """Waits for the processes of a killed start to end; kills those that do not."""
        try:
            left = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return
        # A child that had no birth yet cannot be told from others; None would equal None.
        alive = {
            name: (pid, birth)
            for name, (pid, birth) in left.items()
            if birth is not None and born(pid) == birth
        }
        if alive:
            report(f"waiting for processes of an earlier start to end: {', '.join(alive)}")
        for name, (pid, birth) in alive.items():
            # The kernel has signalled it already: it is about to end, or it hangs.
            if not await gone(pid, birth, seconds=8):
                report(f"{name} (pid {pid}) did not end and was killed")
                with suppress(ProcessLookupError):  # it has ended at last
                    os.killpg(pid, signal.SIGKILL)
                await gone(pid, birth, seconds=5)
        self.forget()
