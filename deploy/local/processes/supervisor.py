"""Keeps child processes running: readiness, restart, output, and an orderly stop."""

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.processes.output import LogFile, Terminal
from deploy.local.processes.problem import Problem, from_output
from deploy.local.processes.process import born, dying_with_parent

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_STEADY_AFTER = 5.0
_LINE_LIMIT = 1 << 20
_LOOKED_AT_EVERY = 0.1
_WATCHED_EVERY = 2.0
_FAILURES_BEFORE_READY = 3
# Only ends a hang: on a busy machine a dozen services that start at once take a minute and more.
_READY_WITHIN = 180.0


@dataclass(frozen=True)
class Child:
    """One process to keep running. Its output goes to its log, and what matters to the screen."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    stop_group: bool = True
    grace: float = 5.0
    worth_showing: re.Pattern[str] = re.compile("")


class _Kept:
    """A child, and what is known about its current process."""

    def __init__(self, child: Child, log: LogFile) -> None:
        self.child = child
        self.log = log
        self.process: asyncio.subprocess.Process | None = None
        self.ready = False
        self.ever_ready = asyncio.Event()
        self.stopping = asyncio.Event()
        self.failures = 0
        self.last_line = ""
        self.task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process is not None else None


@dataclass(frozen=True)
class Seen:
    """What others may know about a child: its process, its start, and whether it is ready."""

    pid: int | None
    born: str | None
    ready: bool


class Supervisor:
    """Starts children, restarts those that end, and stops them all; none outlives it.

    The kernel ends the children of a supervisor that was killed. `changed` is called whenever a
    child starts, ends, or turns ready or not.
    """

    def __init__(
        self,
        logs: Path,
        terminal: Terminal,
        changed: Callable[[], None],
        *,
        verbose: bool = False,
    ) -> None:
        self._logs = logs
        self._verbose = verbose
        self._terminal = terminal
        self._changed = changed
        self._kept: dict[str, _Kept] = {}
        self._failure: Problem | None = None
        self._failed = asyncio.Event()

    def start(self, child: Child) -> None:
        """Starts a child, once those it comes after are ready."""
        kept = _Kept(child, LogFile(self._logs / f"{child.name}.log"))
        self._kept[child.name] = kept
        kept.task = asyncio.create_task(self._keep(kept), name=f"keep {child.name}")

    def seen(self) -> dict[str, Seen]:
        """Every child by name, as it is now."""
        return {
            name: Seen(kept.pid, born(kept.pid) if kept.pid else None, kept.ready)
            for name, kept in self._kept.items()
        }

    async def until_ready(self, *names: str, seconds: float = _READY_WITHIN) -> None:
        """Waits until each of these has been ready once; the error says which is not, and why."""
        waiting = asyncio.create_task(self._all_ready(names))
        failing = asyncio.create_task(self._failed.wait())
        try:
            await asyncio.wait(
                (waiting, failing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
            failing.cancel()
        if self._failure is not None:
            raise self._failure
        late = [name for name in names if not self._kept[name].ever_ready.is_set()]
        if late:
            raise Problem(
                f"{', '.join(late)} did not get ready within {seconds:.0f} s; "
                f"{self._kept[late[0]].log.path} says why"
            )

    async def stop(self, *names: str, grace: float | None = None) -> None:
        """Stops these together, by their signals; by SIGKILL after their grace or this one."""
        kept = [self._kept[name] for name in names if name in self._kept]
        await asyncio.gather(*(self._stop(one, grace or one.child.grace) for one in kept))

    def kill(self) -> None:
        """Kills everything at once, for somebody who will not wait for an orderly stop."""
        for kept in self._kept.values():
            kept.stopping.set()
            if kept.pid is not None:
                _send(kept.pid, signal.SIGKILL, whole_group=True)

    async def _all_ready(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._kept:  # a server of your own is not waited for
                await self._kept[name].ever_ready.wait()

    async def _keep(self, kept: _Kept) -> None:
        await self._all_ready(kept.child.after)
        pause = _FIRST_PAUSE
        while not kept.stopping.is_set():
            began = time.monotonic()
            try:
                ending = await self._run(kept)
            except OSError as error:
                ending = f"could not be started: {error}"
            if kept.stopping.is_set():
                return
            if time.monotonic() - began > _STEADY_AFTER:
                pause = _FIRST_PAUSE
            self._note_failure(kept, ending)
            self._terminal.say(f"{kept.child.name} {ending}; starting it again in {pause:.1f} s")
            await _set_within(kept.stopping, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _note_failure(self, kept: _Kept, ending: str) -> None:
        if kept.ever_ready.is_set():
            return
        kept.failures += 1
        if kept.failures >= _FAILURES_BEFORE_READY:
            what = f"{kept.child.name} {ending} (see {kept.log.path})"
            self._failure = from_output(what, kept.last_line)
            self._failed.set()

    async def _run(self, kept: _Kept) -> str:
        child = kept.child
        kept.process = await asyncio.create_subprocess_exec(
            *child.command,
            env={**os.environ, **child.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone
            preexec_fn=dying_with_parent(child.death_signal),
            limit=_LINE_LIMIT,
        )
        self._changed()
        watching = asyncio.create_task(self._watch(kept))
        pumping = asyncio.create_task(self._pump(kept))
        try:
            status = await kept.process.wait()
            await asyncio.wait((pumping,), timeout=1)
        finally:
            watching.cancel()
            pumping.cancel()
            kept.ready = False
            self._changed()
        return _in_words(status)

    async def _watch(self, kept: _Kept) -> None:
        while True:
            ready = await kept.child.ready()
            if ready != kept.ready:
                again = " again" if kept.ever_ready.is_set() else ""
                if not kept.stopping.is_set():
                    said = f"is ready{again}" if ready else f"is not ready; see {kept.log.path}"
                    self._terminal.say(f"{kept.child.name} {said}")
                kept.ready = ready
                self._changed()
            if ready:
                kept.ever_ready.set()
            await asyncio.sleep(_WATCHED_EVERY if ready else _LOOKED_AT_EVERY)

    async def _pump(self, kept: _Kept) -> None:
        assert kept.process is not None and kept.process.stdout is not None  # noqa: PT018
        stream = kept.process.stdout
        while True:
            try:
                line = await stream.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line:
                    return
            except asyncio.LimitOverrunError as long:
                line = await stream.read(long.consumed)
            text = line.decode(errors="replace").rstrip("\n")
            kept.last_line = text or kept.last_line
            kept.log.write(text)
            if self._verbose or kept.child.worth_showing.search(text):
                self._terminal.show(kept.child.name, text)

    async def _stop(self, kept: _Kept, grace: float) -> None:
        kept.stopping.set()
        if kept.task is None:
            return
        pid = kept.pid
        if pid is None:
            kept.task.cancel()
        else:
            _send(pid, kept.child.stop_signal, whole_group=kept.child.stop_group)
        done, _ = await asyncio.wait((kept.task,), timeout=grace)
        if not done and pid is not None:
            self._terminal.say(f"{kept.child.name} did not stop in time and was killed")
            _send(pid, signal.SIGKILL, whole_group=True)
            await asyncio.wait((kept.task,), timeout=2)
        kept.log.close()


def _send(pid: int, what: signal.Signals, *, whole_group: bool) -> None:
    try:
        if whole_group:
            os.killpg(pid, what)
        else:
            os.kill(pid, what)
    except ProcessLookupError:
        pass  # it has just ended by itself


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _in_words(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"
