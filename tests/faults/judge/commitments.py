"""What each audit record commits to, and its leaf in the log, computed from what is kept of it."""

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.faults.judge.findings import Findings
from tests.faults.judge.published import canonical

GROUPS: Final = (
    *("hdr", "time", "subject", "actor", "authn", "why"),
    *("object", "view", "change", "where", "source", "ext"),
)

_DOMAIN: Final = b"\0careplan-audit-group/v1\n"
_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def judge_commitments(rows: Sequence[Mapping[str, Any]], found: Findings) -> None:
    """Each record's commitment is that of its groups, its leaf that of the commitment."""
    salts: set[bytes] = set()
    for row in rows:
        what = f"the audit's record {row['idx']}"
        groups = _lines(row)
        found.unless(len(groups) == len(GROUPS), "wrong", f"{what} has {len(groups)} groups")
        plain = all(canonical(json.loads(group)).encode() == group for group in groups)
        found.unless(plain, "wrong", f"{what}: a group is not in its canonical form")
        random = bytes(row["salts"] or b"")
        its = [random[start : start + 32] for start in range(0, len(random), 32)]
        found.unless(
            len(set(its)) == len(GROUPS) and salts.isdisjoint(its), "wrong", f"{what}: a salt again"
        )
        salts.update(its)
        hashes = [
            hashlib.sha256(_DOMAIN + salt + f'["{name}",'.encode() + group + b"]").digest()
            for name, salt, group in zip(GROUPS, its, groups, strict=False)
        ]
        root = _root(hashes) if len(hashes) == len(GROUPS) else b""
        found.unless(row["commitment"] == root, "wrong", f"{what} commits to something else")
        logged_ms = (row["logged_at"] - _BEGAN) // timedelta(milliseconds=1)
        leaf = struct.pack(">BBHQ", 1, row["kind"], 0, logged_ms) + root
        found.unless(row["leaf"] == leaf, "wrong", f"{what} has the leaf of another")


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


def hashes_of(rows: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, str | None]]:
    """The two hashes that the groups of each record hold, by its place in the log."""
    kept = {}
    for row in rows:
        told = dict(zip(GROUPS, map(json.loads, _lines(row)), strict=False))
        kept[row["idx"]] = {
            "after_hash": (told.get("change") or {}).get("after_hash"),
            "leaf_hash": (told.get("source") or {}).get("leaf_hash"),
        }
    return kept


def _lines(row: Mapping[str, Any]) -> list[bytes]:
    """The members of each group, as they are kept: one group on a line."""
    return bytes(row["groups"]).split(b"\n") if row["groups"] else []


def _root(hashes: Sequence[bytes]) -> bytes:
    """The tree of RFC 6962 over these leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(hashes[:left]) + _root(hashes[left:])).digest()
