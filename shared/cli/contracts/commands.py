"""`careplan contract`: what there is, what has changed, and whether a file fits."""

from pathlib import Path
from typing import Annotated

import typer

from shared.cli.contracts import junit
from shared.cli.output import as_json, table
from shared.cli.plans.contribute import bytes_of

app = typer.Typer(no_args_is_help=True, help="Look things up in the contracts, and check files.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    Path | None,
    typer.Option("--contracts", help="Another folder of contracts than that of this project."),
]


@app.callback()
def contract() -> None:
    """Look things up in the contracts, and check files against them, without a running stack."""


@app.command("list")
def list_(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only what has all of these in its name or title.")
    ] = None,
    json: AsJson = False,
    contracts: Folder = None,
) -> None:
    """List the commands, events and envelopes, each with its newest version.

    Exit 1 where there is none.
    """
    # Imported here: it loads much, and the other commands do not need it.
    from shared.cli.contracts.listing import listed  # noqa: PLC0415 - slow

    found = listed(contracts, [word.lower() for word in words or ()])
    if json:
        as_json(found)
    else:
        rows = [[one["type"], one["version"], one["kind"], one["title"]] for one in found]
        table(["TYPE", "VERSION", "KIND", "TITLE"], rows)
    if not found:
        raise typer.Exit(1)


@app.command()
def show(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="careplan.goals.commands.agree.v1")],
    json: AsJson = False,
    contracts: Folder = None,
) -> None:
    """Show one contract: its fields, who may, what it is refused with, and what it leads to.

    With --json the JSON Schema itself.
    """
    from shared.cli.contracts.listing import found, lines_of  # noqa: PLC0415 - slow

    one = found(contracts, type_)
    if json:
        as_json(dict(one.schema))
    else:
        typer.echo("\n".join(lines_of(one)))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The folder of contracts that you built against.")],
    new: Annotated[
        Path | None, typer.Argument(help="The newer folder; left out, that of this project.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Tell what is new, gone or changed between two folders of contracts.

    Exit 1 where something would break whoever built against the old one.
    """
    from shared.cli.contracts.listing import compared  # noqa: PLC0415 - slow

    changes = compared(old, new)
    if json:
        as_json(changes)
    else:
        for one in changes:
            said = "; ".join((*one["breaks"], *(f"adds {name}" for name in one["adds"])))
            typer.echo(f"{one['what']}: {one['type']}{': ' * bool(said)}{said}")
        if not changes:
            typer.echo("Nothing differs.")
    if any(one["breaks"] for one in changes):
        raise typer.Exit(1)


@app.command()
def validate(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="JSON files, or - for the standard input."),
    ],
    command: Annotated[
        str | None,
        typer.Option(
            help="The file is only the content of this command (careplan.goals.commands.agree.v1). "
            "Left out, a content is taken for that of the command in the file's path, or of the "
            "only one that it fits."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the report here too, as JUnit XML.")
    ] = None,
) -> None:
    """Check contributions, batches, or Kafka records with their keys and headers.

    Judged are the form, and the rules that hold whatever was there before, such as a list that must
    not be empty. Exit 1 where anything is wrong.
    """
    # Imported here: it loads much, and the other commands do not need it.
    from shared.contracts.validate import validate as judged  # noqa: PLC0415 - slow

    reports = {file: judged(bytes_of(file, 1), command, named=file) for file in files}
    if json:
        told = [{"file": file, **report.as_json()} for file, report in reports.items()]
        as_json(told[0] if len(told) == 1 else told)
    for file, report in reports.items() if not json else ():
        for fault in report.faults:
            # The pointer of the whole is empty; `/` would be that of a key without a name.
            pointer = fault.pointer or '""'
            typer.echo(f"{file}: {pointer}: {fault.code}: {fault.message}", err=True)
        if report.is_valid:
            typer.echo(f"{file}: the form of this {report.kind} is valid.")
        for note in report.notes:
            typer.echo(note)
        if not report.is_valid:
            typer.echo(f"{file}: the form of this {report.kind} is not valid.", err=True)
    if junit_file is not None:
        results = [
            junit.Result(report.kind, file, tuple(map(str, report.faults)))
            for file, report in reports.items()
        ]
        junit.write(junit_file, "careplan contract validate", results)
    if not all(report.is_valid for report in reports.values()):
        raise typer.Exit(1)
