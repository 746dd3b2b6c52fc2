"""The command `careplan`: its nouns, each in a module of its own."""

import typer

from shared.cli import contract, stack
from shared.cli.token import token

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Talks to a running care plan ledger through its doors.",
)
app.command()(token)
app.add_typer(contract.app, name="contract")
app.add_typer(stack.app, name="stack")

if __name__ == "__main__":
    app()
