"""The sealer: exactly one of a log's replicas, which signs a checkpoint for whatever is new.

It is elected by a session advisory lock on the connection that it also works with. PostgreSQL
closes that when its holder has been silent for seven seconds; an epoch in the database keeps a
holder that did not notice from adding anything.
"""

import asyncio
from time import monotonic
from typing import Final

import asyncpg

from services.audit.log.rehash import Damaged
from services.audit.log.sealing import Sealing, Superseded
from services.audit.log.signer import Signer
from services.audit.log.witnesses import Witnesses
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT
from shared.chassis.telemetry import Background, Part

LOCK: Final = 7422
_EVERY: Final = 1.0
_SIGNED_AGAIN: Final = 600.0
_IDLE_TIMEOUT: Final = "7s"
_LONGEST_PAUSE: Final = 5.0


class Sealer(Background):
    """Seals in the background for as long as its ``async with`` is open.

    Where something stored is not what was signed, it stops for good and says what: signing on
    would give the log a second history.
    """

    def __init__(self, url: str, signer: Signer, witnesses: Witnesses) -> None:
        self._url = url
        self._signer = signer
        self._witnesses = witnesses
        self._connection: asyncpg.Connection | None = None
        self._detail = "starting"
        self.waiting = 0
        self.failure: Damaged | None = None

    async def __aexit__(self, *why: object) -> None:
        await super().__aexit__(*why)
        await self._witnesses.__aexit__(*why)

    async def part(self) -> Part:
        """Ready: this replica seals, or another one does."""
        if self.failure is not None:
            return Part(False, f"stopped: {self.failure}")
        return Part(
            self.is_alive and self._detail in ("sealing", "another replica seals"),
            self._detail,
            alive=self.is_alive,
        )

    async def _work(self) -> None:
        pause = 0.2
        while True:
            started = monotonic()
            try:
                await self._be_the_sealer()
            except Damaged as damaged:
                self.failure = damaged
                telemetry.log.critical("log.stopped", reason=str(damaged))
                return
            except (*TRANSIENT, Superseded, asyncpg.PostgresError) as error:
                self._detail = f"waiting: {type(error).__name__}"
                telemetry.log.warning("log.interrupted", error_type=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end unseen
                self._detail = f"failed: {type(error).__name__}"
                telemetry.log.critical("log.failed", error_type=type(error).__name__, error=error)
            finally:
                self.waiting = 0
                if self._connection is not None:
                    self._connection.terminate()
            lasted = monotonic() - started > _LONGEST_PAUSE
            pause = 0.2 if lasted else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _be_the_sealer(self) -> None:
        self._connection = connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=30,
            server_settings={"idle_session_timeout": _IDLE_TIMEOUT},
        )
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            self._detail = "another replica seals"
            await asyncio.sleep(_EVERY)
        sealing = Sealing(connection, self._signer, self._witnesses)
        await sealing.begin()
        self._detail = "sealing"
        telemetry.log.info("log.sealing", size=sealing.size)
        await self._seal_for_ever(sealing)

    async def _seal_for_ever(self, sealing: Sealing) -> None:
        """A checkpoint for whatever is new, at most one a second; the last one again at times.

        Witnesses sign that again, so that a log without news can be told from one that is held
        back.
        """
        shown_at = monotonic()
        while True:
            began = monotonic()
            note = await sealing.seal()
            self.waiting = sealing.waiting
            if note is None and monotonic() - shown_at > _SIGNED_AGAIN:
                note = sealing.newest
            if note is not None:
                await sealing.show(note)
                shown_at = monotonic()
            await asyncio.sleep(max(0.0, _EVERY - (monotonic() - began)))
