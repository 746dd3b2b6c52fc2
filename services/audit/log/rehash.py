"""Computes what the log says of a record again, from everything that is stored of it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from services.audit.record.commitment import (
    GROUPS,
    SALT_BYTES,
    SALTS_BYTES,
    commitment,
    group_hashes,
    leaf,
    leaf_hash,
)
from services.audit.record.model import Kind, Operation, header_group, members_of
from services.audit.record.reading import accessed
from shared.ledger import instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_PLACES: Final = {name: place for place, name in enumerate(GROUPS)}

Groups = Mapping[str, Mapping[str, Any] | None]


class Damaged(Exception):
    """What is stored is not what the log says. The text names the place, and nothing else of it."""


def hash_again(row: Mapping[str, Any], idx: int) -> bytes:
    """The hash of the leaf that a stored record has to have; raises ``Damaged``.

    The row's own columns are compared with its groups, so that no list can show a record otherwise
    than it was committed to.
    """
    if row["idx"] != idx:
        raise Damaged(f"record {idx} is missing")
    if row["salts"] is None:
        raise Damaged(f"record {idx} has no payload")
    members = members_of(row["groups"])
    if len(members) != len(GROUPS) or len(row["salts"]) != SALTS_BYTES:
        raise Damaged(f"record {idx} does not have its twelve groups")
    hashes = _hashes_of(row["salts"], members)
    if commitment(hashes) != row["commitment"]:
        raise Damaged(f"the groups of record {idx} are not those that were committed to")
    at = (row["logged_at"] - _EPOCH) // _MILLISECOND
    if leaf(row["kind"], at, row["commitment"]) != row["leaf"]:
        raise Damaged(f"the leaf of record {idx} is not that of its row")
    _compare_columns(row, _known_of(members), idx)
    return leaf_hash(row["leaf"])


def _compare_columns(row: Mapping[str, Any], known: Mapping[str, Any], idx: int) -> None:
    found_by = accessed(known)
    wanted = {
        **{name: told(known[group]) for name, (group, told) in _TOLD.items() if group in known},
        **{name: getattr(found_by, name) for name, of in _FOUND_BY.items() if of in known},
    }
    for name, told in wanted.items():
        if (_text(row[name]) if name in _TOLD else row[name]) != told:
            raise Damaged(f"the column {name} of record {idx} does not say what its groups say")
    if "hdr" in known and not _is_what_was_done(row, known["hdr"]):
        raise Damaged(f"the column operation of record {idx} does not say what its groups say")
    if "object" in known and not _is_about(row, known["object"]):
        raise Damaged(f"the entry of record {idx} is not one that its groups name")


def _known_of(members: list[bytes | None]) -> dict[str, Mapping[str, Any]]:
    """What the groups say that columns are compared with; one that was erased is left out."""
    told = ((name, members[_PLACES[name]]) for name in _COMPARED)
    return {name: orjson.loads(group) or {} for name, group in told if group is not None}


def _is_what_was_done(row: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """True where the header is one of this operation; those of one kind differ in what they did."""
    try:
        operation = Operation(row["operation"])
    except ValueError:
        return False
    header = header_group(row["id"], operation, row["type"], change=row["change"])
    return all(told.get(name) == header[name] for name in ("kind", "action", "outcome"))


def _is_about(row: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """True where section and entry of the row are among those that the group names.

    A row without them is found by neither: only what was shown of several sections has none, and
    only what names no entry.
    """
    sections = told.get("sections") or ()
    is_change = row["kind"] == Kind.CHANGE
    if row["section"] not in sections and (is_change or row["section"] is not None):
        return False
    named = [(one.get("entry_id"), one.get("entry_version")) for one in told.get("entries") or ()]
    wanted = (_text(row["entry_id"]), row["entry_version"])
    return wanted in named if named else wanted == (None, None)


def _hashes_of(salts: bytes, members: list[bytes | None]) -> list[bytes]:
    """The hashes of the groups; an erased one has its hash in the place of its salt."""
    hashes = group_hashes(salts, [one or b"" for one in members])
    for place, one in enumerate(members):
        if one is None:
            hashes[place] = salts[place * SALT_BYTES : (place + 1) * SALT_BYTES]
    return hashes


def _member(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def told(group: Mapping[str, Any]) -> Any:
        found: Any = group
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return told


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    return value if value is None or isinstance(value, str) else str(value)


_TOLD: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]]] = {
    "id": ("hdr", _member("id")),
    "kind": ("hdr", lambda hdr: str(Kind[hdr["kind"].upper()].value)),
    "type": ("hdr", _member("type")),
    "change": ("hdr", _member("change")),
    "code": ("hdr", _member("outcome_reason")),
    "contribution_id": ("hdr", _member("contribution_id")),
    "recorded_at": ("time", _member("recorded_at")),
    "stated_at": ("time", _member("stated_at")),
    "logged_at": ("time", _member("logged_at")),
    "plan_id": ("subject", _member("plan_id")),
    "actor_kind": ("actor", _member("kind")),
    "actor_id": ("actor", _member("actor_id", "value")),
    "organisation": ("actor", _member("org")),
    "purpose": ("why", _member("purpose")),
    "policy_version": ("why", _member("policy_version")),
    "trace_id": ("source", _member("trace_id")),
}
"""Of each column that is indexed or listed: the group that has it, and where."""

_FOUND_BY: Final[Mapping[str, str]] = {
    "what": "object",
    "sections": "object",
    "plan_version": "object",
    "relationship": "why",
    "override": "why",
    "override_id": "why",
    "related_from": "why",
    "role": "actor",
    "via": "view",
}
"""The same of what searches find a record by."""

_COMPARED: Final = frozenset((*(group for group, _ in _TOLD.values()), *_FOUND_BY.values()))
