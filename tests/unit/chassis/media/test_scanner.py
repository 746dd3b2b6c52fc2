"""The scanner is asked in the words of clamd, and only its own yes or no is an answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.chassis.media.scanner import Clamd, NoScanner, Verdict, scanner_of
from shared.chassis.settings import Settings

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

pytestmark = pytest.mark.asyncio


class Daemon:
    """Speaks INSTREAM as clamd does, and finds one thing."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.answer = answer
        self.received = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            self.received += await reader.readexactly(size)
        found = b"stream: Eicar-Signature FOUND" if EICAR in self.received else b"stream: OK"
        if self.answer != b"":
            writer.write((self.answer or found) + b"\0")
            await writer.drain()
        writer.close()


async def asked(daemon: Daemon, *pieces: bytes, seconds: float = 30.0) -> Verdict | None:
    async def given() -> AsyncIterator[bytes]:
        for one in pieces:
            yield one

    async with await asyncio.start_server(daemon, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await Clamd("127.0.0.1", port, seconds).ask(given())


async def test_what_it_says_counts() -> None:
    daemon = Daemon()
    assert await asked(daemon, b"a" * 70_000, b"b") == "clean"
    assert daemon.received == b"a" * 70_000 + b"b"
    assert await asked(Daemon(), EICAR[:20], EICAR[20:]) == "infected"


@pytest.mark.parametrize(
    "answer", [b"INSTREAM size limit exceeded. ERROR", b"", b"?", b"x" * 10_000, b"stream: OK?"]
)
async def test_anything_else_is_no_answer(answer: bytes) -> None:
    assert await asked(Daemon(answer), b"a") is None


async def test_a_scanner_that_is_away_or_silent_does_not_answer() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"a"

    async with await asyncio.start_server(Daemon(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
    assert await Clamd("127.0.0.1", port).ask(nothing()) is None

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await Clamd("127.0.0.1", port, 0.05).ask(nothing()) is None


async def test_the_setting_names_it() -> None:
    assert isinstance(scanner_of(Settings()), NoScanner)
    named = scanner_of(Settings(media_scanner="clamd://scanner.example:3310"))
    assert named.name == "clamd"
