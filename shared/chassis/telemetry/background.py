"""Work that goes on beside what a service answers, and is seen to be alive."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Self


class Background(ABC):
    """Works for as long as its ``async with`` is open.

    What ended it is raised when it is closed, unless it was ended by that.
    """

    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._work(), name=type(self).__name__)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_alive(self) -> bool:
        """Whether it works now."""
        return self._task is not None and not self._task.done()

    @abstractmethod
    async def _work(self) -> None:
        """Goes on until it is cancelled, or has nothing left to do."""
