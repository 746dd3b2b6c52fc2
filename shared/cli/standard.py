"""`careplan standard`: what the standard asks for, and what carries or lacks it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from shared.cli import running_stack
from shared.cli.asking import Stack, refuse
from shared.cli.output import as_json, fail, table
from shared.ledger.names import id_in

app = typer.Typer(
    no_args_is_help=True, help="Hold the ledger against the standard for care plans, DAPB4022."
)


@app.callback()
def standard() -> None:
    """Hold the declarations, or one plan, against the Personalised Care and Support Plan 2.0.

    Its number in England is DAPB4022.
    """


@app.command()
def coverage(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only the elements that nothing carries.")
    ] = False,
) -> None:
    """Show which entry and field carries each of the 287 elements; exit 1 where one has none.

    Beside it stand the commands that set it, those that create first: `goals/agree` is
    careplan.goals.commands.agree.v1. What stands in a provenance goes with these commands; what is
    derived has none.
    """
    # Imported here: it loads every section, and the other commands do not need them.
    from shared.standard.declared import declared_coverage  # noqa: PLC0415 - slow

    found = declared_coverage()
    lacking = {one.path for one in found.missing}
    shown = [one for one in found.elements if not missing or one.path in lacking]
    if json:
        as_json(
            [
                {
                    "element": one.path,
                    "cardinality": one.cardinality,
                    "duty": one.duty,
                    "type": one.type,
                    "carried_by": found.carriers[one.path],
                    "set_by": found.commands[one.path],
                }
                for one in shown
            ]
        )
    else:
        if shown:
            table(
                ("ELEMENT", "HOW OFTEN", "DUTY", "CARRIED BY", "SET BY"),
                [
                    (
                        "  " * one.depth + one.name,
                        one.cardinality,
                        one.duty,
                        ", ".join(found.carriers[one.path]) or "nothing",
                        ", ".join(map(_short, found.commands[one.path])),
                    )
                    for one in shown
                ],
            )
        total = len(found.elements)
        typer.echo(f"{total - len(lacking)} of {total} elements are carried.")
    if lacking:
        raise typer.Exit(1)


@app.command()
def check(
    plan: Annotated[str, typer.Argument(help="The id of a plan of the running stack, or a file.")],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Hold one plan against the standard; exit 1 where it could not be sent.

    A plan of the stack is read as Dr A. Quill-Synth, a GP of ZZG01, and the read is recorded: ZZG01
    needs a live relationship with the person. For any other plan, read it with a token of your own
    and give the file. It holds the answer of GET /v1/plans/{plan_id}, best with
    ?include=derived,authorship,findings, without which less can be checked.
    """
    # Imported here: it loads every section, and the other commands do not need them.
    from shared.standard.check import check as checked  # noqa: PLC0415 - slow
    from shared.standard.declared import declared_coverage, findings_in  # noqa: PLC0415 - slow

    document = _of_the_stack(plan, stack_dir) if id_in(plan) is not None else _in_a_file(plan)
    found = checked(document, declared_coverage())
    findings = findings_in(document, datetime.now(UTC))
    if json:
        as_json(
            {
                "plan_id": document.get("plan_id"),
                "sendable": found.is_sendable,
                "held": [one.path for one in found.held],
                "not_recorded": [one.path for one in found.not_recorded],
                "mandatory_missing": [one.path for one in found.mandatory_missing],
                "findings": findings,
                "criteria": [vars(one) for one in found.criteria],
            }
        )
    else:
        _say(found, findings)
    if not found.is_sendable:
        raise typer.Exit(1)


