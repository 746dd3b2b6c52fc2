"""`careplan standard`: what the standard asks for, and what carries or lacks it."""

from typing import Annotated

import typer

from shared.cli.output import as_json, table

app = typer.Typer(no_args_is_help=True, help="Hold the ledger against DAPB4022.")


@app.callback()
def standard() -> None:
    """Hold the declarations, or one plan, against DAPB4022 (PCSP 2.0)."""


@app.command()
def coverage(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only the elements that nothing carries.")
    ] = False,
) -> None:
    """Show which entry and field carries each of the 287 elements; exit 1 where one has none."""
    # Imported here: it loads every section, and the other commands do not need them.
    from shared.standard.declared import declared_coverage  # noqa: PLC0415 - slow

    found = declared_coverage()
    lacking = {one.path for one in found.missing}
    shown = [one for one in found.elements if not missing or one.path in lacking]
    if json:
        as_json(
            [
                {
                    "element": one.path,
                    "cardinality": one.cardinality,
                    "duty": one.duty,
                    "type": one.type,
                    "carried_by": found.carriers[one.path],
                }
                for one in shown
            ]
        )
    else:
        if shown:
            table(
                ("ELEMENT", "HOW OFTEN", "DUTY", "CARRIED BY"),
                [
                    (
                        "  " * one.depth + one.name,
                        one.cardinality,
                        one.duty,
                        ", ".join(found.carriers[one.path]) or "nothing",
                    )
                    for one in shown
                ],
            )
        total = len(found.elements)
        typer.echo(f"{total - len(lacking)} of {total} elements are carried.")
    if lacking:
        raise typer.Exit(1)
