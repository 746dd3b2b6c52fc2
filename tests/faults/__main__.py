"""`python -m tests.faults`: one fault after another, and whether anything was lost by it."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.catalogue import FAULTS
from tests.faults.report import table, write
from tests.faults.trial import Outcome, bench_in
from tests.faults.unguarded import CONTROL, FAULT_OF

_UNTIL_NOTICED = 10
RESULTS = Path("benchmarks/results/faults.md")


def main() -> int:
    """Status 1 where anything was lost, doubled, out of order or otherwise wrong."""
    asked = _arguments().parse_args()
    if asked.list:
        for fault in FAULTS.values():
            _say(f"{fault.name:<20} {fault.what}")
        return 0
    names = asked.fault or ([FAULT_OF[asked.without]] if asked.without else list(FAULTS))
    outcomes = asyncio.run(_run(names, asked.trials, asked.seed, asked.without, asked.keep))
    _say("")
    _say(table(outcomes))
    if asked.record:
        write(RESULTS, outcomes, asked.seed, {one.name: one.what for one in FAULTS.values()})
        _say(f"\nwritten to {RESULTS}")
    found = any(outcome.findings.all for outcome in outcomes)
    if asked.without:
        _say(f"\nwithout {asked.without}: {'noticed' if found else 'not noticed'}")
    return 1 if found else 0


async def _run(
    names: list[str], trials: int, seed: str, guard: str | None, keep: bool
) -> list[Outcome]:
    folder = Path(tempfile.mkdtemp(prefix="careplan-faults-"))
    outcomes: list[Outcome] = []
    _say(f"seed {seed}; the stack starts in {folder}")
    try:
        async with bench_in(folder, guard) as bench:
            # A guard that is gone shows where a fault happens to meet it: it is tried again.
            may_end = guard is not None and guard != CONTROL
            trials = max(trials, _UNTIL_NOTICED) if may_end else trials
            total = len(names) * trials
            for trial in range(1, trials + 1):
                for name in names:
                    if may_end and any(outcome.findings.all for outcome in outcomes):
                        return outcomes
                    its_seed = f"{seed}/{name}/{trial}"
                    _say(f"{len(outcomes) + 1} of {total}: {name}, seed {its_seed}")
                    outcome = await bench.run(FAULTS[name], its_seed)
                    outcomes.append(outcome)
                    _tell(outcome)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _tell(outcome: Outcome) -> None:
    _say(
        f"    {outcome.contributions} contributions, {outcome.refused} refused, "
        f"recovered in {outcome.recovered:.1f} s, took {outcome.seconds:.0f} s"
        f"{': ' + outcome.note if outcome.note else ''}"
    )
    for line in outcome.findings.lines():
        _say(f"    {line}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--trials",
        type=int,
        default=int(os.environ.get("TRIALS", "1")),
        help="trials of each fault (TRIALS; 1)",
    )
    parser.add_argument("--seed", default=secrets.token_hex(4), help="what everything follows from")
    parser.add_argument(
        "--fault", action="append", choices=list(FAULTS), help="only this one; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="the faults, and what they do")
    parser.add_argument("--record", action="store_true", help=f"write {RESULTS}")
    parser.add_argument(
        "--without", choices=list(FAULT_OF), help="leave a guard out: the judge has to notice"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder of the stack")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
