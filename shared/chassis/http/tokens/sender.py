"""Whose token it is: a bound one counts only with proof of its key (RFC 9449, RFC 8705)."""

import heapq
import re
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

from shared.chassis.http.answers import IS_HEAD
from shared.chassis.http.tokens.key_set import ALGORITHMS, KEY_TYPE, key_of
from shared.chassis.http.tokens.signed import Unproven, content_of, header_of
from shared.chassis.wire.problem import Problem
from shared.ledger import SYSTEM, Contributor

PROOF_LIMIT: Final = 4_096
CERTIFICATE_LIMIT: Final = 16_384
PROOFS_OF_A_CALLER: Final = 20_000
PROOFS: Final = 100_000
"""Remembered at once, some 30 MB; beyond it a proof is not taken, so that none counts twice."""

_CERTIFICATE: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Binding:
    """What a token is bound to: thumbprints of a key and of a certificate."""

    key: str | None = None
    certificate: str | None = None

    def __bool__(self) -> bool:
        return self != _UNBOUND


_UNBOUND: Final = Binding()


def binding_of(claims: Mapping[str, Any]) -> Binding:
    """What ``cnf`` says; ``Unproven`` where it says nothing that can be checked here."""
    given = claims.get("cnf")
    if given is None:
        return _UNBOUND
    key = given.get("jkt") if isinstance(given, dict) else None
    certificate = given.get("x5t#S256") if isinstance(given, dict) else None
    found = Binding(key, certificate)
    if not found or not all(one is None or isinstance(one, str) for one in (key, certificate)):
        raise Unproven("It is bound to something that is not known here.")
    return found


class Sender:
    """Judges whether whoever sent a token has the key or the certificate that it is bound to.

    ``address`` is where callers reach the service; without one it is the address that it listens
    on, and never what a request says of itself. A certificate is believed of ``proxies`` alone.
    """

    def __init__(
        self,
        address: str,
        proxies: Sequence[IPv4Network | IPv6Network],
        leeway: int,
        clock: Callable[[], float],
        *,
        systems_are_bound: bool,
    ) -> None:
        self._address = address.rstrip("/")
        self._proxies = proxies
        self._leeway = leeway
        self._clock = clock
        self._systems_are_bound = systems_are_bound
        self._proofs = Proofs(clock)

    def judge(
        self,
        request: Request | None,
        scheme: str,
        token: bytes,
        binding: Binding,
        contributor: Contributor,
    ) -> None:
        """``Unproven`` where the token is somebody else's."""
        if contributor.kind == SYSTEM and self._systems_are_bound and not binding:
            raise Unproven("The token of a system must be bound to a key or a certificate.")
        if (scheme == "dpop") != (binding.key is not None):
            right = "DPoP, with a proof" if binding.key else "Bearer"
            raise Unproven(f"Send this token as Authorization: {right}.")
        if not binding:
            return
        if request is None:
            raise Unproven("It is bound to its sender, and there is none.")
        if binding.certificate is not None:
            self._judge_certificate(request, binding.certificate)
        if binding.key is not None:
            self._judge_proof(request, token, binding.key, contributor)

    def _judge_certificate(self, request: Request, thumbprint: str) -> None:
        given = request.headers.getlist("client-cert") if self._is_of_a_proxy(request) else []
        if len(given) != 1 or len(given[0]) > CERTIFICATE_LIMIT:
            raise Unproven("It is bound to a certificate that was not presented.")
        found = _CERTIFICATE.fullmatch(given[0].strip())
        try:
            presented = _thumbprint(b64decode(found[1], validate=True)) if found else ""
        except ValueError:
            presented = ""
        if not _is_same(presented, thumbprint):
            raise Unproven("It is bound to another certificate than the one presented.")

    def _is_of_a_proxy(self, request: Request) -> bool:
        peer = request.client
        try:
            address = ip_address(peer.host) if peer else None
        except ValueError:
            address = None
        return address is not None and any(address in network for network in self._proxies)

    def _judge_proof(
        self, request: Request, token: bytes, thumbprint: str, contributor: Contributor
    ) -> None:
        given = request.headers.getlist("dpop")
        if len(given) != 1:
            raise Unproven("Send exactly one DPoP proof with it.")
        proof = given[0].strip()
        if len(proof) > PROOF_LIMIT or not proof.isascii():
            raise Unproven("Its DPoP proof is not a signed token.")
        try:
            said = _said_by(proof.encode(), thumbprint)
            id_, issued = _id_of(said), _issued(said)
            self._judge_request(said, request, token)
        except Unproven as error:
            raise Unproven(f"The DPoP proof does not hold. {error}") from None
        now = self._clock()
        if not now - self._leeway <= issued <= now + self._leeway:
            raise Unproven("The DPoP proof is not of now. Make a new one for each request.")
        name = sha256(f"{thumbprint}.{id_}".encode()).digest()
        if not self._proofs.is_new(name, contributor.key, issued + self._leeway):
            raise Unproven("The DPoP proof was used before. Make a new one for each request.")

    def _judge_request(self, said: Mapping[str, Any], request: Request, token: bytes) -> None:
        is_head = IS_HEAD in request.scope.get("extensions", {})
        if said.get("htm") != ("HEAD" if is_head else request.method):
            raise Unproven("It is for another method.")
        if _place(said.get("htu")) != self._place_of(request):
            raise Unproven("It is for another address.")
        if not _is_same(said.get("ath"), _thumbprint(token)):
            raise Unproven("It is for another token.")

    def _place_of(self, request: Request) -> tuple[str, str, int, str] | None:
        address = self._address
        if not address:
            host, port = request.scope.get("server") or ("", 0)
            shown = f"[{host}]" if ":" in host else host
            address = f"{request.scope['scheme']}://{shown}:{port}"
        found = _place(address)
        return found and (*found[:3], found[3] + request.scope["path"])


