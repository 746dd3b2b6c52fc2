"""The last words of `make run`: the addresses, and three requests to paste."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.example.plan import Sown
from deploy.local.processes.output import Terminal
from shared.cli.running_stack import DEFAULT_FOLDER, without_password

_OFFICER = "Nell Ward-Synth"


def addresses(
    terminal: Terminal, urls: Mapping[str, str], stack: Mapping[str, Any], seconds: float
) -> None:
    """Where everything is; the password of PostgreSQL stays in its file."""
    terminal.write(f"\nEverything is running, after {seconds:.1f} s:\n")
    for name, url in urls.items():
        terminal.write(f"  {name:<17} {url}")
    terminal.write(f"  {'PostgreSQL':<17} {without_password(stack['postgres']['url'])}")
    terminal.write(f"  {'Kafka':<17} {stack['kafka']['bootstrap']}")


def requests(terminal: Terminal, urls: Mapping[str, str], folder: Path, sown: Sown) -> None:
    """A request for the plan, its history and its audit records, each after a token for it."""
    plan = f"/v1/plans/{sown.plan_id}"
    records = f"/v1/audit/records?plan_id={sown.plan_id}"
    if "plan" in urls:
        terminal.write("\n# The plan of Edith Marlow-Synth, who is invented, and its history.")
        terminal.write(_export("TOKEN", folder, "care-coordinator", sown.reader))
        terminal.write(_curl("TOKEN", urls["plan"] + plan))
        terminal.write(_curl("TOKEN", f"{urls['plan']}{plan}/history"))
    if "audit" in urls:
        terminal.write("\n# Its audit records: who changed what, and what was refused.")
        terminal.write(_export("AUDIT_TOKEN", folder, "privacy-officer", _OFFICER))
        terminal.write(_curl("AUDIT_TOKEN", urls["audit"] + records))
    terminal.write("\nPaste them in another terminal, in this folder.")
    terminal.write(f"Tokens for anybody else: {_command()} token --help")


def _export(variable: str, folder: Path, role: str, name: str) -> str:
    words = [str(_command()), "token", "--org", "ZZG01", "--role", role, "--name", name]
    if folder != DEFAULT_FOLDER.absolute():
        words += ["--stack-dir", str(folder)]
    return f"export {variable}=$({shlex.join(words)})"


def _command() -> Path:
    """The command `careplan` beside this Python, as it is called from this folder."""
    command = Path(sys.executable).with_name("careplan")
    here = Path.cwd()
    return command.relative_to(here) if command.is_relative_to(here) else command


def _curl(variable: str, url: str) -> str:
    return f"curl -s -H \"Authorization: Bearer ${variable}\" '{url}'"
