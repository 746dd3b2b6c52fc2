"""The output of the command: JSON for programs, tables for people, errors with an exit code."""

import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import orjson
import typer
from rich.console import Console

_CONTROLS: Final = re.compile("[\x7f-\x9f]")
"""Those that JSON does not escape by itself."""


def as_json(value: Any) -> None:
    """Writes indented JSON on stdout, in which nothing that was contributed steers a terminal."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    typer.echo(_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes a table on stdout, complete even in a narrow window or a pipe.

    No line ends in spaces, so a narrow window wraps as few lines as possible.
    """
    console = Console()
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        is_bold = row is columns and console.is_terminal and not console.no_color
        typer.echo(typer.style(line.rstrip(), bold=True) if is_bold else line.rstrip())


def fail(message: str, status: int = 1) -> NoReturn:
    """Says in one line what is wrong and what to do, and ends the command."""
    typer.echo(f"careplan: {message}", err=True)
    raise typer.Exit(status)