class Proofs:
    """The proofs that were used and would still hold: none counts twice in this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[bytes, str] = {}
        self._ends: list[tuple[float, bytes]] = []
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._used)

    def is_new(self, name: bytes, caller: str, until: float) -> bool:
        """True the first time; a problem where no more can be remembered."""
        now = self._clock()
        while self._ends and self._ends[0][0] < now:
            _, ended = heapq.heappop(self._ends)
            whose = self._used.pop(ended)
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]
        if name in self._used:
            return False
        if self._of[caller] >= PROOFS_OF_A_CALLER:
            raise Problem("too-many-requests", "Too many DPoP proofs in two minutes.")
        if len(self._used) >= PROOFS:
            raise Problem("overloaded", "Too many DPoP proofs are in use. Send a new one later.")
        self._used[name] = caller
        self._of[caller] += 1
        heapq.heappush(self._ends, (until, name))
        return True


def _said_by(proof: bytes, thumbprint: str) -> Mapping[str, Any]:
    """The content of a proof, signed by the key that its header shows and the token names."""
    header = header_of(proof)
    shown, algorithm = header.get("jwk"), header["alg"]
    if header.get("typ") != "dpop+jwt":
        raise Unproven("It is none.")
    if not isinstance(shown, dict) or not _PRIVATE.isdisjoint(shown):
        raise Unproven("It does not show a public key.")
    key = key_of(shown)
    if key is None or key.key_type != KEY_TYPE[algorithm]:
        raise Unproven("Its key cannot be used.")
    if not _is_same(key.thumbprint(), thumbprint):
        raise Unproven("It is made with another key.")
    said = content_of(proof, key)
    if said is None:
        raise Unproven("Its signature does not hold.")
    return said


def _id_of(said: Mapping[str, Any]) -> str:
    id_ = said.get("jti")
    if not isinstance(id_, str) or not id_:
        raise Unproven("It has no jti.")
    return id_


def _issued(said: Mapping[str, Any]) -> float:
    issued = said.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or issued < 0:
        raise Unproven("Its iat must be a time in seconds.")
    return issued


def _place(url: object) -> tuple[str, str, int, str] | None:
    """What has to be the same of two addresses: all but the query and the fragment."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        port = parts.port if parts else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], unquote(parts.path)


def _thumbprint(given: bytes) -> str:
    return urlsafe_b64encode(sha256(given).digest()).rstrip(b"=").decode()


def _is_same(one: object, other: str) -> bool:
    return isinstance(one, str) and compare_digest(one.encode("utf-8", "replace"), other.encode())


def challenge(error: str = "") -> str:
    """What ``WWW-Authenticate`` says to whoever sent a token by DPoP."""
    said = f', error="{error}"' if error else ""
    return f'DPoP algs="{" ".join(ALGORITHMS)}"{said}'
