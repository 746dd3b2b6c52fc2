"""Media on a local disk: a file is there whole, under its name, or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from shared.chassis.media.faults import BlobGone, StoreAway

_PIECE: Final = 256 * 1024


class Disk:
    """Files in a folder.

    They come in beside it, and get their name by one rename after they are on the disk: whatever
    happens, and whenever, there is no half of one under a name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.spool = folder / "incoming"

    async def put(self, name: str, file: Path) -> None:
        """Give a file of the spool its name, durably."""
        await asyncio.to_thread(self._put, name, file)

    async def read(self, name: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """These bytes of a file."""
        try:
            file = await asyncio.to_thread((self._folder / name).open, "rb")
        except FileNotFoundError:
            raise BlobGone from None
        except OSError as error:
            raise StoreAway from error
        with file:
            await asyncio.to_thread(file.seek, begin)
            while begin < end:
                some = await asyncio.to_thread(file.read, min(_PIECE, end - begin))
                if not some:
                    raise BlobGone
                begin += len(some)
                yield some

    async def delete(self, name: str) -> None:
        """Delete a file."""
        await asyncio.to_thread(self._delete, name)

    async def is_answering(self) -> bool:
        """True where the folder can be written to."""
        try:
            await asyncio.to_thread(self.spool.mkdir, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.spool, os.W_OK)

    def _put(self, name: str, file: Path) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(path)
            for folder in (path.parent, self._folder):
                _flush(folder)
        except OSError as error:
            raise StoreAway from error

    def _delete(self, name: str) -> None:
        path = self._folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreAway from error


def _flush(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
