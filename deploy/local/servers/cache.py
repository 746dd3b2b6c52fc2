"""The folder per user for what is slow to fetch or make; fresh clones find it there again."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO


@asynccontextmanager
async def alone_in(folder: Path, report: Callable[[str], None]) -> AsyncIterator[None]:
    """Holds the folder's lock, so that two stacks started at once do the slow work once."""
    with _lock_of(folder) as lock:
        told = False
        while not _taken(lock.fileno()):
            if not told:
                report(f"waiting for another start that is filling {folder}")
                told = True
            await asyncio.sleep(0.1)
        yield


def _lock_of(folder: Path) -> TextIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "lock").open("w")


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
