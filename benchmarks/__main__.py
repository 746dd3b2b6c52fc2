"""``python -m benchmarks``: measure, print, and write to ``benchmarks/results/``."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import structlog
import uvloop

from benchmarks import report
from benchmarks.measuring import clusters
from benchmarks.measuring.measure import Sample
from benchmarks.rows import LONG, ROWS, SCENARIOS, Row
from deploy.local.processes.problem import Problem
from shared.chassis.run import collect_rarely

_RESULTS = Path(__file__).parent / "results"
_QUICK_SECONDS, _SECONDS = 0.5, 2.0
_ROUNDS = {"1ms": 3, "disk": 2}


def main() -> int:
    """The command line."""
    asked = _arguments()
    if asked.list:
        for row in ROWS:
            print(f"{row.name:14} {row.path}")
        return 0
    rows = [row for row in ROWS if _is_asked(row, asked.row, asked.long)]
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # Services' lines belong to their own processes; here they would stand among the figures.
    structlog.get_config()["processors"][:] = [_left_out]
    collect_rarely()
    return uvloop.run(_measure(rows, asked))


def _left_out(_logger: object, _method: str, _fields: object) -> NoReturn:
    raise structlog.DropEvent


async def _measure(rows: Sequence[Row], asked: argparse.Namespace) -> int:
    seconds = asked.seconds or (_QUICK_SECONDS if asked.quick else _SECONDS)
    results: list[report.Result] = []
    for name in [asked.cluster] if asked.cluster else clusters.NAMES:
        try:
            async with clusters.running(name) as servers:
                rounds = 1 if asked.quick else asked.rounds or _ROUNDS[name]
                results.append(await _on(servers, rows, rounds, seconds))
        except (clusters.Impossible, Problem) as error:
            _say(f"{name}: skipped: {error}")
    if not results:
        return 1
    settings = {"seconds a scenario": seconds, "rows": ", ".join(row.name for row in rows)}
    told = report.markdown(results, settings)
    print(told)
    if not asked.quick:
        _say(f"written to {report.write(_RESULTS, results, settings, told)}")
    return 0


async def _on(
    servers: clusters.Servers, rows: Sequence[Row], rounds: int, seconds: float
) -> report.Result:
    """Every scenario once, then every scenario again: the machine drifts."""
    wanted = {scenario for row in rows for scenario in row.scenarios}
    samples: list[dict[str, Sample]] = []
    failed: dict[str, str] = {}
    load: list[float] = []
    for number in range(1, rounds + 1):
        found: dict[str, Sample] = {}
        load.append(report.load_average())
        before = await servers.flushes_a_second()
        for name in (name for name in SCENARIOS if name in wanted and name not in failed):
            begun = time.perf_counter()
            try:
                sample = await SCENARIOS[name](servers, seconds)
            except Exception as error:  # noqa: BLE001 - the others have figures all the same
                failed[name] = f"{type(error).__name__}: {error}"
                _say(f"{servers.name} round {number}: {name} failed: {failed[name]}")
                continue
            after = await servers.flushes_a_second()
            found[name] = replace(sample, flushes=(before, after))
            before = after
            took = time.perf_counter() - begun
            _say(
                f"{servers.name} round {number}/{rounds}: {name:22}"
                f"{sample.rate:>10,.0f}/s{_processor_time(sample)}  ({took:.0f} s)"
            )
        samples.append(found)
    return report.Result(servers.name, rows, samples, failed, load)


def _processor_time(sample: Sample) -> str:
    told = sample.processor_us
    return f"{sum(told.values()):>8,.0f} us of processor time" if len(told) > 1 else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--row", nargs="+", choices=names, metavar="NAME", help="only these rows")
    parser.add_argument("--rounds", type=int, help=f"if not {_ROUNDS}")
    parser.add_argument("--seconds", type=float, help="how long a scenario is measured")
    parser.add_argument("--quick", action="store_true", help="one short round, nothing written")
    parser.add_argument("--long", action="store_true", help="a ledger of 10^6 events as well")
    parser.add_argument("--cluster", choices=clusters.NAMES)
    parser.add_argument("--list", action="store_true", help="the rows there are")
    return parser.parse_args()


def _is_asked(row: Row, names: Sequence[str] | None, long: bool) -> bool:
    if names:
        return row.name in names
    return long or row.name not in LONG


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
