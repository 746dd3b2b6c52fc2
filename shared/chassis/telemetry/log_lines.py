"""Log lines: one JSON object each on the standard output, of listed fields only.

Of an exception only its type and its place are kept, since its text may quote what somebody
contributed. What libraries log goes the same way.
"""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from opentelemetry import trace

LOG_FIELDS: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "service",
        # what it is about: opaque ids, names of contracts, numbers
        "contribution_id",
        "plan_id",
        "entry_id",
        "record_id",
        "media_id",
        "section",
        "sections",
        "command",
        "outcome",
        "code",
        "entry_version",
        "plan_version",
        "position",
        "organisation",
        "contributor",
        "operation",
        # where it went
        "topic",
        "topics",
        "partition",
        "partitions",
        "offset",
        "consumer",
        "group",
        "instance",
        "host",
        "port",
        "part",
        "status",
        "reason",
        # how much, how long
        "count",
        "events",
        "limit",
        "attempt",
        "lag",
        "size",
        "duration_ms",
        "wait_seconds",
        "repeated",
        # what went wrong
        "error_type",
        "error_at",
        "error_in",
        "error_code",
        "error_cause",
        "correlation_id",
        "trace_id",
        "span_id",
        # a library's own words
        "logger",
        "message",
        "at",
        "version",
        "migration",
        "file",
    }
)
"""Every field a log line may have."""


@dataclass
class _Service:
    """Whose lines these are; a process has one."""

    name: str = ""


_service = _Service()

_EVENT: Final = re.compile(r"[a-z][a-z0-9_]*([.-][a-z0-9_]+)*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_TEXT_LIMIT: Final = 200
_MESSAGE_LIMIT: Final = 400
_INTEGER_LIMIT: Final = 2**63


def _from_exceptions(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Of an exception its type and place; its text may quote what somebody contributed."""
    error = fields.pop("exc_info", None)
    fields.pop("stack_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    for name, value in list(fields.items()):
        if isinstance(value, BaseException):
            error = fields.pop(name)
    if isinstance(said := fields.get("error"), str) and _NAME.fullmatch(said):
        fields.setdefault("error_type", fields.pop("error"))
    if isinstance(error, BaseException):
        fields.update(place_of(error))
    return fields


def place_of(error: BaseException) -> dict[str, str]:
    """The type of an exception and where it was raised, and nothing that it says."""
    place = {"error_type": _type_name(error)}
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in walk_tb(error.__traceback__)
    ]
    if frames:
        ours = [frame for frame in frames if _is_ours(frame[0])]
        place["error_at"] = _place((ours or frames)[-1])
        if ours and ours[-1] is not frames[-1]:
            place["error_in"] = _place(frames[-1])
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        place["error_code"] = sqlstate[:5]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is None and isinstance(error, BaseExceptionGroup):
        cause = error.exceptions[0]
    if cause is not None:
        place["error_cause"] = _type_name(cause)
    return place


def _place(frame: tuple[str, int, str]) -> str:
    path, line, function = frame
    return f"{_short(path)}:{line} {function}"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


_ROOT: Final = str(Path(__file__).resolve().parents[3]) + os.sep
_OURS: Final = tuple(f"{_ROOT}{folder}{os.sep}" for folder in ("deploy", "services", "shared"))


def _is_ours(path: str) -> bool:
    return path.startswith(_OURS)


def _short(path: str) -> str:
    """Without the folders above ours, or above a library: where it is installed says nothing."""
    if _is_ours(path):
        return path.removeprefix(_ROOT)
    _, is_library, inside = path.rpartition("site-packages/")
    return inside if is_library else "/".join(path.split("/")[-2:])


def _with_context(
    _logger: Any, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    fields.setdefault("level", "error" if method == "exception" else method)
    fields.setdefault("service", _service.name)
    fields.setdefault("timestamp", datetime.now(UTC).isoformat().replace("+00:00", "Z"))
    if not _EVENT.fullmatch(str(fields.get("event", ""))):
        # A sentence in place of a name may have anything in it.
        fields["event"] = "log.event-without-a-name"
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        fields.setdefault("trace_id", f"{span.trace_id:032x}")
    return fields


def only_listed_fields(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop every field that is not listed, and what is not a plain value of one."""
    return {name: _plain(value) for name, value in fields.items() if name in LOG_FIELDS}


def _plain(value: Any) -> Any:
    if isinstance(value, int) and abs(value) >= _INTEGER_LIMIT:
        return "beyond 64 bits"
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        text = str(value)[:_TEXT_LIMIT]
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    if isinstance(value, UUID | datetime):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:50]]
    return type(value).__name__


def _as_json(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> str:
    first = {name: fields[name] for name in ("timestamp", "level", "event") if name in fields}
    return orjson.dumps({**first, **fields}).decode()


class _Stdout:
    """Writes lines to the standard output of this moment."""

    # Taken again by the same thread where a destructor has something to say in mid-line.
    _lock = threading.RLock()

    def msg(self, line: str) -> None:
        with self._lock:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


_PROCESSORS: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,
    _from_exceptions,
    _with_context,
    only_listed_fields,
    _as_json,
]

# In memory only; it has to hold for a line that is logged before anything was configured, too.
structlog.configure(
    processors=_PROCESSORS,
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    context_class=dict,
    logger_factory=lambda *_: _Stdout(),
    cache_logger_on_first_use=True,
)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

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
            "at": f"{_short(record.pathname)}:{record.lineno}",
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
    _service.name = service
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
