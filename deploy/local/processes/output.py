"""What is shown on the terminal, in short lines, and a log file for each child process."""

import json
import shutil
import sys
from pathlib import Path
from typing import TextIO

from deploy.local.processes.plain_line import as_object, plain_line

_COLOURS = (36, 32, 35, 34, 96, 92, 95, 94)
_OF_LEVEL = {"warning": 33, "error": 31}
_NAME_WIDTH = 17
_NARROW = 60
_ROTATED_AT = 10 * 1024 * 1024


class Terminal:
    """Prints lines, each with a name in front: as text for people, or as JSON for programs.

    On a terminal there is colour, and long lines are cut at the edge of the window. In a pipe or a
    file, lines are plain and complete.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        colour: bool,
        as_json: bool = False,
        width: int | None = None,
    ) -> None:
        self._stream = stream
        self._colour = colour
        self._as_json = as_json
        self._width = width
        self._names: list[str] = []

    def say(self, text: str) -> None:
        """A line of the stack itself."""
        if self._as_json:
            self._write(json.dumps({"service": "stack", "message": text}))
        else:
            self._write(f"{self._prefix('stack')} {text}")

    def show(self, name: str, text: str) -> None:
        """A line of a child process: shortened for people, unchanged for programs."""
        if self._as_json:
            whole = text if as_object(text) is not None else None
            self._write(whole or json.dumps({"service": name, "message": text}))
            return
        line = plain_line(text)
        room = self._room()
        shown = str(line) if room is None else _cut(str(line), room)
        if self._colour and line.level in _OF_LEVEL:
            shown = _coloured(shown, _OF_LEVEL[line.level])
        self._write(f"{self._prefix(name)} {shown}")

    def write(self, text: str) -> None:
        """A line as it is."""
        if not self._as_json:
            self._write(text)
        elif text.strip():
            self._write(json.dumps({"service": "stack", "message": text.strip()}))

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None  # a closed pipe: nobody reads any more, but the log files go on

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        column = f"{name}:" if self._is_narrow() else f"{name:<{_NAME_WIDTH}} |"
        if not self._colour:
            return column
        return _coloured(column, _COLOURS[self._names.index(name) % len(_COLOURS)])

    def _columns(self) -> int | None:
        if self._width is None and (self._stream is None or not self._stream.isatty()):
            return None
        return self._width or shutil.get_terminal_size().columns

    def _is_narrow(self) -> bool:
        columns = self._columns()
        return columns is not None and columns < _NARROW

    def _room(self) -> int | None:
        columns = self._columns()
        return None if columns is None else max(columns - _NAME_WIDTH - 3, 20)


def _coloured(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


class LogFile:
    """The output of one child process; at a certain size the file is renamed to `<name>.log.1`."""

    def __init__(self, path: Path, rotated_at: int = _ROTATED_AT) -> None:
        self.path = path
        self._rotated_at = rotated_at
        self._file: TextIO | None = None
        self._told = False

    def write(self, text: str) -> None:
        """Adds a line. On a full disk, lines of the log are lost; the child process goes on."""
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a", encoding="utf-8", buffering=1)
            self._file.write(text + "\n")
            if self._file.tell() > self._rotated_at:
                self.close()
                self.path.replace(self.path.with_name(self.path.name + ".1"))
        except OSError as error:
            if not self._told:
                print(f"the log {self.path} cannot be written: {error}", file=sys.stderr)  # noqa: T201 - no log
                self._told = True

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                self._told = True
            self._file = None
