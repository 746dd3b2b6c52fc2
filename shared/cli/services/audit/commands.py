"""The commands of `careplan audit`."""

import re
from collections.abc import Callable, Iterator, Sequence
from getpass import getuser
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from shared.cli import running_stack
from shared.cli.asking import Answer, Stack, refuse
from shared.cli.output import as_json, fail, table
from shared.cli.services.audit.files import CSV, NDJSON, save, save_bundle
from shared.cli.services.audit.words import help_of_ask, help_of_search

app = typer.Typer(no_args_is_help=True, help="Ask the audit who did, read and changed what.")

_PAGE: Final = 200
_AUDIT: Final = "audit"
_RECORDS: Final = "/v1/audit/records"
_QUERIES: Final = "/v1/audit/queries"
_LONG: Final = "record_id"
"""Beside the place it says nothing more, and takes much room."""

_FRACTION: Final = re.compile(r"(?<=:[0-9]{2})\.[0-9]+Z$")
_COLUMNS: Final = ("IDX", "AT", "DONE", "WHAT", "WHO", "ROLE", "FOR", "PLAN", "WHY")

_Org = Annotated[str, typer.Option("--org", help="The organisation that asks.")]
_Role = Annotated[
    str,
    typer.Option("--role", help="auditor, privacy-officer or caldicott-guardian."),
]
_Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="CAREPLAN_TOKEN",
        show_default=False,
        help="A bearer token of your own; left out, one is made of --org and --role.",
    ),
]
_Csv = Annotated[bool, typer.Option("--csv", help="All of it as a table (RFC 4180).")]
_Ndjson = Annotated[
    bool, typer.Option("--ndjson", help="All of it in lines of JSON; the last says what of.")
]
_Json = Annotated[bool, typer.Option("--json", help="This page as JSON.")]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        dir_okay=False,
        help="The file to write. With --csv or --ndjson, FILE.proof.json beside it says which log "
        "it was made of, with its signed head, and the hash of the file.",
    ),
]
_Limit = Annotated[int, typer.Option("--limit", min=1, help="How many rows are shown at most.")]
_Stack = running_stack.StackDir


@app.callback()
def audit() -> None:
    """Ask the audit: search its records, or ask a question by its name.

    An auditor sees what the deployment says they may; a privacy officer and a Caldicott guardian
    see what their own organisation did, and plans of people whom it looks after.
    """


@app.command(help=help_of_search(), context_settings={"ignore_unknown_options": True})
def search(
    qualifiers: Annotated[
        list[str] | None, typer.Argument(metavar="[QUALIFIER]...", show_default=False)
    ] = None,
    limit: _Limit = 50,
    csv: _Csv = False,
    ndjson: _Ndjson = False,
    bundle: Annotated[
        bool,
        typer.Option("--bundle", help="At most 1,000 records in a zip, each with its proof."),
    ] = False,
    groups: Annotated[
        str,
        typer.Option(
            help="With --bundle: show only these groups of each record, with commas, as "
            "hdr,time,subject,object; the others stand there as hashes."
        ),
    ] = "",
    out: _Out = None,
    json: _Json = False,
    token: _Token = "",
    org: _Org = "ZZG01",
    role: _Role = "auditor",
    stack_dir: _Stack = running_stack.DEFAULT_FOLDER,
) -> None:
    """Find records; the help is made of the qualifiers."""
    stack, q = _stack(stack_dir, token, org, role), " ".join(qualifiers or ())
    if bundle:
        if out is None or csv or ndjson or json:
            fail("--bundle needs --out FILE, and none of --csv, --ndjson and --json.", 2)
        save_bundle(stack, out, _RECORDS, {"q": q, **({"groups": groups} if groups else {})})
        return
    if groups:
        fail("--groups is for --bundle.", 2)
    form = _form(csv, ndjson, json, out)
    if form:
        save(stack, form, out, {"q": q}, "GET", _RECORDS, params={"q": q})
        return
    params = {"q": q, "limit": str(min(limit, _PAGE))}
    pages = _pages(lambda page: stack.get(_AUDIT, _RECORDS, **params, **page))
    found, more = _taken(pages, "items", limit)
    if json:
        as_json(found)
        return
    _show(_COLUMNS, [_line(one) for one in found], more=more)


