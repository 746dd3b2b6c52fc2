"""Sets up logs, metrics and spans of a process, and ends them with it."""

from pathlib import Path

from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter

from shared.chassis.settings import Settings
from shared.chassis.telemetry.library_lines import configure_logging
from shared.chassis.telemetry.log_lines import write_held_lines
from shared.chassis.telemetry.metrics import end_metrics, start_metrics
from shared.chassis.telemetry.span_export import SpansAsLines
from shared.chassis.telemetry.tracing import end_spans, start_spans


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
    if span_exporter is None and (path := Settings().traces_file):
        span_exporter = SpansAsLines(Path(path))
    start_spans(resource, span_exporter)
    start_metrics(resource, reader)


def shut_down() -> None:
    """Write out what is held back, at the end of the process; nothing is measured afterwards."""
    write_held_lines()
    end_spans()
    end_metrics()
