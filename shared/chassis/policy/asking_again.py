"""Asks a local copy again for as long as its answer would be a no: it may be moments behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

_LOOK_AGAIN: Final = 0.25
"""A replica of this service may be the one that reads the plan's partition, so the table is looked
at again also when nothing was learned here."""

Answer = TypeVar("Answer")


class AskingAgain:
    """Keeps whoever asks waiting until their answer holds, or their patience ends."""

    def __init__(self) -> None:
        self._learned = asyncio.Event()

    def wake(self) -> None:
        """Something was learned: whoever waits asks again."""
        self._learned.set()
        self._learned = asyncio.Event()

    async def until(
        self,
        ask: Callable[[], Awaitable[Answer]],
        holds: Callable[[Answer], bool],
        seconds: float,
    ) -> Answer:
        """The first answer that holds, or the last one; with no patience it is asked once."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while True:
            learned = self._learned
            answer = await ask()
            left = deadline - clock()
            if left <= 0 or holds(answer):
                return answer
            try:
                async with asyncio.timeout(min(left, _LOOK_AGAIN)):
                    await learned.wait()
            except TimeoutError:
                continue
