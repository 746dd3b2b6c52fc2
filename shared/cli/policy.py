"""`careplan policy`: the rules of who may do what, and why somebody could or could not."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
import typer
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from shared.chassis.http.tokens.claims import contributor_of
from shared.chassis.http.tokens.signed import Unproven
from shared.chassis.policy.access import Doing, Proxy, Relationship
from shared.chassis.policy.decide import POLICY_VERSION, Action, Decision, Facts, decide
from shared.chassis.policy.known import KnownAccess, known_access
from shared.chassis.policy.rules import RULES, Caller
from shared.chassis.policy.sees import Sees
from shared.chassis.settings import USUAL_ROLES
from shared.cli.output import as_json, fail, table
from shared.contracts import discover
from shared.ledger import (
    Agent,
    CareTeamRef,
    Command,
    Contributor,
    OnBehalfOf,
    Organisation,
    Provenance,
    id_in,
    in_words,
)

app = typer.Typer(no_args_is_help=True, help="Show who may do what, and why.")

_NO_PLAN: Final = UUID(int=0)


@app.callback()
def policy() -> None:
    """Show who may do what, and why somebody could or could not."""


@app.command("table")
def whole_table(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Print every rule: who may do what, what that needs, for which purposes.

    What has no row is refused. Below stands each command, and who may use it.
    """
    commands = [
        {
            "command": command.type,
            "action": _action_of(command).value,
            "who": in_words(command.who, USUAL_ROLES),
        }
        for section in discover.sections()
        for command in section.commands.values()
    ]
    if json:
        rules = [
            {
                "caller": rule.caller.value,
                "action": rule.action.value,
                "needs": rule.needs.value,
                "purposes": sorted(rule.purposes),
                "in_words": rule.in_words,
            }
            for rule in RULES
        ]
        as_json({"policy_version": POLICY_VERSION, "rules": rules, "commands": commands})
        return
    typer.echo(f"Policy {POLICY_VERSION}. Whatever has no row is refused.\n")
    columns = ("WHO", "MAY", "WHERE THERE IS", "FOR", "IN OTHER WORDS")
    callers = list(Caller)
    ordered = sorted(RULES, key=lambda rule: callers.index(rule.caller))
    table(
        columns,
        [
            (
                *(rule.caller.value, rule.action.value, rule.needs.value),
                *(", ".join(sorted(rule.purposes)), rule.in_words),
            )
            for rule in ordered
        ],
    )
    typer.echo("")
    table(
        ("COMMAND", "MAY", "WHO MAY USE IT"),
        [(one["command"], one["action"], one["who"]) for one in commands],
    )


