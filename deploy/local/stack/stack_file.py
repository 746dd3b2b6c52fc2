"""`stack.json`: what is running, where, and in which process; always complete and current."""

import json
from pathlib import Path
from typing import Any


class StackFile:
    """Replaces the whole file whenever something in it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        """What is in the file; empty if it cannot be read."""
        try:
            content = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, content: dict[str, Any]) -> None:
        """Writes the new content; readers see the old or the new one, never a part."""
        if content == self._written:
            return
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)  # it holds the superuser's password
        unfinished.write_text(json.dumps(content, indent=2) + "\n")
        unfinished.replace(self._path)
        self._written = content

    def remove(self) -> None:
        """Nothing runs any more."""
        self._path.unlink(missing_ok=True)
