"""Where finished spans go: to an exporter, without anything that is not listed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link
from opentelemetry.trace.status import Status

from shared.chassis.telemetry.log_lines import log
from shared.chassis.telemetry.names import Attribute


class ListedAttributesOnly(SpanExporter):
    """Exports spans without attributes that are not listed, and without the texts of errors."""

    def __init__(self, exporter: SpanExporter, listed: frozenset[str]) -> None:
        self._exporter = exporter
        self._listed = listed

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._clean(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _clean(self, span: ReadableSpan) -> ReadableSpan:
        given = span.attributes or {}
        attributes = {str(name): value for name, value in given.items() if name in self._listed}
        for event in span.events:
            kind = (event.attributes or {}).get("exception.type")
            if kind is not None:
                attributes[Attribute.ERROR_TYPE] = kind
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            links=[Link(link.context) for link in span.links],
            kind=span.kind,
            status=Status(span.status.status_code),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


class SpansAsLines(SpanExporter):
    """Appends spans to a file, one JSON object a line; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(_line_of(span) for span in spans)
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8")
            self._file.write(lines)
            self._file.flush()
        except OSError as error:
            log.warning("spans.not-written", error=error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _line_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    told = {
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "trace_id": f"{context.trace_id:032x}" if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "kind": span.kind.name.lower(),
        "status": span.status.status_code.name.lower(),
        "start": span.start_time,
        "end": span.end_time,
        "attributes": dict(span.attributes or {}),
        "links": [
            {"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"}
            for link in span.links
        ],
    }
    return orjson.dumps(told, default=str).decode() + "\n"
