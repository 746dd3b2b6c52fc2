"""`careplan plan`: one plan as it is or was, and how it came about."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from shared.cli import asking, running_stack
from shared.cli.asking import NAME, ORG, ROLE, Stack, refuse
from shared.cli.output import as_json, fail, table
from shared.ledger.names import id_in

app = typer.Typer(no_args_is_help=True, help="Read a plan of the running stack.")

PlanId = Annotated[str, typer.Argument(help="The id of the plan.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as it came.")]

_PAGE: Final = 200


@app.callback()
def plan() -> None:
    """Read a plan of the running stack. Each read is recorded, like any other."""


@app.command()
def show(
    plan_id: PlanId,
    as_at: Annotated[
        str, typer.Option(help="The plan at that instant, as 2026-11-14T15:05:00Z.")
    ] = "",
    basis: Annotated[
        str, typer.Option(help="By which clock, with --as-at: recorded, visible or effective.")
    ] = "",
    version: Annotated[int | None, typer.Option(min=1, help="The plan of that version.")] = None,
    section: Annotated[str, typer.Option(help="Only these, with commas between them.")] = "",
    include: Annotated[
        str, typer.Option(help="authorship, derived, findings, reviews; with commas between them.")
    ] = "",
    who: Annotated[bool, typer.Option("--who", help="Who said and recorded each entry.")] = False,
    token: asking.Token = "",
    org: asking.Org = ORG,
    role: asking.Role = ROLE,
    name: asking.Name = NAME,
    json: AsJson = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Show one plan: now, at an instant, or at a version."""
    asked = {
        "as_at": as_at,
        "basis": basis,
        "version": str(version or ""),
        "section": section,
        "include": include,
    }
    _judge(plan_id)
    stack = Stack(stack_dir, token, (org, role, name))
    given = {key: value for key, value in asked.items() if value}
    answer = stack.get("plan", f"/v1/plans/{plan_id}", **given)
    refuse(answer)
    if json:
        as_json(answer.told)
        return
    told = answer.told
    typer.echo(f"Plan {told['plan_id']}, version {told['plan_version']}, {told['state']}")
    for wire_name, entries in told["sections"].items():
        typer.echo(f"\n{wire_name}")
        for entry in entries:
            _show_entry(entry, who=who)
    for withheld in told.get("withheld") or ():
        typer.echo(f"\n{withheld['section']}: {withheld['entries']} withheld")
    for finding in told.get("findings") or ():
        typer.echo(f"\n{finding['code']}: {_plain(finding['words'])}")


@app.command()
def history(
    plan_id: PlanId,
    limit: Annotated[int, typer.Option(min=1, help="How many contributions, newest first.")] = 50,
    token: asking.Token = "",
    org: asking.Org = ORG,
    role: asking.Role = ROLE,
    name: asking.Name = NAME,
    json: AsJson = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """List the contributions to one plan, newest first."""
    _judge(plan_id)
    stack = Stack(stack_dir, token, (org, role, name))
    items = list(_pages(stack, plan_id, limit))
    if json:
        as_json(items)
        return
    rows = [
        [
            str(item.get("recorded_at", ""))[:19],
            ", ".join(map(str, item["plan_versions"])),
            "withheld" if item.get("withheld") else item["section"],
            ", ".join(event["type"].split(".", 2)[-1] for event in item.get("events", ())),
            _who(item.get("stated_by")),
            _who(item.get("by")),
        ]
        for item in items
    ]
    table(["RECORDED", "VERSION", "SECTION", "EVENT", "STATED BY", "RECORDED BY"], rows)


def _judge(plan_id: str) -> None:
    """Ends the command for what is no id: it would be another address."""
    if id_in(plan_id) is None:
        fail("The id of a plan is a UUID in lower case.", 2)


def _pages(stack: Stack, plan_id: str, limit: int) -> Iterator[dict[str, Any]]:
    cursor = ""
    while limit > 0:
        asked = {"limit": str(min(limit, _PAGE)), **({"cursor": cursor} if cursor else {})}
        answer = stack.get("plan", f"/v1/plans/{plan_id}/history", **asked)
        refuse(answer)
        yield from answer.told["items"]
        limit -= len(answer.told["items"])
        cursor = answer.told["next"] or ""
        if not cursor:
            return


def _show_entry(entry: Mapping[str, Any], *, who: bool) -> None:
    state = f"{entry['entry_type']} {entry['entry_id']}, version {entry['entry_version']}"
    typer.echo(f"  {state}, {entry['state']}")
    for path, value in _leaves(entry["content"]):
        typer.echo(f"    {_plain(path)}: {value}")
    if who:
        typer.echo(f"    stated by {_who(entry.get('stated_by'))}, {entry.get('stated_at')}")
        typer.echo(f"    recorded by {_who(entry.get('by'))}, {entry.get('recorded_at')}")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each text, number and truth value of a content, with where it stands."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        yield path, _plain(str(value))
        return
    for name, one in value.items():
        yield from _leaves(one, f"{path}.{name}" if path else str(name))


def _plain(text: str) -> str:
    """What was contributed never steers a terminal: what is no text of a line is escaped."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _who(party: Mapping[str, Any] | None) -> str:
    if not party:
        return ""
    organisation = party.get("organisation") or {}
    code = organisation.get("ods") or organisation.get("local_id") or ""
    parts = (party.get("name") or party.get("kind"), party.get("role"), code)
    return _plain(", ".join(str(part) for part in parts if part))
