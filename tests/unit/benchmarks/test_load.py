"""What the load asks for."""

import asyncio
from itertools import pairwise

import pytest

from benchmarks.measuring.load import Load, apply


@pytest.mark.asyncio
async def test_paths_are_asked_for_in_turn() -> None:
    """One path for all would measure whatever the service keeps of its last answer."""
    asked: list[str] = []
    has_ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(4096):
            asked.append(head.split()[1].decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        has_ended.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        load = Load(port, "GET", "/one", {}, 1, 0.2, 200, paths=["/a", "/b", "/c"])
        await apply(load)
        await has_ended.wait()
        following = {"/a": "/b", "/b": "/c", "/c": "/a"}
        assert set(asked) == {"/a", "/b", "/c"}
        assert all(following[before] == after for before, after in pairwise(asked))
