"""`careplan token`: signs a bearer token with the key of the development stack's own issuer."""

import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.cli import running_stack
from shared.cli.output import as_json, fail

ALGORITHM: Final = "Ed25519"
AUDIENCE: Final = "careplan"
_SUBJECTS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "careplan-development-subjects")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Signer:
    """The issuer's name and the file with its private key (a JWK)."""

    issuer: str
    private_key: Path

    def sign(self, claims: dict[str, Any], *, valid_for: int = 12 * 3600) -> str:
        """The claims as a token, from now on."""
        return self.encode(self.complete(claims, valid_for=valid_for))

    def complete(self, claims: dict[str, Any], *, valid_for: int) -> dict[str, Any]:
        """The claims with issuer, audience, times and an id of their own."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + valid_for,
            "jti": str(uuid.uuid4()),
            **claims,
        }

    def encode(self, claims: dict[str, Any]) -> str:
        """Signs claims that are complete."""
        key = OKPKey.import_key(orjson.loads(self.private_key.read_bytes()))
        header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def professional(
    org: str, role: str, name: str, *, org_name: str | None = None, sub: str | None = None
) -> dict[str, Any]:
    """Claims of somebody who works for an organisation in a role."""
    return {
        "sub": sub or subject("professional", org, role, name),
        "name": name,
        "careplan": {
            "kind": "professional",
            "role": role,
            "organisation": organisation(org, org_name),
        },
    }


def system(
    org: str,
    name: str,
    *,
    role: str | None = None,
    org_name: str | None = None,
    sub: str | None = None,
) -> dict[str, Any]:
    """Claims of an organisation's system."""
    own: dict[str, Any] = {"kind": "system", "organisation": organisation(org, org_name)}
    if role:
        own["role"] = role
    return {"sub": sub or subject("system", org, name), "name": name, "careplan": own}


def person(plan_id: str, name: str, *, sub: str | None = None) -> dict[str, Any]:
    """Claims of the person whose plan it is."""
    return _of_a_plan("person", plan_id, name, sub)


def related_person(plan_id: str, name: str, *, sub: str | None = None) -> dict[str, Any]:
    """Claims of a carer, relative or friend of that person."""
    return _of_a_plan("related-person", plan_id, name, sub)


def organisation(org: str, name: str | None = None) -> dict[str, str]:
    """By ODS code; `x-…` is the local id of one that has no code."""
    key = {"local_id": org} if org.startswith("x-") else {"ods": org.upper()}
    return {**key, "name": name} if name else key


def subject(*parts: str) -> str:
    """The same for the same contributor each time, and no name in it: subjects reach logs."""
    return str(uuid.uuid5(_SUBJECTS, "|".join(parts)))


def seconds(duration: str) -> int:
    """`90s`, `30m`, `12h` or `7d` as seconds; anything else is a ValueError."""
    match = re.fullmatch(r"(\d+)([smhd])", duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration: 30m, 12h, 7d")
    return int(match[1]) * _UNITS[match[2]]


def _of_a_plan(kind: str, plan_id: str, name: str, sub: str | None) -> dict[str, Any]:
    about = {"plan_id": plan_id, "nhs_number_verified": True}
    return {
        "sub": sub or subject(kind, plan_id, name),
        "name": name,
        "careplan": {"kind": kind, "person": about},
    }


def token(
    org: Annotated[str, typer.Option(help="ODS code, or x-… for one without.")] = "",
    role: Annotated[str, typer.Option(help="Role of a professional or system, kebab-case.")] = "",
    name: Annotated[str, typer.Option(help="Whose token it is; synthetic people only.")] = "",
    of_person: Annotated[
        str, typer.Option("--person", metavar="PLAN_ID", help="The person's own token.")
    ] = "",
    of_related_person: Annotated[
        str, typer.Option("--related-person", metavar="PLAN_ID", help="A carer's or relative's.")
    ] = "",
    of_system: Annotated[bool, typer.Option("--system", help="A token of a system.")] = False,
    sub: Annotated[str, typer.Option(help="The subject, if not derived from the rest.")] = "",
    valid_for: Annotated[str, typer.Option(help="30m, 12h, 7d.")] = "12h",
    json: Annotated[bool, typer.Option("--json", help="The token with its claims.")] = False,
    stack_dir: running_stack.StackDir = Path(".stack"),
) -> None:
    """Print a bearer token of the development stack.

    A professional: --org ZZG01 --role gp --name "…". The person: --person PLAN_ID --name "…".
    A system: --system --org ZZC01.
    """
    stack = running_stack.read(stack_dir)
    names = {item["code"]: item["name"] for item in stack.get("organisations", ())}
    org_name = names.get(org if org.startswith("x-") else org.upper())
    if sum((bool(of_person), bool(of_related_person), bool(org))) != 1:
        fail("name exactly one of --org, --person and --related-person", 2)
    if of_system:
        claims = system(
            org, name or "Development system", role=role, org_name=org_name, sub=sub or None
        )
    elif not name:
        fail("--name is missing", 2)
    elif of_person:
        claims = person(_plan_id(of_person), name, sub=sub or None)
    elif of_related_person:
        claims = related_person(_plan_id(of_related_person), name, sub=sub or None)
    elif not role:
        fail("--role is missing (of a professional, for instance gp)", 2)
    else:
        claims = professional(org, role, name, org_name=org_name, sub=sub or None)
    try:
        lasting = seconds(valid_for)
    except ValueError as error:
        fail(str(error), 2)
    signer = Signer(stack["issuer"]["iss"], Path(stack["issuer"]["private_key"]))
    completed = signer.complete(claims, valid_for=lasting)
    signed = signer.encode(completed)
    if json:
        as_json({"token": signed, "claims": completed})
    else:
        typer.echo(signed)


def _plan_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        fail(f"{text!r} is no plan id", 2)
