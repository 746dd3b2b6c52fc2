"""`python -m tests.faults.long`: a broker that is away for long, and the memory of the services.

With ``--away MINUTES`` contributions come in by HTTP while the broker is away; with ``--memory
NUMBER`` so many come in by both doors while nothing happens.
"""

import argparse
import asyncio
import platform
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from shared.testing.eventually import eventually
from tests.faults.judge.findings import KINDS, Findings
from tests.faults.load.contributors import Contributors, Load
from tests.faults.load.sent import Sent
from tests.faults.report import line
from tests.faults.stack.target import SECTIONS
from tests.faults.stack.watch import Watch, in_mebibytes
from tests.faults.trial import Bench, bench_in

RESULTS: Final = Path("benchmarks/results")
_CONTRIBUTORS: Final = 8
_BEFORE: Final = 15.0
_ROWS: Final = 10
_SAMPLES: Final = 5
_DRAINED_WITHIN: Final = 900.0
# What a process may have more at the end than when a fifth of it was over: caches fill up.
_MORE_MEMORY: Final = 1.25
_MORE_KIB: Final = 16 * 1024


@dataclass
class Told:
    """A table, and what was not as it is promised."""

    rows: list[Sequence[str]]
    text: str = ""
    wrong: list[str] = field(default_factory=list)

    def unless(self, holds: bool, text: str) -> None:
        """Something is wrong where that does not hold."""
        if not holds:
            self.wrong.append(text)

    def __str__(self) -> str:
        """As Markdown."""
        heading, *rows = self.rows
        table = [line(heading), line(["---:"] * len(heading)), *(line(row) for row in rows)]
        wrong = [f"* {what}" for what in self.wrong] or ["Nothing was wrong."]
        return "\n".join([*table, "", self.text, "", *wrong])


def main() -> int:
    """Status 1 where something was not as it is promised."""
    asked = _arguments().parse_args()
    wrong = 0
    for name, title, run in (
        ("away", f"A broker that is away for {asked.away:g} minutes", _away),
        ("memory", f"The memory of the services over {asked.memory} contributions", _memory),
    ):
        if getattr(asked, name):
            told = asyncio.run(_on_a_stack(run, asked))
            wrong += len(told.wrong)
            _say(f"\n{told}")
            if asked.record:
                _write(RESULTS / f"faults-{name}.md", title, told, asked)
    return 1 if wrong else 0


Run = Callable[[Bench, Watch, argparse.Namespace], Awaitable[Told]]


async def _on_a_stack(run: Run, asked: argparse.Namespace) -> Told:
    folder = Path(tempfile.mkdtemp(prefix="careplan-faults-"))
    _say(f"seed {asked.seed}; a stack starts in {folder}")
    try:
        async with bench_in(folder) as bench, Watch(bench.target).looking() as watch:
            return await run(bench, watch, asked)
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _away(bench: Bench, watch: Watch, asked: argparse.Namespace) -> Told:
    """Contributions by HTTP without a broker; then it is back, and what waits is published."""
    target, names = bench.target, bench.target.services
    # Section APIs go on; what is known of plans comes over the broker, so no new ones are used.
    how = Contributors(
        http=_CONTRIBUTORS, kafka=0, plans=30, pace=2 * _CONTRIBUTORS / asked.rate, abandoned=0
    )
    load = bench.load(asked.seed, how)
    await load.open_plans()
    await bench.checker.settled()
    load.takes_up_new_plans = False
    told = Told([["minute", "contributions", "relay lag", "backlog", *names]])

    def note(minute: float) -> dict[str, int]:
        memory = watch.memory()
        seen = watch.seen
        sums = [str(sum(one.values())) for one in (seen.lag, seen.backlog)]
        row = [f"{minute:.1f}", str(load.answered), *sums, *in_mebibytes(memory, names)]
        told.rows.append(row)
        _say(line(row))
        return memory

    load.begin()
    await asyncio.sleep(_BEFORE)
    _say(line(told.rows[0]))
    note(0)
    first = len(load.sent)
    samples = []
    await target.stack.supervisor.stop("kafka")
    for number in range(1, _ROWS + 1):
        await asyncio.sleep(asked.away * 60 / _ROWS)
        samples.append(note(asked.away * number / _ROWS))
    while_away = load.sent[first : len(load.sent) - _CONTRIBUTORS]
    waiting = sum(watch.seen.lag.values())
    back = monotonic()
    target.stack.altered.start_again("kafka")
    await eventually(
        lambda: sum(watch.seen.lag.values()) < waiting / 100,
        "the backlog is published",
        within=_DRAINED_WITHIN,
    )
    drained = monotonic() - back
    note(asked.away + drained / 60)
    for failure in await load.end():
        told.wrong.append(str(failure))
    await target.until_ready()
    settled = await bench.checker.settled()
    told.unless(settled, "the readers never had all of it")
    found = await bench.judge(load)
    told.wrong += found.lines()
    _judge_answers(while_away, told)
    _judge_memory(samples, names, told)
    seen = watch.seen
    told.wrong += seen.not_open[:_SAMPLES] + seen.not_true[:_SAMPLES]
    told.text = (
        "Memory in MiB. `relay lag` is the metric of the three sections, `backlog` what their"
        f" databases say.\n\n{len(while_away)} contributions were sent while the broker was away."
        f" {waiting} messages waited, and were published within {drained:.0f} s of its start."
        f" `/readyz` of {len(names)} services and the lag of {len(SECTIONS)} relays were looked at"
        f" {seen.looks} times: {len(seen.not_open)} times a door was not open, {len(seen.not_true)}"
        f" times a lag was not one of the backlogs of the last ten seconds. {_counted(found)}"
    )
    return told


