"""A token that is bound to its sender is worth nothing to whoever else has it."""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from starlette.requests import Request

from shared.chassis.http.answers import HeadLikeGet, problem_handlers
from shared.chassis.http.identity import Identity
from shared.chassis.http.tokens import sender as module
from shared.chassis.http.tokens.sender import Proofs
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

NOW = 1_795_000_000.0
ISSUER = "urn:test:issuer"
ADDRESS = "https://careplan.example/goals"
PATH = "/v1/contributions"

SIGNING = ECKey.generate_key("P-256", {"kid": "issuer"})
OWN = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
CERTIFICATE = b"the bytes of a certificate"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


def thumbprint(given: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(given).digest()).rstrip(b"=").decode()


def signed(header: dict[str, Any], content: Any, key: Any) -> str:
    """As the library would sign it, had it no opinion of headers."""
    given = b".".join(
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, content)
    )
    signature = jws.JWSRegistry.algorithms[header["alg"]].sign(given, key)
    return f"{given.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def token(kind: str = "system", **claims: Any) -> str:
    whole = {
        "iss": ISSUER,
        "aud": "careplan",
        "sub": "sub-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "token-1",
        "careplan": {"kind": kind, "role": "gp", "organisation": {"ods": "ZZC01"}},
        **claims,
    }
    return signed({"alg": "ES256", "kid": "issuer", "typ": "at+jwt"}, whole, SIGNING)


BY_KEY = token(cnf={"jkt": OWN.thumbprint()})
BY_CERTIFICATE = token(cnf={"x5t#S256": thumbprint(CERTIFICATE)})


def proof(
    key: Any = OWN,
    of: str = BY_KEY,
    *,
    header: dict[str, Any] | None = None,
    **changed: Any,
) -> str:
    whole = {
        "jti": "proof-1",
        "htm": "POST",
        "htu": ADDRESS + PATH,
        "iat": NOW,
        "ath": thumbprint(of.encode()),
        **changed,
    }
    content = {name: value for name, value in whole.items() if value is not ...}
    protected = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    return signed(protected | (header or {}), content, key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([SIGNING]).as_dict(private=False)))
    return path


@pytest.fixture
def identity(jwks: Path, clock: Clock) -> Identity:
    return Identity(str(jwks), ISSUER, clock=clock, address=ADDRESS, proxies="10.0.0.0/8, ::1")


def request(
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = PATH,
    peer: tuple[str, int] | None = ("10.1.2.3", 5),
    **scope: Any,
) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request(
        {
            "type": "http",
            "method": method,
            "path": path,
            "headers": raw,
            "scheme": "http",
            "server": ("127.0.0.1", 8000),
            "client": peer,
            **scope,
        }
    )


def by_key(*proofs: str, of: str = BY_KEY, **where: Any) -> Request:
    proven = [("DPoP", one) for one in proofs]
    return request(("Authorization", f"DPoP {of}"), *proven, **where)


def by_certificate(*shown: str, **where: Any) -> Request:
    presented = [("Client-Cert", one) for one in shown]
    return request(("Authorization", f"Bearer {BY_CERTIFICATE}"), *presented, **where)


async def refused(identity: Identity, asked: Request) -> str:
    with pytest.raises(Problem) as raised:
        await identity(asked)
    assert (raised.value.code, raised.value.status) == ("token-invalid", 401)
    return raised.value.detail


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (OWN, "ES256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
        (RSAKey.generate_key(2048), "RS256"),
    ],
)
async def test_whoever_has_the_key_is_told(identity: Identity, key: Any, algorithm: str) -> None:
    of = token(cnf={"jkt": key.thumbprint()})
    asked = by_key(proof(key, of, header={"alg": algorithm}), of=of)

    assert (await identity(asked)).key == "org:ZZC01"


