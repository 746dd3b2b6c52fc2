"""What is measured: scenarios, and the rows that compare one of them with another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measuring.measure import Sample
from benchmarks.scenarios import (
    append,
    doors,
    full_stack,
    log,
    memory,
    projection,
    publishing,
    reads,
)
from benchmarks.scenarios.append import Scenario

Round = Mapping[str, Sample]
"""The samples of one round, by the name of their scenario."""


@dataclass(frozen=True)
class Judgement:
    """A figure of one round and what it should be; without a target it is only told."""

    what: str
    figure: Callable[[Round], float]
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, figure: float) -> bool | None:
        """Whether the figure is as it should be; ``None`` where there is no target."""
        if self.at_least is not None:
            return figure >= self.at_least
        return figure <= self.at_most if self.at_most is not None else None

    @property
    def target(self) -> str:
        """The target as it is printed."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else "-"


@dataclass(frozen=True)
class Row:
    """One path that has to be fast, the scenarios it needs, and how it is judged."""

    name: str
    path: str
    scenarios: Sequence[str]
    judgements: Sequence[Judgement]


def _rate(of: str, against: str) -> Callable[[Round], float]:
    return lambda samples: samples[of].rate / samples[against].rate


def _processor(of: str, process: str, against: str) -> Callable[[Round], float]:
    """Of the processor time of a constant answer, in the process that answers."""
    return lambda samples: (
        samples[against].processor_us["constant"] / samples[of].processor_us[process]
    )


def _all_processes(of: str, against: str) -> Callable[[Round], float]:
    """The load counts on both sides."""
    return lambda samples: (
        sum(samples[of].processor_us.values()) / sum(samples[against].processor_us.values())
    )


def _p99_of_median(of: str) -> Callable[[Round], float]:
    return lambda samples: (samples[of].p99_ms or 0.0) / (samples[of].p50_ms or 1.0)


def _microseconds(of: str, *processes: str) -> Callable[[Round], float]:
    return lambda samples: sum(samples[of].processor_us[name] for name in processes)


def _longer(many: str, few: str, process: str) -> Callable[[Round], float]:
    return lambda samples: samples[many].processor_us[process] / samples[few].processor_us[process]


def _p50(of: str, against: str) -> Callable[[Round], float]:
    return lambda samples: (samples[of].p50_ms or 0.0) / (samples[against].p50_ms or 1.0)


def _p99(of: str, against: str) -> Callable[[Round], float]:
    return lambda samples: (samples[of].p99_ms or 0.0) / (samples[against].p99_ms or 1.0)


def _milliseconds(of: str, percentile: str) -> Callable[[Round], float]:
    return lambda samples: getattr(samples[of], f"{percentile}_ms") or 0.0


def _p99_in_flushes(of: str) -> Callable[[Round], float]:
    def figure(samples: Round) -> float:
        sample = samples[of]
        flush_ms = 1_000 / (sum(sample.flushes) / 2)
        return (sample.p99_ms or 0.0) / flush_ms

    return figure


def _of_the_lower(of: str, most: float, limit: str) -> Callable[[Round], float]:
    return lambda samples: samples[of].rate / min(most, samples[limit].rate)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "select-1": log.select_one,
    "log-seal": log.seal,
    "audit-search-10^5": log.searches(100_000),
    "audit-search-10^6": log.searches(1_000_000),
    "log-proofs-10^5": log.proofs(100_000),
    "log-proofs-10^6": log.proofs(1_000_000),
    "pgbench-1": append.in_c(1),
    "pgbench-64": append.in_c(64),
    "append-1": append.through_mapper(1),
    "append-64": append.through_mapper(64),
    "append-256": append.through_mapper(256),
    "append-64-receipt": append.with_receipt(64),
    "library-64": append.by_the_library(64),
    "http-constant": doors.constant(64),
    "http-command": doors.command_to_receipt(64),
    "http-everybody": full_stack.command_to_everybody(64),
    "http-constant-read": doors.constant(16, "GET"),
    "plan-read-16": reads.current_plans(16),
    "plan-reads-16": reads.current_plans(16, every_plan=True),
    "plan-past-100": reads.past_version(100),
    "plan-past-1000": reads.past_version(1_000),
    "plan-history-100": reads.history_of(100),
    "relay-lag": publishing.commit_to_producer(),
    "relay-tail": publishing.tail_after_a_crash,
    "producer-ready": publishing.ready_bytes,
    "producer-kafka": publishing.kafkas_own,
    "fold-kafka": projection.from_kafka,
    "fold-memory": projection.in_memory,
    "made-again": projection.made_again,
    "visible": projection.event_to_visible,
    "commit-trip-commit": projection.commit_trip_commit,
    "plan-read": reads.current_plan(),
    "fold-beside-long-plan": projection.beside_a_long_plan,
    "commit": projection.one_commit,
    "memory-section": memory.of_a_section,
    "memory-plan": memory.of_the_plan,
    **{
        name: scenario
        for power in (4, 5, 6)
        for name, scenario in (
            (f"append-64-past-10^{power}", append.through_mapper(64, 10**power)),
            (f"relay-lag-past-10^{power}", publishing.commit_to_producer(10**power)),
            (f"plan-read-past-10^{power}", reads.current_plan(10**power)),
        )
    },
}


