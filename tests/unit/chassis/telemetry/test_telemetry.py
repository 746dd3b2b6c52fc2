"""Nothing that is said about a person leaves by a log, a span or a figure."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.chassis import telemetry
from shared.chassis.telemetry import Attribute, Gauge, log
from shared.chassis.telemetry.library_lines import LibraryLines, configure_logging
from shared.chassis.telemetry.log_lines import only_listed_fields
from shared.chassis.telemetry.names import UNITS_OF_COUNTS
from shared.chassis.wire.strict_json import read

SECRET = "Edith keeps her key under the blue pot"
PLAN = UUID("0199c0de-0000-7000-8000-0000000000a1")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    telemetry.shut_down()
    configure_logging("")
    root.handlers, root.level = handlers, level


@pytest.fixture
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    telemetry.configure("goals", span_exporter=exporter, reader=InMemoryMetricReader())
    return exporter


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    written = capsys.readouterr()
    assert not written.err
    return [json.loads(line) for line in written.out.splitlines()]


# ------------------------------------------------------------------------------ logs


def test_a_line_is_json_with_the_fields_that_are_listed(
    spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    with telemetry.tracer().start_as_current_span("fold plan"):
        log.info("contribution.accepted", plan_id=PLAN, entry_version=4, aim=SECRET, name=SECRET)

    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert line == {
        "event": "contribution.accepted",
        "level": "info",
        "service": "goals",
        "plan_id": str(PLAN),
        "entry_version": 4,
        "trace_id": f"{span.context.trace_id:032x}",
    }


def test_of_an_exception_only_type_and_place_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def deep_inside() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise asyncpg.UniqueViolationError(SECRET) from error

    speakers: tuple[Callable[[Exception], object], ...] = (
        lambda _: log.exception("events.not-written"),
        lambda _: log.error("events.not-written", exc_info=True),
        lambda error: log.error("events.not-written", exc_info=error),
        lambda error: log.error("events.not-written", error=error),
        lambda error: log.error("events.not-written", reason=error),
    )
    for speak in speakers:
        try:
            deep_inside()
        except asyncpg.UniqueViolationError as error:
            speak(error)

    said = lines(capsys)
    assert len(said) == 5
    for line in said:
        assert line["level"] == "error"
        assert line["error_type"] == "asyncpg.exceptions.UniqueViolationError"
        assert line["error_at"].endswith("deep_inside")
        assert line["error_code"] == "23505"
        assert line["error_cause"] == "KeyError"
        assert SECRET not in json.dumps(line)


def test_the_place_is_the_last_in_our_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        read(None)  # type: ignore[arg-type]
    except AttributeError as error:
        log.error("body.not-read", error=error)

    assert lines(capsys)[0]["error_at"].startswith("shared/chassis/wire/strict_json.py:")


def test_where_a_library_failed_is_told_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        telemetry.configure("goals", reader="no reader")  # type: ignore[arg-type]
    except AttributeError as error:
        log.error("service.not-started", error=error)

    (line,) = lines(capsys)
    assert line["error_at"].startswith("shared/chassis/telemetry/")
    assert line["error_in"].startswith("opentelemetry/sdk/")


def test_a_sentence_is_no_name_of_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    log.warning(f"could not read {SECRET}")

    assert lines(capsys)[0]["event"] == "log.event-without-a-name"


LOGGED = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from([*telemetry.LOG_FIELDS, "aim", "content", "nhs_number"])


@given(st.dictionaries(NAMES.filter(lambda name: name != "event"), LOGGED, max_size=6))
def test_whatever_is_logged_makes_one_line_of_listed_fields(fields: dict[str, Any]) -> None:
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdout.write", written.append)
        patched.setattr("sys.stdout.flush", lambda: None)
        log.warning("something.happened", **fields)

    assert "".join(written).count("\n") == 1
    assert set(json.loads("".join(written))) <= telemetry.LOG_FIELDS


class _Says:
    def __repr__(self) -> str:
        return SECRET


class _Counts(int):
    def __repr__(self) -> str:
        return SECRET


TROUBLE = st.sampled_from(
    [ValueError(SECRET), KeyError(SECRET), SECRET.encode(), {"a": SECRET}, _Says()]
)


@given(st.dictionaries(NAMES.filter(lambda name: name != "event"), LOGGED | TROUBLE, max_size=6))
def test_the_filter_lets_only_listed_fields_with_plain_values_pass(fields: dict[str, Any]) -> None:
    """The filter by itself: the quick way for ordinary fields and the thorough one for the rest."""
    fields |= {"name": SECRET, "aim": SECRET, "error": ValueError(SECRET)}
    passed = only_listed_fields(None, "info", fields)
    assert set(passed) <= telemetry.LOG_FIELDS
    assert SECRET not in orjson.dumps(passed).decode()


def test_a_value_that_only_looks_plain_is_made_plain() -> None:
    given_fields = {"count": _Counts(3), "size": 2**70, "topics": [{1: 2}]}
    passed = only_listed_fields(None, "info", given_fields)
    assert json.loads(orjson.dumps(passed)) == {
        "count": 3, "size": "beyond 64 bits", "topics": ["dict"],
    }  # fmt: skip


def test_a_long_text_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    log.info("topic.seen", topic="x" * 5_000, topics=["y" * 5_000] * 100)

    (line,) = lines(capsys)
    assert len(line["topic"]) == 200
    assert len(line["topics"]) == 50
    assert len(line["topics"][0]) == 200


def test_a_destructor_may_speak_while_a_line_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        if len(written) == 1:
            log.warning("consumer.unclosed")

    monkeypatch.setattr("sys.stdout.write", write)
    log.info("contribution.accepted")

    said = [json.loads(line)["event"] for line in written]
    assert said == ["contribution.accepted", "consumer.unclosed"]


def test_lines_can_be_captured_in_tests() -> None:
    with structlog.testing.capture_logs() as captured:
        log.info("contribution.refused", code="goal-needs-an-aim")

    assert captured == [
        {"event": "contribution.refused", "code": "goal-needs-an-aim", "log_level": "info"}
    ]


# ------------------------------------------------------------------------------ libraries


@pytest.mark.usefixtures("spans")
def test_what_a_known_library_says_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("aiokafka.consumer").warning("No broker for partition %s", 7)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)

    first, second = lines(capsys)
    assert (first["event"], first["level"], first["logger"], first["message"]) == (
        "library.logged",
        "warning",
        "aiokafka.consumer",
        "No broker for partition 7",
    )
    assert second["message"] == "Started server process [1]"


@pytest.mark.parametrize("name", ["aiokafka", "aiokafka.consumer", "uvicorn", "faststream"])
def test_a_library_that_was_turned_away_before_is_heard_again(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    turned_away = logging.getLogger(name)
    monkeypatch.setattr(turned_away, "propagate", False)
    monkeypatch.setattr(turned_away, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(turned_away, "level", logging.CRITICAL)
    telemetry.configure("goals", reader=InMemoryMetricReader())

    logging.getLogger(f"{name}.client").warning("No broker for partition %s", 7)

    assert [line["message"] for line in lines(capsys)] == ["No broker for partition 7"]


@pytest.mark.usefixtures("spans")
def test_what_might_quote_somebody_is_not_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("pydantic").warning("cannot read %s", SECRET)
    logging.getLogger("uvicorn.access").info("GET /v1/people?name=%s", SECRET)
    logging.getLogger("faststream").error("Failed: %s", SECRET, exc_info=ValueError(SECRET))
    logging.getLogger("faststream").error("Failed\n%s", SECRET)
    logging.getLogger("httpx").info("HTTP Request: GET %s", SECRET)

    said = lines(capsys)
    assert SECRET not in json.dumps(said)
    assert [(line["event"], line["logger"]) for line in said] == [
        ("library.logged", "pydantic"),
        ("library.logged", "faststream"),
        ("library.logged", "faststream"),
    ]
    assert said[1]["error_type"] == "ValueError"
    assert said[2]["message"] == "Failed"


@pytest.mark.usefixtures("spans")
def test_a_task_that_failed_unseen_is_told_without_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    async def leave_a_task() -> None:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task

    asyncio.run(leave_a_task())

    (line,) = lines(capsys)
    assert (line["logger"], line["error_type"]) == ("asyncio", "ValueError")
    assert SECRET not in json.dumps(line)


class Clock:
    """A clock that stands still until it is set."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def complain(handler: LibraryLines, words: str, *about: Any, line: int = 7) -> None:
    name, level = "aiokafka.client", logging.WARNING
    handler.handle(logging.LogRecord(name, level, "/lib/client.py", line, words, about, None))


