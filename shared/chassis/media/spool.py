"""The bytes of one upload as they come: on disk, counted and hashed, never whole in memory."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Final

from uuid_utils.compat import uuid7

BLOCK: Final = 256 * 1024
"""Bytes that are hashed by themselves, so that a part of a file can be proven without the rest."""


class TooLong(Exception):
    """More bytes have come than may."""


@dataclass(frozen=True)
class Spooled:
    """A file that has come whole, and is on the disk."""

    path: Path
    size: int
    sha256: str
    blocks: bytes
    """The SHA-256 of each block, one after the other."""


class Spool:
    """Takes bytes up to a limit; holds less than one block of them in memory."""

    def __init__(self, path: Path, file: FileIO | BufferedWriter, limit: int) -> None:
        self._path = path
        self._file = file
        self._limit = limit
        self._size = 0
        self._whole = sha256()
        self._blocks = bytearray()
        self._waiting = bytearray()

    async def add(self, some: bytes) -> None:
        """The next bytes; raises ``TooLong``."""
        self._size += len(some)
        if self._size > self._limit:
            raise TooLong
        view = memoryview(some)
        while view:
            room = BLOCK - len(self._waiting)
            self._waiting += view[:room]
            view = view[room:]
            if len(self._waiting) == BLOCK:
                await asyncio.to_thread(self._write)

    async def finish(self) -> Spooled:
        """All has come: it is on the disk when this returns."""
        await asyncio.to_thread(self._finish)
        return Spooled(self._path, self._size, self._whole.hexdigest(), bytes(self._blocks))

    def _write(self) -> None:
        self._file.write(self._waiting)
        self._whole.update(self._waiting)
        self._blocks += sha256(self._waiting).digest()
        self._waiting.clear()

    def _finish(self) -> None:
        if self._waiting:
            self._write()
        self._file.flush()
        os.fsync(self._file.fileno())


@asynccontextmanager
async def spooling(folder: Path, limit: int) -> AsyncIterator[Spool]:
    """A spool in this folder; what was not moved away is deleted at the end."""
    path = folder / str(uuid7())
    file = await asyncio.to_thread(path.open, "xb", buffering=0)
    try:
        yield Spool(path, file, limit)
    finally:
        file.close()
        path.unlink(missing_ok=True)
