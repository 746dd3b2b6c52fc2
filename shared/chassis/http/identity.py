"""Identity: who is speaking, proven by a bearer token and by nothing else."""

import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, cast, get_args
from uuid import UUID

import httpx
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from joserfc import jws
from joserfc.errors import JoseError
from starlette.requests import Request

from shared.chassis.http.key_set import ALGORITHMS, TRUSTED_SECONDS, KeySource, TokenRegistry
from shared.chassis.settings import SettingUnusable
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.remembered import Remembered
from shared.chassis.wire.strict_json import read
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

TOKEN_LIMIT: Final = 8_192
TEXT_LIMIT: Final = 255
REMEMBERED_BYTES: Final = 8 * 2**20
"""Of tokens and who they prove; some 8,000 ordinary ones."""

# What a remembered token takes beside its claims, whose texts are no longer than the token.
_OF_EACH_TOKEN: Final = 512

_KINDS: Final = frozenset(get_args(Kind))
_TOKEN: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ROLE: Final = re.compile(ROLE)
_ODS: Final = re.compile(ODS)
_LOCAL_ID: Final = re.compile(LOCAL_ID)

_REGISTRY: Final = TokenRegistry(algorithms=ALGORITHMS, strict_check_header=False)


class _Invalid(Exception):
    """Why a token does not count, in words of ours."""


@dataclass(frozen=True)
class _Proven:
    """Whom a token proves, until when, and by which key."""

    contributor: Contributor
    expires: float
    thumbprint: str


class Identity(SecurityBase):
    """Tells the contributor from the ``Authorization`` of a request.

    ``jwks`` is a file or a URL; ``SettingUnusable`` where it or the issuer is not set. Raises
    ``Problem``: ``token-missing``, ``token-invalid``,
    ``token-expired``, and ``unavailable`` while no keys could be read yet.
    """

    def __init__(
        self,
        jwks: str,
        issuer: str,
        leeway: int = 60,
        *,
        clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
        keys_trusted_for: float = TRUSTED_SECONDS,
    ) -> None:
        # Without one, whoever has any of the keys could sign for anybody.
        if not issuer:
            raise SettingUnusable("CAREPLAN_ISSUER is not set. Name the issuer of the tokens.")
        if not jwks:
            raise SettingUnusable("CAREPLAN_JWKS is not set. Name the file or URL of the keys.")
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "token"
        self._issuer = issuer
        self._leeway = leeway
        self._clock = clock
        self._keys = KeySource(jwks, transport=transport, trusted_for=keys_trusted_for)
        self._seen: Remembered[bytes, _Proven] = Remembered(REMEMBERED_BYTES)
        self._seen_with = -1

    async def __call__(self, request: Request) -> Contributor:
        """The contributor of a request, for ``Depends``."""
        given = request.headers.getlist("authorization")
        if len(given) > 1:
            raise _refused("Send one `Authorization`; there is more than one.")
        return await self.contributor(given[0] if given else None)

    async def contributor(self, authorization: str | None) -> Contributor:
        """The contributor that an ``Authorization`` proves."""
        token = _token_in(authorization)
        await self._keys.refresh()
        if self._keys.generation != self._seen_with:
            # What was signed with a key that was withdrawn has to prove itself again.
            self._seen.keep_only(lambda one: self._keys.holds(one.thumbprint))
            self._seen_with = self._keys.generation
        name = sha256(token).digest()
        proven = self._seen.get(name)
        if proven is None:
            proven = await self._verify(token)
            if self._clock() < proven.expires + self._leeway:
                self._seen.put(name, proven, _OF_EACH_TOKEN + len(token))
        if self._clock() >= proven.expires + self._leeway:
            self._seen.forget(name)
            raise Problem("token-expired", "The token has expired. Ask for a new one.")
        return proven.contributor

    async def _verify(self, token: bytes) -> _Proven:
        if not _TOKEN.fullmatch(token):
            raise _no_token()
        try:
            claims, thumbprint = await self._claims_of(token)
            expires = self._judge_claims(claims)
            return _Proven(_contributor_of(claims), expires, thumbprint)
        except _Invalid as error:
            raise _refused(str(error)) from None

    async def _claims_of(self, token: bytes) -> tuple[Mapping[str, Any], str]:
        # The header is read here first: the library's own reader knows no limit of depth.
        header = _object_in(token.partition(b".")[0], "header")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise _Invalid("Its algorithm is not accepted here.")
        if "crit" in header or "b64" in header:
            raise _Invalid("Its header asks for something that is not known here.")
        if key_id is not None and not isinstance(key_id, str):
            raise _Invalid("Its key id is not text.")
        fitting = await self._keys.find(key_id, algorithm)
        if not fitting:
            raise _Invalid("Its key is not known.")
        for one in fitting:
            try:
                signed = jws.deserialize_compact(token, one.key, registry=_REGISTRY)
            except (JoseError, ValueError, TypeError):
                continue
            return _claims_in(signed.payload), one.thumbprint
        raise _Invalid("Its signature does not hold.")

    def _judge_claims(self, claims: Mapping[str, Any]) -> float:
        if claims.get("iss") != self._issuer:
            raise _Invalid("Its issuer is not trusted here.")
        audience = claims.get("aud")
        if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
            raise _Invalid("It is meant for somebody else.")
        _text(claims, "jti")
        latest = self._clock() + self._leeway
        if _time(claims, "iat") > latest:
            raise _Invalid("It was issued in the future.")
        if claims.get("nbf") is not None and _time(claims, "nbf") > latest:
            raise _Invalid("It is not valid yet.")
        return _time(claims, "exp")


