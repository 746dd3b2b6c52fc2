"""Who said each leaf of an entry, and each part of it that others have left as it was."""

from collections.abc import Mapping
from typing import Any, Protocol


class _Value(Protocol):
    def parts_since(self, before: Any) -> Mapping[str, str | None]: ...


class Leaves:
    """The leaves of one entry while one event is applied: path -> entry version that set it.

    A part that stands as it stood keeps its author, wherever it stands now and whatever became of
    its neighbours: an item of a list, and the words beside media.
    """

    def __init__(self, said: dict[str, int], version: int) -> None:
        self._said = said
        self._version = version
        self._below: dict[str, list[str]] | None = None

    def set(self, path: str, before: Any, after: _Value | None) -> None:
        """A leaf got a value, or lost the one it had; with it goes what was said of its parts."""
        said = self._said
        leaf_said = said.get(path, self._version)
        parts_said = {
            below: version
            for below in self._taken_from_below(path)
            if (version := said.pop(below, None)) is not None
        }
        if after is None:
            said.pop(path, None)
            return
        said[path] = self._version
        self._note_below(path)
        for name, was in after.parts_since(before).items():
            below = f"{path}.{name}"
            # What had no author of its own was said with its leaf.
            kept = None if was is None else parts_said.get(f"{path}.{was}", leaf_said)
            said[below] = kept or self._version
            self._note_below(below)

    def drop(self, path: str) -> None:
        """Nothing is left at this path."""
        self._said.pop(path, None)

    def _taken_from_below(self, path: str) -> list[str]:
        # Looked up once for the event and not once for each of its leaves: it may have many.
        if self._below is None:
            self._below = {}
            for known in self._said:
                self._note_below(known)
        return self._below.pop(path, [])

    def _note_below(self, known: str) -> None:
        first, dot, rest = known.partition(".")
        if not dot or self._below is None:
            return
        self._below.setdefault(first, []).append(known)
        second, dot, _ = rest.partition(".")
        if dot:
            self._below.setdefault(f"{first}.{second}", []).append(known)
