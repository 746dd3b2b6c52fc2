"""`careplan org`: lets organisations in at the broker of a running stack, and cuts them off."""

import re
from typing import Annotated, Any, Final

import typer
from joserfc.errors import JoseError

from shared.broker.keys.signing import SigningKey
from shared.broker.registry import USUAL_QUOTA, Registered
from shared.broker.rights import SUPER_USERS
from shared.cli import running_stack
from shared.cli.organisations.administering import plainly, registrar, registry_of
from shared.cli.output import as_json, fail, table
from shared.ledger.names import ORGANISATION_CODE, ROLE
from shared.ledger.topics import inbox_topic, receipts_topic

app = typer.Typer(no_args_is_help=True, help="Let organisations in at the broker, or cut them off.")

_USAGE: Final = 2
_LONGEST_NAME: Final = 200
_LONGEST_KEY: Final = 8_192

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Code = Annotated[str, typer.Argument(help="An ODS code, or x-… in lower case.")]
TopicName = Annotated[str, typer.Argument(help="A topic of events, or of the plan's changes.")]


@app.command()
def add(
    code: Code,
    name: Annotated[str, typer.Option("--name", help="Its name, as people know it.")],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="A service role of its inbox, as registration-service."),
    ] = None,
    quota: Annotated[
        int, typer.Option("--quota", min=1_024, help="Bytes a second to write, and to read.")
    ] = USUAL_QUOTA,
    signed: Annotated[bool, typer.Option("--signed", help="It has to sign all it sends.")] = False,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Make its inbox, its receipts, its user and its rights, and print the password.

    With --json that is what the clients in contracts/clients read. One that was cut off comes in
    again, with another password.
    """
    one = Registered(code, name, tuple(role or ()), quota, signed=signed)
    if trouble := _unusable(one):
        fail(trouble, _USAGE)
    found = running_stack.read(stack_dir)
    with plainly():
        password = registrar(found, stack_dir).add(one)
    told: dict[str, Any] = {"code": one.code, **running_stack.connection(found, one.code)}
    if password is None:
        told.pop("password")
        _say(json, {**told, "added": False}, f"{code} is in already; nothing was changed.")
        return
    _say(json, {**told, "added": True}, _lines(told))


@app.command("list")
def list_all(
    json: Json = False, stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER
) -> None:
    """Show every organisation that has an inbox."""
    running_stack.read(stack_dir)
    with plainly():
        found = registry_of(stack_dir).all().values()
    if json:
        as_json([_shown(one) for one in found])
        return
    rows = [[one.code, one.state, str(one.quota), ", ".join(one.roles), one.name] for one in found]
    table(["code", "state", "quota", "roles", "name"], rows)


@app.command()
def show(
    code: Code,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Show one organisation, and what it was granted."""
    found = running_stack.read(stack_dir)
    with plainly():
        acting = registrar(found, stack_dir)
        told: dict[str, Any] = {**_shown(acting.known(code)), "granted": acting.granted(code)}
    _say(json, told, _lines(told))


@app.command()
def grant(
    code: Code,
    topic: TopicName,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Let it read a topic of events, or of the plan's changes: all of it, of every plan."""
    found = running_stack.read(stack_dir)
    with plainly():
        acting = registrar(found, stack_dir)
        _check(topic, acting.may_be_granted())
        done = acting.grant(code, topic)
    said = f"{code} may read {topic}." if done else f"{code} may read {topic} already."
    _say(json, {"code": code, "topic": topic, "granted": done}, said)


@app.command()
def revoke(
    code: Code,
    topic: Annotated[
        str | None, typer.Argument(help="What was granted; left out: the organisation is cut off.")
    ] = None,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Take back a topic that was granted; without a topic, cut the organisation off.

    Open connections lose their rights at once. What the inbox still holds is refused with the code
    organisation-suspended; `careplan org add` lets it in again.
    """
    found = running_stack.read(stack_dir)
    with plainly():
        acting = registrar(found, stack_dir)
        if topic is None:
            done = acting.cut_off(code)
            said = f"{code} is cut off." if done else f"{code} was cut off already."
        else:
            _check(topic, acting.may_be_granted())
            done = acting.revoke(code, topic)
            said = f"{code} may not read {topic}{' any more' if done else '; it could not before'}."
    _say(json, {"code": code, "topic": topic, "revoked": done}, said)


@app.command()
def rotate(
    code: Code,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Give it another password, and print that; with the old one nobody connects any more."""
    found = running_stack.read(stack_dir)
    with plainly():
        password = registrar(found, stack_dir).rotate(code)
    told = {"username": code.lower(), "password": password}
    _say(json, told, _lines(told))


@app.command()
def certificate(
    code: Code,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Make a certificate with its key, by which it comes in beside its password.

    It holds for 90 days. Whoever comes with the one before is denied everything from now on.
    """
    found = running_stack.read(stack_dir)
    with plainly():
        registrar(found, stack_dir).certify(code)
    told = running_stack.connection(found, code, by_certificate=True)
    _say(json, told, _lines(told))


@app.command()
def key(
    code: Code,
    jwk: Annotated[
        typer.FileBinaryRead, typer.Argument(help="A file with a public JWK; - is standard input.")
    ],
    signed: Annotated[
        bool, typer.Option("--signed", help="It has to sign all it sends from now on.")
    ] = False,
    json: Json = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Let it sign by this key: of Ed25519 or P-256, with a `kid`, and if you like `nbf` and `exp`.

    A key with the same `kid` is replaced: with an `exp` that is over, it signs no more.
    """
    found = running_stack.read(stack_dir)
    try:
        given = SigningKey.model_validate_json(jwk.read(_LONGEST_KEY))
        given.imported()
    except (ValueError, JoseError):
        fail("JWK must be a public key of Ed25519 or P-256 with a kid, as JSON (RFC 7517).", _USAGE)
    with plainly():
        try:
            registrar(found, stack_dir).add_key(code, given, signed=signed)
        except ValueError as error:
            fail(str(error))
    told = {"code": code, "kid": given.kid, "signed": signed}
    _say(json, told, f"{code} signs by {given.kid}.")


def _unusable(one: Registered) -> str | None:
    if not re.fullmatch(ORGANISATION_CODE, one.code) or one.code.lower() in SUPER_USERS:
        return (
            "CODE must be an ODS code in capitals, as A81001, or x- and a name in lower case, as "
            f"x-harbour-homes; {' and '.join(SUPER_USERS)} are users of the broker itself."
        )
    if not one.name.strip() or len(one.name) > _LONGEST_NAME or not one.name.isprintable():
        return f"--name must be a name of at most {_LONGEST_NAME} characters."
    if not all(re.fullmatch(ROLE, role) for role in one.roles):
        return "--role must be small letters, digits and hyphens, as registration-service."
    return None


def _check(topic: str, may_be_granted: list[str]) -> None:
    if topic not in may_be_granted:
        fail(f"{topic} cannot be granted. Any of these can: {', '.join(may_be_granted)}", _USAGE)


def _shown(one: Registered) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name,
        "state": one.state,
        "roles": [*one.roles],
        "quota": one.quota,
        "signed": one.signed,
        "keys": [key["kid"] for key in one.keys],
        "inbox": inbox_topic(one.code),
        "receipts": receipts_topic(one.code),
    }


def _lines(told: dict[str, Any]) -> str:
    shown = {name: ", ".join(v) if isinstance(v, list) else v for name, v in told.items()}
    return "\n".join(f"{name}: {value}" for name, value in shown.items())


def _say(json: bool, told: dict[str, Any], text: str) -> None:
    if json:
        as_json(told)
    else:
        typer.echo(text)
