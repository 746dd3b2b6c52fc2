"""Telemetry: logs, metrics and spans, and the only list of their names and fields.

Nothing that is said about a person may leave through here. Log fields, span attributes and labels
pass only when they are listed; of an exception only its type and its place are kept.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
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
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Tracer
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.responses import Response

from shared.chassis.log_lines import LOG_FIELDS, configure_logging, log, place_of
from shared.chassis.settings import Settings
from shared.chassis.span_export import ListedAttributesOnly, SpansAsLines


class SpanName(StrEnum):
    """Spans with one name; those that name what they are about are made by the functions below."""

    FOLD_PLAN = "fold plan"
    REBUILD_PLANS = "rebuild plans"
    READ_PLAN = "read plan"
    RECORD_AUDIT = "record audit"
    SEAL_AUDIT = "seal audit"


def contribute_span(section: str, command: str) -> str:
    """``contribute goals.set-aside``."""
    return f"contribute {section}.{command}"


def publish_span(topic: str) -> str:
    """``publish careplan.goals.events.v1``."""
    return f"publish {topic}"


def process_span(topic: str) -> str:
    """``process careplan.goals.commands.v1``: one for a batch, with links to what is in it."""
    return f"process {topic}"


class Attribute(StrEnum):
    """Attributes of spans; any other is dropped before a span is exported.

    The messaging names are those of the semantic conventions of August 2026.
    """

    SECTION = "careplan.section"
    COMMAND = "careplan.command"
    ENTRY_VERSION = "careplan.entry.version"
    OUTCOME = "careplan.outcome"
    CODE = "careplan.code"
    PLAN_ID = "careplan.plan.id"
    ENTRY_ID = "careplan.entry.id"
    CONTRIBUTION_ID = "careplan.contribution.id"
    MESSAGING_SYSTEM = "messaging.system"
    OPERATION_NAME = "messaging.operation.name"
    OPERATION_TYPE = "messaging.operation.type"
    DESTINATION = "messaging.destination.name"
    PARTITION = "messaging.destination.partition.id"
    OFFSET = "messaging.kafka.offset"
    CONSUMER_GROUP = "messaging.consumer.group.name"
    BATCH_COUNT = "messaging.batch.message_count"
    HTTP_METHOD = "http.request.method"
    HTTP_ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    ERROR_TYPE = "error.type"


_ATTRIBUTES: Final = frozenset(attribute.value for attribute in Attribute)


class Label(StrEnum):
    """Labels of metrics; any other is dropped. A plan is never one of them."""

    TOPIC = "topic"
    PARTITION = "partition"
    GROUP = "group"
    CONSUMER = "consumer"
    ORGANISATION = "organisation"
    OUTCOME = "outcome"
    CODE = "code"
    SECTION = "section"
    STATE = "state"


class Gauge(StrEnum):
    """Figures that are asked for when somebody looks."""

    CONSUMER_LAG = "careplan.consumer.lag"
    PROJECTION_LAG = "careplan.projection.lag"
    RELAY_LAG = "careplan.relay.lag"
    RELAY_OLDEST = "careplan.relay.oldest"
    PARKED_EVENTS = "careplan.parked.events"
    PARKED_ENTRIES = "careplan.parked.entries"
    POLL_AGE = "careplan.poll.age"
    APPENDS_WAITING = "careplan.appends.waiting"


_UNITS: Final[Mapping[str, str]] = {
    Gauge.CONSUMER_LAG: "{message}",
    Gauge.PROJECTION_LAG: "s",
    Gauge.RELAY_LAG: "{event}",
    Gauge.RELAY_OLDEST: "s",
    Gauge.PARKED_EVENTS: "{event}",
    Gauge.PARKED_ENTRIES: "{entry}",
    Gauge.POLL_AGE: "s",
    Gauge.APPENDS_WAITING: "{append}",
}

__all__ = [
    "LOG_FIELDS",
    "Attribute",
    "Gauge",
    "Label",
    "Reading",
    "SpanName",
    "append_size",
    "applied",
    "configure",
    "consumed",
    "context_of",
    "contribute_span",
    "contributions",
    "dead_letters",
    "duplicates",
    "gaps",
    "gauge",
    "inject",
    "links_of",
    "log",
    "metrics_response",
    "offset_jumps",
    "place_of",
    "problems",
    "process_duration",
    "process_span",
    "publish_span",
    "sent_messages",
    "shut_down",
    "tracer",
]

Reading = float | Iterable[tuple[float, Mapping[str, str]]]
"""What a gauge's callback gives: a number, or numbers each with its labels."""


class _PassedOn(trace.NoOpTracer):
    """Makes spans that have ids to be passed on, and are kept nowhere: nobody exports them."""

    def start_span(
        self,
        name: str,  # noqa: ARG002 - as all else that is said of it, for whoever keeps it
        context: Context | None = None,
        *_: Any,
        **__: Any,
    ) -> trace.Span:
        parent = trace.get_current_span(context).get_span_context()
        made = trace.SpanContext(
            trace_id=parent.trace_id if parent.is_valid else _IDS.generate_trace_id(),
            span_id=_IDS.generate_span_id(),
            is_remote=False,
            trace_flags=parent.trace_flags,
        )
        return trace.NonRecordingSpan(made)

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # the library's is a decorator as well
        self, name: str, context: Context | None = None, *_: Any, **__: Any
    ) -> Iterator[trace.Span]:
        span = self.start_span(name, context)
        token = attach(trace.set_span_in_context(span))
        try:
            yield span
        finally:
            detach(token)


