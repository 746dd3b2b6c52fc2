"""`careplan stack`: shows what is running, and how well."""

from typing import Annotated, Any

import httpx
import typer

from shared.broker.access import BrokerAccess
from shared.broker.rights import ADMIN
from shared.cli import running_stack, servers
from shared.cli.output import as_json, table
from shared.cli.readiness import every_part_ready, lag

app = typer.Typer(no_args_is_help=True, help="The development stack.")


@app.callback()
def stack() -> None:
    """The development stack."""


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Show readiness, lag and version of each server and service; exit code 1 unless all are ready.

    Passwords are not shown: they are in the stack's folder.
    """
    found = running_stack.read(stack_dir)
    postgres, kafka = servers.asked(
        found["postgres"]["url"], BrokerAccess.of_stack(found["kafka"], ADMIN)
    )
    shown_url = running_stack.without_password(found["postgres"]["url"])
    told = {
        **found,
        "postgres": {**found["postgres"], "url": shown_url, **postgres},
        "kafka": {**found["kafka"], **kafka},
        "services": {name: _asked(service) for name, service in found["services"].items()},
    }
    everything = [told["postgres"], told["kafka"], *told["services"].values()]
    if json:
        as_json(told)
    else:
        _show(told)
    if not all(one["ready"] for one in everything):
        raise typer.Exit(1)


@app.command()
def connection(
    org: Annotated[str, typer.Argument(help="The organisation, as ZZG01 or x-harbour-homes.")],
    certificate: Annotated[
        bool, typer.Option("--certificate", help="By its certificate, in place of a password.")
    ] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Print what a client needs to reach an organisation's inbox, as JSON.

    The clients in contracts/clients read it. Where the broker asks for a user it has their
    password: keep it like one.
    """
    found = running_stack.read(stack_dir)
    as_json(running_stack.connection(found, org, by_certificate=certificate))


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    try:
        readiness = httpx.get(f"{told['url']}/readyz", timeout=3, trust_env=False).json()
        parts = {name: dict(part) for name, part in readiness.get("parts", {}).items()}
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, AttributeError) as error:
        return {**told, "ready": False, "error": type(error).__name__, "parts": {}}
    return {
        **told,
        "ready": every_part_ready(readiness),
        "door": bool(readiness.get("ready")),
        "version": readiness.get("version"),
        "lag": lag(readiness),
        "parts": parts,
    }


def _show(told: dict[str, Any]) -> None:
    addresses = {
        "postgres": (told["postgres"], told["postgres"]["url"]),
        "kafka": (told["kafka"], told["kafka"]["bootstrap"]),
        **{name: (service, service["url"]) for name, service in told["services"].items()},
    }
    rows = [
        [
            name,
            "yes" if one["ready"] else f"no: {_missing(one)}",
            str(one.get("pid") or ""),
            "" if one.get("lag") is None else str(one["lag"]),
            str(one.get("version") or ""),
            address,
        ]
        for name, (one, address) in addresses.items()
    ]
    table(["name", "ready", "pid", "lag", "version", "address"], rows)


def _missing(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"no answer ({one['error']})"
    parts = [name for name, part in one.get("parts", {}).items() if not part.get("ready")]
    return ", ".join(parts) or "starting"
