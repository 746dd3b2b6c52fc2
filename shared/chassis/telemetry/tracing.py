"""Spans, and links to those that are stored with what was recorded."""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Tracer

from shared.chassis.telemetry.names import Attribute, SpanName
from shared.chassis.telemetry.passed_on import PassedOn
from shared.chassis.telemetry.span_export import ListedAttributesOnly
from shared.ledger.names import TRACEPARENT

_TRACEPARENT: Final = re.compile(TRACEPARENT)


_LINK_LIMIT: Final = 128


_ATTRIBUTES: Final = frozenset(attribute.value for attribute in Attribute)


@dataclass
class _State:
    """What ``start_spans`` has set up for this process."""

    tracers: TracerProvider | None = None
    tracer: Tracer | None = None


_state = _State()


def start_spans(resource: Resource, exporter: SpanExporter | None) -> None:
    """Make spans: to be exported, or without an exporter only to be passed on."""
    _state.tracers, _state.tracer = None, PassedOn()
    if exporter is not None:
        clean = ListedAttributesOnly(exporter, _ATTRIBUTES)
        in_memory = isinstance(exporter, InMemorySpanExporter)
        tracers = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON))
        tracers.add_span_processor(
            SimpleSpanProcessor(clean) if in_memory else BatchSpanProcessor(clean)
        )
        _state.tracers, _state.tracer = tracers, tracers.get_tracer("careplan")


def end_spans() -> None:
    """Export what is held back."""
    if _state.tracers is not None:
        _state.tracers.shutdown()
    _state.tracers = _state.tracer = None


def tracer() -> Tracer:
    """Makes spans; before ``configure`` they go nowhere."""
    return _state.tracer or trace.NoOpTracer()


def links_of(traceparents: Iterable[str | None]) -> list[Link]:
    """Links to the spans named, each once; what is not a ``traceparent`` is passed over.

    None where nobody keeps spans.
    """
    links: list[Link] = []
    if _state.tracers is None:
        return links
    for traceparent in dict.fromkeys(traceparents):
        span = _span_context(traceparent)
        if span is not None:
            links.append(Link(span))
        if len(links) == _LINK_LIMIT:
            break
    return links


def batch_span(
    name: SpanName, consumer: str, records: int, traceparents: Iterable[str | None]
) -> AbstractContextManager[trace.Span]:
    """The span of one batch of a consumer, with links to what caused its records."""
    return tracer().start_as_current_span(
        name,
        kind=trace.SpanKind.CONSUMER,
        links=links_of(traceparents),
        attributes={
            Attribute.MESSAGING_SYSTEM: "kafka",
            Attribute.OPERATION_NAME: "process",
            Attribute.OPERATION_TYPE: "process",
            Attribute.CONSUMER_GROUP: consumer,
            Attribute.BATCH_COUNT: records,
        },
    )


def _span_context(traceparent: str | None) -> trace.SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    span = trace.SpanContext(trace_id, span_id, True, trace.TraceFlags(flags & 1))
    return span if span.is_valid else None
