"""`careplan contract`: whether a file is what the contract asks for, before it is sent."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.output import as_json, fail

app = typer.Typer(no_args_is_help=True, help="Judge contributions against the contracts.")


@app.callback()
def contract() -> None:
    """Judge contributions against the contracts, offline."""


@app.command()
def validate(
    file: Annotated[str, typer.Argument(help="A file, or - for what is piped in.")],
    command: Annotated[
        str | None, typer.Option(help="Judge the file as the content of this command type.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Judge the shape of a contribution, a batch or a Kafka record with its key and headers."""
    # Here and not above: it brings the doors' own reading with it.
    from shared.contracts.validate import validate as judged  # noqa: PLC0415

    report = judged(_bytes_of(file), command)
    if json:
        as_json({"file": file, **report.as_json()})
    else:
        for fault in report.faults:
            typer.echo(f"{fault.pointer or '/'}: {fault.code}: {fault.message}", err=True)
        if report.is_valid:
            typer.echo(f"{file}: a valid {report.kind} by shape.")
        for note in report.notes:
            typer.echo(note)
    if not report.is_valid:
        raise typer.Exit(1)


def _bytes_of(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
