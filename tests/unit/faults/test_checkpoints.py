"""The judge's own computation of the roots that the audit's log signs."""

from typing import Any

import pytest

from tests.faults.judge.checkpoints import judge_checkpoints
from tests.faults.judge.findings import Findings
from tests.unit.tlog import naive

LEAVES = [b"leaf %d" % number for number in range(40)]
ROWS = [{"leaf": leaf} for leaf in LEAVES]


def signed(*sizes: int) -> list[dict[str, Any]]:
    return [{"size": size, "root": naive.root(LEAVES[:size])} for size in sizes]


def judged(rows: list[dict[str, Any]], checkpoints: list[dict[str, Any]]) -> list[str]:
    found = Findings()
    judge_checkpoints(rows, checkpoints, found)
    return found.lines()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 33])
def test_checkpoints_that_are_the_roots_of_their_leaves(size: int) -> None:
    assert judged(ROWS, signed(size, 40)) == []
    assert judged([], []) == []


def test_a_log_that_is_shorter_than_what_it_signed_is_found() -> None:
    assert judged(ROWS, signed(5, 39)) == []  # the last one is to be signed yet
    assert judged(ROWS[:3], signed(5)) == ["lost: the log is shorter than what it signed"]


def test_a_checkpoint_of_another_log_is_found() -> None:
    rows = [*ROWS[:7], {"leaf": b"another"}, *ROWS[8:]]
    assert judged(rows, signed(7, 8, 40)) == [
        "wrong: the checkpoint of 8 is of another log",
        "wrong: the checkpoint of 40 is of another log",
    ]
