"""Telemetry: logs, metrics and spans, and the only list of their names and fields.

Nothing that is said about a person may leave through here. Log fields, span attributes and labels
pass only when they are listed; of an exception only its type and its place are kept.
"""

from shared.chassis.telemetry.background import Background
from shared.chassis.telemetry.configure import configure, shut_down
from shared.chassis.telemetry.log_lines import LOG_FIELDS, log, place_of
from shared.chassis.telemetry.metrics import (
    Reading,
    count_batch,
    counter,
    duration,
    gauge,
    metrics_response,
    unaccounted,
)
from shared.chassis.telemetry.names import (
    Attribute,
    Count,
    Duration,
    Gauge,
    Label,
    SpanName,
    process_span,
)
from shared.chassis.telemetry.part import AskPart, Part
from shared.chassis.telemetry.passed_on import inject
from shared.chassis.telemetry.tracing import batch_span, links_of, tracer

__all__ = [
    "LOG_FIELDS",
    "AskPart",
    "Attribute",
    "Background",
    "Count",
    "Duration",
    "Gauge",
    "Label",
    "Part",
    "Reading",
    "SpanName",
    "batch_span",
    "configure",
    "count_batch",
    "counter",
    "duration",
    "gauge",
    "inject",
    "links_of",
    "log",
    "metrics_response",
    "place_of",
    "process_span",
    "shut_down",
    "tracer",
    "unaccounted",
]
