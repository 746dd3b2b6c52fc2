"""`careplan contract`: checks a file against the contract before it is sent."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.output import as_json, fail

app = typer.Typer(no_args_is_help=True, help="Check contributions against the contracts.")


@app.callback()
def contract() -> None:
    """Check contributions against the contracts, without a running stack."""


@app.command()
def validate(
    file: Annotated[str, typer.Argument(help="A JSON file, or - for the standard input.")],
    command: Annotated[
        str | None,
        typer.Option(
            help="The file is only the content of this command (careplan.goals.commands.agree.v1)."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check the form of a contribution, a batch, or a Kafka record with its key and headers."""
    # Imported here: it loads much, and the other commands do not need it.
    from shared.contracts.validate import validate as judged  # noqa: PLC0415 - slow

    report = judged(_bytes_of(file), command)
    if json:
        as_json({"file": file, **report.as_json()})
    else:
        for fault in report.faults:
            # The pointer of the whole is empty; `/` would be that of a key without a name.
            pointer = fault.pointer or '""'
            typer.echo(f"{file}: {pointer}: {fault.code}: {fault.message}", err=True)
        if report.is_valid:
            typer.echo(f"{file}: the form of this {report.kind} is valid.")
        for note in report.notes:
            typer.echo(note)
    if not report.is_valid:
        if not json:
            typer.echo(f"{file}: the form of this {report.kind} is not valid.", err=True)
        raise typer.Exit(1)


def _bytes_of(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        fail(f"{file} cannot be read ({reason}). Name a JSON file, or - for the standard input.")
