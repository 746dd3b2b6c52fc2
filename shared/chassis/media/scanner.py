"""The hook for a virus scanner: it is asked before anybody is given what somebody has stored."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from shared.chassis.settings import Settings
from shared.chassis.telemetry import log

Verdict = Literal["clean", "infected"]

_LONGEST_ANSWER: Final = 4_096
_SECONDS: Final = 60.0


class Scanner(Protocol):
    """Says of bytes whether they are clean, or ``None`` where it does not answer."""

    name: str

    async def ask(self, pieces: AsyncIterator[bytes]) -> Verdict | None:
        """The verdict on these bytes."""


class NoScanner:
    """There is none: whatever is stored counts as clean, and the health of the service says so."""

    name = "none"

    async def ask(self, pieces: AsyncIterator[bytes]) -> Verdict | None:  # noqa: ARG002 - unread
        """Clean."""
        return "clean"


class Clamd:
    """ClamAV's daemon, asked over TCP by its command ``INSTREAM``."""

    name = "clamd"

    def __init__(self, host: str, port: int, seconds: float = _SECONDS) -> None:
        self._host = host
        self._port = port
        self._seconds = seconds

    async def ask(self, pieces: AsyncIterator[bytes]) -> Verdict | None:
        """Its verdict; none where it is away, too slow, or says anything but yes or no."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._answer(pieces)
        except (OSError, TimeoutError, ValueError) as error:
            log.warning("media.scanner-away", error=error)
            return None
        if answer.endswith(b": OK"):
            return "clean"
        if answer.endswith(b" FOUND"):
            return "infected"
        log.warning("media.scanner-undecided")
        return None

    async def _answer(self, pieces: AsyncIterator[bytes]) -> bytes:
        reader, writer = await asyncio.open_connection(
            self._host, self._port, limit=_LONGEST_ANSWER
        )
        try:
            writer.write(b"zINSTREAM\0")
            async for some in pieces:
                writer.write(len(some).to_bytes(4, "big") + some)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.readuntil(b"\0"))[:-1]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ValueError("the scanner's answer cannot be read") from error
        finally:
            writer.close()


def scanner_of(settings: Settings) -> Scanner:
    """The scanner that the settings name."""
    if settings.media_scanner == "none":
        return NoScanner()
    address = urlsplit(settings.media_scanner)
    return Clamd(address.hostname or "", address.port or 3310)