def test_a_library_in_trouble_is_heard_once_in_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    handler = LibraryLines(every_seconds=10.0, at_most=5, clock=clock)
    for second in range(30):
        clock.at = float(second)
        for _ in range(100):
            complain(handler, "Topic %s is not available", "a")

    assert [line.get("repeated") for line in lines(capsys)] == [None, 999, 999]


def test_a_message_that_cannot_be_made_is_told_without_its_parts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain(LibraryLines(), "%d of %s", SECRET)

    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == ("library.line-unreadable", "aiokafka.client")
    assert SECRET not in json.dumps(line)


def test_different_words_of_one_place_are_heard_up_to_a_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = LibraryLines(every_seconds=10.0, at_most=5, clock=Clock())
    for number in range(1_000):
        complain(handler, "Topic %s is not available", number % 100)
    complain(handler, "Something else", line=8)

    assert [line["message"] for line in lines(capsys)] == [
        *(f"Topic {number} is not available" for number in range(5)),
        "Something else",
    ]


@given(st.lists(st.tuples(st.floats(0, 4), st.integers(0, 8)), max_size=80))
def test_every_message_is_either_written_or_counted(said: list[tuple[float, int]]) -> None:
    clock = Clock()
    handler = LibraryLines(every_seconds=10.0, at_most=5, clock=clock)

    with structlog.testing.capture_logs() as captured:
        for pause, topic in said:
            clock.at += pause
            complain(handler, "Topic %s is not available", topic)

    held_back = sum(place.held_back for place in handler._places.values())
    counted = sum(line.get("repeated", 0) for line in captured)
    assert len(captured) + counted + held_back == len(said)


