"""Answers that come piece by piece: to a file with its proof beside it, or on stdout."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import typer

from shared.cli.asking import Stack, refuse
from shared.cli.output import fail

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
ZIP: Final = "application/zip"

_SHORT_OF: Final = "The answer was cut off: {got:,} of {rows:,} rows came. Ask again."


@dataclass
class _Received:
    """What came, as it comes: its hash and its lines."""

    digest: Any = field(default_factory=hashlib.sha256)
    lines: int = 0

    def take(self, piece: bytes) -> int:
        """The number of lines that end in it."""
        self.digest.update(piece)
        lines = piece.count(b"\n")
        self.lines += lines
        return lines


def save(
    stack: Stack,
    form: str,
    out: Path | None,
    asked: dict[str, Any],
    method: str,
    path: str,
    **given: Any,
) -> None:
    """Writes an answer of this form; beside a file stands ``….proof.json`` with what it rests on.

    Ends the command with 1 where not all of it came; then there is no file.
    """
    headers = {"Accept": form, **given.pop("headers", {})}
    received = _Received()
    with (
        nullcontext(sys.stdout.buffer) if out is None else _when_whole(out) as target,
        stack.stream(method, "audit", path, headers=headers, **given) as answer,
    ):
        refuse(answer.problem())
        rows = int(answer.headers["Ledger-Result-Count"])
        size = int(answer.headers["Ledger-Log-Size"])
        target.writelines(_with_progress(answer.pieces(), received, rows))
        target.flush()
        record_id = answer.headers["Ledger-Access-Id"]
        # A line of head stands above a table, and one of proof below lines.
        got = received.lines - 1
        if got != rows:
            fail(_SHORT_OF.format(got=max(got, 0), rows=rows))
    if out is not None:
        told = {
            **asked,
            "asked_by_record": record_id,
            "file": {"name": out.name, "rows": rows, "sha256": received.digest.hexdigest()},
            "log": _log_of(stack, size),
        }
        proof = out.with_name(f"{out.name}.proof.json")
        proof.write_text(f"{json.dumps(told, indent=2)}\n", "utf-8")
        typer.echo(f"{rows:,} rows in {out}; what they rest on in {proof}.", err=True)


def save_bundle(stack: Stack, out: Path, path: str, params: dict[str, str]) -> None:
    """Writes the records that a search finds, with their proofs, as one zip."""
    with (
        _when_whole(out) as target,
        stack.stream("GET", "audit", path, params=params, headers={"Accept": ZIP}) as answer,
    ):
        refuse(answer.problem())
        rows, size = answer.headers["Ledger-Result-Count"], answer.headers["Ledger-Log-Size"]
        target.writelines(answer.pieces())
    typer.echo(
        f"{rows} records of a log of {size} in {out}. Check it with: "
        f"careplan verify bundle {out} --policy POLICY",
        err=True,
    )


@contextmanager
def _when_whole(out: Path) -> Iterator[BinaryIO]:
    """A file that has its name when all of it is there; what had that name before stays till then.

    It is made before anything is asked, for whatever is asked is recorded.
    """
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as target:
            yield target
        part.replace(out)
    except OSError as error:
        fail(f"{out} cannot be written ({error.strerror}).")
    finally:
        part.unlink(missing_ok=True)


def _with_progress(pieces: Iterator[bytes], received: _Received, rows: int) -> Iterator[bytes]:
    """The pieces, with a bar on a terminal that says how far it is."""
    if not sys.stderr.isatty():
        for piece in pieces:
            received.take(piece)
            yield piece
        return
    with typer.progressbar(length=rows + 1, label="Rows", file=sys.stderr) as bar:
        for piece in pieces:
            bar.update(received.take(piece))
            yield piece


def _log_of(stack: Stack, size: int) -> dict[str, Any]:
    """The signed head of the log of this size, as the audit gives it to anybody."""
    if not size:
        return {"size": 0, "root": None, "checkpoint": None}
    answer = stack.get("audit", "/v1/audit/proofs/inclusion", idx="0", size=str(size))
    if not answer.is_good:
        return {"size": size, "root": None, "checkpoint": None}
    return {name: answer.told[name] for name in ("size", "root", "checkpoint")}