@pytest.mark.asyncio
async def test_one_request_is_judged_once_however_often_it_is_asked(identity: Identity) -> None:
    """The kind: a request that the short way hands on would be taken for its own replay."""
    asked = by_key(proof())

    assert await identity(asked) is await identity(Request(dict(asked.scope)))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: proof(htm="GET"), "another method"),
        (lambda: proof(htm="post"), "another method"),
        (lambda: proof(htm=...), "another method"),
        (lambda: proof(htu="https://elsewhere.example/goals/v1/contributions"), "another address"),
        (lambda: proof(htu="http://careplan.example/goals/v1/contributions"), "another address"),
        (lambda: proof(htu="https://careplan.example:8443/goals" + PATH), "another address"),
        (lambda: proof(htu="https://a@careplan.example/goals" + PATH), "another address"),
        (lambda: proof(htu=ADDRESS + PATH + ":validate"), "another address"),
        (lambda: proof(htu=PATH), "another address"),
        (lambda: proof(htu="https://[careplan"), "another address"),
        (lambda: proof(htu=7), "another address"),
        (lambda: proof(htu=...), "another address"),
        (lambda: proof(ath=...), "another token"),
        (lambda: proof(ath=7), "another token"),
        (lambda: proof(ath="\ud800"), "cannot be read"),
        (lambda: proof(of=BY_CERTIFICATE), "another token"),
        (lambda: proof(iat=NOW - 61), "not of now"),
        (lambda: proof(iat=NOW + 61), "not of now"),
        (lambda: proof(iat=1e300), "not of now"),
        (lambda: proof(iat=str(NOW)), "time in seconds"),
        (lambda: proof(iat=True), "time in seconds"),
        (lambda: proof(iat=...), "time in seconds"),
        (lambda: proof(jti=...), "no jti"),
        (lambda: proof(jti=""), "no jti"),
        (lambda: proof(jti=["proof-1"]), "no jti"),
        (lambda: proof(OTHER), "another key"),
        (lambda: proof(header={"jwk": OTHER.as_dict(private=False)}), "another key"),
        (lambda: proof(OTHER, header={"jwk": OWN.as_dict(private=False)}), "does not hold"),
        (lambda: proof(header={"jwk": OWN.as_dict(private=True)}), "public key"),
        (lambda: proof(header={"jwk": OctKey.generate_key(256).as_dict()}), "public key"),
        (lambda: proof(header={"jwk": {"kty": "EC"}}), "cannot be used"),
        (lambda: proof(header={"jwk": None}), "public key"),
        (lambda: proof(header={"typ": "JWT"}), "It is none"),
        (lambda: proof(header={"crit": ["exp"], "exp": 1}), "not known here"),
        (lambda: signed({"alg": "HS256"}, {}, OctKey.generate_key(256)), "algorithm"),
        (lambda: "eyJhbGciOiJub25lIn0.e30.", "signed token"),
        (lambda: proof(more="x" * 4_096), "signed token"),
        (lambda: "\xe9.b.c", "signed token"),
        (lambda: BY_KEY, "It is none"),
        (lambda: "", "signed token"),
    ],
)
async def test_a_proof_for_anything_else_proves_nothing(
    identity: Identity, made: Any, why: str
) -> None:
    assert why in await refused(identity, by_key(made()))
    assert (await identity(by_key(proof()))).sub == "sub-1"


@pytest.mark.asyncio
async def test_there_is_exactly_one_proof(identity: Identity) -> None:
    assert "one DPoP proof" in await refused(identity, by_key())
    assert "one DPoP proof" in await refused(identity, by_key(proof(), proof(jti="proof-2")))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "htu",
    [
        ADDRESS + PATH,
        f"HTTPS://CAREPLAN.example:443/goals{PATH}?wait=1#top",
        "https://careplan.example/g%6fals/v1/contributions",
    ],
)
async def test_addresses_that_mean_the_same_are_the_same(identity: Identity, htu: str) -> None:
    assert (await identity(by_key(proof(htu=htu)))).sub == "sub-1"


