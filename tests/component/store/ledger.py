"""A ledger on real PostgreSQL, what is appended to it, and a way to cut it off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg

import shared.chassis
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.store.rows import EventRow, ReceiptRow
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase

ROOT = Path(shared.chassis.__path__[0]).parents[1]
APPEND_LOCK = 7411
_SSL_REQUEST = (80_877_103).to_bytes(4, "big")  # PostgreSQL's protocol, 54.7


def event(entry_id: UUID, version: int, state: bytes = b"{}") -> EventRow:
    return EventRow(entry_id, version, "careplan.sample.noted.v1", state)


def receipt(
    contribution_id: UUID | None = None, content: bytes = b"same", who: str = "org:ZZG01"
) -> ReceiptRow:
    return ReceiptRow(contribution_id or uuid4(), who, content, b'{"outcome": "accepted"}')


def message(number: int = 0) -> Outgoing:
    return Outgoing("somewhere", b"key", (("n", str(number).encode()),), b"{}")


async def stored(owner: asyncpg.Connection) -> list[tuple[UUID, int]]:
    rows = await owner.fetch(
        "SELECT originator_id, originator_version FROM stored_events ORDER BY notification_id"
    )
    return [tuple(row) for row in rows]


async def positions(owner: asyncpg.Connection, query: str, *given: int) -> list[int]:
    return [row[0] for row in await owner.fetch(query, *given)]


@asynccontextmanager
async def nobody_can_append(made: TestDatabase) -> AsyncIterator[None]:
    """Another session holds the ledger's lock: what is appended waits."""
    holder = await asyncpg.connect(made.owner_url)
    await holder.execute("SELECT pg_advisory_lock($1)", APPEND_LOCK)
    try:
        yield
    finally:
        await holder.close()


async def until_waiting_for_the_lock(owner: asyncpg.Connection, sessions: int = 1) -> list[int]:
    """The sessions that wait in the append, as soon as there are so many."""

    async def pids() -> list[int]:
        return await positions(
            owner,
            "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()",
        )

    return await eventually(
        pids, "an append waits for the lock", holds=lambda found: len(found) >= sessions
    )


class Proxy:
    """Stands between a client and PostgreSQL, and can lose an answer or be away."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname, parts.port)
        self._url = url
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loses_next = False
        self.lost = asyncio.Event()
        self.failed = asyncio.Event()
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.go_away()

    @property
    def url(self) -> str:
        return self._url.replace(f"{self._there[0]}:{self._there[1]}", f"127.0.0.1:{self._port}")

    def lose_the_next_answer(self) -> None:
        self._loses_next = True
        self.lost.clear()

    async def go_away(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def come_back(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def fail_to_connect(self) -> None:
        """As PostgreSQL does on a full disk: what is open ends, and nothing new is opened."""
        await self.go_away()
        self._server = await asyncio.start_server(self._fail, "127.0.0.1", self._port)

    async def _fail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        asked = await reader.readexactly(8)
        if asked[4:] == _SSL_REQUEST:
            writer.write(b"N")
            asked = await reader.readexactly(8)
        await reader.readexactly(int.from_bytes(asked[:4], "big") - len(asked))
        said = b"SFATAL\0VFATAL\0CXX000\0Mcould not write init file\0\0"
        writer.write(b"E" + (len(said) + 4).to_bytes(4, "big") + said)
        await writer.drain()
        writer.close()
        self._open.discard(writer)
        self.failed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        ends = {writer, there_writer}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, there_writer, ends))
                group.create_task(self._pump(there_reader, writer, ends, answers=True))
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
        *,
        answers: bool = False,
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if answers and self._loses_next:
                    self._loses_next = False
                    self.lost.set()
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        for end in ends:
            end.transport.abort()
