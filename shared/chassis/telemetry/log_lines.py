"""Log lines: one JSON object each on the standard output, of listed fields only.

Of an exception only its type and its place are kept, since its text may quote what somebody
contributed.
"""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from shared.chassis.telemetry.line_writer import LineWriter
from shared.chassis.telemetry.passed_on import inject

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
_ORDINARY: Final = frozenset({str, int, float, bool, type(None), UUID})
_OF_ERRORS: Final = frozenset({"exc_info", "stack_info", "error"})
_TEXT_LIMIT: Final = 200
_INTEGER_LIMIT: Final = 2**63


def _from_exceptions(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Of an exception its type and place; its text may quote what somebody contributed."""
    if _OF_ERRORS.isdisjoint(fields) and _ORDINARY.issuperset(map(type, fields.values())):
        return fields
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
    return f"{short_path(path)}:{line} {function}"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


_ROOT: Final = str(Path(__file__).resolve().parents[3]) + os.sep
_OURS: Final = tuple(f"{_ROOT}{folder}{os.sep}" for folder in ("deploy", "services", "shared"))


def _is_ours(path: str) -> bool:
    return path.startswith(_OURS)


def short_path(path: str) -> str:
    """Without the folders above ours, or above a library: where it is installed says nothing."""
    if _is_ours(path):
        return path.removeprefix(_ROOT)
    _, is_library, inside = path.rpartition("site-packages/")
    return inside if is_library else "/".join(path.split("/")[-2:])


def _with_context(
    _logger: Any, method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event = fields.pop("event", None)
    if not (isinstance(event, str) and _is_a_name(event)):
        event = "log.event-without-a-name"  # a sentence in its place may have anything in it
    told: dict[str, Any] = {
        "timestamp": f"{datetime.now(UTC).isoformat()[:-6]}Z",
        "level": "error" if method == "exception" else method,
        "event": event,
        "service": _service.name,
    }
    traceparent = inject()
    if traceparent is not None:
        told["trace_id"] = traceparent[3:35]
    told.update(fields)
    return told


@lru_cache(maxsize=256)
def _is_a_name(event: str) -> bool:
    return _EVENT.fullmatch(event) is not None


def only_listed_fields(
    _logger: Any, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop every field that is not listed, and what is not a plain value of one."""
    return {name: _plain(value) for name, value in fields.items() if name in LOG_FIELDS}


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str and len(value) <= _TEXT_LIMIT and value.isascii():
        return value  # nearly all of them
    if kind in _WRITTEN_AS_THEY_ARE:
        return value
    if isinstance(value, str):
        text = str(value)[:_TEXT_LIMIT]
        return text if text.isascii() else text.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if abs(value) < _INTEGER_LIMIT else "beyond 64 bits"
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:50]]
    return float(value) if isinstance(value, float) else kind.__name__


_WRITTEN_AS_THEY_ARE: Final = frozenset({float, bool, type(None), UUID, datetime})


def _as_json(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> str:
    return orjson.dumps(fields).decode()


_writer: Final = LineWriter()

_PROCESSORS: Final[list[Any]] = [
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
    logger_factory=lambda *_: _writer,
    cache_logger_on_first_use=True,
)

write_held_lines: Final = _writer.write_held
"""Writes the lines of this turn of the event loop now."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()


def name_service(service: str) -> None:
    """Names the service in every line from now on."""
    _service.name = service
