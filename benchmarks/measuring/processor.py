"""Processor time of processes, user and system, as the kernel counts it: the yardstick of a path.

On a machine where the servers share the cores with what is measured, a rate says mostly how much
the others cost; the processor time of a request is its own.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_ZOMBIE: Final = "Z"


@dataclass(frozen=True)
class Processes:
    """Processes by the name they are told under, each with everything that it has started."""

    pids: Mapping[str, int]

    def seconds(self) -> dict[str, float]:
        """What each has used so far, with its children, those that have ended too."""
        children = _children()
        return {
            name: sum(_of(one, ended_too=one == pid) for one in _with_all_below(pid, children))
            for name, pid in self.pids.items()
        }


@dataclass
class Used:
    """What was used between the beginning and now."""

    processes: Processes

    def __post_init__(self) -> None:
        self._begun = self.processes.seconds()

    def microseconds(self, requests: int) -> dict[str, float]:
        """What each process used for one request, on average."""
        now = self.processes.seconds()
        return {name: (now[name] - self._begun[name]) / requests * 1e6 for name in now}


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _of(pid: int, *, ended_too: bool) -> float:
    # utime, stime, and of children that ended and were waited for: cutime, cstime.
    ticks = _stat(pid)[11 : 15 if ended_too else 13]
    return sum(map(int, ticks)) * _TICK


def _children() -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields and fields[0] != _ZOMBIE:
            below.setdefault(int(fields[1]), []).append(int(path.name))
    return below


def _with_all_below(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _with_all_below(child, children)
