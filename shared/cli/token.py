"""`careplan token`: signs a bearer token with the key of the development stack's own issuer."""

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from shared.cli import running_stack
from shared.cli.output import as_json, fail
from shared.ledger import Organisation, plain
from shared.ledger.names import AUDIENCE, ORGANISATION_CODE, ROLE, id_in

ALGORITHM: Final = "ES256"
"""Known by the usual libraries of every language, which `Ed25519` by that name is not yet."""
_SUBJECTS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "careplan-development-subjects")
_ORGANISATION: Final = re.compile(ORGANISATION_CODE)
_ROLE: Final = re.compile(ROLE)
_LONGEST: Final = 10 * 365 * 86400
TWELVE_HOURS: Final = 12 * 3600
"""How long a token is valid where nobody says otherwise, in seconds."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Signer:
    """The issuer's name and the file with its private key (a JWK)."""

    issuer: str
    private_key: Path

    def sign(self, claims: dict[str, Any], *, valid_for: int = TWELVE_HOURS) -> str:
        """The claims as a token, from now on."""
        return self.encode(self.complete(claims, valid_for=valid_for))

    def complete(self, claims: dict[str, Any], *, valid_for: int = TWELVE_HOURS) -> dict[str, Any]:
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
        key = import_key(orjson.loads(self.private_key.read_bytes()))
        # A stack that was there before has a key of the algorithm that was usual then.
        algorithm = key.alg or ALGORITHM
        header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[algorithm])


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
    told: dict[str, str] = plain(Organisation.of(org, name or None))
    return told


def subject(*parts: str) -> str:
    """Always the same for the same contributor, and without a name, since subjects reach logs."""
    return str(uuid.uuid5(_SUBJECTS, "|".join(parts)))


def seconds(duration: str) -> int:
    """`90s`, `30m`, `12h` or `7d` as seconds, ten years at most; else a ValueError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", duration)
    lasting = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < lasting <= _LONGEST:
        raise ValueError("--valid-for takes a duration like 90s, 30m, 12h or 7d, up to ten years.")
    return lasting


def _of_a_plan(kind: str, plan_id: str, name: str, sub: str | None) -> dict[str, Any]:
    about = {"plan_id": plan_id, "nhs_number_verified": True}
    return {
        "sub": sub or subject(kind, plan_id, name),
        "name": name,
        "careplan": {"kind": kind, "person": about},
    }


@dataclass(frozen=True)
class _Asked:
    """The options that say whose token it is."""

    org: str
    role: str
    name: str
    person: str
    related_person: str
    system: bool
    sub: str


def token(
    org: Annotated[str, typer.Option(help="ODS code, or x-… where there is none.")] = "",
    role: Annotated[str, typer.Option(help="Role of a professional or system.")] = "",
    name: Annotated[str, typer.Option(help="Whose token it is; invented people only.")] = "",
    of_person: Annotated[
        str, typer.Option("--person", metavar="PLAN_ID", help="Token of the person themselves.")
    ] = "",
    of_related_person: Annotated[
        str,
        typer.Option("--related-person", metavar="PLAN_ID", help="Token of a carer or relative."),
    ] = "",
    of_system: Annotated[bool, typer.Option("--system", help="Token of a system.")] = False,
    sub: Annotated[str, typer.Option(help="The subject, instead of one made from the rest.")] = "",
    valid_for: Annotated[str, typer.Option(help="Such as 90s, 30m, 12h or 7d.")] = "12h",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the claims.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Print a bearer token of the development stack.

    A professional: --org ZZG01 --role gp --name "…"

    The person: --person PLAN_ID --name "…"

    A system: --system --org ZZC01
    """
    stack = running_stack.read(stack_dir)
    try:
        asked = _Asked(org, role, name, of_person, of_related_person, of_system, sub)
        claims, lasting = _claims(asked, _names(stack)), seconds(valid_for)
    except ValueError as error:
        fail(str(error), 2)
    signer = Signer(stack["issuer"]["iss"], Path(stack["issuer"]["private_key"]))
    completed = signer.complete(claims, valid_for=lasting)
    token = signed(signer, completed)
    if json:
        as_json({"token": token, "claims": completed})
    else:
        typer.echo(token)


def signed(signer: Signer, completed: dict[str, Any]) -> str:
    """Claims as a token; ends the command with one line where the key cannot be used."""
    try:
        return signer.encode(completed)
    except (OSError, ValueError, JoseError) as error:
        fail(
            f"The key {signer.private_key} cannot be used ({type(error).__name__}). "
            "`make run` makes a new one where there is none."
        )


def _claims(asked: _Asked, names: Mapping[str, str]) -> dict[str, Any]:
    """The claims that were asked for; a ValueError says which option is wrong."""
    if sum(map(bool, (asked.person, asked.related_person, asked.org))) != 1:
        raise ValueError("Give exactly one of --org, --person and --related-person.")
    if asked.role and not _ROLE.fullmatch(asked.role):
        raise ValueError("--role is lower-case words with hyphens, such as care-coordinator.")
    if not (asked.name + asked.sub).isprintable():
        raise ValueError("--name and --sub take printable text in UTF-8.")
    if not asked.name and not asked.system:
        raise ValueError('--name is missing. It says whose token it is: --name "A. Quill-Synth".')
    sub = asked.sub or None
    if asked.org:
        return _claims_of_an_organisation(asked, names)
    if asked.system:
        raise ValueError("--system needs the organisation of the system: --org CODE.")
    if asked.person:
        return person(_plan_id(asked.person), asked.name, sub=sub)
    return related_person(_plan_id(asked.related_person), asked.name, sub=sub)


def _claims_of_an_organisation(asked: _Asked, names: Mapping[str, str]) -> dict[str, Any]:
    org, sub = _organisation_code(asked.org), asked.sub or None
    org_name = names.get(org)
    if asked.system:
        name = asked.name or "Development system"
        return system(org, name, role=asked.role, org_name=org_name, sub=sub)
    if not asked.role:
        raise ValueError("--role is missing. A professional has one, such as gp.")
    return professional(org, asked.role, asked.name, org_name=org_name, sub=sub)


def _organisation_code(text: str) -> str:
    code = Organisation.of(text).code
    if code is None or not _ORGANISATION.fullmatch(code):
        raise ValueError("--org takes an ODS code such as ZZG01, or x- and a name.")
    return code


def _names(stack: dict[str, Any]) -> dict[str, str]:
    listed = stack.get("organisations")
    return {item["code"]: item["name"] for item in listed} if isinstance(listed, list) else {}


def _plan_id(text: str) -> str:
    plan_id = id_in(text.lower())
    if plan_id is None:
        raise ValueError("A plan id is a UUID, like 0199c0de-0000-7000-8000-0000000000a1.")
    return str(plan_id)