def _refused(why: str) -> Problem:
    return Problem("token-invalid", why)


def _no_token() -> Problem:
    return _refused("It is not a signed token.")


def _token_in(authorization: str | None) -> bytes:
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Problem("token-missing", "Send a token as Authorization: Bearer.")
    if len(token) > TOKEN_LIMIT or not token.isascii():
        raise _no_token()
    return token.encode()


def _object_in(segment: bytes, what: str) -> Mapping[str, Any]:
    try:
        given = urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        raise _Invalid(f"Its {what} cannot be read.") from None
    return _json_object(given, what)


def _claims_in(payload: bytes | None) -> Mapping[str, Any]:
    return _json_object(payload or b"", "content")


def _json_object(given: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = read(given)
    except Problem:
        raise _Invalid(f"Its {what} cannot be read.") from None
    if not isinstance(value, dict):
        raise _Invalid(f"Its {what} must be an object.")
    return value


def _contributor_of(claims: Mapping[str, Any]) -> Contributor:
    sub = _text(claims, "sub")
    name = _optional_text(claims, "name")
    ours = _object(claims, "careplan")
    kind = ours.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise _Invalid("Its kind of contributor is not known.")
    role = _optional_text(ours, "role")
    if role is not None and not _ROLE.fullmatch(role):
        raise _Invalid("Its role is not in kebab-case.")
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
        raise _Invalid("Its organisation has no code.")
    if ods is not None and not _ODS.fullmatch(ods):
        raise _Invalid("The ods of its organisation must be an ODS code in upper case.")
    if local_id is not None and not _LOCAL_ID.fullmatch(local_id):
        raise _Invalid("The local_id of its organisation does not have its form.")
    return Organisation(ods=ods, name=_optional_text(given, "name"), local_id=local_id)


def _person_of(given: Mapping[str, Any]) -> tuple[UUID | None, bool]:
    named = _optional_text(given, "plan_id")
    plan_id = id_in(named)
    if named is not None and plan_id is None:
        raise _Invalid("Its plan_id must be a UUID in lower case.")
    is_verified = given.get("nhs_number_verified")
    if is_verified is not None and not isinstance(is_verified, bool):
        raise _Invalid("Its nhs_number_verified is neither true nor false.")
    return plan_id, bool(is_verified)


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = claims.get(name)
    if not isinstance(value, dict):
        raise _Invalid(f"It has no {name}.")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = _optional_text(claims, name)
    if value is None:
        raise _Invalid(f"It has no {name}.")
    return value


def _optional_text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_LIMIT or not says_something(value):
        raise _Invalid(f"Its {name} must be a text of at most {TEXT_LIMIT} characters.")
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _Invalid(f"Its {name} must be a time in seconds.")
    return float(value)