@app.command()
def export(
    plan: Annotated[str, typer.Argument(help="The id of a plan of the running stack, or a file.")],
    org: Annotated[str, typer.Option(help="The organisation of whoever exports it.")] = "ZZG01",
    role: Annotated[str, typer.Option(help="The role of whoever exports it.")] = "gp",
    name: Annotated[str, typer.Option(help="Their name.")] = "Dr A. Quill-Synth",
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Print one plan in the standard's own shape, by its names and within its limits.

    Whatever had to be shortened or left out is told beside the document, with the whole text. A
    plan of the stack is read as the professional whom --org, --role and --name say, and the read is
    recorded: their organisation needs a live relationship with the person. For any other plan, read
    it with a token of your own and give the file, which holds the answer of
    GET /v1/plans/{plan_id}?include=derived,authorship. Exit 1 where the plan lacks a mandatory
    element.
    """
    # Imported here: it loads every section, and the other commands do not need them.
    from shared.standard.check import check as checked  # noqa: PLC0415 - slow
    from shared.standard.declared import (  # noqa: PLC0415 - slow
        declared_code_lists,
        declared_coverage,
    )
    from shared.standard.export import STANDARD, exported  # noqa: PLC0415 - slow

    if id_in(plan) is not None:
        document = _of_the_stack(plan, stack_dir, "derived,authorship", (org, role, name))
    else:
        document = _in_a_file(plan)
    if not isinstance(document.get("derived"), dict):
        fail(f"{plan} has no `derived`: read the plan with ?include=derived,authorship.")
    found = checked(document, declared_coverage())
    if not found.is_sendable:
        missing = "; ".join(one.path for one in found.mandatory_missing)
        fail(
            f"the plan cannot be sent as {STANDARD['reference']}. Missing, or withheld: {missing}."
        )
    told = exported(document, declared_coverage(), declared_code_lists())
    as_json(
        {
            "standard": STANDARD,
            "plan_id": document.get("plan_id"),
            "plan_version": document.get("plan_version"),
            "complete": document.get("complete"),
            "document": told.document,
            "shortened": told.shortened,
            "left_out": told.left_out,
            "withheld": document.get("withheld") or [],
            "findings": told.findings,
        }
    )


def _short(command: str) -> str:
    """A command as a table has room for it: ``goals/agree``."""
    _, section, _, name, _ = command.split(".")
    return f"{section}/{name}"


def _say(found: Any, findings: list[dict[str, Any]]) -> None:
    total = len(found.held) + len(found.not_recorded)
    typer.echo(f"{len(found.held)} of {total} elements have a value.")
    if found.is_sendable:
        typer.echo("Every mandatory element is there: the plan can be sent.")
    else:
        typer.echo("The plan cannot be sent. These mandatory elements are missing:")
        for one in found.mandatory_missing:
            typer.echo(f"  {one.path}")
    typer.echo("NHS England's five criteria:")
    for one in found.criteria:
        typer.echo(f"  {one.number} {'met    ' if one.is_met else 'not met'}  {one.words}")
    typer.echo(f"Findings: {len(findings) or 'none'}")
    if findings:
        table(
            ("CODE", "RULE", "ABOUT", "SAYS"),
            [
                (
                    one["code"],
                    one["rule"],
                    ", ".join(dict.fromkeys(map(_place, one["entries"]))),
                    one["words"],
                )
                for one in findings
            ],
        )


def _place(concerned: dict[str, Any]) -> str:
    """The entry that a finding is about, and the field of it: ``goals 0199… aim``."""
    names = ("section", "entry_id", "field")
    return " ".join(str(concerned[name]) for name in names if concerned.get(name))


def _of_the_stack(
    plan_id: str,
    stack_dir: Path,
    include: str = "derived,authorship,findings",
    who: tuple[str, str, str] = ("ZZG01", "gp", "Dr A. Quill-Synth"),
) -> dict[str, Any]:
    answer = Stack(stack_dir, "", who).get("plan", f"/v1/plans/{plan_id}", include=include)
    refuse(answer)
    return answer.told


def _in_a_file(path: str) -> dict[str, Any]:
    try:
        content = orjson.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        fail(f"{path} is no plan's id, and no file with a plan ({type(error).__name__}).")
    if not (isinstance(content, dict) and isinstance(content.get("sections"), dict)):
        fail(f"{path} does not hold a plan: GET /v1/plans/{{plan_id}} gives one.")
    return content
