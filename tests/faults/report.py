"""What the trials found, as a table and as a file to keep."""

import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.judge.findings import KINDS
from tests.faults.trial import Outcome

_HEADINGS = (
    "fault",
    "trials",
    "contributions",
    "refused",
    *KINDS,
    "longest to recover",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """One line for each fault, and one for all of them."""
    by_fault: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_fault[outcome.fault].append(outcome)
    rows = [_row(name, its) for name, its in by_fault.items()]
    rows.append(_row("all", outcomes))
    lines = [line(_HEADINGS), line(["---", *["---:"] * (len(_HEADINGS) - 1)])]
    return "\n".join([*lines, *(line(row) for row in rows)])


def write(
    path: Path,
    outcomes: Sequence[Outcome],
    seed: str,
    whats: Mapping[str, str],
    left_out: Sequence[str],
) -> None:
    """The table, what the faults are, what was left out, and every trial with its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = "\n".join(
        f"* `{name}`: {whats[name]}" for name in dict.fromkeys(o.fault for o in outcomes)
    )
    told += "".join(f"\n* {what}" for what in left_out)
    trials = "\n".join(
        line(
            [
                outcome.fault,
                f"`{outcome.seed}`",
                str(outcome.contributions),
                str(len(outcome.findings.all)),
                f"{outcome.recovered:.1f} s",
                outcome.note,
            ]
        )
        for outcome in outcomes
    )
    cpus = len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    path.write_text(
        f"""# Faults while contributions come in

`python -m tests.faults --trials {len(outcomes)} --seed {seed}`,
{datetime.now(UTC):%d %B %Y}, on {platform.system()} {platform.machine()}, {cpus} CPUs,
Python {platform.python_version()}. How a trial goes and what is judged: `docs/faults.md`. The time
to recover runs from the end of the fault until a contribution made by each door after it is in the
plan and in the audit; other work on the machine lengthens it.

{table(outcomes)}

The faults:

{told}

## Every trial

`python -m tests.faults --repeat SEED` tries one of them again.

| fault | seed | contributions | findings | to recover | |
|---|---|---:|---:|---:|---|
{trials}
"""
    )


def _row(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    return [
        name,
        str(len(outcomes)),
        str(sum(outcome.contributions for outcome in outcomes)),
        str(sum(outcome.refused for outcome in outcomes)),
        *(str(sum(outcome.findings.count(kind) for outcome in outcomes)) for kind in KINDS),
        f"{max((outcome.recovered for outcome in outcomes), default=0.0):.1f} s",
    ]


def line(cells: Sequence[str]) -> str:
    """Cells as a row of a table."""
    return f"| {' | '.join(cells)} |"
