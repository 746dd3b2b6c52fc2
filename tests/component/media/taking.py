"""A process that stores one file after another until somebody kills it."""

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

from shared.chassis.database.database import Database
from shared.chassis.media.disk import Disk
from shared.chassis.media.keeping import MediaKeeping, Upload
from shared.chassis.media.spool import BLOCK
from shared.chassis.settings import Settings
from shared.testing import files
from tests.component.media.running import pieces_of


async def take(url: str, folder: Path) -> None:
    async with Database(url) as database:
        keeping = MediaKeeping(database, Settings(), store=Disk(folder))
        number = 0
        while True:
            file = files.mp4(6 * BLOCK + number)
            pieces = pieces_of(file.content)
            await keeping.take(Upload(uuid4(), "killed", file.mime, file.sha256, pieces))
            number += 1
            sys.stdout.write("stored\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], Path(sys.argv[2])))