# ------------------------------------------------------------------------------ spans


def one(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_keeps_listed_attributes_and_no_words_of_an_error(
    spans: InMemorySpanExporter,
) -> None:
    def fail() -> None:
        with telemetry.tracer().start_as_current_span(
            "contribute goals.set-aside",
            attributes={Attribute.SECTION: "goals", "careplan.aim": SECRET},
            links=telemetry.links_of([TRACEPARENT]),
        ) as span:
            span.add_event("said", {"text": SECRET})
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match="Edith"):
        fail()

    kept = one(spans)
    assert kept.name == "contribute goals.set-aside"
    assert dict(kept.attributes or {}) == {"careplan.section": "goals", "error.type": "ValueError"}
    assert not kept.status.is_ok
    assert kept.status.description is None
    assert not kept.events
    assert len(kept.links) == 1
    assert SECRET not in kept.to_json()


def test_a_span_is_linked_to_what_its_traceparent_names(spans: InMemorySpanExporter) -> None:
    assert telemetry.inject() is None
    with telemetry.tracer().start_as_current_span("fold plan"):
        told = telemetry.inject()
    links = telemetry.links_of([told])
    with telemetry.tracer().start_as_current_span("record audit", links=links):
        pass

    first, second = spans.get_finished_spans()
    assert first.context is not None
    (link,) = second.links
    assert link.context.trace_id == first.context.trace_id
    assert link.context.span_id == first.context.span_id


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        TRACEPARENT.upper(),
        TRACEPARENT + "-00",
        TRACEPARENT + "\n",
        "ff" + TRACEPARENT[2:],
        "00-" + "0" * 32 + TRACEPARENT[35:],
        TRACEPARENT[:36] + "0" * 16 + "-01",
        "x" * 100_000,
    ],
    ids=lambda given: repr(given)[:30],
)
def test_what_is_no_traceparent_is_passed_over(traceparent: str | None) -> None:
    assert telemetry.links_of([traceparent]) == []