async def _memory(bench: Bench, watch: Watch, asked: argparse.Namespace) -> Told:
    """So many contributions by both doors, at a moderate rate."""
    names = bench.target.services
    contributors = max(_CONTRIBUTORS, round(asked.rate / 4))
    how = Contributors(
        http=contributors - contributors // 3,
        kafka=contributors // 3,
        plans=max(30, asked.memory // 50),
        pace=2 * contributors / asked.rate,
    )
    load = bench.load(asked.seed, how)
    await load.open_plans()
    told = Told([["contributions", "seconds", *names]])
    _say(line(told.rows[0]))
    samples = []
    began = monotonic()
    load.begin()
    for number in range(1, _SAMPLES + 1):
        wanted = asked.memory * number // _SAMPLES
        await eventually(
            partial(_has_sent, load, wanted),
            f"{wanted} contributions",
            within=asked.memory / asked.rate * 10 + 60,
        )
        samples.append(watch.memory())
        row = [str(wanted), f"{monotonic() - began:.0f}", *in_mebibytes(samples[-1], names)]
        told.rows.append(row)
        _say(line(row))
    for failure in await load.end():
        told.wrong.append(str(failure))
    found = await bench.judge(load)
    told.wrong += found.lines()
    _judge_memory(samples, names, told)
    told.text = (
        f"Memory in MiB. {len(load.sent)} contributions to {len(load.plans)} plans."
        f" {_counted(found)}"
    )
    return told


def _has_sent(load: Load, wanted: int) -> bool:
    failure = load.failed()
    if failure is not None:
        raise failure
    return len(load.sent) >= wanted


def _counted(found: Findings) -> str:
    told = [f"{found.count(kind)} {kind}" for kind in KINDS]
    return f"Judged: {', '.join(told)}."


def _judge_answers(while_away: Sequence[Sent], told: Told) -> None:
    """Everything sent without a broker has its receipt, and nobody had to send it again."""
    silent = [sent for sent in while_away if sent.receipt is None]
    again = [sent for sent in while_away if sent.trouble]
    told.unless(not silent, f"{len(silent)} were not answered")
    told.unless(
        not again,
        f"{len(again)} were sent again: {[sent.trouble for sent in again[:_SAMPLES]]}",
    )


def _judge_memory(samples: Sequence[Mapping[str, int]], names: Sequence[str], told: Told) -> None:
    early, late = samples[len(samples) // 5], samples[-1]
    for name in names:
        told.unless(
            late[name] <= early[name] * _MORE_MEMORY + _MORE_KIB,
            f"{name} grew from {early[name] // 1024} to {late[name] // 1024} MiB",
        )


def _write(path: Path, title: str, told: Told, asked: argparse.Namespace) -> None:
    name, seed = path.stem.removeprefix("faults-"), asked.seed
    path.write_text(
        f"""# {title}

`python -m tests.faults.long --{name} {getattr(asked, name)} --rate {asked.rate:g} --seed {seed}`,
{datetime.now(UTC):%d %B %Y}, on {platform.system()} {platform.machine()}, Python
{platform.python_version()}. How it goes and what is judged: `docs/faults.md`.

{told}
"""
    )
    _say(f"\nwritten to {path}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long", description=__doc__)
    parser.add_argument("--away", type=float, default=0, help="minutes without a broker")
    parser.add_argument("--memory", type=int, default=0, help="how many contributions")
    parser.add_argument("--rate", type=float, default=20, help="contributions a second, at most")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="what everything follows from")
    parser.add_argument("--record", action="store_true", help=f"write to {RESULTS}")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the stack")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
