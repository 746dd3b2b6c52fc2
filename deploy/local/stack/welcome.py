"""The last words of `make run`: the addresses, and requests to paste."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.examples.story import Somebody, Story
from deploy.local.processes.output import Terminal
from shared.cli.running_stack import DEFAULT_FOLDER, without_password

_VIEWER = "viewer"
_OFFICER = "Nell Ward-Synth"


def addresses(
    terminal: Terminal, urls: Mapping[str, str], stack: Mapping[str, Any], seconds: float
) -> None:
    """Where everything is; the password of PostgreSQL stays in its file."""
    terminal.write(f"\nEverything is running, after {seconds:.1f} s:\n")
    if _VIEWER in urls:
        terminal.write(f"  Open {urls[_VIEWER]} and sign in as one of the example people.\n")
    for name, url in urls.items():
        terminal.write(f"  {name:<17} {url}")
    terminal.write(f"  {'PostgreSQL':<17} {without_password(stack['postgres']['url'])}")
    terminal.write(f"  {'Kafka':<17} {stack['kafka']['bootstrap']}")


def requests(
    terminal: Terminal, urls: Mapping[str, str], folder: Path, stories: Sequence[Story]
) -> None:
    """A request for the first plan, its history and its audit records, and one for each other."""
    if not stories:
        return
    first, *others = stories
    plan, reader = f"/v1/plans/{first.plan_id}", first.reader
    officer = Somebody(
        "officer", _OFFICER, role="privacy-officer", organisation=reader.organisation
    )
    if "plan" in urls:
        terminal.write(f"\n# {first.about}: the plan of {_name(first)}, who is invented.")
        terminal.write(f"export TOKEN=$({_token(folder, reader)})")
        terminal.write(f"export PLAN={first.plan_id}")
        terminal.write(_curl("$TOKEN", urls["plan"] + plan))
        terminal.write(_curl("$TOKEN", f"{urls['plan']}{plan}/history"))
    if "audit" in urls:
        terminal.write("\n# Its audit records: who changed what, and what was refused.")
        terminal.write(f"export AUDIT_TOKEN=$({_token(folder, officer)})")
        records = f"/v1/audit/records?plan_id={first.plan_id}"
        terminal.write(_curl("$AUDIT_TOKEN", urls["audit"] + records))
    for story in others if "plan" in urls else ():
        terminal.write(f"\n# {story.about}: {_name(story)}'s plan, and {story.look['what']}.")
        url = f"{urls['plan']}/v1/plans/{story.plan_id}{story.look['path']}"
        terminal.write(_curl(f"$({_token(folder, story.reader)})", url))
    terminal.write("\nPaste them in another terminal, in this folder.")
    terminal.write(f"Tokens for anybody else: {_command()} token --help")


def _name(story: Story) -> str:
    return story.people[story.person].name


def _token(folder: Path, who: Somebody) -> str:
    words = [str(_command()), "token", "--org", who.code, "--role", who.role, "--name", who.name]
    if folder != DEFAULT_FOLDER.absolute():
        words += ["--stack-dir", str(folder)]
    return shlex.join(words)


def _command() -> Path:
    """The command `careplan` beside this Python, as it is called from this folder."""
    command = Path(sys.executable).with_name("careplan")
    here = Path.cwd()
    return command.relative_to(here) if command.is_relative_to(here) else command


def _curl(token: str, url: str) -> str:
    return f"curl -s -H \"Authorization: Bearer {token}\" '{url}'"
