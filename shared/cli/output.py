"""How the command speaks: JSON for programs, tables for people, errors on stderr with a status."""

from collections.abc import Sequence
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table


def as_json(value: Any) -> None:
    """Writes indented JSON on stdout."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes a table on stdout, as wide as its content where nobody looks at it."""
    console = Console()
    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*row)
    console.print(drawn, soft_wrap=not console.is_terminal)


def fail(message: str, status: int = 1) -> NoReturn:
    """Says in one line what is wrong and ends the command."""
    typer.echo(f"careplan: {message}", err=True)
    raise typer.Exit(status)
