"""The claims of a token: the one list of what each grants, and how they become a contributor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args
from uuid import UUID

from shared.chassis.http.tokens.signed import Unproven
from shared.ledger import (
    LOCAL_ID,
    ODS,
    PERSON,
    PROFESSIONAL,
    RELATED_PERSON,
    SYSTEM,
    Authentication,
    Contributor,
    Organisation,
    id_in,
)
from shared.ledger.names import AUDIENCE, ROLE
from shared.ledger.provenance import Kind
from shared.ledger.text import says_something

TEXT_LIMIT: Final = 255
NOTHING: Final = "nothing; it is recorded"
_OURS: Final = "careplan"


@dataclass(frozen=True)
class Claim:
    """A claim that is read: its form, and what it grants to whoever has it."""

    name: str
    form: str
    grants: str


CLAIMS: Final = (
    Claim("iss", "the issuer of `CAREPLAN_ISSUER`", "nothing; another one is refused"),
    Claim("aud", f"`{AUDIENCE}`, or a list with it", "nothing; a token for others is refused"),
    Claim("exp", "seconds, required", "nothing; it ends everything else"),
    Claim("iat", "seconds, required", "nothing; it is not in the future"),
    Claim("nbf", "seconds", "nothing before that time"),
    Claim("typ", "text", "nothing; an ID, refresh or logout token is refused"),
    Claim(
        "cnf",
        "object with `jkt`, `x5t#S256` or both",
        "nothing; whoever sends the token proves that key or certificate, below",
    ),
    Claim("jti", "text, required", NOTHING),
    Claim(
        "sub",
        "text, required",
        "what is their own: their receipts, and the Proxy whose `party` names it",
    ),
    Claim("name", "text", NOTHING),
    Claim(_OURS, "object, required", "by what stands in it, below"),
    Claim(
        f"{_OURS}.kind",
        ", ".join(f"`{kind}`" for kind in get_args(Kind)),
        "the commands and views that are open to that kind",
    ),
    Claim(
        f"{_OURS}.role",
        "lower-case words with hyphens",
        "the commands and views whose setting in `CAREPLAN_ROLES` names it",
    ),
    Claim(
        f"{_OURS}.organisation",
        "object; required of a professional and a system, passed over of others",
        "by its code, below",
    ),
    Claim(
        f"{_OURS}.organisation.ods",
        "an ODS code in upper case",
        "the plans with which it has a live relationship, within its scope",
    ),
    Claim(f"{_OURS}.organisation.local_id", "`x-…` in lower case", "the same"),
    Claim(f"{_OURS}.organisation.name", "text", NOTHING),
    Claim(
        f"{_OURS}.person",
        "object; passed over of a professional and a system",
        "by what stands in it, below",
    ),
    Claim(
        f"{_OURS}.person.plan_id",
        "a UUID in lower case",
        "to the person their plan; to a related person what a live Proxy covers of it",
    ),
    Claim(
        f"{_OURS}.person.nhs_number_verified",
        "true or false",
        "to the person also the log of who read their plan",
    ),
    Claim("client_id", "text", NOTHING),
    Claim("azp", "text, read where there is no `client_id`", NOTHING),
    Claim("idp", "text", NOTHING),
    Claim("acr", "text", NOTHING),
    Claim("auth_time", "seconds", NOTHING),
)
"""Every claim that anybody here reads. What is not in this list grants nothing and is not kept."""

_KINDS: Final = frozenset(get_args(Kind))
_ROLE: Final = re.compile(ROLE)
_ODS: Final = re.compile(ODS)
_LOCAL_ID: Final = re.compile(LOCAL_ID)
_OTHER_TOKENS: Final = frozenset({"id", "refresh", "offline", "logout"})


def expiry_of(claims: Mapping[str, Any], issuer: str, latest: float) -> float:
    """When the claims end; ``Unproven`` where they are not for us or not valid yet."""
    if claims.get("iss") != issuer:
        raise Unproven("Its issuer is not trusted here.")
    audience = claims.get("aud")
    if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
        raise Unproven("It is meant for somebody else.")
    typed = claims.get("typ")
    if isinstance(typed, str) and typed.lower() in _OTHER_TOKENS:
        raise Unproven("It is no access token.")
    _text(claims, "jti")
    if _time(claims, "iat") > latest:
        raise Unproven("It was issued in the future.")
    if claims.get("nbf") is not None and _time(claims, "nbf") > latest:
        raise Unproven("It is not valid yet.")
    return _time(claims, "exp")


def contributor_of(claims: Mapping[str, Any]) -> Contributor:
    """Whom the claims name, with what they grant."""
    sub = _text(claims, "sub")
    name = _optional_text(claims, "name")
    ours = _object(claims, _OURS)
    kind = ours.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Unproven("Its kind of contributor is not known.")
    role = _optional_text(ours, "role")
    if role is not None and not _ROLE.fullmatch(role):
        raise Unproven("Its role is not in kebab-case.")
    organisation = None
    if kind in (PROFESSIONAL, SYSTEM):
        organisation = _organisation_of(ours)
    plan_id, is_verified = None, False
    if kind in (PERSON, RELATED_PERSON) and ours.get("person") is not None:
        plan_id, is_verified = _person_of(_object(ours, "person"))
    return Contributor(
        kind=cast(Kind, kind),
        sub=sub,
        name=name,
        role=role,
        organisation=organisation,
        plan_id=plan_id,
        nhs_number_verified=is_verified,
        authentication=_authentication_of(claims),
    )


def _authentication_of(claims: Mapping[str, Any]) -> Authentication:
    """For the audit: nothing is judged by it, so what is not in its form is passed over."""
    return Authentication(
        jti=_said(claims, "jti"),
        client_id=_said(claims, "client_id") or _said(claims, "azp"),
        idp=_said(claims, "idp"),
        acr=_said(claims, "acr"),
        auth_time=_instant_of(claims.get("auth_time")),
    )


def _said(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    is_text = isinstance(value, str) and 0 < len(value) <= TEXT_LIMIT and value.isprintable()
    return value if is_text else None


def _instant_of(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _organisation_of(ours: Mapping[str, Any]) -> Organisation:
    given = _object(ours, "organisation")
    ods, local_id = _optional_text(given, "ods"), _optional_text(given, "local_id")
    if ods is None and local_id is None:
        raise Unproven("Its organisation has no code.")
    if ods is not None and not _ODS.fullmatch(ods):
        raise Unproven("The ods of its organisation must be an ODS code in upper case.")
    if local_id is not None and not _LOCAL_ID.fullmatch(local_id):
        raise Unproven("The local_id of its organisation does not have its form.")
    return Organisation(ods=ods, name=_optional_text(given, "name"), local_id=local_id)


def _person_of(given: Mapping[str, Any]) -> tuple[UUID | None, bool]:
    named = _optional_text(given, "plan_id")
    plan_id = id_in(named)
    if named is not None and plan_id is None:
        raise Unproven("Its plan_id must be a UUID in lower case.")
    is_verified = given.get("nhs_number_verified")
    if is_verified is not None and not isinstance(is_verified, bool):
        raise Unproven("Its nhs_number_verified is neither true nor false.")
    return plan_id, bool(is_verified)


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = claims.get(name)
    if not isinstance(value, dict):
        raise Unproven(f"It has no {name}.")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = _optional_text(claims, name)
    if value is None:
        raise Unproven(f"It has no {name}.")
    return value


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_LIMIT or not says_something(value):
        raise Unproven(f"Its {name} must be a text of at most {TEXT_LIMIT} characters.")
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Unproven(f"Its {name} must be a time in seconds.")
    return float(value)
