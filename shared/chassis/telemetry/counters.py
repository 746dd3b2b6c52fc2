"""Plain counters: a number for each set of labels, asked for when somebody reads the metrics."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import CallbackOptions, Observation

from shared.chassis.telemetry.names import Label

_LABELS: Final = frozenset(label.value for label in Label)
_OTHER: Final = "other"
_NAMED: Final[Mapping[str, int]] = {Label.ORGANISATION: 200}
"""How many values of a label, which somebody outside chooses, are told apart in one process."""
_NO_LABELS: Final[Mapping[str, str]] = {}


class Counter:
    """Counts up, in the thread of the event loop; labels that are not listed are dropped.

    Of a label that has no end of values so many are told apart, the rest are ``other``: each value
    is a series that is kept until the process ends.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[str, str], ...], float] = {}
        self._named: dict[str, set[str]] = {name: set() for name in _NAMED}

    def add(self, number: float, labels: Mapping[str, str] = _NO_LABELS) -> None:
        """Adds to what has been counted under these labels."""
        key = tuple((name, self._told_apart(name, text)) for name, text in labels.items())
        self._numbers[key] = self._numbers.get(key, 0) + number

    def _told_apart(self, name: str, text: str) -> str:
        named = self._named.get(name)
        if named is None or text in named:
            return text
        if len(named) >= _NAMED[name]:
            return _OTHER
        named.add(text)
        return text

    def observe(self, _options: CallbackOptions) -> list[Observation]:
        """What has been counted so far."""
        told: dict[frozenset[tuple[str, str]], float] = {}
        for labels, number in tuple(self._numbers.items()):
            listed = frozenset((str(name), text) for name, text in labels if name in _LABELS)
            told[listed] = told.get(listed, 0) + number
        return [Observation(number, dict(listed)) for listed, number in told.items()]
