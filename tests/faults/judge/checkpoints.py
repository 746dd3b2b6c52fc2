"""What the audit's log has signed: each checkpoint is the root over its first leaves."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.judge.findings import Findings


def judge_checkpoints(
    rows: Sequence[Mapping[str, Any]], checkpoints: Sequence[Mapping[str, Any]], found: Findings
) -> None:
    """``rows`` are all records in the order of the log; a fork or a step back would be here."""
    signed = {checkpoint["size"]: checkpoint["root"] for checkpoint in checkpoints}
    is_there = max(signed, default=0) <= len(rows)
    found.unless(is_there, "lost", "the log is shorter than what it signed")
    heap: list[tuple[int, bytes]] = []
    for size, row in enumerate(rows, 1):
        hashed, leaves = hashlib.sha256(b"\0" + row["leaf"]).digest(), 1
        while heap and heap[-1][0] == leaves:
            hashed = hashlib.sha256(b"\1" + heap.pop()[1] + hashed).digest()
            leaves *= 2
        heap.append((leaves, hashed))
        if size in signed:
            root = heap[-1][1]
            for _, left in reversed(heap[:-1]):
                root = hashlib.sha256(b"\1" + left + root).digest()
            is_it = signed[size] == root
            found.unless(is_it, "wrong", f"the checkpoint of {size} is of another log")