@given(st.lists(st.none() | st.text(max_size=60) | st.just(TRACEPARENT), max_size=20))
def test_links_are_made_of_any_headers_each_once(given_ones: list[str | None]) -> None:
    telemetry.configure(
        "goals", span_exporter=InMemorySpanExporter(), reader=InMemoryMetricReader()
    )
    assert len(telemetry.links_of(given_ones)) == int(TRACEPARENT in given_ones)


@pytest.mark.usefixtures("spans")
def test_a_batch_has_at_most_as_many_links_as_a_span_takes() -> None:
    many = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 1_000)]

    assert len(telemetry.links_of(many)) == 128


def test_every_consumer_tells_the_same_of_a_batch(spans: InMemorySpanExporter) -> None:
    """Written once: two copies had come to differ in what they say."""
    trace = f"00-{7:032x}-{8:016x}-01"
    with telemetry.batch_span(telemetry.SpanName.FOLD_PLAN, "plan", 3, [trace, trace, None]):
        pass
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind, len(span.links)) == ("fold plan", SpanKind.CONSUMER, 1)
    assert span.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "plan",
        "messaging.batch.message_count": 3,
    }


def test_without_an_exporter_a_span_can_still_be_passed_on() -> None:
    telemetry.configure("goals", reader=InMemoryMetricReader())

    with telemetry.tracer().start_as_current_span("fold plan") as span:
        assert not span.is_recording()
        told = telemetry.inject()

    assert told is not None
    assert told.endswith("-00")


def test_where_nobody_keeps_spans_those_inside_one_are_that_one() -> None:
    telemetry.configure("goals", reader=InMemoryMetricReader())

    with telemetry.tracer().start_as_current_span("POST /v1/contributions") as outer:
        told = telemetry.inject()
        with telemetry.tracer().start_as_current_span("contribute") as inner:
            assert inner is outer
            assert telemetry.inject() == told
        assert telemetry.inject() == told
    assert telemetry.inject() is None
    assert told is not None
    assert telemetry.links_of([told]) == []


def test_before_anything_is_configured_nothing_fails() -> None:
    with telemetry.tracer().start_as_current_span("fold plan"):
        assert telemetry.inject() is None
    telemetry.counter(telemetry.Count.CONTRIBUTIONS).add(1)


def test_spans_go_to_a_file_as_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "traces" / "spans.jsonl"
    monkeypatch.setenv("CAREPLAN_TRACES_FILE", str(path))
    telemetry.configure("goals", reader=InMemoryMetricReader())

    with telemetry.tracer().start_as_current_span(
        "publish careplan.goals.events.v1", attributes={Attribute.BATCH_COUNT: 3}
    ):
        told = telemetry.inject()
    telemetry.shut_down()

    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert line["service"] == "goals"
    assert line["name"] == "publish careplan.goals.events.v1"
    assert line["attributes"] == {"messaging.batch.message_count": 3}
    assert told == f"00-{line['trace_id']}-{line['span_id']}-01"


# ------------------------------------------------------------------------------ metrics


def metrics() -> str:
    return bytes(telemetry.metrics_response().body).decode()


def test_figures_have_their_labels_and_never_a_plan() -> None:
    telemetry.configure("goals")
    telemetry.counter(telemetry.Count.CONTRIBUTIONS).add(
        2, {"organisation": "ZZG01", "outcome": "refused", "code": "x", "plan_id": str(PLAN)}
    )
    telemetry.duration(telemetry.Duration.PROCESS).record(0.25)

    text = metrics()
    assert (
        'careplan_contributions_total{code="x",organisation="ZZG01",otel_scope_name="careplan",'
    ) in text
    assert 'outcome="refused"' in text
    assert "messaging_process_duration_seconds_count" in text
    assert str(PLAN) not in text