_IDS: Final = RandomIdGenerator()


@dataclass
class _State:
    """What ``configure`` has set up for this process."""

    tracers: TracerProvider | None = None
    tracer: Tracer | None = None
    meters: AnyMeterProvider = field(default_factory=NoOpMeterProvider)
    gauges: dict[Gauge, list["Callable[[], Reading]"]] = field(default_factory=dict)


_state = _State()


def configure(
    service: str,
    *,
    span_exporter: SpanExporter | None = None,
    reader: MetricReader | None = None,
) -> None:
    """Set up logs, metrics and spans of this process; called again, it replaces what was there.

    Without an exporter, and without ``CAREPLAN_TRACES_FILE``, spans are made to be passed on, and
    are not kept.
    """
    shut_down()
    configure_logging(service)
    resource = Resource.create({"service.name": service, "service.namespace": "careplan"})
    exporter = span_exporter
    if exporter is None and (path := Settings().traces_file):
        exporter = SpansAsLines(Path(path))
    _state.tracers, _state.tracer = None, _PassedOn()
    if exporter is not None:
        clean = ListedAttributesOnly(exporter, _ATTRIBUTES)
        in_memory = isinstance(exporter, InMemorySpanExporter)
        tracers = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON))
        tracers.add_span_processor(
            SimpleSpanProcessor(clean) if in_memory else BatchSpanProcessor(clean)
        )
        _state.tracers, _state.tracer = tracers, tracers.get_tracer("careplan")
    _state.meters = MeterProvider(
        metric_readers=[reader or PrometheusMetricReader(disable_target_info=True)],
        resource=resource,
        views=[View(instrument_name="*", attribute_keys={label.value for label in Label})],
    )
    for name in _state.gauges:
        _observe(name)


def shut_down() -> None:
    """Write out what is held back, at the end of the process; nothing is measured afterwards."""
    if _state.tracers is not None:
        _state.tracers.shutdown()
    _state.tracers = _state.tracer = None
    if isinstance(_state.meters, MeterProvider):
        _state.meters.shutdown()
    _state.meters = NoOpMeterProvider()
    _counter.cache_clear()
    _histogram.cache_clear()


def contributions() -> Counter:
    """Contributions answered, by organisation, outcome and code."""
    return _counter("careplan.contributions", "{contribution}")


def problems() -> Counter:
    """Problems answered, by code: also what could not be read, which leaves no record."""
    return _counter("careplan.problems", "{problem}")


def consumed() -> Counter:
    """Events a consumer took from Kafka: applied, duplicates, parked and dead letters together."""
    return _counter("careplan.consumed", "{event}")


def applied() -> Counter:
    """Events a consumer applied."""
    return _counter("careplan.applied", "{event}")


def duplicates() -> Counter:
    """Events a consumer had applied before."""
    return _counter("careplan.duplicates", "{event}")


def dead_letters() -> Counter:
    """Messages a consumer could not read."""
    return _counter("careplan.dead_letters", "{event}")


def gaps() -> Counter:
    """Gaps seen in the versions of an entry."""
    return _counter("careplan.gaps", "{gap}")


def offset_jumps() -> Counter:
    """Batches that began above the stored offset."""
    return _counter("careplan.offset.jumps", "{batch}")


def sent_messages() -> Counter:
    """Messages that the broker acknowledged."""
    return _counter("messaging.client.sent.messages", "{message}")


def append_size() -> Histogram:
    """Requests committed together."""
    return _histogram("careplan.append.size", "{append}")


def process_duration() -> Histogram:
    """How long a batch took, from being handed over to its offsets being stored."""
    return _histogram("messaging.process.duration", "s")


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

    _meter().create_observable_gauge(name.value, [observe], unit=_UNITS[name])


def _numbers(reading: Reading) -> Iterable[tuple[float, Mapping[str, str]]]:
    return [(reading, {})] if isinstance(reading, int | float) else reading


def _meter() -> Meter:
    return _state.meters.get_meter("careplan")


@cache
def _counter(name: str, unit: str) -> Counter:
    return _meter().create_counter(name, unit)


@cache
def _histogram(name: str, unit: str) -> Histogram:
    return _meter().create_histogram(name, unit)


def metrics_response() -> Response:
    """What Prometheus reads."""
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LINK_LIMIT: Final = 128


def tracer() -> Tracer:
    """Makes spans; before ``configure`` they go nowhere."""
    return _state.tracer or trace.NoOpTracer()


def inject() -> str | None:
    """The current span as a ``traceparent``, to be stored with what it caused."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"


def links_of(traceparents: Iterable[str | None]) -> list[Link]:
    """Links to the spans named, each once; what is not a ``traceparent`` is passed over."""
    links: list[Link] = []
    for traceparent in dict.fromkeys(traceparents):
        span = _span_context(traceparent)
        if span is not None:
            links.append(Link(span))
        if len(links) == _LINK_LIMIT:
            break
    return links


def context_of(traceparent: str | None) -> Context | None:
    """A context that continues a trace of ours; never used for what an organisation sent."""
    span = _span_context(traceparent)
    return None if span is None else trace.set_span_in_context(trace.NonRecordingSpan(span))


def _span_context(traceparent: str | None) -> trace.SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    span = trace.SpanContext(trace_id, span_id, True, trace.TraceFlags(flags & 1))
    return span if span.is_valid else None
