"""The current trace, as it is stored with what was caused; also where nobody keeps spans."""

from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

_IDS: Final = RandomIdGenerator()
_NOBODYS: Final = trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
_current: Final[ContextVar[str | None]] = ContextVar("careplan_traceparent", default=None)


class PassedOn(trace.NoOpTracer):
    """Makes ids that are passed on, for spans that are kept nowhere since nobody exports them."""

    def start_as_current_span(  # type: ignore[override]  # the library's is a decorator as well
        self, *_: Any, **__: Any
    ) -> "_Current":
        return _Current()


class _Current:
    """Ids that are the current ones inside ``with``; inside others nobody needs new ones."""

    __slots__ = ("_before",)
    _before: Token[str | None] | None

    def __enter__(self) -> trace.Span:
        self._before = None
        if _current.get() is None:
            ids = f"{_IDS.generate_trace_id():032x}-{_IDS.generate_span_id():016x}"
            self._before = _current.set(f"00-{ids}-00")
        return _NOBODYS

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _current.reset(self._before)


def inject() -> str | None:
    """The current span as a ``traceparent``, to be stored with what it caused."""
    passed_on = _current.get()
    if passed_on is not None:
        return passed_on
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"
