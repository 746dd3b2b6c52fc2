"""Tokens that are forged, altered, replayed, expired or meant for something else: none counts.

Each kind of forgery makes its tokens by chance from a seed, so a failure names a case that can be
made again. Every kind begins with something that would be accepted, and spoils one thing of it.
"""

import base64
import hmac
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any, Final

import httpx
import pytest
from hypothesis import settings
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from starlette.requests import Request

from shared.chassis.http.identity import TOKEN_LIMIT, Identity
from shared.chassis.wire.problem import Problem

NOW = 1_795_000_000
ISSUER = "urn:test:issuer"
JWKS = "https://issuer.example/jwks"
ADDRESS = "https://careplan.example/goals"
PATH = "/v1/contributions"
CERTIFICATE = b"the bytes of a certificate"
CASES: Final = 50 * settings().max_examples
"""10,000 in the thorough profile."""

Json = dict[str, Any]
KEYS: Final[dict[str, Any]] = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rs"}),
}
STRANGERS: Final[dict[str, Any]] = {
    "Ed25519": OKPKey.generate_key("Ed25519"),
    "ES256": ECKey.generate_key("P-256"),
    "RS256": RSAKey.generate_key(2048),
}
OWN, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
PUBLIC: Final = KeySet([*KEYS.values()]).as_dict(private=False)
NUMBERS = count()


def encoded(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()


def thumbprint(given: bytes) -> str:
    return encoded(sha256(given).digest())


def compact(header: bytes, content: bytes, sign: Callable[[bytes], bytes]) -> str:
    signed = f"{encoded(header)}.{encoded(content)}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def by(key: Any, algorithm: str) -> Callable[[bytes], bytes]:
    return lambda given: bytes(jws.JWSRegistry.algorithms[algorithm].sign(given, key))


def claims(**changed: Any) -> Json:
    return {
        "iss": ISSUER,
        "aud": "careplan",
        "sub": "sub-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": f"token-{next(NUMBERS)}",
        "name": "Edith Marlow-Synth",
        "careplan": {"kind": "system", "role": "gp", "organisation": {"ods": "ZZC01"}},
        **changed,
    }


def token(
    algorithm: str = "Ed25519",
    content: Json | bytes | None = None,
    *,
    key: Any = None,
    header: bytes | None = None,
    **said: Any,
) -> str:
    """As the issuer signs it, but for what is changed."""
    signing = KEYS[algorithm] if key is None else key
    whole = {"alg": algorithm, "kid": KEYS[algorithm].kid, **said}
    head = json.dumps({k: v for k, v in whole.items() if v is not ...}).encode()
    body = content if isinstance(content, bytes) else json.dumps(content or claims()).encode()
    return compact(head if header is None else header, body, by(signing, algorithm))


@dataclass
class Case:
    """What is sent with a request."""

    token: str
    scheme: str = "Bearer"
    proofs: list[str] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)
    more: list[tuple[str, str]] = field(default_factory=list)
    method: str = "POST"
    path: str = PATH
    peer: str = "10.1.2.3"

    @property
    def request(self) -> Request:
        shown = [f":{base64.b64encode(one).decode()}:" for one in self.certificates]
        headers = [
            ("authorization", f"{self.scheme} {self.token}"),
            *(("dpop", one) for one in self.proofs),
            *(("client-cert", one) for one in shown),
            *self.more,
        ]
        return Request(
            {
                "type": "http",
                "method": self.method,
                "path": self.path,
                "headers": [(name.encode(), of.encode("latin-1")) for name, of in headers],
                "scheme": "http",
                "server": ("127.0.0.1", 8000),
                "client": (self.peer, 5),
            }
        )


def any_algorithm(chance: Random) -> str:
    return chance.choice([*KEYS])


def without_a_signature(chance: Random) -> Case:
    content = json.dumps(claims()).encode()
    named = chance.choice(["none", "None", "NONE", "nOnE", "", None, 0, ["Ed25519"], ...])
    whole = {"alg": named, "kid": "ed", "typ": "JWT"}
    head = json.dumps({k: v for k, v in whole.items() if v is not ...}).encode()
    last = chance.choice([b"", b"x", chance.randbytes(64), by(KEYS["Ed25519"], "Ed25519")(b"x")])
    made = compact(head, content, lambda _: last)
    return Case(chance.choice([made, made.rstrip("."), made + "."]))


