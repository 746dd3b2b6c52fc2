"""Says aloud what somebody has to look at: emergencies not reviewed in time, and breadth."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.audit.store.breadth import Breadth
from services.audit.store.overrides import Overrides
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT
from shared.chassis.telemetry import Background, Part

_LOOK_SECONDS: Final = 10.0
_LOOK_FOR_BREADTH_SECONDS: Final = 60.0


class Escalations(Background):
    """Raises an alert for each override that is overdue, for as long as its ``async with`` is open.

    ``publish`` is called when some were raised. ``unreviewed`` and ``overdue`` are how many there
    were when somebody last looked.
    """

    def __init__(self, overrides: Overrides, publish: Callable[[], None]) -> None:
        self._overrides = overrides
        self._publish = publish
        self.unreviewed = 0
        self.overdue = 0

    async def part(self) -> Part:
        """Ready while it looks; it says how many are overdue."""
        if not self.is_alive:
            return Part(False, "no longer looking for overrides that are overdue", alive=False)
        return Part(True, f"{self.overdue} overdue" if self.overdue else "")

    async def _work(self) -> None:
        while True:
            try:
                await self.look()
            except TRANSIENT as error:
                telemetry.log.warning("database.unreachable", error=error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Raise the alerts that are due, and count what waits."""
        while raised := await self._overrides.escalate():
            telemetry.log.warning("overrides.overdue", count=raised)
            self._publish()
        self.unreviewed, self.overdue = await self._overrides.counts()


class BreadthWatch(Background):
    """Raises alerts about breadth, for as long as its ``async with`` is open.

    ``publish`` is called when some were raised.
    """

    def __init__(self, breadth: Breadth, publish: Callable[[], None]) -> None:
        self._breadth = breadth
        self._publish = publish

    async def part(self) -> Part:
        """Ready while it looks."""
        if not self.is_alive:
            return Part(False, "no longer looking for breadth", alive=False)
        return Part(True)

    async def _work(self) -> None:
        while True:
            try:
                raised = await self._breadth.tell()
                if raised:
                    telemetry.log.warning("breadth.noticed", count=raised)
                    self._publish()
            except TRANSIENT as error:
                telemetry.log.warning("database.unreachable", error=error)
            await asyncio.sleep(_LOOK_FOR_BREADTH_SECONDS)
