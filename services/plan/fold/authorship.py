"""Who said each leaf of an entry, and each item of a list that has an id of its own."""

from collections.abc import Mapping
from typing import Any, Protocol


class _Value(Protocol):
    def parts_since(self, before: Any) -> Mapping[str, bool]: ...


class Leaves:
    """The leaves of one entry while one event is applied: path -> entry version that set it.

    An item that is equal to the one with its id before keeps its author.
    """

    def __init__(self, said: dict[str, int], version: int) -> None:
        self._said = said
        self._version = version
        self._below: dict[str, list[str]] | None = None

    def set(self, path: str, before: Any, after: _Value | None) -> None:
        """A leaf got a value, or lost the one it had; with it goes what was said of its parts."""
        said = self._said
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
        for name, is_the_same in after.parts_since(before).items():
            below = f"{path}.{name}"
            said[below] = parts_said.get(below, self._version) if is_the_same else self._version
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