@pytest.mark.asyncio
async def test_what_a_request_says_of_its_own_host_counts_for_nothing(
    jwks: Path, clock: Clock
) -> None:
    """The kind: a server that is sent a token passes it on, with the proof made for that server."""
    identity = Identity(str(jwks), ISSUER, clock=clock)
    stolen = by_key(proof(htu="http://elsewhere.example" + PATH))
    stolen.scope["headers"].append((b"host", b"elsewhere.example"))

    assert "another address" in await refused(identity, stolen)
    assert (await identity(by_key(proof(htu="http://127.0.0.1:8000" + PATH)))).sub == "sub-1"
    on_ipv6 = by_key(proof(htu="http://[::1]:8000" + PATH), server=("::1", 8000))
    assert "used before" in await refused(identity, on_ipv6)


@pytest.mark.asyncio
async def test_a_proof_counts_once_and_is_forgotten_when_it_would_not_hold_any_more(
    identity: Identity, clock: Clock
) -> None:
    await identity(by_key(proof()))
    assert "used before" in await refused(identity, by_key(proof()))
    assert "used before" in await refused(identity, by_key(proof(iat=NOW + 1)))
    await identity(by_key(proof(jti="proof-2", iat=NOW + 60)))

    clock.at += 60
    assert "used before" in await refused(identity, by_key(proof()))
    clock.at += 1
    assert "not of now" in await refused(identity, by_key(proof()))
    await identity(by_key(proof(jti="proof-3", iat=clock.at)))
    assert len(identity._sender._proofs) == 2


@pytest.mark.asyncio
async def test_what_does_not_hold_takes_no_memory(identity: Identity) -> None:
    for number in range(20):
        await refused(identity, by_key(proof(jti=f"proof-{number}", htm="GET")))
    assert len(identity._sender._proofs) == 0


def test_the_proofs_remembered_are_bounded_and_none_is_forgotten_early(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """The kind: whoever sends many makes room for a replay, or locks the others out."""
    monkeypatch.setattr(module, "PROOFS_OF_A_CALLER", 3)
    monkeypatch.setattr(module, "PROOFS", 5)
    proofs = Proofs(clock)
    for number in range(3):
        assert proofs.is_new(b"a%d" % number, "org:ZZC01", NOW + 60)
    with pytest.raises(Problem, match="too-many-requests"):
        proofs.is_new(b"a3", "org:ZZC01", NOW + 60)
    assert not proofs.is_new(b"a0", "org:ZZC01", NOW + 60)

    assert proofs.is_new(b"b0", "org:ZZG01", NOW + 60)
    assert proofs.is_new(b"c0", "org:ZZL01", NOW + 90)
    with pytest.raises(Problem, match="overloaded"):
        proofs.is_new(b"d0", "org:ZZH01", NOW + 60)

    clock.at += 61
    assert proofs.is_new(b"a3", "org:ZZC01", clock.at + 60)
    assert len(proofs) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scheme", "of"),
    [("Bearer", BY_KEY), ("DPoP", token()), ("DPoP", BY_CERTIFICATE)],
    ids=["bound, as if it were not", "not bound", "bound otherwise"],
)
async def test_the_scheme_says_how_a_token_is_bound(
    identity: Identity, scheme: str, of: str
) -> None:
    asked = request(("Authorization", f"{scheme} {of}"), ("DPoP", proof(of=of)))
    assert "Send this token as" in await refused(identity, asked)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "cnf",
    [
        {},
        {"kid": "own"},
        {"jwk": OWN.as_dict(private=False)},
        {"jkt": 7},
        {"jkt": OWN.thumbprint(), "x5t#S256": []},
        {"jkt": None},
        "a thumbprint",
        [],
        False,
    ],
)
async def test_what_is_bound_to_something_unknown_is_nobodys(identity: Identity, cnf: Any) -> None:
    of = token(cnf=cnf)
    for scheme in ("Bearer", "DPoP"):
        asked = request(("Authorization", f"{scheme} {of}"), ("DPoP", proof(of=of)))
        assert "not known here" in await refused(identity, asked)


def shown(certificate: bytes) -> str:
    return f":{base64.b64encode(certificate).decode()}:"