def _growth(name: str, power: int) -> Row:
    """Append, lag and current read: as fast on a ledger of so many events as on one of 10^4."""
    paths = ("append-64", "relay-lag", "plan-read")
    few, many = ([f"{path}-past-10^{n}" for path in paths] for n in (4, power))
    return Row(
        name,
        f"append, lag and read with 10^{power} events",
        (*few, *many),
        (
            Judgement("append, of the rate at 10^4", _rate(many[0], few[0]), at_least=0.9),
            Judgement("relay lag p50, times that at 10^4", _p50(many[1], few[1]), at_most=1.2),
            Judgement("plan read p50, times that at 10^4", _p50(many[2], few[2]), at_most=1.2),
        ),
    )


def _proofs(name: str, power: int) -> Row:
    """Inclusion proofs out of a log of so many records, against the smallest question there is."""
    made = f"log-proofs-10^{power}"
    return Row(
        name,
        f"inclusion proofs in a log of 10^{power} records, 16 in flight",
        (made, "select-1"),
        (Judgement("of the rate of SELECT 1", _rate(made, "select-1"), at_least=0.35),),
    )


def _searches(name: str, power: int) -> Row:
    """Searches of the audit, recent ones and such of a day long ago, each with its count."""
    made = f"audit-search-10^{power}"
    return Row(
        name,
        f"searches of 10^{power} audit records, one after the other",
        (made,),
        (
            Judgement("p50 in milliseconds", _milliseconds(made, "p50")),
            Judgement("p99 in milliseconds", _milliseconds(made, "p99"), at_most=1_000),
        ),
    )


def _memory(name: str, path: str) -> Row:
    """What a process keeps after each step; what it remembers is full by the second."""
    _, before, last = memory.STEPS

    def kept(after: int) -> Callable[[Round], float]:
        return lambda samples: samples[name].facts[memory.mebibytes_after(after)]

    told = [Judgement(memory.mebibytes_after(step), kept(step)) for step in memory.STEPS]
    times = Judgement(
        f"at {last:,}, times that at {before:,}",
        lambda samples: kept(last)(samples) / kept(before)(samples),
        at_most=1.1,
    )
    return Row(name, path, (name,), (*told, times))


