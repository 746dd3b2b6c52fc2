"""Plain counters: a number for each set of labels, asked for when somebody reads the metrics."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import CallbackOptions, Observation

from shared.chassis.telemetry.names import Label

_LABELS: Final = frozenset(label.value for label in Label)
_NO_LABELS: Final[Mapping[str, str]] = {}


class Counter:
    """Counts up, in the thread of the event loop; labels that are not listed are dropped."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[str, str], ...], float] = {}

    def add(self, number: float, labels: Mapping[str, str] = _NO_LABELS) -> None:
        """Adds to what has been counted under these labels."""
        key = tuple(labels.items())
        self._numbers[key] = self._numbers.get(key, 0) + number

    def observe(self, _options: CallbackOptions) -> list[Observation]:
        """What has been counted so far."""
        told: dict[frozenset[tuple[str, str]], float] = {}
        for labels, number in tuple(self._numbers.items()):
            listed = frozenset((str(name), text) for name, text in labels if name in _LABELS)
            told[listed] = told.get(listed, 0) + number
        return [Observation(number, dict(listed)) for listed, number in told.items()]
