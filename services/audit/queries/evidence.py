"""One record with what proves it: its groups, shown or as hashes, its leaf and its proof."""

from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.audit.log.rehash import Damaged
from services.audit.log.tree import StoredTree
from services.audit.record.commitment import GROUPS, SALT_BYTES, group_hashes, leaf_hash
from services.audit.record.model import members_of
from services.audit.store.log import (
    Asked,
    Shown,
    TileMissing,
    count_of_records,
    shown_at,
    shown_checkpoints,
    stored_records,
)
from shared.tlog.merkle import ProofWrong, check_consistency, check_inclusion
from shared.tlog.notes import Note, signatures_in
from shared.tlog.proof_file import ProofFile
from shared.tlog.tiles import Tile

NOT_ASKED: Final = "not-asked"
OF_THE_ROLE: Final = "role"
ERASED: Final = "erased"
SOUGHT: Final = "sought"
RESTRICTION: Final = "restriction"
"""Why a group is shown as its hash."""

_QUERY: Final = "query_raw"
_VISIBILITY: Final = "visibility"


class SizeUnknown(LookupError):
    """Nobody was shown a log of so many records yet."""


@dataclass(frozen=True)
class Inclusion:
    """The proof that a record is in the log of some size; the note is there if one was signed."""

    idx: int
    size: int
    leaf: bytes
    root: bytes
    hashes: list[bytes]
    note: Note | None


@dataclass(frozen=True)
class AsOf:
    """The log that an answer is made of; root and checkpoint are there where it was signed."""

    size: int
    root: str | None
    checkpoint: str | None


@dataclass(frozen=True)
class Consistency:
    """The proof that one log begins another; the note is there if one was signed."""

    first: int
    second: int
    first_root: bytes
    second_root: bytes
    hashes: list[bytes]
    note: Note | None


@dataclass(frozen=True)
class Evidence:
    """What is kept of a record, with the hash of each group that is not to be shown."""

    row: Mapping[str, Any]
    groups: list[dict[str, Any]]

    @property
    def is_erased(self) -> bool:
        """True where nothing is left that the record could be shown by."""
        return all(group.get("withheld") == ERASED for group in self.groups)


