"""`careplan verify`: checks what the audit log proves, from files alone.

Written a second time on purpose: this module shares no line with what makes the proofs. It needs
the standard library and `cryptography`, opens no connection and writes no file, and runs alone:
`python verify.py record r.json --key …`. It stays one file, so that whoever is handed a proof can
be handed what checks it, and read all of it.

Exit codes: 0 ok; 1 a proof is false; 2 no trusted key, or a bad signature; 3 malformed;
4 incomplete, because something is missing or was not checked; 64 the command cannot be used.
"""

import argparse
import base64
import hashlib
import io
import json
import stat
import struct
import sys
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXIT: Final = {"ok": 0, "false": 1, "untrusted": 2, "malformed": 3, "incomplete": 4}
USAGE: Final = 64
GROUPS: Final = (
    *("hdr", "time", "subject", "actor", "authn", "why"),
    *("object", "view", "change", "where", "source", "ext"),
)
_LARGEST_FILE: Final = 100_000_000
_NOTE, _WITNESS = 1, 4
_TILE: Final = 256
_HASH: Final = 32
_LEAF: Final = 44


class Verdict(Exception):
    """Why the answer is not `ok`, in a sentence."""

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word
        self.reason = reason


def malformed(reason: str) -> NoReturn:
    raise Verdict("malformed", reason)


def false(reason: str) -> NoReturn:
    raise Verdict("false", reason)


# The tree of RFC 6962, and the two proofs, as recursions from the root down.