def with_a_secret_that_is_public(chance: Random) -> Case:
    of = KEYS[any_algorithm(chance)]
    public = of.as_dict(private=False)
    secret = chance.choice(
        [
            of.as_pem(private=False),
            of.as_pem(private=False).strip(),
            json.dumps(public).encode(),
            json.dumps(PUBLIC).encode(),
            str(public.get("x") or public.get("n")).encode(),
            str(of.kid).encode(),
            b"",
        ]
    )
    algorithm = chance.choice(["HS256", "HS384", "HS512"])
    digest = algorithm.replace("HS", "sha")
    head = json.dumps({"alg": algorithm, "kid": of.kid}).encode()
    content = json.dumps(claims()).encode()
    return Case(compact(head, content, lambda given: hmac.digest(secret, given, digest)))


def by_another_key(chance: Random) -> Case:
    algorithm = any_algorithm(chance)
    kid = chance.choice(["ed", "ec", "rs", "unknown", "", "../jwks", "ED", 7, None, ["ed"], ...])
    return Case(token(algorithm, key=STRANGERS[algorithm], kid=kid))


def with_a_key_of_its_own(chance: Random) -> Case:
    algorithm = any_algorithm(chance)
    stranger = STRANGERS[algorithm]
    brought = {
        "jwk": stranger.as_dict(private=False),
        "jku": "https://elsewhere.example/jwks",
        "x5u": "https://elsewhere.example/certificate",
        "x5c": [base64.b64encode(stranger.as_der(private=False)).decode()],
        "x5t": thumbprint(b"x"),
        "x5t#S256": thumbprint(b"x"),
    }
    names = chance.sample([*brought], chance.randint(1, len(brought)))
    told = {name: brought[name] for name in names}
    return Case(token(algorithm, key=stranger, kid=chance.choice(["ed", "ec", "rs", ...]), **told))


def by_the_key_of_another_algorithm(chance: Random) -> Case:
    algorithm = any_algorithm(chance)
    others = ["ES384", "ES512", "ES256K", "RS384", "RS512", "PS256", "EdDSA", "Ed448", *KEYS]
    named = chance.choice([one for one in others if one != algorithm])
    if (named, algorithm) == ("EdDSA", "Ed25519"):
        named = "Ed448"  # the other name of the same algorithm is none of another
    return Case(token(algorithm, alg=named, kid=chance.choice(["ed", "ec", "rs"])))


def of_others(chance: Random) -> Case:
    """What the issuer signed, for something else, or for nobody."""
    ours = claims()["careplan"]
    changed: dict[str, Any] = chance.choice(
        [
            {"iss": chance.choice([None, "", ISSUER + "/", ISSUER.upper(), "urn:other", [ISSUER]])},
            {"aud": chance.choice([None, "", "Careplan", "careplan ", ["x"], [], {"a": 1}, 7])},
            {"typ": chance.choice(["ID", "Refresh", "Offline", "Logout"])},
            {"sub": chance.choice([None, "", " ", 7, "x" * 300, ["a"]])},
            {"jti": chance.choice([None, "", 7, []])},
            {"exp": chance.choice([None, "never", True, -1, [], {}])},
            {"iat": chance.choice([None, "now", True, -1, []])},
            {"careplan": chance.choice([None, [], "gp", {}, {**ours, "kind": "admin"}])},
            {"careplan": {**ours, "organisation": chance.choice([None, {}, {"ods": "zzc01"}])}},
            {"careplan": {**ours, "role": chance.choice(["GP", "g p", 7, ""])}},
            {"cnf": chance.choice([{}, {"kid": "x"}, "x", {"jkt": 7}, []])},
        ]
    )
    return Case(token(any_algorithm(chance), claims(**changed)))


def of_another_type(chance: Random) -> Case:
    typed = ["dpop+jwt", "logout+jwt", "secevent+jwt", "id_token+jwt", "", 7, [], None, "jwt;x=1"]
    return Case(token(any_algorithm(chance), typ=chance.choice(typed)))


def of_another_time(chance: Random) -> Case:
    far = chance.choice([1, 60, 3_600, 10**9])
    changed: Json = chance.choice(
        [{"exp": NOW - 60 - far + 1}, {"iat": NOW + 60 + far}, {"nbf": NOW + 60 + far}]
    )
    return Case(token(any_algorithm(chance), claims(**changed)))


