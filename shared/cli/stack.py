"""`careplan stack`: what runs, and how well."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from shared.cli import running_stack
from shared.cli.output import as_json, table
from shared.cli.readiness import every_part_ready, lag

app = typer.Typer(no_args_is_help=True, help="The development stack.")


@app.callback()
def stack() -> None:
    """The development stack."""


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    stack_dir: running_stack.StackDir = Path(".stack"),
) -> None:
    """Readiness, lag and version of every service; status 1 unless all are ready."""
    found = running_stack.read(stack_dir)
    services = {name: _asked(told) for name, told in found["services"].items()}
    if json:
        as_json({**found, "services": services})
    else:
        _show(found, services)
    if not services or not all(service["ready"] for service in services.values()):
        raise typer.Exit(1)


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    try:
        readiness = httpx.get(f"{told['url']}/readyz", timeout=3, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        return {**told, "ready": False, "error": type(error).__name__, "parts": {}}
    return {
        **told,
        "ready": every_part_ready(readiness),
        "door": bool(readiness.get("ready")),
        "version": readiness.get("version"),
        "lag": lag(readiness),
        "parts": readiness.get("parts", {}),
    }


def _show(found: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    rows = [
        ["postgres", "", str(found["postgres"].get("pid") or ""), "", "", found["postgres"]["url"]],
        ["kafka", "", str(found["kafka"].get("pid") or ""), "", "", found["kafka"]["bootstrap"]],
    ]
    for name, service in services.items():
        behind = service.get("lag")
        rows.append(
            [
                name,
                "yes" if service["ready"] else f"no: {_missing(service)}",
                str(service.get("pid") or ""),
                "" if behind is None else str(behind),
                service.get("version") or "",
                service["url"],
            ]
        )
    table(["service", "ready", "pid", "lag", "version", "address"], rows)


def _missing(service: dict[str, Any]) -> str:
    if "error" in service:
        return str(service["error"])
    parts = [name for name, part in service["parts"].items() if not part.get("ready")]
    return ", ".join(parts) or "door"
