"""An honest log of invented records, with the files that an auditor is given of it."""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from services.audit.record.commitment import (
    GROUPS,
    canonical,
    commitment,
    group_hashes,
    leaf,
)
from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import (
    Subtree,
    consistency_ranges,
    folded,
    hashes_of,
    inclusion_ranges,
    leaf_hash,
    subtrees,
)
from shared.tlog.notes import COSIGNATURE, Note
from shared.tlog.policy import Group, Policy, Witness
from shared.tlog.proof_file import ProofFile
from shared.tlog.tiles import ENTRIES, Nodes, Tile, TileHashes, bundle, needed, tiles_of
from tests.unit.tlog.keys import key_of

ORIGIN = "log.example/careplan/test"
KEY = key_of(ORIGIN)
STRANGER = key_of("stranger.example")
TRUST = key_of("trust.example", COSIGNATURE)
COUNCIL = key_of("council.example", COSIGNATURE)
POLICY = Policy(
    [KEY.verifier],
    {"trust": Witness("trust", TRUST.verifier), "council": Witness("council", COUNCIL.verifier)},
    {"partners": Group("partners", 2, ("trust", "council"))},
    "partners",
)
LARGEST = 600
AT = 1_780_000_000
BODY = b'{"plan": "as it was seen"}'


def b64(told: bytes) -> str:
    return b64encode(told).decode()