def altered(chance: Random) -> Case:
    """One character of it is another one, or it is put together from two."""
    good = token(any_algorithm(chance), claims(sub="sub-1"))
    if chance.random() < 0.3:
        parts = good.split("."), token(any_algorithm(chance), claims(sub="sub-2")).split(".")
        taken = chance.choice([(0, 0, 1), (0, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0)])
        heads = {parts[which][0] for which in (0, 1)}
        made = ".".join(parts[which][at] for at, which in enumerate(taken))
        if len(heads) > 1 or taken not in ((0, 1, 1), (1, 0, 0)):
            return Case(made)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. "
    place = chance.randrange(len(good))
    other = chance.choice([one for one in alphabet if one != good[place]])
    made = good[:place] + other + good[place + 1 :]
    return Case(made if made.strip() != good else made[:-2])


def said_anew(chance: Random) -> Case:
    """Other claims under a signature that was made for the first ones."""
    head, _, signature = token(any_algorithm(chance)).split(".")
    ours = chance.choice([{"kind": "person", "person": {"plan_id": "x"}}, claims()["careplan"]])
    forged = claims(sub=f"sub-{chance.random()}", careplan=ours)
    return Case(f"{head}.{encoded(json.dumps(forged).encode())}.{signature}")


def that_asks_for_more(chance: Random) -> Case:
    """Signed by the issuer, under a header that asks for what is not known here."""
    asked: Json = chance.choice(
        [
            {"crit": chance.choice([["exp"], [], ["b64"], ["alg"], "b64", None])},
            {"b64": chance.choice([False, True, None])},
            {"crit": ["b64"], "b64": False},
        ]
    )
    return Case(token(any_algorithm(chance), **asked))


def that_says_something_twice(chance: Random) -> Case:
    """Two readers would take it for two tokens."""
    algorithm = any_algorithm(chance)
    head = json.dumps({"alg": algorithm, "kid": KEYS[algorithm].kid})
    body = json.dumps(claims())
    twice = chance.choice(['"alg": "none"', '"kid": "ec"', '"typ": "JWT", "typ": "at+jwt"'])
    if chance.random() < 0.5:
        made = chance.choice([f"{{{twice}, {head[1:]}", f"{head[:-1]}, {twice}}}"])
        if made.count('"typ"') == 2 or made.count('"alg"') == 2 or made.count('"kid"') == 2:
            return Case(token(algorithm, header=made.encode()))
    name = chance.choice(["sub", "iss", "aud", "exp", "careplan", "jti"])
    again = json.dumps({name: claims()[name]})[1:-1]
    made = chance.choice([f"{{{again}, {body[1:]}", f"{body[:-1]}, {again}}}"])
    return Case(token(algorithm, made.encode()))


def too_large(chance: Random) -> Case:
    return Case(token(content=claims(more="x" * chance.randint(TOKEN_LIMIT, 4 * TOKEN_LIMIT))))


def written_otherwise(chance: Random) -> Case:
    """The same bytes by another text: padded, with other last bits, or in another alphabet."""
    made = token(any_algorithm(chance))
    parts = made.split(".")
    at = chance.randrange(3)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = {2: 4, 3: 2}.get(len(parts[at]) % 4, 0)
    match chance.randrange(4):
        case 0 if spare:
            last = alphabet.index(parts[at][-1]) | chance.randrange(1, 2**spare)
            parts[at] = parts[at][:-1] + alphabet[last]
        case 1:
            parts[at] += "=" * chance.randint(1, 3)
        case 2:
            place = chance.randrange(1, len(parts[at]))
            parts[at] = parts[at][:place] + chance.choice("\t ~%") + parts[at][place:]
        case _:
            parts[at] += "A"
    return Case(".".join(parts))


def within_another(chance: Random) -> Case:
    """A token in a token, in an object, or in five parts."""
    inner = token()
    head, content, signature = inner.split(".")
    return Case(
        chance.choice(
            [
                token(content=inner.encode(), cty="JWT"),
                token(content=json.dumps(inner).encode(), cty="JWT"),
                token(content=json.dumps([claims()]).encode()),
                f"{head}..{content}.{signature}.{signature}",
                f"{inner}.{signature}",
                f"{head}..{signature}",
                json.dumps({"protected": head, "payload": content, "signature": signature}),
                f"{inner},{inner}",
                f"Bearer {inner}",
            ]
        )
    )