ROWS: Final = (
    Row(
        "append-64",
        "append through aggregate and mapper, 64 in flight",
        ("pgbench-64", "append-64", "library-64", "append-64-receipt"),
        (
            Judgement("of pgbench, 64 clients", _rate("append-64", "pgbench-64"), at_least=0.55),
            Judgement(
                "times the library's recorder", _rate("append-64", "library-64"), at_least=20
            ),
            Judgement("with its receipt, of pgbench", _rate("append-64-receipt", "pgbench-64")),
        ),
    ),
    Row(
        "append-256",
        "the same, 256 in flight",
        ("pgbench-64", "append-256"),
        (Judgement("of pgbench, 64 clients", _rate("append-256", "pgbench-64"), at_least=0.7),),
    ),
    Row(
        "append-1",
        "one contributor alone",
        ("pgbench-1", "append-1"),
        (
            Judgement("of pgbench, 1 client", _rate("append-1", "pgbench-1"), at_least=0.75),
            Judgement("p99 in flushes", _p99_in_flushes("append-1"), at_most=2.5),
        ),
    ),
    Row(
        "http",
        "HTTP command to receipt, 64 in flight, 2,000 plans",
        ("http-constant", "http-command"),
        (
            Judgement(
                "processor time, of a constant answer's",
                _processor("http-command", "goals", "http-constant"),
                at_least=0.33,
            ),
            Judgement("rate, of a constant answer's", _rate("http-command", "http-constant")),
            Judgement("p99, times the median", _p99_of_median("http-command"), at_most=2.5),
        ),
    ),
    Row(
        "http-stack",
        "the same, with plan and audit beside it",
        ("http-constant", "http-everybody"),
        (
            Judgement(
                "processor time, of a constant answer's",
                _processor("http-everybody", "goals", "http-constant"),
                at_least=0.27,
            ),
            Judgement(
                "rate, of a constant answer's",
                _rate("http-everybody", "http-constant"),
                at_least=0.18,
            ),
            Judgement(
                "all processes, in constant answers",
                _all_processes("http-everybody", "http-constant"),
                at_most=8,
            ),
            Judgement("p99, times the median", _p99_of_median("http-everybody"), at_most=2.5),
        ),
    ),
    Row(
        "http-read",
        "current plan, 16 in flight, 2,000 plans",
        ("http-constant-read", "plan-read-16"),
        (
            Judgement(
                "processor time, of a constant answer's",
                _processor("plan-read-16", "plan", "http-constant-read"),
                at_least=1.0,
            ),
            Judgement(
                "rate, of a constant answer's",
                _rate("plan-read-16", "http-constant-read"),
                at_least=0.75,
            ),
        ),
    ),
    Row(
        "http-reads",
        "current plan, 16 in flight, each of 2,000 plans in turn",
        ("http-constant-read", "plan-reads-16"),
        (
            Judgement(
                "processor time, of a constant answer's",
                _processor("plan-reads-16", "plan", "http-constant-read"),
                at_least=1.0,
            ),
            Judgement(
                "rate, of a constant answer's",
                _rate("plan-reads-16", "http-constant-read"),
                at_least=0.75,
            ),
        ),
    ),
    Row(
        "http-past",
        "one past version, 16 in flight",
        ("http-constant-read", "plan-past-100", "plan-past-1000"),
        (
            Judgement(
                "100 versions, processor time of a constant answer's",
                _processor("plan-past-100", "plan", "http-constant-read"),
                at_least=0.5,
            ),
            Judgement(
                "1,000 versions, times that of 100",
                _longer("plan-past-1000", "plan-past-100", "plan"),
                at_most=1.5,
            ),
        ),
    ),
    Row(
        "http-history",
        "history of 100 versions, 16 in flight",
        ("http-constant-read", "plan-history-100"),
        (
            Judgement(
                "processor time, of a constant answer's",
                _processor("plan-history-100", "plan", "http-constant-read"),
                at_least=0.35,
            ),
        ),
    ),
    Row(
        "relay-lag",
        "relay, commit to producer, 300 appends a second",
        ("relay-lag",),
        (
            Judgement("p50, ms", _milliseconds("relay-lag", "p50"), at_most=0.1),
            Judgement("p99, ms", _milliseconds("relay-lag", "p99"), at_most=1.0),
        ),
    ),
    Row(
        "relay-tail",
        "relay, tail after a crash",
        ("relay-tail", "producer-ready"),
        (
            Judgement(
                "of 50,000/s or the producer's limit",
                _of_the_lower("relay-tail", 50_000, "producer-ready"),
                at_least=1.0,
            ),
        ),
    ),
    Row(
        "relay-broker",
        "relay to broker",
        ("relay-tail", "producer-kafka"),
        (
            Judgement(
                "of ProducerPerformance's best second",
                _rate("relay-tail", "producer-kafka"),
                at_least=0.25,
            ),
        ),
    ),
    Row(
        "projection",
        "projection from Kafka, catching up",
        ("fold-kafka", "fold-memory"),
        (
            Judgement("of the fold alone", _rate("fold-kafka", "fold-memory")),
            Judgement("events/s", lambda samples: samples["fold-kafka"].rate, at_least=15_000),
            Judgement(
                "processor time of an event, process and PostgreSQL, us",
                _microseconds("fold-kafka", "plan", "postgres"),
                at_most=80,
            ),
        ),
    ),
    Row(
        "rebuild",
        "the read model made again from the ledger, compared and switched",
        ("made-again",),
        (
            Judgement("events/s", lambda samples: samples["made-again"].rate, at_least=60_000),
            Judgement("processor time of an event, us", _microseconds("made-again", "rebuild")),
            Judgement(
                "the same, with PostgreSQL, us",
                _microseconds("made-again", "rebuild", "postgres"),
            ),
        ),
    ),
    Row(
        "visible",
        "event to visible, quiet system",
        ("visible", "commit-trip-commit"),
        (
            Judgement(
                "p99, times commit + round trip + commit",
                _p99("visible", "commit-trip-commit"),
                at_most=2,
            ),
        ),
    ),
    Row(
        "plan-read",
        "current plan read over HTTP",
        ("plan-read", "commit"),
        (Judgement("p99, times one commit", _p99("plan-read", "commit"), at_most=2),),
    ),
    Row(
        "long-plan",
        "projection beside a plan of 10,000 versions",
        ("fold-kafka", "fold-beside-long-plan"),
        (
            Judgement(
                "of the rate without it", _rate("fold-beside-long-plan", "fold-kafka"), at_least=0.9
            ),
        ),
    ),
    Row(
        "log-seal",
        "audit records hashed again, put into tiles and signed",
        ("log-seal",),
        (Judgement("microseconds a record", _microseconds("log-seal", "audit")),),
    ),
    _proofs("log-proofs", 5),
    _proofs("log-proofs-long", 6),
    _searches("audit-search", 5),
    _searches("audit-search-long", 6),
    _growth("growth", 5),
    _growth("growth-long", 6),
    _memory("memory-section", "a section's memory over 100,000 contributions"),
    _memory("memory-plan", "the plan's memory over 100,000 events"),
)
LONG: Final = frozenset(
    {"audit-search-long", "growth-long", "log-proofs-long", "memory-section", "memory-plan"}
)
