"""Spans, and the trace context that is stored with what was recorded."""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Tracer

from shared.chassis.telemetry.names import Attribute, SpanName
from shared.chassis.telemetry.span_export import ListedAttributesOnly
from shared.ledger.names import TRACEPARENT


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

    def start_as_current_span(  # type: ignore[override]  # the library's is a decorator as well
        self, name: str, context: Context | None = None, *_: Any, **__: Any
    ) -> "_Current":
        # Inside another one that nobody keeps, that one does as well.
        outer = trace.get_current_span() if context is None else trace.INVALID_SPAN
        if outer.get_span_context().is_valid:
            return _Current(outer, is_new=False)
        return _Current(self.start_span(name, context), is_new=True)


class _Current:
    """A span that is the current one inside ``with``; nothing is noted of an error there."""

    __slots__ = ("_is_new", "_span", "_token")

    def __init__(self, span: trace.Span, *, is_new: bool) -> None:
        self._span = span
        self._is_new = is_new

    def __enter__(self) -> trace.Span:
        if self._is_new:
            self._token = attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(self, *_: object) -> None:
        if self._is_new:
            detach(self._token)


_IDS: Final = RandomIdGenerator()


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
    _state.tracers, _state.tracer = None, _PassedOn()
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


def inject() -> str | None:
    """The current span as a ``traceparent``, to be stored with what it caused."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"


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
