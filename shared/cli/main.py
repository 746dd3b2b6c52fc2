"""The command `careplan`: each of its subcommands is a module of its own."""

import os
import signal
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shared.cli import policy, stack, standard, verify
from shared.cli.contracts import commands as contract
from shared.cli.organisations import org, sandbox
from shared.cli.plans import plan
from shared.cli.plans.conformance import conformance
from shared.cli.plans.contribute import contribute
from shared.cli.services import contribution, dead_letters, projection
from shared.cli.services.audit import commands as audit
from shared.cli.token import token
from shared.cli.witness import witness


class _Commands(TyperGroup):
    """Ends as other commands do where nobody reads on: `careplan standard coverage | head`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still held has nowhere to go when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(128 + signal.SIGPIPE) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"careplan {version('careplan-ledger')}")
        raise typer.Exit


@app.callback()
def careplan(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Check contributions, plans and rights, ask the audit, and look after a stack."""


@app.command(
    "verify",
    # It has its own reader of arguments, so that it can run without this project.
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def verify_files(context: typer.Context) -> None:
    """Check what the audit log proves, from files alone (--help lists what)."""
    raise typer.Exit(verify.main(context.args))


app.command()(conformance)
app.command()(contribute)
app.command()(token)
app.command()(witness)
app.add_typer(audit.app, name="audit")
app.add_typer(contract.app, name="contract")
app.add_typer(contribution.app, name="contribution")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(plan.app, name="plan")
app.add_typer(org.app, name="org")
app.add_typer(policy.app, name="policy")
app.add_typer(projection.app, name="projection")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(stack.app, name="stack")
app.add_typer(standard.app, name="standard")

if __name__ == "__main__":
    app()