def in_no_form(chance: Random) -> Case:
    """Signed by the issuer, and nothing that a strict reader of JSON takes."""
    whole = json.dumps(claims())
    return Case(
        token(
            any_algorithm(chance),
            chance.choice(
                [
                    b"\xef\xbb\xbf" + whole.encode(),
                    whole.encode("utf-16"),
                    whole.encode() + b"x",
                    whole.replace("3600", "1e999").encode() + b",",
                    whole.replace(str(NOW + 3600), "NaN").encode(),
                    whole.replace(str(NOW + 3600), "Infinity").encode(),
                    b'{"a":' * 500 + b"1" + b"}" * 500,
                    b"[" * 2_000 + b"]" * 2_000,
                    whole.replace("Edith", "\\ud800").encode(),
                    b"",
                ]
            ),
        )
    )


def proof(key: Any, of: str, header: Json | None = None, **changed: Any) -> str:
    whole = {
        "jti": f"proof-{next(NUMBERS)}",
        "htm": "POST",
        "htu": ADDRESS + PATH,
        "iat": NOW,
        "ath": thumbprint(of.encode()),
        **changed,
    }
    said = {name: of for name, of in whole.items() if of is not ...}
    protected = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    head = json.dumps({**protected, **(header or {})}).encode()
    return compact(head, json.dumps(said).encode(), by(key, "ES256"))


def bound_to_a_key(**changed: Any) -> str:
    return token("ES256", claims(cnf={"jkt": OWN.thumbprint()}, **changed))


def without_the_key(chance: Random) -> Case:
    """A token that is bound to a key, sent by whoever does not have it, or did not mean this."""
    made = bound_to_a_key()
    elsewhere = chance.choice(
        ["https://careplan.example/needs" + PATH, ADDRESS + "/v1", "http" + ADDRESS[5:] + PATH, "x"]
    )
    secret = OctKey.import_key(b"k" * 32)
    spoilt = [
        proof(OTHER, made),
        proof(OTHER, made, {"jwk": OWN.as_dict(private=False)}),
        proof(OWN, made, htm=chance.choice(["GET", "post", "PUT", None, 7, ...])),
        proof(OWN, made, htu=chance.choice([elsewhere, None, 7, ...])),
        proof(OWN, made, ath=chance.choice([thumbprint(token().encode()), "", None, ...])),
        proof(OWN, made, iat=chance.choice([NOW - 61, NOW + 61, "now", None, True, ...])),
        proof(OWN, made, jti=chance.choice([None, "", 7, ...])),
        proof(OWN, made, {"typ": chance.choice(["jwt", "at+jwt", None, 7])}),
        proof(OWN, made, {"alg": chance.choice(["none", "HS256", "ES384", "RS256", "Ed25519"])}),
        proof(OWN, made, {"jwk": chance.choice([None, "x", [], {}, secret.as_dict(private=True)])}),
        proof(OWN, made, {"jwk": OWN.as_dict(private=True)}),
        proof(OWN, made, {"crit": ["exp"]}),
        proof(OWN, made)[: chance.randrange(100)],
        proof(OWN, made) + " " * 5_000 + "x",
        made,
    ]
    match chance.randrange(6):
        case 0:
            return Case(made, chance.choice(["Bearer", "DPoP"]))
        case 1:
            return Case(made, "Bearer", [proof(OWN, made)])
        case 2:
            return Case(made, "DPoP", [proof(OWN, made), proof(OWN, made)])
        case 3:
            plain = token()
            return Case(plain, "DPoP", [proof(OWN, plain)])
    return Case(made, "DPoP", [chance.choice(spoilt)])


def for_another_request(chance: Random) -> Case:
    """A proof that was good where it was made, sent with something else."""
    made = bound_to_a_key()
    other: Json = chance.choice(
        [
            {"method": "GET"},
            {"method": "DELETE"},
            {"path": PATH + ":validate"},
            {"path": "/v1/media"},
        ]
    )
    return Case(made, "DPoP", [proof(OWN, made)], **other)


def without_the_certificate(chance: Random) -> Case:
    """A token that is bound to a certificate, sent by whoever does not have it."""
    made = token(content=claims(cnf={"x5t#S256": thumbprint(CERTIFICATE)}))
    match chance.randrange(5):
        case 0:
            return Case(made)
        case 1:
            return Case(made, certificates=[chance.randbytes(chance.randrange(200))])
        case 2:
            return Case(made, certificates=[CERTIFICATE, CERTIFICATE])
        case 3:
            return Case(made, certificates=[CERTIFICATE], peer=chance.choice(["11.1.2.3", "::2"]))
    both = {"x5t#S256": thumbprint(CERTIFICATE), "jkt": OWN.thumbprint()}
    twice = token(content=claims(cnf=both))
    if chance.random() < 0.5:
        return Case(twice, "DPoP", [proof(OWN, twice)])
    return Case(twice, "Bearer", certificates=[CERTIFICATE])


