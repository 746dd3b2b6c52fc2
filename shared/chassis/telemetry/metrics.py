"""Metrics of this process, as Prometheus reads them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import (
    CallbackOptions,
    Histogram,
    Meter,
    NoOpMeterProvider,
    Observation,
)
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.responses import Response

from shared.chassis.telemetry.counters import Counter
from shared.chassis.telemetry.names import (
    UNITS_OF_COUNTS,
    UNITS_OF_GAUGES,
    Count,
    Duration,
    Gauge,
    Label,
)

Reading = float | Iterable[tuple[float, Mapping[str, str]]]
"""What a gauge's callback gives: a number, or numbers each with its labels."""


@dataclass
class _State:
    """What ``start_metrics`` has set up for this process."""

    meters: AnyMeterProvider = field(default_factory=NoOpMeterProvider)
    gauges: dict[Gauge, list["Callable[[], Reading]"]] = field(default_factory=dict)
    unaccounted: dict[str, int] = field(default_factory=dict)


_state = _State()


def start_metrics(resource: Resource, reader: MetricReader | None = None) -> None:
    """Measure; by default for whoever reads ``/metrics``."""
    counter.cache_clear()  # of those made before there was anybody to tell
    _state.meters = MeterProvider(
        metric_readers=[reader or PrometheusMetricReader(disable_target_info=True)],
        resource=resource,
        views=[View(instrument_name="*", attribute_keys={label.value for label in Label})],
    )
    for name in _state.gauges:
        _observe(name)


def unaccounted() -> list[tuple[float, Mapping[str, str]]]:
    """By consumer, how many records were consumed of which nobody knows what became of them: 0.

    Whatever is consumed is applied, a duplicate, parked or a dead letter.
    """
    return [
        (float(missing), {Label.CONSUMER.value: consumer})
        for consumer, missing in _state.unaccounted.items()
    ]


def end_metrics() -> None:
    """Nothing is measured afterwards."""
    if isinstance(_state.meters, MeterProvider):
        _state.meters.shutdown()
    _state.meters = NoOpMeterProvider()
    counter.cache_clear()
    duration.cache_clear()


def gauge(name: Gauge, callback: Callable[[], Reading]) -> Callable[[], None]:
    """Have a figure asked for when somebody looks; returns what ends that."""
    asked = _state.gauges.get(name)
    if asked is None:
        _state.gauges[name] = [callback]
        _observe(name)
    else:
        asked.append(callback)

    def end() -> None:
        held = _state.gauges.get(name, [])
        if callback in held:
            held.remove(callback)

    return end


def _observe(name: Gauge) -> None:
    def observe(_options: CallbackOptions) -> list[Observation]:
        return [
            Observation(number, dict(labels))
            for ask in tuple(_state.gauges[name])
            for number, labels in _numbers(ask())
        ]

    _meter().create_observable_gauge(name.value, [observe], unit=UNITS_OF_GAUGES[name])


def _numbers(reading: Reading) -> Iterable[tuple[float, Mapping[str, str]]]:
    return [(reading, {})] if isinstance(reading, int | float) else reading


def _meter() -> Meter:
    return _state.meters.get_meter("careplan")


def metrics_response() -> Response:
    """What Prometheus reads."""
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


@cache
def counter(name: Count) -> Counter:
    """What counts it; ``shut_down`` ends that."""
    made = Counter()
    _meter().create_observable_counter(name.value, [made.observe], UNITS_OF_COUNTS[name])
    return made


@cache
def duration(name: Duration) -> Histogram:
    """What keeps how long it took, in seconds."""
    return _meter().create_histogram(name.value, "s")


_BECAME: Final = (Count.APPLIED, Count.DUPLICATES, Count.DEAD_LETTERS)


def count_batch(
    consumer: str, seconds: float, counts: Mapping[Count, int], parked: int = 0
) -> None:
    """What became of a batch's records, and how long it took, once it is committed.

    ``parked`` is how many more wait now; a batch that releases some has less than none.
    """
    labels = {Label.CONSUMER.value: consumer}
    for name, number in counts.items():
        if number:
            counter(name).add(number, labels)
    became = sum(counts.get(name, 0) for name in _BECAME) + parked
    missing = counts.get(Count.CONSUMED, 0) - became
    _state.unaccounted[consumer] = _state.unaccounted.get(consumer, 0) + missing
    duration(Duration.PROCESS).record(seconds, labels)
