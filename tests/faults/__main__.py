"""`python -m tests.faults`: one fault after another, and whether anything was lost by it."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.catalogue import FAULTS, Fault
from tests.faults.guards.known import CONTROL, FAULT_OF
from tests.faults.report import table, write
from tests.faults.stack.disk import why_not
from tests.faults.trial import Outcome, bench_in

_UNTIL_NOTICED = 10
# The judge looks at all that a stack was ever sent: on an old one that takes longer than a trial.
_TRIALS_OF_A_STACK = 15
RESULTS = Path("benchmarks/results/faults.md")


@dataclass(frozen=True)
class Trial:
    """A fault, and the seed that its trial follows from."""

    fault: Fault
    seed: str


def main() -> int:
    """Status 1 where anything was lost, doubled, out of order or otherwise wrong."""
    asked = _arguments().parse_args()
    if asked.list:
        for fault in FAULTS.values():
            _say(f"{fault.name:<16} {fault.what}")
        return 0
    trials = [of_seed(its_seed) for its_seed in asked.repeat or ()]
    if not trials:
        names = asked.fault or ([FAULT_OF[asked.without]] if asked.without else list(FAULTS))
        number = max(asked.trials, _UNTIL_NOTICED) if _may_end(asked.without) else asked.trials
        trials = spread(names, number or len(names), asked.seed)
    how = f" --side-by-side {asked.side_by_side}" if asked.side_by_side > 1 else ""
    recorded_as = f"{asked.seed}{how}" if asked.record else None
    run = _Run(asked.without, asked.keep, recorded_as, asked.side_by_side)
    outcomes = asyncio.run(run.all(trials))
    _say("")
    _say(table(outcomes))
    if asked.record:
        _say(f"\nwritten to {RESULTS}")
    found = any(outcome.findings.all for outcome in outcomes)
    if asked.without:
        _say(f"\nwithout {asked.without}: {'noticed' if found else 'not noticed'}")
    return 1 if found else 0


def spread(names: Sequence[str], number: int, seed: str) -> list[Trial]:
    """So many trials in all: each fault as often as any other, or once more."""
    rng = Random(f"{seed}/order")  # noqa: S311 - the same for the same seed
    trials: list[Trial] = []
    for round_ in range(1, number // len(names) + 2):
        left = min(number - len(trials), len(names))
        chosen = set(rng.sample(list(names), left))
        trials += [
            Trial(FAULTS[name], f"{seed}/{name}/{round_}") for name in names if name in chosen
        ]
    return trials


class _Run:
    """One trial after another, each on a stack that is of its kind and not yet old."""

    def __init__(
        self, guard: str | None, keep: bool, recorded_as: str | None, side_by_side: int
    ) -> None:
        self._guard = guard
        self._keep = keep
        self._recorded_as = recorded_as
        self._stacks = asyncio.Semaphore(side_by_side)
        self._outcomes: list[Outcome] = []
        self._left_out: list[str] = []
        self._total = 0

    async def all(self, trials: Sequence[Trial]) -> list[Outcome]:
        """The outcomes; those on small disks come last."""
        small = [trial for trial in trials if trial.fault.on_small_disks]
        reason = why_not() if small else ""
        if reason:
            for name in dict.fromkeys(trial.fault.name for trial in small):
                self._left_out.append(f"`{name}` is left out: {reason}")
                _say(self._left_out[-1])
            small = []
        roomy = [trial for trial in trials if not trial.fault.on_small_disks]
        self._total = len(roomy) + len(small)
        async with asyncio.TaskGroup() as stacks:
            for kind, on_small_disks in ((roomy, False), (small, True)):
                for first in range(0, len(kind), _TRIALS_OF_A_STACK):
                    its = kind[first : first + _TRIALS_OF_A_STACK]
                    stacks.create_task(self._in_turn(its, on_small_disks))
        return self._outcomes

    async def _in_turn(self, trials: Sequence[Trial], on_small_disks: bool) -> None:
        async with self._stacks:
            if not self._is_enough():
                await self._on_one_stack(trials, on_small_disks)

    async def _on_one_stack(self, trials: Sequence[Trial], on_small_disks: bool) -> None:
        folder = Path(tempfile.mkdtemp(prefix="careplan-faults-"))
        _say(f"a stack starts in {folder}")
        try:
            async with bench_in(folder, self._guard, on_small_disks=on_small_disks) as bench:
                for trial in trials:
                    if self._is_enough():
                        break
                    outcome = await bench.run(trial.fault, trial.seed)
                    self._outcomes.append(outcome)
                    _say(f"{len(self._outcomes)} of {self._total}: {trial.seed}")
                    _tell(outcome)
                    if self._recorded_as is not None:
                        whats = {one.name: one.what for one in FAULTS.values()}
                        write(RESULTS, self._outcomes, self._recorded_as, whats, self._left_out)
        finally:
            if not self._keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _is_enough(self) -> bool:
        # A guard that is gone shows where a fault happens to meet it: it is tried until it does.
        return _may_end(self._guard) and any(outcome.findings.all for outcome in self._outcomes)


def _may_end(guard: str | None) -> bool:
    return guard is not None and guard != CONTROL


def of_seed(seed: str) -> Trial:
    """The trial that had this seed."""
    try:
        _, name, _ = seed.rsplit("/", 2)
        return Trial(FAULTS[name], seed)
    except (ValueError, KeyError):
        raise SystemExit(f"no seed of a trial: {seed}; one is monday/kill-plan/1") from None


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
        default=int(os.environ.get("TRIALS") or 0),
        help="trials in all, spread over the faults (TRIALS; each fault once)",
    )
    parser.add_argument("--seed", default=secrets.token_hex(4), help="what everything follows from")
    parser.add_argument(
        "--fault", action="append", choices=list(FAULTS), help="only this one; may be repeated"
    )
    parser.add_argument(
        "--repeat", action="append", metavar="SEED", help="the trial with this seed, once more"
    )
    parser.add_argument("--list", action="store_true", help="the faults, and what they do")
    parser.add_argument("--record", action="store_true", help=f"write {RESULTS}")
    parser.add_argument(
        "--side-by-side", type=int, default=1, metavar="N", help="stacks at a time (1)"
    )
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
