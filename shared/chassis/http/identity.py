"""Identity: who is speaking, proven by a token and by nothing else."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import httpx
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from shared.chassis.http.tokens.claims import contributor_of, expiry_of
from shared.chassis.http.tokens.key_set import TRUSTED_SECONDS, KeySource
from shared.chassis.http.tokens.sender import Binding, Sender, binding_of, challenge
from shared.chassis.http.tokens.signed import Unproven, content_of, header_of
from shared.chassis.settings import Settings, SettingUnusable, networks_in
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.remembered import Remembered
from shared.ledger import Contributor

TOKEN_LIMIT: Final = 8_192
REMEMBERED_BYTES: Final = 8 * 2**20
"""Of tokens and who they prove; some 8,000 ordinary ones."""

# What a remembered token takes beside its claims, whose texts are no longer than the token.
_OF_EACH_TOKEN: Final = 512
_SCHEMES: Final = ("bearer", "dpop")
# An access token by its own name or by none (RFC 8725, 3.11).
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_PROVEN: Final = "careplan.contributor"
"""Stands in the scope of a request that was judged: its proof counts once."""


@dataclass(frozen=True)
class _Proven:
    """Whom a token proves, until when, by which key, and what it is bound to."""

    contributor: Contributor
    expires: float
    thumbprint: str
    binding: Binding


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
        address: str = "",
        proxies: str = "",
        systems_are_bound: bool = False,
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
        self._sender = Sender(
            address, networks_in(proxies), leeway, clock, systems_are_bound=systems_are_bound
        )
        self._seen: Remembered[bytes, _Proven] = Remembered(REMEMBERED_BYTES)
        self._seen_with = -1

    @classmethod
    def of(cls, settings: Settings) -> "Identity":
        """As a deployment sets it."""
        return cls(
            settings.jwks,
            settings.issuer,
            keys_trusted_for=settings.keys_trusted_seconds,
            address=settings.public_address,
            proxies=settings.trusted_proxies,
            systems_are_bound=settings.bound_systems,
        )

    async def __call__(self, request: Request) -> Contributor:
        """The contributor of a request, for ``Depends``; judged once, however often it is asked."""
        known: Contributor | None = request.scope.get(_PROVEN)
        if known is None:
            given = [of for name, of in request.scope["headers"] if name == b"authorization"]
            if len(given) > 1:
                raise _refused("Send one `Authorization`; there is more than one.")
            sent = given[0].decode("latin-1") if given else None
            known = await self.contributor(sent, request)
            request.scope[_PROVEN] = known
        return known

    async def contributor(
        self, authorization: str | None, request: Request | None = None
    ) -> Contributor:
        """The contributor that an ``Authorization`` proves, sent with a request."""
        scheme, token = _token_in(authorization)
        proven = await self._proven(token)
        try:
            self._sender.judge(request, scheme, token, proven.binding, proven.contributor)
        except Unproven as error:
            by_key = scheme == "dpop" or proven.binding.key is not None
            told = {"WWW-Authenticate": challenge("invalid_dpop_proof")} if by_key else {}
            raise Problem("token-invalid", str(error), headers=told) from None
        return proven.contributor

    async def _proven(self, token: bytes) -> _Proven:
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
        return proven

    async def _verify(self, token: bytes) -> _Proven:
        try:
            claims, thumbprint = await self._claims_of(token)
            expires = expiry_of(claims, self._issuer, self._clock() + self._leeway)
            return _Proven(contributor_of(claims), expires, thumbprint, binding_of(claims))
        except Unproven as error:
            raise _refused(str(error)) from None

    async def _claims_of(self, token: bytes) -> tuple[Mapping[str, Any], str]:
        header = header_of(token)
        typed, key_id = header.get("typ", "JWT"), header.get("kid")
        if not isinstance(typed, str) or typed.lower() not in _TYPES:
            raise Unproven("It is no access token.")
        if key_id is not None and not isinstance(key_id, str):
            raise Unproven("Its key id is not text.")
        fitting = await self._keys.find(key_id, header["alg"])
        if not fitting:
            raise Unproven("Its key is not known.")
        for one in fitting:
            claims = content_of(token, one.key)
            if claims is not None:
                return claims, one.thumbprint
        raise Unproven("Its signature does not hold.")


def _refused(why: str) -> Problem:
    return Problem("token-invalid", why)


def _token_in(authorization: str | None) -> tuple[str, bytes]:
    scheme, _, token = (authorization or "").strip().partition(" ")
    scheme, token = scheme.lower(), token.strip()
    if scheme not in _SCHEMES or not token:
        raise Problem("token-missing", "Send a token as Authorization: Bearer.")
    if len(token) > TOKEN_LIMIT or not token.isascii():
        raise _refused("It is not a signed token.")
    return scheme, token.encode()
