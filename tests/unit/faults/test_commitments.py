"""The judge's own computation of what an audit record commits to, and what the log signs."""

import hashlib
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.judge.commitments import (
    GROUPS,
    hashes_of,
    judge_checkpoints,
    judge_commitments,
)
from tests.faults.judge.findings import Findings
from tests.unit.tlog import naive

Row = dict[str, Any]


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def row(idx: int = 0) -> Row:
    """Written out: eight groups on the left, four on the right."""
    told = {"change": {"after_hash": "aa"}, "source": {"leaf_hash": "bb"}}
    groups = [json.dumps(told.get(name), separators=(",", ":")).encode() for name in GROUPS]
    salts = [bytes([idx, number]) * 16 for number in range(12)]
    g = [
        sha(b"\x00careplan-audit-group/v1\n", salt, b'["', name.encode(), b'",', group, b"]")
        for name, salt, group in zip(GROUPS, salts, groups, strict=True)
    ]
    two = [sha(b"\x01", g[n], g[n + 1]) for n in range(0, 12, 2)]
    left = sha(b"\x01", sha(b"\x01", two[0], two[1]), sha(b"\x01", two[2], two[3]))
    commitment = sha(b"\x01", left, sha(b"\x01", two[4], two[5]))
    logged_at = datetime(2026, 11, 24, 8, 0, 0, 123_999, tzinfo=UTC)
    leaf = struct.pack(">BBHQ", 1, 3, 0, 1_795_507_200_123) + commitment
    return {
        "idx": idx,
        "kind": 3,
        "logged_at": logged_at,
        "commitment": commitment,
        "leaf": leaf,
        "salts": b"".join(salts),
        "groups": b"\n".join(groups),
    }


def judged(*rows: Row) -> list[str]:
    found = Findings()
    judge_commitments(rows, found)
    return found.lines()


def test_records_that_commit_to_what_is_kept_of_them() -> None:
    assert judged(row(0), row(1)) == []
    assert hashes_of([row(7)]) == {7: {"after_hash": "aa", "leaf_hash": "bb"}}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda it: it.update(commitment=b"\0" * 32),
        lambda it: it.update(kind=4),
        lambda it: it.update(groups=it["groups"].replace(b'"aa"', b'"ac"')),
        lambda it: it.update(groups=it["groups"].replace(b"null", b" null", 1)),
        lambda it: it.update(salts=it["salts"][:96] + b"\0" * 32 + it["salts"][128:]),
        lambda it: it.update(groups=it["groups"].rpartition(b"\n")[0]),
        lambda it: it.update(logged_at=datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)),
        lambda it: it.update(salts=None, groups=None),
    ],
)
def test_one_that_does_not_is_found(spoil: Callable[[Row], object]) -> None:
    it = row(1)
    spoil(it)
    assert judged(row(0), it) != []


def test_a_salt_is_never_used_again() -> None:
    assert judged(row(0), row(0)) == ["wrong: the audit's record 0: a salt again"]


SIGNED_LEAVES = [b"leaf %d" % number for number in range(40)]
SIGNED_ROWS = [{"leaf": leaf} for leaf in SIGNED_LEAVES]


def signed(*sizes: int) -> list[dict[str, Any]]:
    return [{"size": size, "root": naive.root(SIGNED_LEAVES[:size])} for size in sizes]


def judged_log(rows: list[dict[str, Any]], checkpoints: list[dict[str, Any]]) -> list[str]:
    found = Findings()
    judge_checkpoints(rows, checkpoints, found)
    return found.lines()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 31, 33])
def test_checkpoints_that_are_the_roots_of_their_leaves(size: int) -> None:
    assert judged_log(SIGNED_ROWS, signed(size, 40)) == []
    assert judged_log([], []) == []


def test_a_log_that_is_shorter_than_what_it_signed_is_found() -> None:
    assert judged_log(SIGNED_ROWS, signed(5, 39)) == []  # the last one is to be signed yet
    assert judged_log(SIGNED_ROWS[:3], signed(5)) == [
        "lost: the log is shorter than what it signed"
    ]


def test_a_checkpoint_of_another_log_is_found() -> None:
    rows = [*SIGNED_ROWS[:7], {"leaf": b"another"}, *SIGNED_ROWS[8:]]
    assert judged_log(rows, signed(7, 8, 40)) == [
        "wrong: the checkpoint of 8 is of another log",
        "wrong: the checkpoint of 40 is of another log",
    ]