@app.command()
def explain(
    action: Annotated[
        str, typer.Argument(help="The type of a command, or read-plan, read-emergency, read-audit.")
    ],
    token: Annotated[str, typer.Option(help="Whose token it is; its signature is not asked.")] = "",
    org: Annotated[str, typer.Option(help="Somebody of this organisation, by its code.")] = "",
    role: Annotated[str, typer.Option(help="Their role.")] = "",
    system: Annotated[bool, typer.Option("--system", help="The organisation's system.")] = False,
    person: Annotated[bool, typer.Option("--person", help="The person themselves.")] = False,
    related_person: Annotated[
        str, typer.Option(metavar="SUB", help="Somebody close to the person, by their `sub`.")
    ] = "",
    plan: Annotated[str, typer.Option(help="The plan; left out, any.")] = "",
    purpose: Annotated[str, typer.Option(help="For what they read.")] = "",
    stated_by: Annotated[
        str, typer.Option(help="The kind of who said it, where somebody else recorded it.")
    ] = "",
    on_behalf_of: Annotated[
        str, typer.Option(metavar="PROXY_ID", help="The Proxy that the contribution names.")
    ] = "",
    relationship: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORG[:SECTION,…]", help="An organisation that has a relationship; repeatable."
        ),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(
            help="A file: a plan as it is read, or {relationships: […], proxies: […]}, each as the "
            "care team records it, with an `entry_id`, and who `stated_by` and `recorded_by` were."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say whether somebody could do this, by which rule, and what they would see.

    careplan policy explain read-plan --org ZZC01 --role nurse --relationship ZZC01:needs,goals
    """
    plan_id = _id(plan, "--plan") if plan else _NO_PLAN
    try:
        caller = _caller(token, org, role, related_person, plan_id, system=system, person=person)
        found = _known(relationship or [], facts, plan_id)
    except ValueError as error:
        fail(str(error), 2)
    command = _command(action)
    asked = Action(action) if command is None else _action_of(command)
    known = Facts(USUAL_ROLES, plan_id=plan_id, access=found.access)
    if command is not None:
        known = _contributing(known, command, caller, stated_by, on_behalf_of)
    decision = decide(caller, asked, known, purpose or None)
    told = _told(decision, found)
    if caller.organisation is not None:
        told["relationships"] = found.of_organisation(
            caller.organisation.code, known.at, known.section, contributing=command is not None
        )
    if json:
        as_json(told)
    else:
        typer.echo("Yes." if decision.allowed else f"No: {decision.code}. {decision.detail}")
        rows = [(name, orjson.dumps(of).decode()) for name, of in told.items() if of]
        table(("", ""), [row for row in rows if row[0] not in ("allowed", "code", "detail")])
    raise typer.Exit(0 if decision.allowed else 1)


def _caller(
    token: str,
    org: str,
    role: str,
    related: str,
    plan_id: UUID,
    *,
    system: bool,
    person: bool,
) -> Contributor:
    """Whoever is asked about; a ValueError says which option is wrong."""
    if sum(map(bool, (token, org, person, related))) != 1:
        raise ValueError("Give exactly one of --token, --org, --person and --related-person.")
    if token:
        try:
            return contributor_of(orjson.loads(extract_compact(token.encode()).payload))
        except (JoseError, Unproven, ValueError):
            raise ValueError("--token takes a token of the ledger, as it is sent.") from None
    if person:
        return Contributor("person", "the-person", plan_id=plan_id)
    if related:
        return Contributor("related-person", related, plan_id=plan_id)
    kind: Any = "system" if system else "professional"
    return Contributor(kind, f"somebody-of-{org}", None, role or None, Organisation.of(org))


def _known(relationships: list[str], facts: Path | None, plan_id: UUID) -> KnownAccess:
    """What the options say of the plan; a ValueError says what cannot be read."""
    try:
        return known_access(relationships, None if facts is None else facts.read_bytes(), plan_id)
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{facts} cannot be read ({type(error).__name__}).") from None


def _command(action: str) -> Command | None:
    for section in discover.sections():
        if action in section.commands:
            return section.commands[action]
    if action not in {one.value for one in Action if one.value.startswith("read-")}:
        fail(f"There is no command and no read of this name: {action}.", 2)
    return None


def _action_of(command: Command) -> Action:
    return Action.GAIN_ACCESS if command.gains_access else Action.CONTRIBUTE


def _contributing(
    facts: Facts, command: Command, caller: Contributor, stated_by: str, on_behalf_of: str
) -> Facts:
    said: Any = stated_by or caller.kind
    acting = None
    if on_behalf_of:
        acting = OnBehalfOf(proxy=CareTeamRef("care-team", _id(on_behalf_of, "--on-behalf-of")))
    by = caller.agent if not stated_by else Agent(said)
    return replace(
        facts,
        who=command.who,
        section=command.type.split(".")[1],
        doing=Doing.AGREE if command.entry.proxies_agree else Doing.CONTRIBUTE,
        provenance=Provenance(*(_NO_PLAN,) * 3, caller.agent, by, on_behalf_of=acting),
    )


def _id(text: str, option: str) -> UUID:
    found = id_in(text.lower())
    if found is None:
        fail(f"{option} takes a UUID, like 0199c0de-0000-7000-8000-0000000000a1.", 2)
    return found


def _told(decision: Decision, facts: KnownAccess) -> dict[str, Any]:
    by = decision.relationship
    entries: list[Relationship | Proxy] = [*facts.access.relationships, *facts.access.proxies]
    rests_on = None
    if by is not None:
        rests_on = next(
            (facts.told(one) for one in entries if one.entry_id == by.id),
            {"kind": by.kind, "self_claimed": by.self_claimed},
        )
    return {
        "allowed": decision.allowed,
        "code": decision.code,
        "detail": decision.detail or None,
        "rests_on": rests_on,
        "proxy": None if decision.proxy is None else str(decision.proxy.entry_id),
        "override": decision.override,
        "sees": None if decision.sees is None else _seen(decision.sees),
        "policy_version": decision.policy_version,
    }


def _seen(sees: Sees) -> dict[str, Any]:
    return {
        "as": sees.reader.value,
        "scopes": [
            {
                "sections": "all" if one.sections is None else sorted(one.sections),
                "labels": sorted(one.labels),
            }
            for one in sees.scopes
        ],
        "objected": sorted(sees.objected),
        "sex": sees.sex,
        "third_party": sees.third_party,
    }
