"""Keeping media: what comes in is checked and stored, what goes out is proven, the rest swept."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from uuid_utils.compat import uuid7

from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.media.blob_store import BlobStore, store_of
from shared.chassis.media.faults import BlobGone, StoreAway
from shared.chassis.media.kinds.kind import type_of
from shared.chassis.media.kinds.walking import NotOfThisKind
from shared.chassis.media.rows import MediaRows, State, StoredMedia, media_id_of
from shared.chassis.media.scanner import NoScanner, Scanner, Verdict, scanner_of
from shared.chassis.media.spool import BLOCK, Spooled, TooLong, spooling
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Background, Count, Part, counter, log
from shared.chassis.wire.problem import Problem

_DIGEST: Final = 32
_LOOK_AGAIN: Final = 5.0
_AT_A_TIME: Final = 20
_STATE_OF: Final[dict[Verdict | None, State]] = {
    "clean": "available",
    "infected": "infected",
    None: "quarantined",
}


class Damaged(Exception):
    """The stored bytes are gone, or are not those that were stored."""


async def _to_nobody(_: StoredMedia) -> bool:
    return False


@dataclass(frozen=True)
class Upload:
    """Bytes on their way in, with what is said of them.

    ``is_shown`` says whether an entry shows them to whoever sends them, where they are here.
    """

    plan_id: UUID
    contributor: str
    mime: str
    sha256: str
    pieces: AsyncIterator[bytes]
    is_shown: Callable[[StoredMedia], Awaitable[bool]] = _to_nobody


class MediaKeeping(Background):
    """Takes media in and gives them out, a block at a time.

    Opened by ``async with``: meanwhile it asks the scanner again about what is in quarantine, and
    sweeps away what no entry names.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        store: BlobStore | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        self.rows = MediaRows(database)
        self._settings = settings
        self._store = store or store_of(settings)
        self._scanner = scanner or scanner_of(settings)
        self._room = settings.media_uploads

    async def __aenter__(self) -> Self:
        await self._store.is_answering()
        return await super().__aenter__()

    async def part(self) -> Part:
        """Whether the store answers, and which scanner there is."""
        answers = await self._store.is_answering()
        said = "" if answers else "the store does not answer; "
        return Part(answers, f"{said}scanner: {self._scanner.name}")

    async def take(self, upload: Upload) -> tuple[StoredMedia, bool]:
        """The media as they are stored now, and whether they are new to whoever sends them.

        Of what others have stored, and is withheld from them, they learn nothing: it is taken in as
        if it were not here. Raises ``Problem``.
        """
        if not self._room:
            raise Problem("overloaded", "Too many files are on their way in. Send it again later.")
        self._room -= 1
        try:
            return await self._take(upload)
        except StoreAway as error:
            log.error("media.store-away", error=error)
            raise Problem("unavailable", "The store is away. Send the same again.") from None
        finally:
            self._room += 1

    async def _take(self, upload: Upload) -> tuple[StoredMedia, bool]:
        folder = self._store.spool
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        async with spooling(folder, self._settings.media_bytes) as spool:
            try:
                async with asyncio.timeout(self._settings.media_seconds):
                    async for some in upload.pieces:
                        await spool.add(some)
            except TooLong:
                limit = self._settings.media_bytes
                raise Problem("body-too-large", f"A file may have at most {limit} bytes.") from None
            except TimeoutError:
                raise Problem(
                    "bad-request",
                    f"The file did not come within {self._settings.media_seconds:g} s.",
                ) from None
            file = await spool.finish()
            if file.sha256 != upload.sha256:
                raise Problem(
                    "digest-mismatch",
                    "What arrived has another SHA-256 than `Content-Digest` says. Send it again.",
                )
            held = await self.rows.find_again(upload.plan_id, file.sha256)
            if held is None:
                stored, is_new = await self._store_new(upload, file)
                await self.rows.hold(stored, upload.contributor)
                return stored, is_new
            if await upload.is_shown(held):
                return _as_announced(held, upload), False
            if await self.rows.is_held_by(held, upload.contributor):
                await self.rows.hold(held, upload.contributor)
                return _as_announced(held, upload), False
            stored, _ = await self._store_new(upload, file)
            await self.rows.hold(stored, upload.contributor)
            return stored, True

    async def _store_new(self, upload: Upload, file: Spooled) -> tuple[StoredMedia, bool]:
        try:
            mime = await asyncio.to_thread(type_of, file.path, upload.mime)
        except NotOfThisKind as error:
            raise Problem("unsupported-media-type", error.detail) from None
        state = await self._judge(_pieces_of(file.path), self._settings.media_scanner_seconds)
        _refuse_infected(state)
        media = StoredMedia(
            upload.plan_id,
            file.sha256,
            media_id_of(file.sha256),
            file.size,
            mime,
            state,
            f"{upload.plan_id}/{file.sha256}.{uuid7()}",
            file.blocks,
            upload.contributor,
            datetime.now(UTC),
            named=False,
        )
        await self.rows.note(media.blob)
        await self._store.put(media.blob, file.path)
        if await self.rows.add(media):
            return media, True
        held = await self.rows.find_again(upload.plan_id, file.sha256)
        if held is None:
            raise Problem("unavailable", "Send the same again.")
        return held, False

    async def blocks(self, media: StoredMedia, begin: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from ``begin`` up to ``end``, each of them proven before it is given out.

        Raises ``Damaged``, perhaps after some of them, and ``StoreAway``.
        """
        first, size = begin // BLOCK, media.size
        place = first * BLOCK
        last = min(-(-end // BLOCK) * BLOCK, size)
        try:
            async with aclosing(self._whole_blocks(media, place, last)) as blocks:
                async for block in blocks:
                    number = place // BLOCK
                    proof = media.blocks[number * _DIGEST : (number + 1) * _DIGEST]
                    if sha256(block).digest() != proof:
                        raise Damaged
                    yield block[max(0, begin - place) : max(0, end - place)]
                    place += len(block)
        except BlobGone:
            raise Damaged from None
        if place < end:
            raise Damaged

    async def _whole_blocks(
        self, media: StoredMedia, begin: int, end: int
    ) -> AsyncGenerator[bytes]:
        waiting = bytearray()
        async for some in self._store.read(media.blob, begin, end):
            waiting += some
            while len(waiting) >= BLOCK:
                yield bytes(waiting[:BLOCK])
                del waiting[:BLOCK]
        if waiting:
            yield bytes(waiting)

    async def sweep(self, seconds: float) -> int:
        """Forget media that no entry has named for so long, and what is left over in the store."""
        forgotten = await self.rows.forget_unnamed(seconds)
        for blob in await self.rows.unused(seconds):
            await self._delete(blob)
        await asyncio.to_thread(_sweep_spool, self._store.spool, seconds)
        if forgotten:
            log.info("media.swept", count=forgotten)
        return forgotten

    async def _delete(self, blob: str) -> None:
        """Delete something from the store, and then the note of it, unless it is in use."""
        async with self.rows.unused_one(blob) as is_unused:
            if is_unused:
                await self._store.delete(blob)

    async def ask_again(self) -> int:
        """Ask the scanner about what is in quarantine; how many it said something of.

        Where there is none any more, what is there waits for another.
        """
        spoken = 0
        if isinstance(self._scanner, NoScanner):
            return spoken
        for media in await self.rows.quarantined(_AT_A_TIME):
            try:
                state = await self._judge(self.blocks(media, 0, media.size))
            except Damaged:
                tell_of_damage(media)
                continue
            if state == "quarantined":
                break
            await self.rows.judged(media, state)
            if state == "infected":
                await self._store.delete(media.blob)
            spoken += 1
        return spoken

    async def _judge(self, pieces: AsyncIterator[bytes], seconds: float | None = None) -> State:
        try:
            async with asyncio.timeout(seconds):
                verdict = await self._scanner.ask(pieces)
        except TimeoutError:
            verdict = None
        if verdict == "infected":
            log.error("media.infected")
        if not isinstance(self._scanner, NoScanner):
            counter(Count.MEDIA_SCANNED).add(1, {"outcome": verdict or "no-answer"})
        return _STATE_OF[verdict]

    async def _work(self) -> None:
        """Ask and sweep until cancelled; what fails is tried again."""
        bound = float(self._settings.media_kept_seconds)
        swept = float("-inf")
        while True:
            try:
                await self.ask_again()
                if time.monotonic() - swept > min(bound / 10, 3_600):
                    await self.sweep(bound)
                    swept = time.monotonic()
            except (*TRANSIENT, StoreAway, OSError) as error:
                log.warning("media.keeping-failed", error=error)
            await asyncio.sleep(_LOOK_AGAIN)


def _as_announced(held: StoredMedia, upload: Upload) -> StoredMedia:
    _refuse_infected(held.state)
    if held.mime != upload.mime:
        raise Problem("unsupported-media-type", f"By its content this is {held.mime}.")
    return held


def _refuse_infected(state: State) -> None:
    if state == "infected":
        raise Problem("media-infected", "The scanner found something harmful in it.")


def tell_of_damage(media: StoredMedia) -> None:
    """Say so loudly: somebody has to bring the file back."""
    counter(Count.MEDIA_DAMAGED).add(1)
    log.error("media.damaged", plan_id=str(media.plan_id), media_id=str(media.media_id))


async def _pieces_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while some := await asyncio.to_thread(file.read, BLOCK):
            yield some


def _sweep_spool(folder: Path, seconds: float) -> None:
    """Delete what a process that is no more has left behind."""
    limit = time.time() - seconds
    for left in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # it is whose upload has just ended
            if left.stat().st_mtime < limit:
                left.unlink()