def hash_leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def hash_pair(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, level by level: whoever has no neighbour moves up alone."""
    row = list(hashes)
    while len(row) > 1:
        pairs = [hash_pair(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        row = pairs + row[len(pairs) * 2 :]
    return row[0] if row else hashlib.sha256().digest()


def root_from(index: int, size: int, hashed: bytes, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to; takes its hashes away from the end."""
    if size == 1:
        return hashed
    if not proof:
        false("the inclusion proof is too short")
    top = proof.pop()
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return hash_pair(root_from(index, left, hashed, proof), top)
    return hash_pair(top, root_from(index - left, size - left, hashed, proof))


def check_inclusion(
    index: int, size: int, hashed: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    if not 0 <= index < size:
        false(f"record {index} is not in a log of {size}")
    rest = list(proof)
    found = root_from(index, size, hashed, rest)
    if rest:
        false("the inclusion proof is too long")
    if found != root:
        false("the record is not in this log at this place")


def roots_from(
    first: int, second: int, proof: list[bytes], known: bytes | None
) -> tuple[bytes, bytes]:
    """Both roots that a consistency proof leads to; takes its hashes away from the end."""
    if first == second and known is not None:
        return known, known
    if not proof:
        false("the consistency proof is too short")
    top = proof.pop()
    if first == second:
        return top, top
    left = 1 << (second - 1).bit_length() - 1
    if first <= left:
        old, new = roots_from(first, left, proof, known)
        return old, hash_pair(new, top)
    old, new = roots_from(first - left, second - left, proof, None)
    return hash_pair(top, old), hash_pair(top, new)


def check_consistency(old: "Checkpoint", new: "Checkpoint", proof: Sequence[bytes]) -> None:
    if old.size == 0:
        false("a log without records is the beginning of every log: that proves nothing")
    if old.size > new.size:
        false(f"the log has become shorter: {old.size} were signed, and now {new.size}")
    if old.size == new.size and old.root != new.root:
        false(f"there are two logs of {old.size} records: somebody was shown another history")
    rest = list(proof)
    roots = roots_from(old.size, new.size, rest, old.root)
    if rest:
        false("the consistency proof is too long")
    if roots != (old.root, new.root):
        false("the later log does not begin with the earlier one: the past was changed")


# Signed notes, keys and policies, as C2SP has them.


@dataclass(frozen=True)
class Key:
    """The public half of a key, with its name."""

    name: str
    kind: int
    raw: bytes

    @property
    def key_id(self) -> bytes:
        told = self.name.encode() + b"\n" + bytes([self.kind]) + self.raw
        return hashlib.sha256(told).digest()[:4]


@dataclass
class Policy:
    """Whom the caller trusts."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = "none"

    def has(self, name: str, signed: set[Key]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name] in signed
        least, members = self.groups[name]
        return sum(self.has(member, signed) for member in members) >= least


@dataclass(frozen=True)
class Checkpoint:
    """A head of the log that a trusted key signed, and who witnessed it when."""

    origin: str
    size: int
    root: bytes
    witnesses: dict[str, int]

    @property
    def facts(self) -> dict[str, Any]:
        return {"size": self.size, "witnesses": len(self.witnesses)}


def decoded(text: str, length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        malformed("something that is to be base64 is none")
    if base64.b64encode(raw).decode() != text or (length is not None and len(raw) != length):
        malformed("something in base64 has another length or form than it has to")
    return raw


def number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20) or str(int(text)) != text:
        malformed("something that is to be a whole number is none")
    return int(text)


def key_in(text: str, kind: int) -> Key:
    parts = text.split("+", 2)
    if len(parts) != 3:
        malformed("a key is written name+id+key")
    raw = decoded(parts[2], 33)
    key = Key(parts[0], raw[0], raw[1:])
    if key.kind != kind or key.key_id.hex() != parts[1] or not key.name:
        malformed(f"the key of {parts[0]} does not fit its id, or is of another type")
    return key


def policy_in(text: str) -> Policy:
    policy, quorums = Policy(), []
    for line in text.split("\n"):
        words = line.replace("\t", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log" and len(words) in (2, 3):
            policy.logs.append(key_in(words[1], _NOTE))
        elif words[0] == "witness" and len(words) in (3, 4):
            policy.witnesses[_new_name(words[1], policy)] = key_in(words[2], _WITNESS)
        elif words[0] == "group" and len(words) > 3:
            members = words[3:]
            unknown = [one for one in members if one not in {*policy.witnesses, *policy.groups}]
            least = {"any": 1, "all": len(members)}.get(words[2]) or number(words[2])
            if unknown or len({*members}) != len(members) or not 1 <= least <= len(members):
                malformed(f"the group {words[1]} of the policy cannot be used")
            policy.groups[_new_name(words[1], policy)] = (least, members)
        elif words[0] == "quorum" and len(words) == 2:
            quorums.append(words[1])
        else:
            malformed("the policy has a line that is not known")
    named = {"none", *policy.witnesses, *policy.groups}
    if len(quorums) != 1 or quorums[0] not in named or not policy.logs:
        malformed("the policy names no log, or not one quorum")
    raws = [key.raw for key in (*policy.logs, *policy.witnesses.values())]
    if len({*raws}) != len(raws):
        malformed("the policy has one key twice")
    policy.quorum = quorums[0]
    return policy


def _new_name(name: str, policy: Policy) -> str:
    if name == "none" or name in policy.witnesses or name in policy.groups:
        malformed(f"the policy has the name {name} twice")
    return name


def note_in(raw: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a note, and of each signature the name, the key id and the bytes."""
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        malformed("the checkpoint is not UTF-8")
    if any(unicodedata.category(one) == "Cc" and one != "\n" for one in whole):
        malformed("the checkpoint has a control character")
    before, empty, below = whole.rpartition("\n\n")
    if not empty or not below.endswith("\n"):
        malformed("the checkpoint has no signatures, or was cut off")
    signatures = []
    for line in below[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, told = rest.partition(" ")
        signed = decoded(told) if dash == "\u2014" else b""
        if len(signed) < 5 or not name or "+" in name:
            malformed("a line below the checkpoint is no signature")
        signatures.append((name, signed[:4], signed[4:]))
    return before + "\n", signatures


def checkpoint_in(raw: bytes, policy: Policy) -> Checkpoint:
    """A checkpoint that a trusted log signed; each known witness must have signed rightly."""
    text, signatures = note_in(raw)
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        malformed("a checkpoint has three lines: the log's name, its size and its root")
    size, root = number(lines[1]), decoded(lines[2], _HASH)
    is_signed = False
    times: dict[str, int] = {}
    for name, key_id, signed in signatures:
        for key in policy.logs:
            if (key.name, key.key_id) == (name, key_id) and name == lines[0]:
                _check_signature(key, text.encode(), signed)
                is_signed = True
        for called, key in policy.witnesses.items():
            if (key.name, key.key_id) == (name, key_id):
                at = int.from_bytes(signed[:8], "big")
                _check_signature(key, f"cosignature/v1\ntime {at}\n{text}".encode(), signed[8:])
                if not 0 < at < 1 << 63:
                    raise Verdict("untrusted", f"the cosignature of {called} has no time")
                times[called] = at
    if not is_signed:
        raise Verdict("untrusted", "no key that you trust has signed this checkpoint")
    return Checkpoint(lines[0], size, root, times)


def _check_signature(key: Key, message: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signed, message)
    except (InvalidSignature, ValueError):
        raise Verdict("untrusted", f"the signature of {key.name} does not hold") from None


def check_quorum(checkpoint: Checkpoint, policy: Policy) -> None:
    """Last of all: who asks for witnesses is told `incomplete` where too few have signed."""
    signed = {policy.witnesses[name] for name in checkpoint.witnesses}
    if policy.quorum != "none" and not policy.has(policy.quorum, signed):
        raise Verdict(
            "incomplete",
            f"{len(signed)} witnesses signed this checkpoint, and the policy asks for more",
        )


def check_age(checkpoint: Checkpoint, hours: float | None) -> None:
    if hours is None:
        return
    if not checkpoint.witnesses:
        raise Verdict("incomplete", "no witness says when this checkpoint was seen")
    newest = max(checkpoint.witnesses.values())
    age = datetime.now(UTC).timestamp() - newest
    if age > hours * 3600:
        raise Verdict("incomplete", f"the checkpoint is stale: {age / 3600:.1f} hours old")


# Records: groups, salts, commitment and leaf.


def canonical(value: Any) -> str:
    """RFC 8785 for what records hold: no floats, keys in ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def group_hash(name: str, salt: bytes, value: Any) -> bytes:
    told = canonical([name, value]).encode()
    return hashlib.sha256(b"\0careplan-audit-group/v1\n" + salt + told).digest()


@dataclass(frozen=True)
class Record:
    """A record as the audit hands it out, checked against its own leaf."""

    idx: int
    leaf: bytes
    groups: dict[str, Any]
    withheld: dict[str, str]
    proof: Mapping[str, Any] | None


def json_in(raw: bytes) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        told = dict(found)
        if len(told) != len(found):
            malformed("the JSON has a key twice")
        return told

    def no_float(_: str) -> NoReturn:
        malformed("the JSON has a number that is not whole")

    try:
        return json.loads(
            raw, object_pairs_hook=pairs, parse_float=no_float, parse_constant=no_float
        )
    except (ValueError, RecursionError):
        malformed("the file is not JSON")


def record_in(raw: bytes) -> Record:
    return record_of(json_in(raw))


def record_of(told: Any) -> Record:
    if not isinstance(told, dict):
        malformed("a record is a JSON object")
    unknown = told.keys() - {"idx", "record", "leaf", "commitment", "groups", "proof"}
    idx, groups = told.get("idx"), told.get("groups")
    if type(idx) is not int or not isinstance(groups, list) or not 0 <= idx < 1 << 63:
        malformed("the record has no place (idx) or no groups")
    if unknown:
        raise Verdict("incomplete", f"nothing here checks the member {min(unknown)[:40]}")
    if [one.get("name") if isinstance(one, dict) else None for one in groups] != [*GROUPS]:
        malformed("the record does not have its twelve groups in their order")
    hashes, shown, withheld = [], {}, {}
    for one in groups:
        name = one["name"]
        if one.keys() == {"name", "salt", "value"}:
            salt = decoded(one["salt"], _HASH)
            # A group without members is committed to as null, and may be shown as {}.
            hashes.append(group_hash(name, salt, one["value"] or None))
            shown[name] = one["value"] or {}
        elif one.keys() == {"name", "hash", "withheld"}:
            hashes.append(decoded(one["hash"], _HASH))
            withheld[name] = str(one["withheld"])[:40]
        else:
            malformed(f"the group {name} has neither salt and value nor a hash with its reason")
    commitment, leaf = root_of(hashes), decoded(told.get("leaf", ""), _LEAF)
    if commitment != decoded(told.get("commitment", ""), _HASH) or commitment != leaf[12:]:
        false("the groups of the record are not those that the log committed to")
    _check_leaf(leaf, shown)
    _check_shown(told.get("record"), idx, shown, withheld)
    proof = told.get("proof")
    if proof is not None and not isinstance(proof, dict):
        malformed("the proof of the record is not an object")
    return Record(idx, leaf, shown, withheld, proof)


_KINDS: Final = (
    *("unknown", "change", "access", "refusal", "decision"),
    *("disclosure", "admin", "alert", "correction", "system"),
)


def _check_leaf(leaf: bytes, shown: Mapping[str, Any]) -> None:
    """The first twelve bytes of a leaf repeat what two groups say."""
    if leaf[0] != 1 or leaf[1] >= len(_KINDS) or leaf[2:4] != b"\0\0":
        malformed("the leaf is of a version or a kind that is not known here")
    if "hdr" in shown and shown["hdr"].get("kind") != _KINDS[leaf[1]]:
        false("the leaf says another kind than the record")
    if "time" in shown:
        logged = str(shown["time"].get("logged_at"))
        try:
            at = datetime.fromisoformat(logged)
        except ValueError:
            malformed("the record does not say when it was logged")
        micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
        if micros // 1000 != int.from_bytes(leaf[4:12], "big"):
            false("the leaf says another time than the record")


_MICROSECOND: Final = datetime.resolution


def _in(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    def told(groups: Mapping[str, Any]) -> Any:
        found: Any = groups
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return told


def _first(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def told(groups: Mapping[str, Any]) -> Any:
        entries = groups.get("object", {}).get("entries") or [{}]
        return entries[0].get(name)

    return told


def _organisation(groups: Mapping[str, Any]) -> Any:
    actor = groups.get("actor", {})
    code, name = actor.get("org"), actor.get("org_name")
    if not code:
        return {"name": name} if name else None
    key = "local_id" if code.startswith("x-") else "ods"
    return {key: code, "name": name} if name else {key: code}


def _actor(groups: Mapping[str, Any]) -> Any:
    actor = groups.get("actor", {})
    if actor.get("kind") is None:
        return None
    return {
        "kind": actor["kind"],
        "id": _in("actor", "actor_id", "value")(groups),
        "name": actor.get("name_at_time"),
        "role": actor.get("role"),
        "organisation": _organisation(groups),
    }


def _authn(groups: Mapping[str, Any]) -> Any:
    told = groups.get("authn") or {}
    return {name: told.get(name) for name in _OF_AUTHN} if told else None


def _event_type(groups: Mapping[str, Any]) -> Any:
    hdr = groups.get("hdr", {})
    is_change = hdr.get("kind") == "change"
    return hdr.get("type") if is_change else _in("change", "event_type")(groups)


_OF_AUTHN: Final = ("jti", "client_id", "idp", "acr", "auth_time")
_SHOWN_AS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]]] = {
    "record_id": ("hdr", _in("hdr", "id")),
    "type": ("hdr", _in("hdr", "type")),
    "code": ("hdr", _in("hdr", "outcome_reason")),
    "contribution_id": ("hdr", _in("hdr", "contribution_id")),
    "at": ("time", _in("time", "recorded_at")),
    "logged_at": ("time", _in("time", "logged_at")),
    "plan_id": ("subject", _in("subject", "plan_id")),
    "actor": ("actor", _actor),
    "on_behalf_of": ("actor", _in("actor", "on_behalf_of")),
    "authn": ("authn", _authn),
    "trace_id": ("source", _in("source", "trace_id")),
    "event_type": ("change", _event_type),
    "entry_id": ("object", _first("entry_id")),
    "entry_version": ("object", _first("entry_version")),
    **{
        name: ("why", _in("why", name))
        for name in (
            *("purpose", "policy_version", "purpose_of_use", "case", "relationship", "override"),
            *("decision", "inputs_sha256"),
        )
    },
    **{
        name: ("object", _in("object", name))
        for name in ("what", "plan_version", "as_at", "sections", "result_count")
    },
    **{
        name: ("view", _in("view", name))
        for name in (
            *("status", "via", "redactions", "body_sha256", "body_length"),
            *("media_type", "build"),
        )
    },
}
"""Of each member of `record`: the group that proves it, and where it stands there."""

_OPERATIONS: Final = {
    "change": {"change"},
    "refusal": {"refusal", "unreadable"},
    "access": {"read", "search"},
    "decision": {"denial", "justification", "review"},
    "disclosure": {"delivery", "export"},
    "admin": {"query", "admin"},
    "alert": {"alert"},
    "correction": {"correction"},
    "system": {"system"},
    "unknown": {"unknown"},
}


def _check_shown(
    told: Any, idx: int, shown: Mapping[str, Any], withheld: Mapping[str, str]
) -> None:
    """Whatever `record` says in plain words has to stand in the groups too."""
    if told is None:
        return
    if not isinstance(told, dict):
        malformed("the member `record` is not an object")
    for name, value in told.items():
        if name == "idx":
            is_so = value == idx
        elif name in ("operation", "section"):
            is_so = _is_so(name, value, shown)
        elif name in _SHOWN_AS:
            group, read = _proof_of(name, shown)
            if group in withheld:
                if value is None:
                    continue
                raise Verdict("incomplete", f"`{name}` is shown, and its group is withheld")
            is_so = value == read(shown)
        else:
            raise Verdict("incomplete", f"nothing here checks the member `{name[:40]}`")
        if not is_so:
            false(f"`{name}` is not what the log committed to")


def _proof_of(
    name: str, shown: Mapping[str, Any]
) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
    """The group that proves a member; the event of a change is the record's own type."""
    if name == "event_type" and shown.get("hdr", {}).get("kind") == "change":
        return "hdr", _event_type
    return _SHOWN_AS[name]


def _is_so(name: str, value: Any, shown: Mapping[str, Any]) -> bool:
    group = "hdr" if name == "operation" else "object"
    if group not in shown:
        raise Verdict("incomplete", f"`{name}` is shown, and its group is withheld")
    if name == "operation":
        return value in _OPERATIONS.get(str(shown["hdr"].get("kind")), ())
    named = shown["object"].get("sections") or [None]
    # A read names every section that it showed, and belongs to none of them.
    is_one = shown.get("hdr", {}).get("kind") not in ("access", "disclosure", "decision")
    return bool(value == named[0] if is_one else value in (None, *named))


# The subcommands. Each returns its kind and the facts of its line, or raises a Verdict.

Facts = dict[str, Any]


def read(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(_LARGEST_FILE + 1)
        file = Path(path)
        if file.stat().st_size > _LARGEST_FILE:
            malformed("the file is larger than 100 MB")
        return file.read_bytes()
    except OSError as error:
        malformed(f"the file {path[:200]} cannot be read: {error.strerror}")


def verify_checkpoint(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    checkpoint = checkpoint_in(read(arguments.file), policy)
    yield {**checkpoint.facts, "root": base64.b64encode(checkpoint.root).decode()}
    check_quorum(checkpoint, policy)
    check_age(checkpoint, arguments.fresh_within)


def proof_in(raw: bytes) -> tuple[int, list[bytes], bytes, bytes]:
    head, _, note = raw.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        malformed("the head of the proof is not ASCII")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        malformed("the file is no tlog-proof")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = decoded(lines.pop(0)[len("extra ") :])
    if not lines or not lines[0].startswith("index "):
        malformed("the proof names no index")
    index = number(lines.pop(0)[len("index ") :])
    return index, [decoded(line, _HASH) for line in lines], note, extra


def verify_inclusion(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    index, hashes, note, extra = proof_in(read(arguments.file))
    checkpoint = checkpoint_in(note, policy)
    if arguments.record is None:
        raise Verdict("incomplete", "the proof is of some record: name its file with --record")
    record = record_in(read(arguments.record))
    if record.idx != index:
        false(f"the proof is of record {index}, and the file is record {record.idx}")
    check_inclusion(index, checkpoint.size, hash_leaf(record.leaf), hashes, checkpoint.root)
    yield {"idx": index, **checkpoint.facts, "revealed": _revealed(record)}
    if extra:
        raise Verdict("incomplete", "the proof has extra data, which nothing here checks")
    if record.proof is not None:
        _check_proof(record, policy)
    check_quorum(checkpoint, policy)


def _revealed(record: Record) -> str:
    return f"{len(record.groups)}/{len(GROUPS)}"


def _check_proof(record: Record, policy: Policy) -> Checkpoint:
    told = record.proof
    if told is None or told.get("checkpoint") is None:
        raise Verdict("incomplete", "the record has no proof, or none with a checkpoint")
    if told.keys() != {"size", "root", "hashes", "checkpoint"}:
        malformed("the proof of the record has other members than it has to")
    if not isinstance(told["hashes"], list) or not isinstance(told["checkpoint"], str):
        malformed("the proof of the record cannot be read")
    checkpoint = checkpoint_in(told["checkpoint"].encode(), policy)
    if (told["size"], decoded(told["root"], _HASH)) != (checkpoint.size, checkpoint.root):
        false("the proof of the record is of another log than its checkpoint")
    hashes = [decoded(one, _HASH) for one in told["hashes"]]
    check_inclusion(record.idx, checkpoint.size, hash_leaf(record.leaf), hashes, checkpoint.root)
    return checkpoint


def verify_record(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    record = record_in(read(arguments.file))
    checkpoint = _check_proof(record, policy)
    yield {
        "idx": record.idx,
        "size": checkpoint.size,
        "revealed": _revealed(record),
        "witnesses": len(checkpoint.witnesses),
    }
    check_quorum(checkpoint, policy)


def verify_consistency(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    old = checkpoint_in(read(arguments.old), policy)
    new = checkpoint_in(read(arguments.new), policy)
    if old.origin != new.origin:
        false("the two checkpoints are of two logs")
    told = json_in(read(arguments.proof))
    hashes = told.get("hashes") if isinstance(told, dict) else None
    if not isinstance(hashes, list):
        malformed("the proof has no list of hashes")
    unknown = told.keys() - {"from", "to", "from_root", "to_root", "hashes", "checkpoint"}
    if unknown:
        raise Verdict("incomplete", f"nothing here checks the member {min(unknown)[:40]}")
    if (told.get("from"), told.get("to")) != (old.size, new.size):
        false("the proof is between two other sizes than the checkpoints")
    for name, one in (("from_root", old), ("to_root", new)):
        if name in told and decoded(told[name], _HASH) != one.root:
            false(f"the proof names another root than the checkpoint of {one.size}")
    if isinstance(told.get("checkpoint"), str):
        again = checkpoint_in(told["checkpoint"].encode(), policy)
        if (again.size, again.root) != (new.size, new.root):
            false(f"there are two logs of {new.size} records: somebody was shown another history")
    check_consistency(old, new, [decoded(one, _HASH) for one in hashes])
    yield {"from": old.size, "to": new.size, "witnesses": len(new.witnesses)}
    check_quorum(new, policy)


def verify_fsck(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    """A folder with a whole log: each leaf, each tile, and the root that was signed."""
    folder = Path(arguments.folder)
    checkpoint = checkpoint_in(read(str(folder / "checkpoint")), policy)
    expected: set[str] = {"checkpoint"}
    row = list(_leaf_hashes(folder, checkpoint.size, expected))
    level = 0
    whole = row
    while row:
        _check_tiles(folder, level, row, expected)
        tiles = range(len(row) // _TILE)
        row = [root_of(row[at * _TILE : (at + 1) * _TILE]) for at in tiles]
        level += 1
    if root_of(whole) != checkpoint.root:
        false("the leaves do not give the root that was signed")
    yield {**checkpoint.facts, "tiles": len(expected) - 1}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or (path.is_file() and name not in {*expected, "policy"}):
            raise Verdict("incomplete", f"nothing here checks {name[:100]}")
    check_quorum(checkpoint, policy)


def tile_path(level: str, at: int, width: int) -> str:
    digits = f"{at:0{-(-len(str(at)) // 3) * 3}d}"
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    name = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == _TILE else f".p/{width}")


def _leaf_hashes(folder: Path, size: int, expected: set[str]) -> Iterator[bytes]:
    before = 0
    for at in range(-(-size // _TILE)):
        width = min(_TILE, size - at * _TILE)
        name = tile_path("entries", at, width)
        expected.add(name)
        raw = read(str(folder / name))
        if len(raw) != width * (_LEAF + 2):
            malformed(f"{name} does not hold {width} leaves of {_LEAF} bytes")
        for start in range(0, len(raw), _LEAF + 2):
            leaf = raw[start + 2 : start + 2 + _LEAF]
            logged = int.from_bytes(leaf[4:12], "big")
            if raw[start : start + 2] != b"\0\x2c" or leaf[0] != 1:
                malformed(f"{name} holds something that is no leaf of this log")
            if logged < before:
                false(f"{name} has a record that is older than the one before it")
            before = logged
            yield hash_leaf(leaf)


def _check_tiles(folder: Path, level: int, row: list[bytes], expected: set[str]) -> None:
    for at in range(-(-len(row) // _TILE)):
        hashes = row[at * _TILE : (at + 1) * _TILE]
        name = tile_path(str(level), at, len(hashes))
        expected.add(name)
        if read(str(folder / name)) != b"".join(hashes):
            false(f"{name} is not what its leaves give")


def verify_view(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    """The bytes that somebody was shown, by the hash in their access record."""
    record = record_in(read(arguments.file))
    checkpoint = _check_proof(record, policy)
    body = read(arguments.body)
    view = record.groups.get("view", {})
    if view.get("body_sha256") is None:
        raise Verdict("incomplete", "the record shows no hash of what was seen")
    if view["body_sha256"] != hashlib.sha256(body).hexdigest():
        false("these are not the bytes that were shown")
    if view.get("body_length") not in (None, len(body)):
        false("what was shown had another length")
    yield {"idx": record.idx, "size": checkpoint.size, "bytes": len(body)}
    check_quorum(checkpoint, policy)


# A bundle: a zip of records with their proofs, and a table of what they say.

_FORMAT: Final = "careplan-audit-bundle/v1"
_READMES: Final = {
    "ec073d57c72efd6ecf118637387735401853d67f58f20fde6486eaa659b2eede",
}
"""The hashes of the texts that a bundle may bring along for its reader."""

_MEMBERS: Final = {"README.txt", "checkpoint", "manifest.json", "records.ndjson", "report.csv"}
_CLAIMS: Final = {"format", "q", "within", "record_id", "size", "root", "records", "files"}
_HEAD: Final = struct.Struct("<4s2xHH4xLLLHH")
_END: Final = struct.Struct("<4s4H2LH")
_OF_A_NAME: Final = 46
"""What stands before each file of a zip and at its end, and what its directory has for each."""

_COLUMNS: Final = (
    *(("logged_at", "time.logged_at"), ("recorded_at", "time.recorded_at")),
    *(("kind", "hdr.kind"), ("type", "hdr.type"), ("code", "hdr.outcome_reason")),
    *(("actor_id", "actor.actor_id.value"), ("name", "actor.name_at_time")),
    *(("role", "actor.role"), ("organisation", "actor.org"), ("purpose", "why.purpose")),
    *(("plan_id", "subject.plan_id"), ("what", "object.what"), ("sections", "object.sections")),
    *(("plan_version", "object.plan_version"), ("body_sha256", "view.body_sha256")),
)


def unpacked(raw: bytes) -> dict[str, bytes]:
    """The files of a bundle; it is taken for hostile until each byte of it has a meaning.

    Some programs read a zip from its directory and others from its beginning. Only one that is the
    same to both is taken, or what was checked here would not be what somebody else unpacks.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = sorted(archive.infolist(), key=lambda one: one.header_offset)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError):
        malformed("the zip of the bundle cannot be read")
    if sorted(one.filename for one in members) != sorted(_MEMBERS):
        malformed(f"a bundle has the files {', '.join(sorted(_MEMBERS))}, each once")
    if any(one.extra or one.comment or one.flag_bits for one in members):
        malformed("a file of the bundle is encrypted, or has something beside it")
    if any(stat.S_IFMT(one.external_attr >> 16) not in (0, stat.S_IFREG) for one in members):
        malformed("a file of the bundle is a link, or no file at all")
    files: dict[str, bytes] = {}
    at, left = 0, _LARGEST_FILE
    for one in members:
        files[one.filename], at = _whole(raw, at, one, left)
        left -= len(files[one.filename])
    names = sum(_OF_A_NAME + len(one.filename) for one in members)
    count = len(members)
    if raw[at + names :] != _END.pack(b"PK\5\6", 0, 0, count, count, names, at, 0):
        malformed("the bundle has something before, between or behind its files")
    return files


def _whole(raw: bytes, at: int, member: zipfile.ZipInfo, most: int) -> tuple[bytes, int]:
    """The file that begins here, as the directory has it, and where the next one begins."""
    name = member.filename.encode()
    start = at + _HEAD.size + len(name)
    sizes = (member.CRC, member.compress_size, member.file_size, len(name))
    told = (b"PK\3\4", 0, zipfile.ZIP_DEFLATED, *sizes, 0)
    is_next = member.header_offset == at and raw[start - len(name) : start] == name
    if not is_next or _HEAD.unpack(raw[at : at + _HEAD.size]) != told:
        malformed("the bundle has something before, between or behind its files")
    end = start + member.compress_size
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(raw[start:end], most + 1)
    except zlib.error:
        malformed("the zip of the bundle cannot be read")
    if len(content) > most:
        malformed("the files of the bundle are larger than 100 MB")
    is_all = inflater.eof and not inflater.unused_data
    if not is_all or (len(content), zlib.crc32(content)) != (member.file_size, member.CRC):
        malformed("a file of the bundle is not what the zip says of it")
    return content, end


def verify_bundle(arguments: argparse.Namespace, policy: Policy) -> Iterator[Facts]:
    """Each record against its leaf and the one log, and the table against the records."""
    files = unpacked(read(arguments.file))
    manifest = json_in(files.pop("manifest.json"))
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        malformed(f"the manifest is not of the format {_FORMAT}")
    if manifest.keys() != _CLAIMS:
        raise Verdict("incomplete", "the manifest has other members than are known here")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if manifest["files"] != hashes:
        false("a file of the bundle is not the one that its manifest names")
    if hashes["README.txt"] not in _READMES:
        raise Verdict("incomplete", "nothing here checks this README.txt")
    checkpoint = checkpoint_in(files["checkpoint"], policy)
    root = base64.b64encode(checkpoint.root).decode()
    if (manifest["size"], manifest["root"]) != (checkpoint.size, root):
        false("the manifest names another log than the checkpoint")
    records = list(_records_in(files["records.ndjson"], checkpoint))
    if manifest["records"] != len(records):
        false(f"the manifest says {manifest['records']} records, and there are {len(records)}")
    if files["report.csv"] != _report_of(records):
        false("the table does not say what the records say")
    revealed = sum(len(one.groups) for one in records)
    whole = len(records) * len(GROUPS)
    yield {"records": len(records), **checkpoint.facts, "revealed": f"{revealed}/{whole}"}
    check_quorum(checkpoint, policy)


def _records_in(raw: bytes, checkpoint: Checkpoint) -> Iterator[Record]:
    if raw and not raw.endswith(b"\n"):
        malformed("the last record of the bundle is cut off")
    before = -1
    for line in raw.split(b"\n")[:-1]:
        told = json_in(line)
        hashes = told.pop("hashes", None) if isinstance(told, dict) else None
        if not isinstance(hashes, list):
            malformed("a record of the bundle has no proof")
        record = record_of(told)
        if record.idx <= before or record.proof is not None:
            malformed("the records of the bundle are not in order, each once, with one proof")
        before = record.idx
        proof = [decoded(one, _HASH) for one in hashes]
        leaf = hash_leaf(record.leaf)
        check_inclusion(record.idx, checkpoint.size, leaf, proof, checkpoint.root)
        yield record


def _report_of(records: Sequence[Record]) -> bytes:
    """The table as the records make it, written in the form of RFC 4180."""
    rows = [["idx", *(name for name, _ in _COLUMNS)]]
    for record in records:
        told = [_in(*path.split("."))(record.groups) for _, path in _COLUMNS]
        rows.append([str(record.idx), *map(_as_cell, told)])
    return "".join(",".join(map(_quoted, row)) + "\r\n" for row in rows).encode()


def _as_cell(told: Any) -> str:
    """A text that no spreadsheet takes for a formula, on one line."""
    if isinstance(told, bool) or not isinstance(told, int | str | list):
        return ""
    if isinstance(told, list):
        told = " ".join(one for one in told if isinstance(one, str))
    line = str(told).replace("\r", " ").replace("\n", " ")
    is_formula = isinstance(told, str) and line.startswith(("=", "+", "-", "@", "\t"))
    return f"'{line}" if is_formula else line


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(one in cell for one in '",') else cell


def verify_later(arguments: argparse.Namespace, _: Policy) -> Iterator[Facts]:
    read(arguments.file)
    yield {}
    raise Verdict("incomplete", "this version cannot check whole persons yet")


_EXPLAINED: Final = {
    "checkpoint": "A checkpoint is what the log signed of itself: how many records it had, and one "
    "hash that depends on each of them. `ok` means that a key you trust signed it, and as many "
    "witnesses as your policy asks for. It does not say what the records are.",
    "inclusion": "An inclusion proof shows that one record is in the log at its place. `ok` means "
    "that nobody has changed it since. It does not show that no other record is missing.",
    "record": "A record with its proof. Each of its twelve groups is shown, or stands there as a "
    "hash with the reason. `ok` means that what is shown is what the log committed to.",
    "consistency": "A consistency proof shows that an earlier log is the beginning of a later one. "
    "`ok` means that nothing was removed or changed in between, only added.",
    "fsck": "A copy of the whole log. `ok` means that every leaf and every tile was hashed again "
    "and gives the root that was signed.",
    "view": "The bytes that somebody was shown. `ok` means that they are the ones whose hash "
    "stands in the record of that access, and that the record is in the log.",
    "person": "Whether all records about one person are there. This version cannot tell.",
    "bundle": "Several records in one file, with a table of what they say. `ok` means that each is "
    "in the log at its place, that none was changed, and that the table says the same. It does not "
    "show that no other record answers the question, nor that this was the question.",
    "witness": "A witness is another organisation. It signs a checkpoint only if the log has grown "
    "out of the last one it saw. Without witnesses, a log could show two people two histories.",
}


def explain(words: Sequence[str]) -> int:
    for word in words or sorted(_EXPLAINED):
        print(f"{word}: {_EXPLAINED.get(word, 'There is no such word here.')}")
    return 0 if {*words} <= {*_EXPLAINED} else USAGE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


Check = Callable[[argparse.Namespace, Policy], Iterator[Facts]]
_CHECKS: Final[Mapping[str, tuple[Check, tuple[str, ...], str]]] = {
    "checkpoint": (verify_checkpoint, ("file",), "a signed checkpoint"),
    "inclusion": (verify_inclusion, ("file",), "a .tlog-proof, with --record"),
    "record": (verify_record, ("file",), "a record with its proof"),
    "consistency": (verify_consistency, ("old", "new", "proof"), "two checkpoints and the proof"),
    "fsck": (verify_fsck, ("folder",), "a folder with a whole log"),
    "view": (verify_view, ("file", "body"), "an access record and the bytes that were shown"),
    "bundle": (verify_bundle, ("file",), "several records in one zip, with their proofs"),
    "person": (verify_later, ("file",), "all records about one person (not yet)"),
}


def main(given: Sequence[str] | None = None) -> int:
    """Check what the arguments name, print one line, and return the exit code."""
    words = list(sys.argv[1:] if given is None else given)
    if words[:1] == ["explain"]:
        return explain(words[1:])
    parser = _Parser("careplan verify", description="Check what the audit log proves, from files.")
    commands = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    for kind, (_, names, said) in _CHECKS.items():
        command = commands.add_parser(kind, help=said)
        for name in names:
            command.add_argument(name)
        command.add_argument(
            "--policy", help="a file that names the log, its witnesses, the quorum"
        )
        command.add_argument("--key", help="the verifier key of the log, where there is no policy")
        command.add_argument("--json", action="store_true", help="print JSON")
        if kind == "inclusion":
            command.add_argument("--record", help="the record that the proof is of")
        if kind == "person":
            command.add_argument("--complete", action="store_true")
        if kind == "checkpoint":
            command.add_argument("--fresh-within", type=float, metavar="HOURS")
    commands.add_parser("explain", help="what the words mean")
    if words and words[0] not in {*_CHECKS, "-h", "--help"} and not words[0].startswith("-"):
        words = [_kind_of(words[0]), *words]
    arguments = parser.parse_args(words)
    if (arguments.policy is None) == (arguments.key is None):
        parser.error("say whom you trust: either --policy FILE or --key KEY")
    return _judge(arguments)


def _kind_of(path: str) -> str:
    """What a file is, where only its name is given."""
    if Path(path).is_dir():
        return "fsck"
    try:
        raw = Path(path).read_bytes()[:100] if Path(path).stat().st_size else b""
    except OSError:
        return "checkpoint"
    if raw.startswith(b"c2sp.org/tlog-proof"):
        return "inclusion"
    return "bundle" if raw.startswith(b"PK") else "record" if raw[:1] == b"{" else "checkpoint"


def _judge(arguments: argparse.Namespace) -> int:
    word, reason, facts = "ok", "", dict[str, Any]()
    try:
        policy = _policy_of(arguments)
        for told in _CHECKS[arguments.kind][0](arguments, policy):
            facts = told
    except Verdict as verdict:
        word, reason = verdict.word, verdict.reason
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        word, reason = "malformed", "the file does not have the form that it has to"
    if arguments.json:
        told = {"result": word, "exit": EXIT[word], "kind": arguments.kind}
        print(json.dumps({**told, "facts": facts, "reason": reason or None}, ensure_ascii=False))
    else:
        line = " ".join([word, arguments.kind, *(f"{name}={told}" for name, told in facts.items())])
        print(f"{line} reason={json.dumps(reason, ensure_ascii=False)}" if reason else line)
    return EXIT[word]


def _policy_of(arguments: argparse.Namespace) -> Policy:
    if arguments.key is not None:
        return Policy(logs=[key_in(arguments.key, _NOTE)])
    try:
        return policy_in(read(arguments.policy).decode())
    except UnicodeDecodeError:
        malformed("the policy is not UTF-8")


if __name__ == "__main__":
    sys.exit(main())
