"""What the person sees: prefixed lines on the terminal; and a log file for each child."""

import sys
from pathlib import Path
from typing import TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_ROTATED_AT = 10 * 1024 * 1024


class Terminal:
    """Lines with a name before each; in colour only where somebody can see it."""

    def __init__(self, stream: TextIO | None, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._names: list[str] = []

    def say(self, text: str) -> None:
        """A line of the stack itself."""
        self.show("stack", text)

    def show(self, name: str, text: str) -> None:
        """A line of a child."""
        self.write(f"{self._prefix(name)} {text}")

    def write(self, text: str) -> None:
        """A line as it is."""
        if self._stream is None:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None  # nobody reads any more (a closed pipe): the files go on

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            self._names.append(name)
        column = f"{name:<18} |"
        if not self._colour:
            return column
        return f"\x1b[{_COLOURS[self._names.index(name) % len(_COLOURS)]}m{column}\x1b[0m"


class LogFile:
    """One child's output; at a certain size it becomes `<name>.log.1` and begins anew."""

    def __init__(self, path: Path, rotated_at: int = _ROTATED_AT) -> None:
        self.path = path
        self._rotated_at = rotated_at
        self._file: TextIO | None = None
        self._told = False

    def write(self, text: str) -> None:
        """Adds a line; a full disk costs lines of the log, never the child."""
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
                print(f"the log {self.path} cannot be written: {error}", file=sys.stderr)  # noqa: T201
                self._told = True

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                self._told = True
            self._file = None
