"""The cache folder of a user: what is slow to download or make, shared by all clones."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO


@asynccontextmanager
async def alone_in(folder: Path, report: Callable[[str], None]) -> AsyncIterator[None]:
    """Locks the folder, so that two stacks that start together do the slow work only once."""
    with _lock_of(folder) as lock:
        told = False
        while not _taken(lock.fileno()):
            if not told:
                report(f"waiting for another start, which is filling {folder}")
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