def sent_otherwise(chance: Random) -> Case:
    """A good token, sent as none is taken, or beside another one."""
    if chance.random() < 0.3:
        return Case(token(), more=[("authorization", f"Bearer {token()}")])
    return Case(token(), chance.choice(["Basic", "Token", "Bearer,", "Negotiate", "JWT", "DPoP"]))


KINDS: Final = (
    without_a_signature,
    with_a_secret_that_is_public,
    by_another_key,
    with_a_key_of_its_own,
    by_the_key_of_another_algorithm,
    of_others,
    of_another_type,
    of_another_time,
    altered,
    said_anew,
    that_asks_for_more,
    that_says_something_twice,
    too_large,
    written_otherwise,
    within_another,
    in_no_form,
    without_the_key,
    for_another_request,
    without_the_certificate,
    sent_otherwise,
)


class Elsewhere:
    """The issuer's keys at their address; whatever else is asked for is noted."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.add(str(request.url))
        return httpx.Response(200, json=PUBLIC)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def identity(elsewhere: Elsewhere) -> Identity:
    return Identity(
        JWKS,
        ISSUER,
        clock=lambda: float(NOW),
        transport=httpx.MockTransport(elsewhere),
        address=ADDRESS,
        proxies="10.0.0.0/8",
    )


def honest() -> list[Case]:
    made = bound_to_a_key()
    certified = token(content=claims(cnf={"x5t#S256": thumbprint(CERTIFICATE)}))
    return [
        *(Case(token(algorithm)) for algorithm in KEYS),
        Case(token("Ed25519", alg="EdDSA")),
        Case(token("Ed25519", kid=...)),
        Case(token(content=claims(exp=NOW - 59))),
        Case(made, "DPoP", [proof(OWN, made)]),
        Case(certified, certificates=[CERTIFICATE]),
    ]


REFUSED: Final = {(401, f"token-{why}") for why in ("invalid", "missing", "expired")}


async def answer_to(identity: Identity, case: Case) -> tuple[int, str]:
    """The status and the code, or 200 with whom it was taken for."""
    try:
        return 200, (await identity(case.request)).sub
    except Problem as problem:
        return problem.status, problem.code


@pytest.mark.asyncio
async def test_none_of_ten_thousand_forged_tokens_is_accepted(
    identity: Identity, elsewhere: Elsewhere
) -> None:
    for case in honest():
        assert (await identity(case.request)).key == "org:ZZC01"
    tried: Counter[str] = Counter()
    for seed in range(CASES):
        kind = KINDS[seed % len(KINDS)]
        case = kind(Random(seed))  # noqa: S311 - the same cases in every run
        said = await answer_to(identity, case)
        assert said in REFUSED, f"{kind.__name__}, seed {seed}: {said} to {case.token}"
        tried[kind.__name__] += 1
    assert min(tried.values()) >= CASES // len(KINDS)
    assert elsewhere.asked == {JWKS}
    for case in honest():
        assert (await identity(case.request)).key == "org:ZZC01"


@pytest.mark.asyncio
async def test_a_proof_that_was_used_is_never_good_again(identity: Identity) -> None:
    """Whoever saw a request cannot send it again, nor its proof with another one."""
    made = bound_to_a_key()
    sent = [Case(made, "DPoP", [proof(OWN, made)]) for _ in range(CASES // 50)]
    for case in sent:
        assert (await identity(case.request)).sub == "sub-1"
    for case in sent:
        assert await answer_to(identity, case) == (401, "token-invalid")


@pytest.mark.asyncio
async def test_a_token_that_is_remembered_ends_when_it_ends(elsewhere: Elsewhere) -> None:
    now = [float(NOW)]
    transport = httpx.MockTransport(elsewhere)
    identity = Identity(JWKS, ISSUER, clock=lambda: now[0], transport=transport)
    made = [token(content=claims(exp=NOW + seconds)) for seconds in range(1, 50)]
    for one in made:
        assert (await identity(Case(one).request)).sub == "sub-1"
    now[0] += 60 + 50
    for one in made:
        assert await answer_to(identity, Case(one)) == (401, "token-expired")
