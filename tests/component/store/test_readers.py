"""A reader that follows the positions skips nothing."""

import asyncio
import os
import random
import signal
import sys
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.chassis.store.rows import Append, Appends, appends
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.stack import TestDatabase
from tests.component.store.ledger import (
    APPEND_LOCK,
    ROOT,
    event,
    nobody_can_append,
    positions,
    receipt,
    stored,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class Tail:
    """Reads on from the last position it has seen, and never looks back."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._done = asyncio.Event()

    def the_writers_are_done(self) -> None:
        self._done.set()

    async def read(self, url: str) -> None:
        connection = await asyncpg.connect(url)
        last = 0
        while True:
            is_last_look = self._done.is_set()
            page = await positions(
                connection,
                "SELECT notification_id FROM stored_events"
                " WHERE notification_id > $1 ORDER BY 1 LIMIT 500",
                last,
            )
            self.seen += page
            if page:
                last = page[-1]
            elif is_last_look:
                await connection.close()
                return


class Writer:
    """Another process that appends single events until it is killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._told = asyncio.create_task(self._listen())
        self.acknowledged: list[tuple[UUID, int]] = []
        self.works = asyncio.Event()

    @classmethod
    async def start(cls, url: str) -> "Writer":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                __file__,
                url,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        )

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.endswith(b"\n"):
                entry_id, version = line.split()
                self.acknowledged.append((UUID(entry_id.decode()), int(version)))
                self.works.set()

    def has_written(self, events: int) -> bool:
        return len(self.acknowledged) >= events

    async def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        await self._told


async def append_for_ever(url: str) -> None:
    """What a writer does: eight entries at a time, an event after the other."""
    async with appends(url) as commits:

        async def one_after_the_other() -> None:
            entry_id = uuid4()
            for version in range(1, 1_000_000):
                await commits.append(Append([event(entry_id, version, b"x" * 200)], receipt()))
                sys.stdout.write(f"{entry_id} {version}\n")
                sys.stdout.flush()

        await asyncio.gather(*(one_after_the_other() for _ in range(8)))


async def test_a_reader_skips_nothing_while_writers_are_killed(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    tail = Tail()
    reading = asyncio.create_task(tail.read(made.url))
    writers = [await Writer.start(made.url) for _ in range(3)]
    dice = random.Random(11)  # noqa: S311 - any moment will do
    for writer in writers:
        await asyncio.wait_for(writer.works.wait(), LONG_ENOUGH)
    # One after the other is killed in the middle of its work.
    for writer in writers:
        enough = len(writer.acknowledged) + dice.randrange(70, 200)
        await eventually(partial(writer.has_written, enough), "it is in the middle of its work")
        await writer.kill()
    # A killed writer's last call may still run in PostgreSQL.
    async with nobody_can_append(made):
        tail.the_writers_are_done()
        await asyncio.wait_for(reading, LONG_ENOUGH)
        rows = await stored(owner)
    assert tail.seen == list(range(1, len(rows) + 1))
    assert len(rows) > 200, "there was something to skip"
    kept = set(rows)
    for writer in writers:
        assert set(writer.acknowledged) <= kept, "an acknowledged event is stored"
    assert len(kept) == len(rows)


async def test_without_the_lock_the_same_reader_does_skip(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    """The reader above can fail: positions from a sequence are not in commit order."""
    await owner.execute("CREATE SCHEMA unlocked; CREATE SEQUENCE unlocked.given")
    function = await owner.fetchval("SELECT pg_get_functiondef('append_requests'::regproc)")
    for locked, loose in (
        ("FUNCTION public.append_requests", "FUNCTION unlocked.append_requests"),
        (f"PERFORM pg_advisory_xact_lock({APPEND_LOCK});", ""),
        ("SELECT coalesce(e.position, 0),", "SELECT 0,"),
        ("place := place + 1;", "place := nextval('unlocked.given');"),
        ("RETURN QUERY", "PERFORM pg_sleep(random() * 0.01); RETURN QUERY"),
    ):
        assert function.count(locked) == 1, locked
        function = function.replace(locked, loose)
    await owner.execute(function)
    await owner.execute("GRANT ALL ON SCHEMA unlocked TO PUBLIC")
    await owner.execute("GRANT ALL ON unlocked.given TO PUBLIC")
    url = f"{made.url}?search_path=unlocked,public"
    tail = Tail()
    reading = asyncio.create_task(tail.read(made.url))
    try:
        async with appends(url) as one, appends(url) as two:

            async def write(commits: Appends) -> None:
                for _ in range(60):
                    await commits.append(Append([event(uuid4(), 1)], receipt()))

            await asyncio.gather(*(write(commits) for commits in (one, two) for _ in range(4)))
        tail.the_writers_are_done()
        await reading
    finally:
        await owner.execute("DROP SCHEMA unlocked CASCADE")
    there = await positions(owner, "SELECT notification_id FROM stored_events ORDER BY 1")
    assert len(there) == 480
    assert len(tail.seen) < len(there)


if __name__ == "__main__":
    asyncio.run(append_for_ever(sys.argv[1]))
