"""A log line of a service or a server, as a short line for people; the log file has it whole."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_POSTGRES: Final = re.compile(r"\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] ([A-Z]+):\s+(.*)")
_KAFKA: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ ([A-Z]+) (.*?)(?: \([\w.$]+\))?")
_TOLD: Final[dict[str, Callable[[Any], str]]] = {
    "message": str,
    "error_type": lambda name: str(name).rpartition(".")[2],
    "code": str,
    "reason": str,
    "part": str,
    "consumer": str,
    "topic": str,
    "partition": lambda number: f"partition {number}",
    "offset": lambda number: f"offset {number}",
    "migration": str,
    "file": str,
    "host": str,
    "port": lambda number: f"port {number}",
    "attempt": lambda number: f"attempt {number}",
    "count": lambda number: f"{number} times",
    "repeated": lambda number: f"{number} more like it",
    "wait_seconds": lambda number: f"waiting {number:.3g} s" if _is_number(number) else str(number),
}
"""The fields that help somebody at a terminal, in this order; ids and times stay in the file."""


@dataclass(frozen=True)
class PlainLine:
    """How serious it is (`info`, `warning`, `error`; empty where nothing says so), and the text."""

    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}" if self.level in ("warning", "error") else self.text


def plain_line(line: str) -> PlainLine:
    """Reads a JSON line, or one in the form of PostgreSQL or Kafka; any other stays as it is."""
    if (fields := as_object(line)) is not None and "event" in fields:
        return PlainLine(_level(str(fields.get("level", ""))), _sentence(fields))
    for form in (_POSTGRES, _KAFKA):
        if found := form.fullmatch(line):
            return PlainLine(_level(found[1]), found[2])
    return PlainLine("", line)


def as_object(line: str) -> dict[str, Any] | None:
    """The JSON object that a line holds; None where it holds none."""
    try:
        content = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _level(name: str) -> str:
    return {
        "warn": "warning",
        "warning": "warning",
        "error": "error",
        "fatal": "error",
        "panic": "error",
        "critical": "error",
    }.get(name.lower(), "info")


def _sentence(fields: dict[str, Any]) -> str:
    event = str(fields["event"])
    if event == "library.logged":
        head = str(fields.get("logger", "library"))
    else:
        head = event.replace(".", ": ", 1).replace("-", " ").replace("_", " ")
    told = [say(fields[name]) for name, say in _TOLD.items() if fields.get(name) is not None]
    return f"{head} ({', '.join(told)})" if told else head


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
