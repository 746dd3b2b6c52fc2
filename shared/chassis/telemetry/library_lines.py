"""What libraries log, as lines like ours: without the texts of exceptions, and seldom repeated."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from shared.chassis.telemetry.log_lines import log, name_service, short_path

_MESSAGE_LIMIT: Final = 400

# Loggers whose messages are about connections, partitions and sockets. All others say only that
# they said something: asyncio, for one, prints the results of tasks.
_TRUSTED: Final = ("uvicorn", "aiokafka", "kafka", "faststream", "asyncpg", "opentelemetry")
_TAKEN_OVER: Final = ("uvicorn", "uvicorn.error", "faststream", "faststream.access.kafka")


class LibraryLines(logging.Handler):
    """Puts what libraries log into the same lines, without their exceptions' texts.

    A library in trouble repeats itself a thousand times a second: of each place in its code a few
    messages pass in ten seconds, none of them twice; the next to pass says how many did not.
    """

    def __init__(
        self,
        *,
        every_seconds: float = 10.0,
        at_most: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.INFO)
        self._every = every_seconds
        self._at_most = at_most
        self._clock = clock
        self._places: dict[tuple[str, int], _Said] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._emit(record)
        except Exception:  # noqa: BLE001 - logging must not stop what is being logged
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The standard one would print the record with its arguments."""
        log.warning("library.line-unreadable", logger=record.name)

    def _emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        message = None
        if _is_trusted(record.name) and error is None:
            message = _without_tail(record.getMessage())[:_MESSAGE_LIMIT]
        repeated = self._passes(record, message or "")
        if repeated is None:
            return
        level = record.levelname.lower()
        if message is not None and message.startswith(_PART_OF_STARTING):
            level = "info"
        fields: dict[str, Any] = {
            "logger": record.name,
            "at": f"{short_path(record.pathname)}:{record.lineno}",
        }
        if message is not None:
            fields["message"] = message
        if repeated:
            fields["repeated"] = repeated
        if error is not None:
            fields["exc_info"] = error
        speak = getattr(log, level if level in _LEVELS else "warning")
        speak("library.logged", **fields)

    def _passes(self, record: logging.LogRecord, message: str) -> int | None:
        """How many were held back before this one, or ``None`` where it is held back itself."""
        now = self._clock()
        said = self._places.setdefault((record.name, record.lineno), _Said(since=now))
        if now - said.since >= self._every:
            said.since, said.messages = now, set()
        if message in said.messages or len(said.messages) >= self._at_most:
            said.held_back += 1
            return None
        said.messages.add(message)
        held_back, said.held_back = said.held_back, 0
        return held_back


_PART_OF_STARTING: Final = (
    "Group Coordinator Request failed: [Error 15]",  # a broker that has just begun
    "Marking the coordinator dead",
)
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})


@dataclass
class _Said:
    """What one place in a library's code has said lately."""

    since: float
    messages: set[str] = field(default_factory=set)
    held_back: int = 0


def _without_tail(message: str) -> str:
    """The first line; what follows it is a traceback more often than not."""
    return message.partition("\n")[0]


def configure_logging(service: str) -> None:
    """Name the service in every line, and take over what libraries log."""
    name_service(service)
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not _is_console(handler)]
    root.addHandler(LibraryLines())
    root.setLevel(logging.WARNING)
    # Also of those that were never known to: somebody may have turned one away from the root.
    known = [name for name in logging.root.manager.loggerDict if _is_trusted(name)]
    for name in {*_TAKEN_OVER, *known}:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    access.setLevel(logging.CRITICAL + 1)


def _is_trusted(name: str) -> bool:
    return name.partition(".")[0] in _TRUSTED


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, LibraryLines) or type(handler) is logging.StreamHandler
