"""`careplan dead-letters`: what services of the stack could not read, and what becomes of it."""

from collections.abc import Iterator, Sequence
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from shared.cli import running_stack
from shared.cli.asking import NoAnswer, Stack, refuse
from shared.cli.output import as_json, fail, table
from shared.ledger.names import id_in

app = typer.Typer(no_args_is_help=True, help="Look at what could not be read, and settle it.")

_PAGE: Final = 200
_LEVELS: Final = ("none", "masked", "limited", "full")
_WAYS: Final = {"retry": "retried", "return": "returned", "discard": "discarded"}

_Id = Annotated[str, typer.Argument(help="The id of the dead letter, as `list` shows it.")]
_Service = Annotated[str, typer.Option(help="The service that has it; left out, all are asked.")]
_Reason = Annotated[str, typer.Option(help="Why you do it: it is recorded with your name.")]
_Token = Annotated[
    str,
    typer.Option(
        envvar="CAREPLAN_TOKEN",
        help="An operator's token; left out, one of the development stack is signed.",
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@app.callback()
def dead_letters() -> None:
    """Look at dead letters of the running stack, retry, return or discard them.

    Every look and every act is recorded for the audit. It needs the role `operator`.
    """


@app.command("list")
def list_letters(
    service: _Service = "",
    state: Annotated[
        str, typer.Option(help="held, retried, returned or discarded; all of them with --state ''.")
    ] = "held",
    organisation: Annotated[str, typer.Option(help="Only what this organisation sent.")] = "",
    token: _Token = "",
    json: _Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """List dead letters, the oldest of each service first; nothing of what they say.

    Exit 1 where a service does not say what it has; the others are listed all the same.
    """
    asked = {
        name: text for name, text in (("state", state), ("organisation", organisation)) if text
    }
    found: list[dict[str, Any]] = []
    missing: list[str] = []
    for door in _doors(stack_dir, token, service):
        try:
            found += [{"service": door.service, **item} for item in door.all(asked)]
        except NoAnswer as silent:
            missing.append(str(silent))
    if json:
        as_json(found)
    elif found:
        _show(found)
    elif not missing:
        typer.echo("There are none.")
    if missing:
        fail(f"not listed is what these services have. {' '.join(missing)}")


def _show(found: Sequence[dict[str, Any]]) -> None:
    table(
        ("SERVICE", "ID", "SINCE", "FROM", "TYPE", "STATE", "WHY"),
        [
            (
                *(one["service"], one["dead_letter_id"], one["at"][:19]),
                *(one["organisation"] or one["topic"], one["type"] or "", one["state"]),
                f"{one['code']}: {one['reason']}",
            )
            for one in found
        ],
    )


@app.command()
def show(
    dead_letter_id: _Id,
    level: Annotated[
        str, typer.Option(help="none, masked (each text as its length), limited, or full.")
    ] = "masked",
    service: _Service = "",
    token: _Token = "",
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Print one dead letter as JSON, masked unless --level asks for more of it."""
    if level not in _LEVELS:
        fail(f"--level is one of {', '.join(_LEVELS)}.", 2)
    as_json(_ask_each(stack_dir, token, service, "GET", dead_letter_id, params={"level": level}))


@app.command()
def retry(
    dead_letter_id: _Id,
    reason: _Reason,
    service: _Service = "",
    token: _Token = "",
    json: _Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Hand it to its consumer again; exit 1 where it still cannot be read, and is held."""
    _act(stack_dir, token, service, dead_letter_id, "retry", reason, json)


@app.command("return")
def give_back(
    dead_letter_id: _Id,
    reason: _Reason,
    service: _Service = "",
    token: _Token = "",
    json: _Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Send its refusal once more to the organisation that sent it, to put it right."""
    _act(stack_dir, token, service, dead_letter_id, "return", reason, json)


@app.command()
def discard(
    dead_letter_id: _Id,
    reason: _Reason,
    service: _Service = "",
    token: _Token = "",
    json: _Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Let it be: nothing is done with it, and it is listed as discarded."""
    _act(stack_dir, token, service, dead_letter_id, "discard", reason, json)


class _Door:
    """The operators' door of one service."""

    def __init__(self, stack: Stack, service: str) -> None:
        self._stack = stack
        self.service = service

    def all(self, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
        """Every item, page by page."""
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = self.ask("GET", "", params={**asked, **more, "limit": str(_PAGE)}) or {}
            yield from page.get("items", ())
            cursor = page.get("next")
            if cursor is None:
                return

    def ask(self, method: str, path: str, **others: Any) -> dict[str, Any] | None:
        """What it answers; ``None`` for a letter that it does not have.

        ``NoAnswer`` where it cannot say; what it refuses ends the command.
        """
        answer = self._stack.asked(
            method,
            self.service,
            f"/v1/ops/dead-letters{path}",
            headers={"Ledger-Purpose": "support"},
            **others,
        )
        if answer.told.get("code") == "dead-letter-unknown":
            return None
        if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise NoAnswer(f"The service {self.service}: {answer.problem}")
        refuse(answer)
        return answer.told


def _doors(stack_dir: Path, token: str, service: str) -> list[_Door]:
    stack = Stack(stack_dir, token, ("ZZG01", "operator", getuser()))
    services = [name for name in stack.services if name != "viewer"]
    named = service.replace("-", "_")
    if named and named not in services:
        fail(f"--service is one of {', '.join(services)}.", 2)
    return [_Door(stack, name) for name in services if not named or name == named]


def _ask_each(
    stack_dir: Path, token: str, service: str, method: str, given: str, **others: Any
) -> dict[str, Any]:
    name, _, act = given.partition(":")
    if id_in(name) is None:
        fail("The id of a dead letter is a UUID in lower case, as `list` shows it.", 2)
    path = f"/{name}:{act}" if act else f"/{name}"
    missing: list[str] = []
    for door in _doors(stack_dir, token, service):
        try:
            told = door.ask(method, path, **others)
        except NoAnswer as silent:
            missing.append(str(silent))
            continue
        if told is not None:
            return {"service": door.service, **told}
    if missing:
        fail(f"No service that answers has this dead letter. {' '.join(missing)}")
    return fail("No service has this dead letter, or it is not kept any more.")


def _act(
    stack_dir: Path, token: str, service: str, given: str, what: str, reason: str, json: bool
) -> None:
    told = _ask_each(stack_dir, token, service, "POST", f"{given}:{what}", json={"reason": reason})
    if json:
        as_json(told)
    is_done = told["state"] == _WAYS[what]
    if not json and is_done:
        typer.echo(f"{given}: {told['state']}.")
    if not is_done:
        if not json:
            typer.echo(f"{given}: still held. {told['code']}: {told['reason']}", err=True)
        raise typer.Exit(1)