def groups_of(idx: int) -> dict[str, Any]:
    """A read, in the groups that an access record has."""
    micros = f"2026-11-24T08:{idx // 60:02d}:{idx % 60:02d}.25Z"
    return {
        "hdr": {"v": 1, "id": f"read-{idx}", "kind": "access", "type": "access.read",
                "action": "R", "outcome": 0},
        "time": {"recorded_at": micros, "logged_at": micros, "time_suspect": False},
        "subject": {"plan_id": f"00000000-0000-7000-8000-{idx:012d}"},
        "actor": {"kind": "professional", "actor_id": {"system": "sub", "value": f"sub-{idx % 7}"},
                  "name_at_time": "Dr A. Quill-Synth", "role": "gp", "org": "ZZG01",
                  "org_name": "Quill Surgery"},
        "authn": {"jti": f"jti-{idx}"},
        "why": {"purpose": "direct-care", "policy_version": "2026-12-01"},
        "object": {"sections": ["goals", "needs"], "what": "plan", "plan_version": idx + 1},
        "view": {"status": 200, "body_sha256": sha256(BODY).hexdigest(), "body_length": len(BODY)},
        "source": {"topic": "careplan.audit.records.v1", "partition": 0, "offset": idx},
    }  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What the service keeps of one record."""

    salts: bytes
    members: list[bytes]
    leaf: bytes


def kept(idx: int, groups: dict[str, Any]) -> Kept:
    salts = b"".join(sha256(b"%d %s" % (idx, name.encode())).digest() for name in GROUPS)
    members = [canonical(groups.get(name)) for name in GROUPS]
    ms = (1_795_507_200 + idx // 60 * 60 + idx % 60) * 1000 + 250
    return Kept(salts, members, leaf(2, ms, commitment(group_hashes(salts, members))))


class Log:
    """A log over these leaves; a dishonest one is given others."""

    def __init__(
        self, leaves: Sequence[bytes], key: Any = KEY, witnesses: Any = (TRUST, COUNCIL)
    ) -> None:
        self.leaves = leaves
        self.key = key
        self.witnesses = witnesses
        self._nodes: dict[Tile, Nodes] = {}
        self._checkpoints: dict[int, str] = {}
        self._rows = [[leaf_hash(one) for one in leaves]]
        while len(self._rows[-1]) >= 256:
            row = self._rows[-1]
            self._rows.append(
                [
                    Nodes(b"".join(row[at : at + 256])).root
                    for at in range(0, len(row) // 256 * 256, 256)
                ]
            )

    def tile(self, tile: Tile) -> bytes:
        if tile.level == ENTRIES:
            return bundle(self.leaves[tile.first : tile.first + tile.width])
        return b"".join(self._rows[tile.level][tile.first : tile.first + tile.width])

    def _hash_of(self, size: int, wanted: Iterable[Subtree]) -> TileHashes:
        for tile in needed(wanted, size):
            if tile not in self._nodes:
                self._nodes[tile] = Nodes(self.tile(tile))
        return TileHashes(size, self._nodes)

    def root(self, size: int) -> bytes:
        wanted = subtrees((0, size))
        hash_of = self._hash_of(size, wanted)
        return folded([hash_of(one) for one in wanted])

    def _proof(self, size: int, ranges: Any) -> list[bytes]:
        wanted = [one for each in ranges for one in subtrees(each)]
        return hashes_of(ranges, self._hash_of(size, wanted))

    def checkpoint(self, size: int) -> str:
        if size not in self._checkpoints:
            text = Checkpoint(ORIGIN, size, self.root(size)).text
            cosigned = [one.cosign(text, AT + size) for one in self.witnesses]
            self._checkpoints[size] = str(Note(text, (self.key.sign(text), *cosigned)))
        return self._checkpoints[size]

    def inclusion(self, idx: int, size: int) -> list[bytes]:
        return self._proof(size, inclusion_ranges(idx, size))

    def proof_file(self, idx: int, size: int) -> str:
        note = Note.read(self.checkpoint(size).encode())
        return str(ProofFile(idx, self.inclusion(idx, size), note))

    def consistency(self, first: int, second: int) -> dict[str, Any]:
        return {
            "from": first,
            "to": second,
            "from_root": b64(self.root(first)),
            "to_root": b64(self.root(second)),
            "hashes": [*map(b64, self._proof(second, consistency_ranges(first, second)))],
            "checkpoint": self.checkpoint(second),
        }

    def record(self, idx: int, size: int, shows: Iterable[str] = GROUPS) -> dict[str, Any]:
        one, names = KEPT[idx], {*shows}
        hashes = group_hashes(one.salts, one.members)
        groups = [
            {"name": name, "salt": b64(one.salts[at * 32 : at * 32 + 32]),
             "value": json.loads(one.members[at])}
            if name in names
            else {"name": name, "hash": b64(hashes[at]), "withheld": "not-asked"}
            for at, name in enumerate(GROUPS)
        ]  # fmt: skip
        return {
            "idx": idx,
            "record": shown_as(idx) if names == {*GROUPS} else None,
            "leaf": b64(one.leaf),
            "commitment": b64(one.leaf[12:]),
            "groups": groups,
            "proof": {
                "size": size,
                "root": b64(self.root(size)),
                "hashes": [*map(b64, self.inclusion(idx, size))],
                "checkpoint": self.checkpoint(size),
            },
        }

    def write(self, folder: Path, size: int) -> None:
        """The whole log as files."""
        folder.mkdir(parents=True)
        (folder / "checkpoint").write_text(self.checkpoint(size))
        bundles = [Tile(ENTRIES, at, min(256, size - at * 256)) for at in range(-(-size // 256))]
        for tile in (*tiles_of(size), *bundles):
            path = folder / "tile" / tile.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.tile(tile))


def shown_as(idx: int) -> dict[str, Any]:
    """The member `record`, as the list gives it."""
    told = groups_of(idx)
    actor = told["actor"]
    return {
        "record_id": told["hdr"]["id"], "idx": idx, "operation": "read", "type": "access.read",
        "at": told["time"]["recorded_at"], "logged_at": told["time"]["logged_at"],
        "code": None, "event_type": None, "contribution_id": None, "trace_id": None,
        "plan_id": told["subject"]["plan_id"], "section": None, "entry_id": None,
        "entry_version": None, "on_behalf_of": None, "purpose": "direct-care",
        "policy_version": "2026-12-01", "what": "plan", "plan_version": idx + 1, "status": 200,
        "sections": ["goals", "needs"], "body_length": len(BODY),
        "authn": {"jti": f"jti-{idx}", "client_id": None, "idp": None, "acr": None,
                  "auth_time": None},
        "actor": {"kind": "professional", "id": actor["actor_id"]["value"],
                  "name": "Dr A. Quill-Synth", "role": "gp",
                  "organisation": {"ods": "ZZG01", "name": "Quill Surgery"}},
    }  # fmt: skip


KEPT = [kept(idx, groups_of(idx)) for idx in range(LARGEST)]
HONEST = Log([one.leaf for one in KEPT])
