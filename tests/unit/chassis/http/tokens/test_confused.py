"""Tokens that are forged, confused with others, or that would have us read what they please."""

import base64
import json
import random
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OKPKey
from structlog.testing import capture_logs

from shared.chassis.http.identity import TOKEN_LIMIT, Identity
from shared.chassis.http.tokens.key_set import DOCUMENT_LIMIT, KEY_LIMIT
from shared.chassis.http.tokens.signed import header_of
from shared.chassis.wire.problem import Problem

NOW = 1_795_000_000.0
ISSUER = "urn:test:issuer"
KEY = OKPKey.generate_key("Ed25519", {"kid": "ed"})
P256 = ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "stranger"})
FORGED = 2_000


def claims(**changed: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": "careplan",
        "sub": "sub-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "token-1",
        "name": "Edith Marlow-Synth",
        "careplan": {"kind": "system", "organisation": {"ods": "ZZC01"}},
        **changed,
    }


def signed(header: dict[str, Any], key: Any = KEY, content: Any = None) -> str:
    """As the library would sign it, had it no opinion of headers."""
    whole = {"alg": "Ed25519", "kid": "ed", **header}
    parts = b".".join(
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=")
        for one in (whole, content or claims())
    )
    signature = jws.JWSRegistry.algorithms["Ed25519" if key is not P256 else "ES256"].sign(
        parts, key
    )
    return f"{parts.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class Issuer:
    """Its keys at a URL, and what else it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.document: Any = KeySet([KEY, P256]).as_dict(private=False)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(200, json=self.document)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


JWKS = "https://issuer.example/jwks"


@pytest.fixture
def identity(issuer: Issuer) -> Identity:
    return Identity(JWKS, ISSUER, clock=lambda: NOW, transport=httpx.MockTransport(issuer))


async def refused(identity: Identity, token: str) -> Problem:
    with pytest.raises(Problem) as raised:
        await identity.contributor(f"Bearer {token}")
    return raised.value


ELSEWHERE = {
    "jwk": STRANGER.as_dict(private=False),
    "jku": "https://elsewhere.example/jwks",
    "x5u": "https://elsewhere.example/certificate",
    "x5c": ["MIIB"],
    "x5t": "AAAA",
    "x5t#S256": "AAAA",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_key_that_a_token_brings_or_names_is_not_looked_at(
    identity: Identity, issuer: Issuer, name: str
) -> None:
    brought = {name: ELSEWHERE[name]}
    assert (await identity.contributor(f"Bearer {signed(brought)}")).sub == "sub-1"
    for kid in ({"kid": "stranger"}, {"kid": "ed"}, {}):
        problem = await refused(identity, signed({**brought, **kid}, STRANGER))
        assert problem.code == "token-invalid"
    assert set(issuer.asked) == {JWKS}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "https://elsewhere.example/jwks",
        "' OR '1'='1",
        "ed\x00",
        "ED",
        " ed",
        "*",
        "",
        "ec",
        "x" * 500,
        7,
        ["ed"],
        {"$ne": ""},
        True,
    ],
)
async def test_a_key_id_is_compared_and_nothing_else(
    identity: Identity, issuer: Issuer, kid: Any
) -> None:
    for key in (KEY, STRANGER):
        assert (await refused(identity, signed({"kid": kid}, key))).code == "token-invalid"
    assert set(issuer.asked) <= {JWKS}


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", ["dpop+jwt", "logout+jwt", "secevent+jwt", "id+jwt", "", 7, []])
async def test_what_is_signed_for_another_use_is_no_access_token(
    identity: Identity, typed: Any
) -> None:
    problem = await refused(identity, signed({"typ": typed}))
    assert (problem.code, problem.detail) == ("token-invalid", "It is no access token.")


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
async def test_an_access_token_has_its_own_type(identity: Identity, typed: str) -> None:
    assert (await identity.contributor(f"Bearer {signed({'typ': typed})}")).sub == "sub-1"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "audience",
    ["Careplan", "careplan ", "https://careplan", ["another"], [], [["careplan"]], None, 7],
)
async def test_a_token_for_others_is_refused_however_they_are_named(
    identity: Identity, audience: Any
) -> None:
    made = signed({}, content=claims(aud=audience))
    assert (await refused(identity, made)).code == "token-invalid"


@pytest.mark.asyncio
async def test_how_long_it_is_is_judged_before_anything_is_read(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def counting(token: bytes) -> Any:
        read.append(len(token))
        return header_of(token)

    monkeypatch.setattr("shared.chassis.http.identity.header_of", counting)
    huge = signed({}, content=claims(more="x" * TOKEN_LIMIT))
    for token in (huge, huge * 100, "é" + signed({})):
        assert (await refused(identity, token)).code == "token-invalid"
    assert read == []


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [KEY_LIMIT + 1, 10_000])
async def test_a_document_with_too_many_keys_is_not_read(
    identity: Identity, issuer: Issuer, number: int
) -> None:
    """The kind: whoever serves the keys makes every process import them, on its event loop."""
    usual, own = issuer.document, KEY.as_dict(private=False)
    short = {"kty": "OKP", "crv": "Ed25519"}
    issuer.document = {"keys": [own, *[short] * (number - 1)]}
    problem = await refused(identity, signed({}))
    assert (problem.code, problem.status) == ("unavailable", 503)

    issuer.document = usual
    elapsed = identity._keys._looked_at + 2
    identity._keys._clock = lambda: elapsed
    assert (await identity.contributor(f"Bearer {signed({})}")).sub == "sub-1"
    issuer.document = {"keys": [{**own, "more": "x" * DOCUMENT_LIMIT}]}
    elapsed += 400
    await identity.contributor(f"Bearer {signed({})}")
    assert identity._keys._renewal is not None
    await identity._keys._renewal
    assert (await identity.contributor(f"Bearer {signed({})}")).sub == "sub-1"


@pytest.mark.asyncio
async def test_as_many_keys_as_are_allowed_are_read(identity: Identity, issuer: Issuer) -> None:
    own = KEY.as_dict(private=False)
    issuer.document = {"keys": [*[own] * (KEY_LIMIT - 1), P256.as_dict(private=False)]}
    made = signed({"alg": "ES256", "kid": "ec"}, P256)
    assert (await identity.contributor(f"Bearer {made}")).sub == "sub-1"


def forgeries(number: int) -> list[str]:
    """Tokens made out of good ones by somebody without the key; the same ones every time."""
    chance = random.Random(11)  # noqa: S311 - a list that is always the same
    good = signed({})
    other = signed({"alg": "ES256", "kid": "ec"}, P256, claims(sub="sub-2"))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=. "
    made: list[str] = []
    while len(made) < number:
        head, content, signature = good.split(".")
        match chance.randrange(6):
            case 0:
                place = chance.randrange(len(good) - 1)
                forged = good[:place] + chance.choice(alphabet) + good[place + 1 :]
            case 1:
                parts = [chance.choice([good, other]).split(".")[at] for at in range(3)]
                forged = ".".join(parts)
            case 2:
                at = chance.choice(["none", "None", "HS256", "HS512", "RS256", "ES256", "PS256"])
                told = json.dumps({"alg": at, "kid": chance.choice(["ed", "ec"])}).encode()
                head = base64.urlsafe_b64encode(told).rstrip(b"=").decode()
                forged = f"{head}.{content}.{chance.choice([signature, '', 'AAAA'])}"
            case 3:
                told = json.dumps(claims(sub=f"sub-{chance.random()}")).encode()
                forged = (
                    f"{head}.{base64.urlsafe_b64encode(told).rstrip(b'=').decode()}.{signature}"
                )
            case 4:
                forged = good[: chance.randrange(len(good) - 1)]
            case _:
                forged = ".".join(chance.sample([head, content, signature], 3))
        if forged not in (good, other) and forged.split(".") != other.split("."):
            made.append(forged)
    return made


@pytest.mark.asyncio
async def test_no_forgery_is_accepted_and_nothing_of_it_is_told(identity: Identity) -> None:
    with capture_logs() as lines:
        for token in forgeries(FORGED):
            problem = await refused(identity, token)
            assert problem.code in ("token-invalid", "token-missing")
            assert all(part not in problem.detail for part in token.split(".") if len(part) > 8)
        assert (await refused(identity, signed({}, content=claims(exp=NOW - 61)))).code == (
            "token-expired"
        )
    assert lines == []
