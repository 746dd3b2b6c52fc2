"""Writes log lines to the standard output: those of one turn of the event loop in one go."""

import asyncio
import atexit
import sys
import threading
from contextlib import suppress
from contextvars import Context
from typing import Final

_HELD_AT_MOST: Final = 256
_NOTHING_SET: Final = Context()


class LineWriter:
    """Holds lines until the turn of the event loop ends, and keeps their order.

    Without a loop, with an error, and when many are held, all are written at once; so they are when
    the interpreter ends. A process that is killed loses the lines of one turn.
    """

    def __init__(self) -> None:
        # Taken again by the same thread where a destructor has something to say in mid-line.
        self._lock = threading.RLock()
        self._held: list[str] = []
        self._promised: asyncio.AbstractEventLoop | None = None
        atexit.register(self.write_held)

    def msg(self, line: str) -> None:
        """Writes the line with those of this turn."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.msg_at_once(line)
            return
        with self._lock:
            self._held.append(line)
            if len(self._held) >= _HELD_AT_MOST:
                self.write_held()
            # A loop that has ended kept no promise; another one gives its own.
            elif self._promised is not loop:
                loop.call_soon(self._at_the_end_of_the_turn, context=_NOTHING_SET)
                self._promised = loop

    def msg_at_once(self, line: str) -> None:
        """Writes the line now, after those that were held."""
        with self._lock:
            self._held.append(line)
            self.write_held()

    def write_held(self) -> None:
        """Writes what is held."""
        with self._lock:
            held, self._held = self._held, []
            if held:
                # To a closed pipe or a full disk nothing can be said; the work goes on.
                with suppress(OSError, ValueError):
                    sys.stdout.write("\n".join(held) + "\n")
                    sys.stdout.flush()

    def _at_the_end_of_the_turn(self) -> None:
        with self._lock:
            self._promised = None
            self.write_held()

    debug = info = warning = warn = log = msg
    error = critical = exception = fatal = msg_at_once
