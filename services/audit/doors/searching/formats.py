"""The forms of what the audit answers: JSON, lines of JSON, or CSV, as the reader prefers."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Final

import orjson
from starlette.requests import Request

from shared.chassis.http.parameters import list_header
from shared.chassis.wire.problem import Problem

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
ZIP: Final = "application/zip"
FORMS: Final = (JSON, NDJSON, CSV)

COLUMNS: Final = (
    *("idx", "record_id", "at", "logged_at", "operation", "type", "what", "status", "code"),
    *("actor.kind", "actor.id", "actor.name", "actor.role", "actor.organisation.ods"),
    *("actor.organisation.local_id", "actor.organisation.name"),
    *("purpose", "relationship.kind", "override.kind", "override.reason", "via", "plan_id"),
    *("plan_version", "as_at", "section", "sections", "entry_id", "entry_version"),
    *("contribution_id", "case", "result_count", "body_sha256", "body_length", "policy_version"),
)
"""The columns of a table of records, each a member of the record, or of what stands in it."""

_ONE_LINE: Final = {ord("\r"): " ", ord("\n"): " "}
"""A row is a line, so that whoever counts lines knows whether all of them came."""

_STEERS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def form_of(request: Request, *others: str) -> str:
    """The form that a reader prefers; JSON where they do not say. Raises ``Problem`` (406).

    ``others`` are forms that this address has beside the usual ones.
    """
    forms = (*FORMS, *others)
    best, quality = None, 0.0
    given = list_header(request, "Accept").lower()
    for part in given.split(",") if given else ("*/*",):
        name, *parameters = (text.strip() for text in part.split(";"))
        told = _quality_of(parameters)
        kinds = {"*/*": JSON, "application/*": JSON, "text/*": CSV}
        form = kinds.get(name, name)
        if form in forms and told > quality:
            best, quality = form, told
    if best is None:
        raise Problem("not-acceptable", f"This is given as {' or '.join(forms)}.")
    return best


def lines_of(items: Iterable[Mapping[str, Any]]) -> bytes:
    """Items as lines of JSON."""
    return b"".join(orjson.dumps(item) + b"\n" for item in items)


def head_of(columns: Sequence[str]) -> bytes:
    """The first line of a table (RFC 4180)."""
    return _written([list(columns)])


def rows_of(items: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """Items as the rows of a table; what would be a formula there has a ``'`` before it."""
    return _written([[_cell(item, column) for column in columns] for item in items])


def _written(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(item: Mapping[str, Any], column: str) -> str:
    found: Any = item
    for name in column.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        found = " ".join(found)
    text = found if isinstance(found, str) else orjson.dumps(found).decode()
    text = text.translate(_ONE_LINE)
    return f"'{text}" if text.startswith(_STEERS) and isinstance(found, str) else text


def _quality_of(parameters: Sequence[str]) -> float:
    for one in parameters:
        name, _, text = one.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(text)))
            except ValueError:
                return 0.0
    return 1.0