@pytest.mark.asyncio
@pytest.mark.parametrize("peer", [("10.1.2.3", 5), ("::1", 5)])
async def test_whoever_has_the_certificate_is_told(
    identity: Identity, peer: tuple[str, int]
) -> None:
    assert (await identity(by_certificate(shown(CERTIFICATE), peer=peer))).key == "org:ZZC01"


@pytest.mark.asyncio
@pytest.mark.parametrize("peer", [("11.1.2.3", 5), ("127.0.0.1", 5), ("proxy", 0), None])
async def test_a_certificate_is_believed_of_a_trusted_proxy_alone(
    identity: Identity, jwks: Path, clock: Clock, peer: tuple[str, int] | None
) -> None:
    asked = by_certificate(shown(CERTIFICATE), peer=peer)
    asked.scope["headers"].append((b"x-forwarded-for", b"10.1.2.3"))
    assert "not presented" in await refused(identity, asked)
    trusts_nobody = Identity(str(jwks), ISSUER, clock=clock)
    assert "not presented" in await refused(trusts_nobody, by_certificate(shown(CERTIFICATE)))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "not presented"),
        ([shown(CERTIFICATE)] * 2, "not presented"),
        ([shown(b"x" * 20_000)], "not presented"),
        ([shown(b"another certificate")], "another certificate"),
        ([base64.b64encode(CERTIFICATE).decode()], "another certificate"),
        ([":" + thumbprint(CERTIFICATE) + ":"], "another certificate"),
        (["::"], "another certificate"),
        ([":A:"], "another certificate"),
    ],
)
async def test_another_certificate_proves_nothing(
    identity: Identity, given: list[str], why: str
) -> None:
    assert why in await refused(identity, by_certificate(*given))


@pytest.mark.asyncio
async def test_what_is_bound_twice_needs_both(identity: Identity) -> None:
    of = token(cnf={"jkt": OWN.thumbprint(), "x5t#S256": thumbprint(CERTIFICATE)})
    certificate = ("Client-Cert", shown(CERTIFICATE))
    named = ("Authorization", f"DPoP {of}")
    proven = ("DPoP", proof(of=of))

    assert "not presented" in await refused(identity, request(named, proven))
    assert "one DPoP proof" in await refused(identity, request(named, certificate))
    assert (await identity(request(named, proven, certificate))).sub == "sub-1"


@pytest.mark.asyncio
async def test_where_systems_have_to_be_bound_the_others_need_not(jwks: Path, clock: Clock) -> None:
    identity = Identity(str(jwks), ISSUER, clock=clock, address=ADDRESS, systems_are_bound=True)
    assert "must be bound" in await refused(
        identity, request(("Authorization", f"Bearer {token()}"))
    )
    assert (await identity(by_key(proof()))).kind == "system"
    asked = request(("Authorization", f"Bearer {token('professional')}"))
    assert (await identity(asked)).kind == "professional"


@pytest.mark.asyncio
async def test_an_answer_says_how_to_prove_it_and_head_is_a_method_of_its_own(
    identity: Identity,
) -> None:
    app = FastAPI(exception_handlers=problem_handlers())

    @app.get("/who")
    async def who(contributor: Annotated[Contributor, Depends(identity)]) -> str:
        return contributor.sub

    at = ADDRESS + "/who"
    transport = httpx.ASGITransport(HeadLikeGet(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def ask(method: str, **said: Any) -> httpx.Response:
            headers = {"Authorization": f"DPoP {BY_KEY}", "DPoP": proof(htu=at, **said)}
            return await client.request(method, "/who", headers=headers)

        known = await ask("GET", htm="GET")
        again = await ask("GET", htm="GET")
        head = await ask("HEAD", htm="HEAD", jti="proof-2")
        as_get = await ask("HEAD", htm="GET", jti="proof-3")

    assert (known.status_code, again.status_code) == (200, 401)
    assert (head.status_code, as_get.status_code) == (200, 401)
    assert again.json()["code"] == "token-invalid"
    assert again.headers["www-authenticate"] == (
        'DPoP algs="RS256 ES256 EdDSA Ed25519", error="invalid_dpop_proof"'
    )
