"""The forms of answers: which one the reader prefers, and a table that steers no spreadsheet."""

import csv
from io import StringIO

import pytest
from starlette.requests import Request

from services.audit.doors.searching.formats import (
    COLUMNS,
    CSV,
    JSON,
    NDJSON,
    form_of,
    head_of,
    lines_of,
    rows_of,
)
from shared.chassis.wire.problem import Problem


def preferring(*accepts: str) -> Request:
    headers = [(b"accept", one.encode()) for one in accepts]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("accepts", "form"),
    [
        ([], JSON),
        (["*/*"], JSON),
        (["text/csv"], CSV),
        (["text/csv; charset=utf-8"], CSV),
        (["Application/X-NDJSON"], NDJSON),
        (["text/csv;q=0.5, application/x-ndjson"], NDJSON),
        (["application/json;q=0.1", "text/csv;q=0.2"], CSV),
        (["text/html, */*;q=0.1"], JSON),
    ],
)
def test_a_reader_is_given_the_form_that_they_prefer(accepts: list[str], form: str) -> None:
    assert form_of(preferring(*accepts)) == form


@pytest.mark.parametrize("accept", ["text/html", "text/csv;q=0", "image/png, text/csv;q=x"])
def test_a_form_that_is_not_here_is_refused(accept: str) -> None:
    with pytest.raises(Problem) as refused:
        form_of(preferring(accept))
    assert refused.value.code == "not-acceptable"


def test_a_table_has_a_row_for_each_record_whatever_stands_in_it() -> None:
    item = {
        "idx": 7,
        "actor": {"name": '=HYPERLINK("x"),\r\ny', "organisation": {"ods": "ZZG01"}},
        "sections": ["goals", "needs"],
        "as_at": {"recorded": "2026-03-10"},
    }
    table = head_of(COLUMNS) + rows_of([item, {}], COLUMNS)
    assert table.count(b"\n") == 3
    [row, empty] = csv.DictReader(StringIO(table.decode(), newline=""))
    assert (row["idx"], row["actor.organisation.ods"], row["sections"]) == (
        "7", "ZZG01", "goals needs",
    )  # fmt: skip
    assert row["actor.name"] == '\'=HYPERLINK("x"),  y'
    assert row["as_at"] == '{"recorded":"2026-03-10"}'
    assert set(empty.values()) == {""}


def test_lines_have_an_item_each() -> None:
    assert lines_of([{"a": "x\ny"}, {"a": None}]) == b'{"a":"x\\ny"}\n{"a":null}\n'