@app.command(help=help_of_ask())
def ask(
    name: Annotated[str, typer.Argument(help="The question, by its name or id.")],
    params: Annotated[
        list[str] | None, typer.Argument(metavar="[PARAMETER=VALUE]...", show_default=False)
    ] = None,
    case: Annotated[str, typer.Option(help="The case that you ask for.")] = "",
    limit: _Limit = 50,
    csv: _Csv = False,
    ndjson: _Ndjson = False,
    out: _Out = None,
    json: _Json = False,
    token: _Token = "",
    org: _Org = "ZZG01",
    role: _Role = "auditor",
    stack_dir: _Stack = running_stack.DEFAULT_FOLDER,
) -> None:
    """Ask a question; the help is made of the catalogue."""
    given = _given(params or ())
    stack, form = _stack(stack_dir, token, org, role), _form(csv, ndjson, json, out)
    body: dict[str, Any] = {"params": given, **({"case": case} if case else {})}
    path = f"{_QUERIES}/{name}"
    if form:
        headers = {"Content-Type": "application/json"}
        told = {"question": name, **body}
        save(stack, form, out, told, "POST", path, content=orjson.dumps(body), headers=headers)
        return
    asked = {**body, "limit": min(limit, _PAGE)}
    pages = _pages(lambda page: stack.post(_AUDIT, path, orjson.dumps({**asked, **page})))
    first = next(pages)
    rows, more = _taken(chain([first], pages), "rows", limit)
    if json:
        as_json({**first, "rows": rows})
        return
    columns = [one for one in (rows[0] if rows else ()) if one != _LONG]
    lines = [[_cell(row.get(column)) for column in columns] for row in rows]
    _show([column.upper() for column in columns], lines, more=more, total=first["total"])
    size = first["as_of"]["size"]
    typer.echo(f"Of a log of {size:,} records ({first['completeness']['kind']}).", err=True)
    if first["truncated"]:
        typer.echo("There are more than these, and this question does not give them.", err=True)


@app.command()
def questions(
    json: _Json = False,
    token: _Token = "",
    org: _Org = "ZZG01",
    role: _Role = "auditor",
    stack_dir: _Stack = running_stack.DEFAULT_FOLDER,
) -> None:
    """List the questions that have a name: what each asks, and what it takes."""
    answer = _stack(stack_dir, token, org, role).get(_AUDIT, _QUERIES)
    refuse(answer)
    if json:
        as_json(answer.told)
        return
    for one in answer.told["questions"]:
        typer.echo(f"{one['query_id']}  {one['name']}\n    {one['asks']}")
        for param in one["params"]:
            need = "" if param["required"] else " (may be left out)"
            typer.echo(f"      {param['name']}: {param['words']}; {param['form']}{need}")


def _stack(folder: Path, token: str, org: str, role: str) -> Stack:
    return Stack(folder, token, (org, role, getuser()))


def _form(csv: bool, ndjson: bool, json: bool, out: Path | None) -> str:
    if csv + ndjson + json > 1:
        fail("--csv, --ndjson and --json: choose one.", 2)
    if out is not None and not (csv or ndjson):
        fail("--out needs --csv or --ndjson.", 2)
    return CSV if csv else NDJSON if ndjson else ""


def _given(params: Sequence[str]) -> dict[str, str]:
    given = {}
    for one in params:
        name, equals, value = one.partition("=")
        if not equals or not name:
            fail("A parameter is written NAME=VALUE, as section=goals.", 2)
        if name in given:
            fail(f"{name} is given twice.", 2)
        given[name] = value
    return given


def _pages(ask: Callable[[dict[str, str]], Answer]) -> Iterator[dict[str, Any]]:
    """One page after the other; ``ask`` is given what names the page, nothing for the first."""
    page: dict[str, str] = {}
    while True:
        answer = ask(page)
        refuse(answer)
        yield answer.told
        if answer.told["next"] is None:
            return
        page = {"cursor": answer.told["next"]}


def _taken(
    pages: Iterator[dict[str, Any]], name: str, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """As many as are wanted, and whether there are more; no page is asked for in vain."""
    taken: list[dict[str, Any]] = []
    has_more = False
    for page in pages:
        taken += page[name]
        has_more = page["next"] is not None
        if len(taken) >= limit:
            break
    return taken[:limit], has_more or len(taken) > limit


def _show(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, more: bool, total: int | None = None
) -> None:
    if not rows:
        typer.echo("There are none.")
        return
    table(columns, rows)
    if more:
        of = "" if total is None else f" of {total:,}"
        typer.echo(f"These are the first {len(rows)}{of}; --limit shows more.", err=True)


def _line(one: dict[str, Any]) -> list[str]:
    actor = one["actor"] or {}
    organisation = actor.get("organisation") or {}
    why = one["code"] or one["purpose"] or ""
    return [
        *(str(one["idx"]), _cell(one["at"]), one["operation"]),
        one["what"] or one["event_type"] or "",
        *(actor.get("name") or actor.get("id") or "", actor.get("role") or ""),
        organisation.get("ods") or organisation.get("local_id") or "",
        *(one["plan_id"] or "", why),
    ]


def _cell(value: Any) -> str:
    """A value in short: of what has a kind the kind, and of a time no fractions of a second."""
    if value is None:
        return ""
    if isinstance(value, dict) and "kind" in value:
        return str(value["kind"])
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    if isinstance(value, str):
        return _FRACTION.sub("Z", value)
    return orjson.dumps(value).decode()
