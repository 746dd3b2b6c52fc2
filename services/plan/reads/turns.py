"""Long work beside the answers of others: the event loop is given back every few milliseconds."""

import asyncio
from time import monotonic
from typing import Final

AT_ONCE_SECONDS: Final = 0.003
"""How long one reader's work may hold the event loop before others have their turn."""


class Turns:
    """The turns of one piece of work; begin it where the work begins."""

    def __init__(self) -> None:
        self._since = monotonic()

    async def pause(self) -> None:
        """Let others go first, if this turn has lasted long enough. To be called between items."""
        if monotonic() - self._since > AT_ONCE_SECONDS:
            await asyncio.sleep(0)
            self._since = monotonic()