class LogReads:
    """Reads the log as far as it has been shown. Raises ``Damaged`` rather than prove a lie."""

    def __init__(self, asked: Asked, tree: StoredTree) -> None:
        self._asked = asked
        self._tree = tree

    async def newest(self) -> Shown | None:
        """The newest checkpoint that was shown to the witnesses."""
        shown = await shown_checkpoints(self._asked)
        return shown[0] if shown else None

    async def as_of(self) -> AsOf:
        """The log of the newest checkpoint; without one, as many records as there are."""
        newest = await self.newest()
        if newest is None:
            return AsOf(await count_of_records(self._asked), None, None)
        return AsOf(newest.size, as_base64(newest.root), str(note_of(newest)))

    async def before(self, size: int | None, limit: int) -> list[Shown]:
        """The checkpoints below a size, newest first."""
        return await shown_checkpoints(self._asked, below=size, limit=limit)

    async def size_of(self, wanted: int | None) -> int:
        """The size that is meant; the newest where none is given. Raises ``SizeUnknown``."""
        newest = await self.newest()
        if newest is None or (wanted is not None and wanted > newest.size):
            raise SizeUnknown
        return newest.size if wanted is None else wanted

    async def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or a bundle; raises ``TileMissing``."""
        return await self._tree.tile(tile)

    async def inclusion(self, idx: int, size: int) -> Inclusion:
        """The proof for a record that is in the log of that size."""
        [row] = await stored_records(self._asked, idx, idx + 1) or [None]
        if row is None:
            raise Damaged(f"record {idx} is missing")
        shown = await shown_at(self._asked, size)
        try:
            root, hashes = await self._tree.root(size), await self._tree.inclusion(idx, size)
            check_inclusion(idx, size, leaf_hash(row["leaf"]), hashes, _root_of(shown, root))
        except (TileMissing, ProofWrong) as error:
            raise Damaged(f"record {idx} cannot be proved: {error}") from None
        return Inclusion(idx, size, row["leaf"], root, hashes, note_of(shown))

    async def consistency(self, first: int, second: int) -> Consistency:
        """The proof that the log of ``first`` records begins that of ``second``."""
        began, shown = await shown_at(self._asked, first), await shown_at(self._asked, second)
        try:
            roots = await self._tree.root(first), await self._tree.root(second)
            hashes = await self._tree.consistency(first, second)
            checked = _root_of(began, roots[0]), _root_of(shown, roots[1])
            check_consistency(first, second, hashes, *checked)
        except (TileMissing, ProofWrong) as error:
            raise Damaged(f"the log of {second} cannot be proved: {error}") from None
        return Consistency(first, second, *roots, hashes, note_of(shown))

    async def proven(
        self, idx: int, size: int, *, shows: Collection[str], forbids: Collection[str]
    ) -> dict[str, Any]:
        """A record as a bundle has it, with the hashes that prove it in the log of that size."""
        found = await self.evidence(idx, shows=shows, forbids=forbids)
        if found is None:
            raise Damaged(f"record {idx} is missing")
        proof = await self.inclusion(idx, size)
        return {
            "idx": idx,
            "leaf": as_base64(found.row["leaf"]),
            "commitment": as_base64(found.row["commitment"]),
            "groups": found.groups,
            "hashes": [as_base64(one) for one in proof.hashes],
        }

    async def evidence(
        self, idx: int, *, shows: Collection[str], forbids: Collection[str]
    ) -> Evidence | None:
        """A record with these groups shown, but for those that are forbidden; else ``None``.

        By what somebody was sought is shown to nobody, and why something is withheld to nobody
        to whom a group is forbidden: there stands the hash.
        """
        rows = await stored_records(self._asked, idx, idx + 1)
        if not rows or rows[0]["salts"] is None:
            return None
        row = rows[0]
        members = members_of(row["groups"])
        hashes = group_hashes(row["salts"], [one or b"" for one in members])
        groups = []
        for place, (name, told) in enumerate(zip(GROUPS, members, strict=True)):
            salt = row["salts"][place * SALT_BYTES : (place + 1) * SALT_BYTES]
            if told is None:
                groups.append({"name": name, "hash": as_base64(salt), "withheld": ERASED})
                continue
            value = orjson.loads(told)
            why = _why_not(name, value, shows, forbids)
            if why is not None:
                groups.append({"name": name, "hash": as_base64(hashes[place]), "withheld": why})
            else:
                groups.append({"name": name, "salt": as_base64(salt), "value": value})
        return Evidence(row, groups)


def _why_not(name: str, value: Any, shows: Collection[str], forbids: Collection[str]) -> str | None:
    """Why a group is not shown; ``None`` where it is."""
    if name in forbids:
        return OF_THE_ROLE
    if name not in shows:
        return NOT_ASKED
    if isinstance(value, dict) and _QUERY in value:
        return SOUGHT
    if forbids and isinstance(value, dict) and _VISIBILITY in value.get("fields", ()):
        return RESTRICTION
    return None


def note_of(shown: Shown | None) -> Note | None:
    """A checkpoint with all signatures; ``None`` where none was shown."""
    if shown is None:
        return None
    note = Note.read(shown.note.encode())
    return note.signed_by(signatures_in(shown.signatures)) if shown.signatures else note


def proof_file(inclusion: Inclusion, extra: bytes = b"") -> str | None:
    """The proof as a file; ``None`` where no checkpoint was signed at its size."""
    if inclusion.note is None:
        return None
    return str(ProofFile(inclusion.idx, inclusion.hashes, inclusion.note, extra))


def as_base64(told: bytes) -> str:
    """Bytes as they stand in JSON."""
    return b64encode(told).decode()


def _root_of(shown: Shown | None, root: bytes) -> bytes:
    """What was signed counts, where something was."""
    return root if shown is None else shown.root
