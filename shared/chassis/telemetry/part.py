"""What one part of a process says of itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """What one part of a process says of itself.

    ``alive`` is false where only a new process can help; ``lag`` is how far it is behind.
    """

    ready: bool
    detail: str = ""
    lag: float | None = None
    alive: bool = True

    def as_json(self) -> dict[str, Any]:
        """Its member of ``/readyz``."""
        said: dict[str, Any] = {"ready": self.ready}
        if self.detail:
            said["detail"] = self.detail
        if self.lag is not None:
            said["lag"] = self.lag
        return said


AskPart = Callable[[], Awaitable[Part]]
