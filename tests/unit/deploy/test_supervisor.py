"""The supervisor with children of one line each: ready, restarted, stopped, given up."""

import asyncio
import io
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.processes.output import Terminal
from deploy.local.processes.problem import Problem
from deploy.local.processes.supervisor import Child, Supervisor
from shared.testing.eventually import eventually

pytestmark = pytest.mark.asyncio

_OFTEN = 5
_WAITS = "import signal; open({0!r}, 'w'); signal.pause()"
_DEAF = (
    "import signal; signal.signal(15, signal.SIG_IGN); open({0!r}, 'w')\nwhile True: signal.pause()"
)


def child(script: str, started: Path, grace: float = 5.0) -> Child:
    async def ready() -> bool:
        return await asyncio.to_thread(started.exists)

    code = script.format(str(started))
    return Child(
        name=started.name, command=[sys.executable, "-S", "-c", code], ready=ready, grace=grace
    )


def supervisor(folder: Path) -> tuple[Supervisor, io.StringIO]:
    said = io.StringIO()
    return Supervisor(folder / "logs", Terminal(said, colour=False), lambda: None), said


async def test_a_child_that_was_killed_runs_again(tmp_path: Path) -> None:
    kept, said = supervisor(tmp_path)
    kept.start(child(_WAITS, tmp_path / "one"))
    await kept.until_ready("one")
    first = kept.seen()["one"].pid or 0
    os.kill(first, signal.SIGKILL)
    await eventually(
        lambda: kept.seen()["one"].pid,
        "the child runs again",
        holds=lambda pid: pid not in (None, first),
    )
    await kept.stop("one")
    assert kept.seen()["one"].pid is None
    assert "one was ended by SIGKILL; starting it again in 0.2 s" in said.getvalue()


async def test_a_child_that_is_deaf_to_its_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    kept, said = supervisor(tmp_path)
    kept.start(child(_DEAF, tmp_path / "deaf", grace=0.2))
    await kept.until_ready("deaf")
    await kept.stop("deaf")
    assert kept.seen()["deaf"].pid is None
    assert "deaf did not stop in time and was killed" in said.getvalue()


async def test_a_child_that_never_gets_ready_is_given_up_with_its_last_word(tmp_path: Path) -> None:
    kept, _ = supervisor(tmp_path)
    kept.start(child("import sys; sys.exit('no such table')", tmp_path / "one"))
    with pytest.raises(Problem, match=r"one ended with status 1 .*: no such table"):
        await kept.until_ready("one")
    await kept.stop("one")
    assert "no such table" in (tmp_path / "logs" / "one.log").read_text()


async def test_whoever_comes_after_another_waits_for_it(tmp_path: Path) -> None:
    kept, _ = supervisor(tmp_path)
    asked = 0

    async def ready() -> bool:
        nonlocal asked
        asked += 1
        return (tmp_path / "let on").exists()

    first, second = child(_WAITS, tmp_path / "first"), child(_WAITS, tmp_path / "second")
    kept.start(replace(first, ready=ready))
    kept.start(replace(second, after=("first", "of others")))
    # The first runs and was asked again and again: whoever had not waited would long be running.
    await eventually(lambda: asked, "the first is asked", holds=lambda times: times > _OFTEN)
    assert kept.seen()["first"].pid is not None
    assert kept.seen()["second"].pid is None
    assert not (tmp_path / "second").exists()
    (tmp_path / "let on").touch()
    await kept.until_ready("first", "second")
    assert kept.seen()["second"].pid is not None
    await kept.stop("second")
    await kept.stop("first")
