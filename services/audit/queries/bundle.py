"""A bundle: records with their proofs in one zip, the same bytes for what is the same in it."""

import csv
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from io import BytesIO, StringIO
from typing import Any, Final

import orjson

FORMAT: Final = "careplan-audit-bundle/v1"
MOST_RECORDS: Final = 1_000
"""How many records a bundle has."""

README: Final = """\
WHAT THIS IS

Records of the audit of a care plan ledger, and what proves them.

  report.csv       a table of the records, for people: it opens in any spreadsheet
  records.ndjson   the records themselves, one to a line, oldest first, with their proofs
  checkpoint       the signed head of the log that they are proved against
  manifest.json    what was asked, and the hash of each file

HOW TO CHECK IT

On any computer with Python, without a network, and without trusting whoever gave it to you:

  careplan verify bundle FILE.zip --policy POLICY

POLICY is a file that names the key of the log and its witnesses. Get it from the organisations
that you trust, not from whoever gave you this file. The module verify.py of the ledger does the
same alone.

WHAT `ok` MEANS

Each record is in the log at its place and has not been changed since; the table says what the
records say; and the log was signed by a key that you trust, with as many witnesses as your policy
asks for.

WHAT IS NOT PROVED

That the question in manifest.json is the one that was asked, that no record that answers it is
missing, and that what was recorded is true. A part of a record that was withheld stands there as a
hash, with the reason.
"""

_REPORT: Final[Mapping[str, tuple[str, ...]]] = {
    "logged_at": ("time", "logged_at"),
    "recorded_at": ("time", "recorded_at"),
    "kind": ("hdr", "kind"),
    "type": ("hdr", "type"),
    "code": ("hdr", "outcome_reason"),
    "actor_id": ("actor", "actor_id", "value"),
    "name": ("actor", "name_at_time"),
    "role": ("actor", "role"),
    "organisation": ("actor", "org"),
    "purpose": ("why", "purpose"),
    "plan_id": ("subject", "plan_id"),
    "what": ("object", "what"),
    "sections": ("object", "sections"),
    "plan_version": ("object", "plan_version"),
    "body_sha256": ("view", "body_sha256"),
}
"""The columns of the table beside `idx`, and where in the groups of a record each stands."""

_STEERS: Final = ("=", "+", "-", "@", "\t", "\r")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def packed(records: Sequence[Mapping[str, Any]], checkpoint: str, told: Mapping[str, Any]) -> bytes:
    """The zip of records, each with ``idx``, ``leaf``, ``commitment``, ``groups`` and ``hashes``.

    ``told`` is what the manifest says beside the hashes of the files.
    """
    ordered = sorted(records, key=lambda one: int(one["idx"]))
    files = {
        "README.txt": README.encode(),
        "checkpoint": checkpoint.encode(),
        "records.ndjson": b"".join(orjson.dumps(one) + b"\n" for one in ordered),
        "report.csv": _report(ordered),
    }
    hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"format": FORMAT, **told, "records": len(ordered), "files": hashes}
    files["manifest.json"] = orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n"
    packed_ = BytesIO()
    with zipfile.ZipFile(packed_, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o100644 << 16
            archive.writestr(member, files[name])
    return packed_.getvalue()


def _report(records: Sequence[Mapping[str, Any]]) -> bytes:
    text = StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(["idx", *_REPORT])
    for one in records:
        groups = {group["name"]: group.get("value") or {} for group in one["groups"]}
        cells = (_cell(_at(groups, path)) for path in _REPORT.values())
        rows.writerow([str(one["idx"]), *cells])
    return text.getvalue().encode()


def _at(groups: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = groups
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _cell(told: Any) -> str:
    if isinstance(told, list):
        told = " ".join(one for one in told if isinstance(one, str))
    if type(told) is int:
        return str(told)
    if not isinstance(told, str):
        return ""
    text = told.replace("\r", " ").replace("\n", " ")
    return f"'{text}" if text.startswith(_STEERS) else text