COUNTED: list[tuple[telemetry.Count, float, dict[str, str]]] = [
    (telemetry.Count.CONTRIBUTIONS, 2, {"section": "goals", "outcome": "accepted", "code": ""}),
    (telemetry.Count.CONTRIBUTIONS, 3, {"outcome": "accepted", "code": "", "section": "goals"}),
    (telemetry.Count.CONTRIBUTIONS, 1, {"section": "goals", "plan_id": str(PLAN)}),
    (telemetry.Count.CONTRIBUTIONS, 1, {"section": "goals", "plan_id": "another"}),
    (telemetry.Count.PROBLEMS, 1, {"code": "content-invalid"}),
    (telemetry.Count.GAPS, 4, {}),
    (telemetry.Count.APPLIED, 0, {telemetry.Label.CONSUMER: "plan"}),
]


def test_plain_counters_read_like_those_of_the_library() -> None:
    """Names, labels, types and numbers: whoever reads the metrics sees no difference."""
    telemetry.configure("goals")
    for name, number, labels in COUNTED:
        telemetry.counter(name).add(number, labels)
    ours = figures_of("careplan_")
    telemetry.shut_down()
    meters = MeterProvider(
        metric_readers=[PrometheusMetricReader(disable_target_info=True)],
        views=[
            View(instrument_name="*", attribute_keys={label.value for label in telemetry.Label})
        ],
    )
    library: dict[telemetry.Count, SdkCounter] = {}
    for name, number, labels in COUNTED:
        if name not in library:
            unit = UNITS_OF_COUNTS[name]
            library[name] = meters.get_meter("careplan").create_counter(name.value, unit)
        library[name].add(number, labels)
    theirs = figures_of("careplan_")
    meters.shutdown()

    assert ours == theirs
    assert len(ours) > 3 * len(library)


def figures_of(prefix: str) -> list[str]:
    return sorted(line for line in metrics().splitlines() if prefix in line)


def test_a_gauge_is_asked_when_somebody_looks_until_it_ends() -> None:
    lag = {"topic": "careplan.goals.events.v1", "partition": "3", "group": "plan"}
    end = telemetry.gauge(Gauge.CONSUMER_LAG, lambda: [(7, lag)])
    telemetry.configure("plan")
    end_other = telemetry.gauge(Gauge.CONSUMER_LAG, lambda: [(9, lag | {"partition": "4"})])
    end_relay = telemetry.gauge(Gauge.RELAY_OLDEST, lambda: 1.5)

    text = metrics()
    assert 'group="plan"' in text
    assert text.count("careplan_consumer_lag{") == 2
    assert "careplan_relay_oldest_seconds{" in text

    end()
    assert metrics().count("careplan_consumer_lag{") == 1
    end_other()
    end_relay()
    assert "careplan_consumer_lag{" not in metrics()


def test_configuring_again_replaces_what_was_there() -> None:
    for _ in range(3):
        telemetry.configure("goals")
        telemetry.counter(telemetry.Count.APPLIED).add(1, {"consumer": "plan"})

    assert metrics().count("careplan_applied_total{") == 1
    assert " 1.0" in next(
        line for line in metrics().splitlines() if "careplan_applied_total{" in line
    )


@pytest.mark.parametrize(
    "names",
    [telemetry.Attribute, telemetry.SpanName, telemetry.Gauge, telemetry.Count, telemetry.Duration],
)
def test_every_name_is_used(names: type[StrEnum]) -> None:
    """Kind: what is declared for operators, and told by nothing that runs."""
    root = Path(__file__).parents[4]
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("shared/chassis", "services")
        for path in (root / folder).rglob("*.py")
        if path.name != "names.py"
    ]
    written = "\n".join(sources)
    unused = [name for name in names.__members__ if f"{names.__name__}.{name}" not in written]
    assert unused == []
