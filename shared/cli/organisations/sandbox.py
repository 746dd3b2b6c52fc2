"""`careplan sandbox`: an organisation to try things out as, with plans of invented people."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
import typer

from shared.broker.registry import Registered
from shared.cli import running_stack
from shared.cli.asking import Stack, refuse
from shared.cli.organisations.administering import plainly, registrar, registry_of
from shared.cli.output import as_json, fail
from shared.cli.token import Signer, professional
from shared.ledger import instant

app = typer.Typer(help="An organisation of your own on a running stack, to try things out.")

PREFIX: Final = "x-sandbox-"
NAME: Final = "Sandbox (synthetic)"
_ROLE: Final = "gp"
_WHO: Final = "Dr Q. Sandbox-Synth"
_USAGE: Final = 2
_PEOPLE: Final = (
    ("Wilf", "Tarn-Synth", "1971-05-02"),
    ("Asha", "Moor-Synth", "1948-11-19"),
    ("Idris", "Fell-Synth", "2012-02-07"),
)


@app.callback(invoke_without_command=True)
def sandbox(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Make an organisation with topics, a user, a token, and the plans of three invented people.

    Everything that it needs is printed. `careplan sandbox end CODE` removes it.
    """
    if context.invoked_subcommand is not None:
        return
    found = running_stack.read(stack_dir)
    acting = registrar(found, stack_dir)
    one = Registered(f"{PREFIX}{secrets.token_hex(4)}", NAME)
    signer = Signer(found["issuer"]["iss"], Path(found["issuer"]["private_key"]))
    token = signer.sign(professional(one.code, _ROLE, _WHO, org_name=NAME))
    asking = Stack(stack_dir, token, (one.code, _ROLE, _WHO))
    # First what may fail for other reasons: nobody is let in of whom nobody would be told.
    plans = [_opened(asking, *person) for person in _PEOPLE]
    with plainly():
        acting.add(one)
    told: dict[str, Any] = {
        **running_stack.connection(found, one.code),
        "token": token,
        "plans": plans,
    }
    if json:
        as_json(told)
        return
    for name, value in told.items():
        typer.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")


@app.command()
def end(
    code: Annotated[str, typer.Argument(help="The code that `careplan sandbox` printed.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Remove a sandbox: its user, its topics and what they hold. Its plans stay in the ledger."""
    if not code.startswith(PREFIX):
        fail(f"CODE must be that of a sandbox, which begins with {PREFIX}.", _USAGE)
    found = running_stack.read(stack_dir)
    with plainly():
        is_there = code in registry_of(stack_dir).all()
        if is_there:
            registrar(found, stack_dir).remove(code)
    if json:
        as_json({"org": code, "ended": is_there})
    else:
        typer.echo(f"{code} is removed." if is_there else f"There is no {code}.")


def _opened(stack: Stack, first: str, family: str, born: str) -> str:
    """The id of the plan that was opened for one of them."""
    plan_id = str(uuid4())
    contribution = {
        "contribution_id": str(uuid4()),
        "plan_id": plan_id,
        "command": "careplan.person.commands.open-plan.v1",
        "content": {
            "name": {"first": first, "family": family},
            "date_of_birth": born,
            "nhs_number": {
                "verification": "none-with-reason",
                "reason": "An invented person of a sandbox",
            },
            "source": {"system": "other"},
        },
        "provenance": {
            "stated_by": {"kind": "professional", "name": _WHO, "role": _ROLE},
            "stated_at": instant(datetime.now(UTC)),
        },
    }
    refuse(stack.post("person", "/v1/contributions", orjson.dumps(contribution)))
    return plan_id
