"""`careplan contribute`: sends what a file holds, and says what came back."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from shared.cli import asking, running_stack
from shared.cli.asking import NAME, ORG, ROLE, Stack
from shared.cli.output import as_json, fail


def contribute(
    file: Annotated[
        str, typer.Argument(help="A contribution or a batch as JSON, or - for the standard input.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Ask what the receipt would be, and record nothing.")
    ] = False,
    token: asking.Token = "",
    org: asking.Org = ORG,
    role: asking.Role = ROLE,
    name: asking.Name = NAME,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Send a contribution, or a batch of one section, to the running stack.

    Sent again, the same file gets the same receipt. With an empty --role the sender is a system of
    the organisation. Exit 0 where all was accepted, 1 where anything was refused or nobody
    answered, 2 where the file cannot be sent at all.
    """
    body = bytes_of(file)
    section = _section_in(body, file)
    stack = Stack(stack_dir, token, (org, role, name))
    path = "/v1/contributions:validate" if check else "/v1/contributions"
    answer = stack.post(section, path, body)
    receipts = answer.told.get("receipts", [answer.told])
    if json:
        as_json(answer.told)
    else:
        for one in receipts:
            typer.echo(_said(one), err=not _is_accepted(one))
    if not all(map(_is_accepted, receipts)):
        raise typer.Exit(1)


def bytes_of(file: str, status: int = 2) -> bytes:
    """What a file holds, or the standard input; ends the command where it cannot be read."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        fail(
            f"{file} cannot be read ({reason}). Name a JSON file, or - for the standard input.",
            status,
        )


def _section_in(body: bytes, file: str) -> str:
    """The section that the command names; what else is wrong with the body, the section says."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        fail(f"{file} is not JSON.", 2)
    if isinstance(given, dict) and isinstance(given.get("contributions"), list):
        given = next(iter(given["contributions"]), None)
    command = given.get("command") if isinstance(given, dict) else None
    parts = command.split(".") if isinstance(command, str) else []
    if parts[:1] != ["careplan"] or parts[2:3] != ["commands"]:
        fail(
            f"{file} names no command. A contribution has `command`, as "
            "careplan.goals.commands.agree.v1; `careplan contract list` has all.",
            2,
        )
    return str(parts[1])


def _is_accepted(told: dict[str, Any]) -> bool:
    return told.get("outcome") == "accepted"


def _said(told: dict[str, Any]) -> str:
    """One line of what became of it."""
    receipt = told.get("receipt", told)
    if _is_accepted(receipt):
        events = ", ".join(event["type"] for event in receipt["events"])
        would = "would be accepted" if receipt.get("stored") is False else "accepted"
        version = (
            f"{receipt['section']} {receipt['entry_id']} at version {receipt['entry_version']}"
        )
        return f"{would}: {version}, plan {receipt['plan_id']} ({events})"
    places = "".join(f"\n  {one['pointer']}: {one['message']}" for one in told.get("errors") or ())
    again = " Send the very same again." if told.get("retryable") else ""
    status = f" ({told['status']})" if "status" in told else ""
    return f"refused: {told.get('code')}{status}: {told.get('detail', '')}{again}{places}"
