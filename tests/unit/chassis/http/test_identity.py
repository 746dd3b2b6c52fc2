"""Only a token that holds in every point tells who is speaking; anything else is a 401."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from fastapi import Depends, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from shared.chassis.http import identity as module
from shared.chassis.http.answers import problem_handlers
from shared.chassis.http.identity import Identity
from shared.chassis.http.tokens import key_set
from shared.chassis.http.tokens.key_set import TRIED_KEYS
from shared.chassis.settings import SettingUnusable
from shared.chassis.wire.problem import Problem
from shared.ledger import Authentication, Contributor

NOW = 1_795_000_000.0
ISSUER = "urn:test:issuer"
PLAN = "0199c0de-0000-7000-8000-0000000000a1"

Key = RSAKey | ECKey | OKPKey

ED25519 = OKPKey.generate_key("Ed25519", {"kid": "ed"})
P256 = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
STRANGER = OKPKey.generate_key("Ed25519", {"kid": "ed"})


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": "careplan",
        "sub": "sub-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "token-1",
        "name": "Dr A. Quill-Synth",
        "careplan": {
            "kind": "professional",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Northmoor Surgery"},
        },
    }
    return {name: value for name, value in (whole | changed).items() if value is not ...}


def ours(**changed: Any) -> dict[str, Any]:
    whole = claims()["careplan"] | changed
    return claims(careplan={name: value for name, value in whole.items() if value is not ...})


def token(content: Any, key: Any = ED25519, algorithm: str = "Ed25519", **header: Any) -> str:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    whole = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | header
    protected = {name: value for name, value in whole.items() if value is not ...}
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    # The library warns of a name that RFC 9864 has retired; tokens go on using it.
    with pytest.warns() if algorithm == "EdDSA" else nullcontext():
        return jws.serialize_compact(protected, payload, key, registry=registry)


def write_text(path: Path, text: str) -> None:
    path.write_text(text)


def write_keys(path: Path, *keys: Key) -> None:
    write_text(path, json.dumps(KeySet(list(keys)).as_dict(private=False)))


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    write_keys(path, ED25519, P256, RSA)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(jwks: Path, clock: Clock) -> Identity:
    return Identity(str(jwks), ISSUER, clock=clock)


async def refused(identity: Identity, authorization: str | None) -> str:
    with pytest.raises(Problem) as raised:
        await identity.contributor(authorization)
    assert raised.value.status == 401
    return raised.value.code


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(ED25519, "Ed25519"), (ED25519, "EdDSA"), (P256, "ES256"), (RSA, "RS256")],
)
async def test_a_professional_is_told_from_a_token(
    identity: Identity, key: Key, algorithm: str
) -> None:
    found = await identity.contributor(f"Bearer {token(claims(), key, algorithm)}")

    assert (found.kind, found.sub, found.role, found.name) == (
        "professional",
        "sub-1",
        "gp",
        "Dr A. Quill-Synth",
    )
    assert found.organisation is not None
    assert found.key == "org:ZZG01"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, Authentication(jti="token-1")),
        (
            {"client_id": "epr", "azp": "other", "idp": "cis2", "acr": "aal3", "auth_time": NOW},
            Authentication("token-1", "epr", "cis2", "aal3", datetime.fromtimestamp(NOW, UTC)),
        ),
        ({"azp": "epr"}, Authentication("token-1", "epr")),
        ({"acr": 3, "idp": "a\nb", "auth_time": "noon"}, Authentication("token-1")),
        ({"acr": "x" * 256, "auth_time": 1e300}, Authentication("token-1")),
        ({"auth_time": True, "idp": ""}, Authentication("token-1")),
    ],
)
async def test_how_somebody_was_authenticated_is_told_as_far_as_the_token_says(
    identity: Identity, said: dict[str, Any], told: Authentication
) -> None:
    found = await identity.contributor(f"Bearer {token(claims(**said))}")
    assert found.authentication == told


@pytest.mark.asyncio
async def test_a_person_is_told_with_their_plan(identity: Identity) -> None:
    whole = claims(
        careplan={"kind": "person", "person": {"plan_id": PLAN, "nhs_number_verified": True}}
    )

    found = await identity.contributor(f"bearer  {token(whole)}")

    assert (found.kind, str(found.plan_id), found.nhs_number_verified) == ("person", PLAN, True)
    assert found.key == "sub:sub-1"


@pytest.mark.asyncio
async def test_an_organisation_without_an_ods_code_has_its_local_id(identity: Identity) -> None:
    whole = ours(kind="system", role=..., organisation={"local_id": "x-quay-house"})

    found = await identity.contributor(f"Bearer {token(whole)}")

    assert found.key == "org:x-quay-house"
    assert found.role is None


@pytest.mark.asyncio
async def test_a_person_speaks_for_no_organisation(identity: Identity) -> None:
    found = await identity.contributor(f"Bearer {token(ours(kind='person', role=...))}")

    assert found.organisation is None


@pytest.mark.asyncio
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer  ", "Basic YTpi", "a.b.c"])
async def test_no_token_is_missing(identity: Identity, authorization: str | None) -> None:
    assert await refused(identity, authorization) == "token-missing"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "urn:test:another"},
        {"iss": ...},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": {"careplan": 1}},
        {"aud": ...},
        {"sub": ...},
        {"sub": 7},
        {"sub": " "},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"jti": ...},
        {"jti": 1},
        {"exp": ...},
        {"exp": "1795003600"},
        {"exp": True},
        {"exp": -1},
        {"iat": ...},
        {"iat": NOW + 61},
        {"iat": "now"},
        {"nbf": NOW + 61},
        {"nbf": "later"},
        {"name": 5},
        {"careplan": ...},
        {"careplan": "professional"},
    ],
    ids=str,
)
async def test_a_claim_that_is_missing_or_of_another_kind_is_invalid(
    identity: Identity, changed: dict[str, Any]
) -> None:
    assert await refused(identity, f"Bearer {token(claims(**changed))}") == "token-invalid"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changed",
    [
        {"kind": ...},
        {"kind": "proxy"},
        {"kind": ["person"]},
        {"role": "GP"},
        {"role": "lead professional"},
        {"role": "gp-"},
        {"role": ""},
        {"role": ["gp"]},
        {"organisation": ...},
        {"organisation": "ZZG01"},
        {"organisation": {"name": "Northmoor"}},
        {"organisation": {"ods": "zzg01"}},
        {"organisation": {"ods": "ZZ"}},
        {"organisation": {"ods": "ZZG01\n"}},
        {"organisation": {"ods": 12345}},
        {"organisation": {"local_id": "quay-house"}},
        {"organisation": {"local_id": "X-QUAY"}},
        {"kind": "system", "organisation": ...},
        {"kind": "person", "person": {"plan_id": "the-plan"}},
        {"kind": "person", "person": {"plan_id": 5}},
        {"kind": "person", "person": {"plan_id": PLAN + "\n"}},
        {"kind": "person", "person": {"nhs_number_verified": "yes"}},
        {"kind": "related-person", "person": [PLAN]},
    ],
    ids=str,
)
async def test_a_contributor_who_is_not_told_properly_is_invalid(
    identity: Identity, changed: dict[str, Any]
) -> None:
    assert await refused(identity, f"Bearer {token(ours(**changed))}") == "token-invalid"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changed", [{"iat": NOW + 59}, {"nbf": NOW + 59}, {"exp": NOW - 59}, {"aud": ["x", "careplan"]}]
)
async def test_a_minute_is_forgiven(identity: Identity, changed: dict[str, Any]) -> None:
    assert (await identity.contributor(f"Bearer {token(claims(**changed))}")).sub == "sub-1"


@pytest.mark.asyncio
async def test_a_token_expires_also_where_it_is_remembered(
    identity: Identity, clock: Clock
) -> None:
    authorization = f"Bearer {token(claims())}"
    await identity.contributor(authorization)

    clock.at += 3600 + 59
    assert (await identity.contributor(authorization)).sub == "sub-1"
    clock.at += 1
    assert await refused(identity, authorization) == "token-expired"


@pytest.mark.asyncio
async def test_a_token_is_verified_once(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    original = jws.deserialize_compact

    def deserialize(*given: Any, **named: Any) -> Any:
        verified.append(1)
        return original(*given, **named)

    monkeypatch.setattr(jws, "deserialize_compact", deserialize)
    authorization = f"Bearer {token(claims())}"

    first = await identity.contributor(authorization)
    second = await identity.contributor(authorization)

    assert first is second
    assert len(verified) == 1


@pytest.mark.asyncio
async def test_the_tokens_remembered_are_bounded_in_bytes(
    jwks: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_BYTES", 20_000)
    identity = Identity(str(jwks), ISSUER, clock=clock)
    for size in (1, 3_000):
        for number in range(20):
            made = token(claims(jti=f"token-{size}-{number}", more="x" * size))
            await identity.contributor(f"Bearer {made}")

    assert 0 < len(identity._seen) < 20
    assert identity._seen.weight <= 20_000


@pytest.mark.asyncio
@pytest.mark.parametrize("issuer", ["", None])
async def test_without_a_trusted_issuer_nothing_starts(jwks: Path, issuer: Any) -> None:
    with pytest.raises(SettingUnusable, match="CAREPLAN_ISSUER is not set"):
        Identity(str(jwks), issuer)
    with pytest.raises(SettingUnusable, match="CAREPLAN_JWKS is not set"):
        Identity("", ISSUER)


# What an issuer may do to its keys without locking anybody out


def other_ed25519(kid: str | None = "ed") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid} if kid else None)


@pytest.mark.asyncio
async def test_a_key_that_stands_twice_is_one_key(jwks: Path, identity: Identity) -> None:
    write_text(jwks, json.dumps({"keys": [ED25519.as_dict(private=False)] * 2}))

    assert (await identity.contributor(f"Bearer {token(claims())}")).sub == "sub-1"
    assert (await identity.contributor(f"Bearer {token(claims(), kid=...)}")).sub == "sub-1"


@pytest.mark.asyncio
async def test_several_keys_without_an_id_or_with_the_same_one_are_each_tried(
    jwks: Path, identity: Identity
) -> None:
    other, stranger = other_ed25519(), other_ed25519()
    write_keys(jwks, other, ED25519, P256)

    for key in (other, ED25519):
        for kid in (key.kid, ...):
            made = token(claims(), key, kid=kid)
            assert (await identity.contributor(f"Bearer {made}")).sub == "sub-1"
    assert await refused(identity, f"Bearer {token(claims(), stranger)}") == "token-invalid"
    assert await refused(identity, f"Bearer {token(claims(), stranger, kid=...)}") == (
        "token-invalid"
    )


@pytest.mark.asyncio
async def test_a_rotation_keeps_what_was_signed_with_a_key_that_stays(
    jwks: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    staying = [f"Bearer {token(claims(jti=f'token-{number}'))}" for number in range(5)]
    going = f"Bearer {token(claims(), P256, 'ES256')}"
    for one in (*staying, going):
        await identity.contributor(one)
    replace_keys(jwks, ED25519, other_ed25519("new"))
    await identity._keys._look(0.0)
    monkeypatch.setattr("joserfc.jws.deserialize_compact", None)  # nothing is proven again

    for one in staying:
        assert (await identity.contributor(one)).sub == "sub-1"
    assert len(identity._seen) == len(staying)
    assert await refused(identity, going) == "token-invalid"


def signed_by_ed25519(signed: bytes) -> bytes:
    key = ED25519.private_key
    assert isinstance(key, Ed25519PrivateKey)
    return key.sign(signed)


def by_hand(header: Any, sign: Callable[[bytes], bytes] = signed_by_ed25519) -> str:
    """A token that the library would not make."""
    unsigned = forged(header, claims()).rpartition(".")[0]
    return f"{unsigned}.{forged({}, {}, sign(unsigned.encode())).rpartition('.')[2]}"


def forged(header: Any, payload: Any, signature: bytes = b"x") -> str:
    def encoded(value: Any) -> str:
        given = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(given).rstrip(b"=").decode()

    return f"{encoded(header)}.{encoded(payload)}.{encoded(signature)}"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "made",
    [
        lambda: token(claims(), STRANGER),
        lambda: token(claims(), ED25519, kid="another"),
        lambda: by_hand({"alg": "Ed25519", "kid": 7}),
        lambda: by_hand({"alg": "Ed25519", "kid": "ed", "crit": ["exp"], "exp": 1}),
        lambda: by_hand({"alg": "Ed25519", "kid": "ed", "crit": []}),
        lambda: token(claims(), P256, "ES256", kid="rsa"),
        lambda: token(claims(), RSA, "PS256"),
        lambda: token(claims(), RSA, "RS512"),
        lambda: token(b"not json"),
        lambda: token(b"[1]"),
        lambda: token(b'{"sub": "a", "sub": "b"}'),
        lambda: token(b'{"exp": NaN}'),
        lambda: token(b"[" * 5_000),
        lambda: token(claims(name="x" * 9_000)),
        lambda: token(claims())[:-4] + "AAAA",
        lambda: forged({"alg": "none"}, claims()),
        lambda: forged({"alg": "none", "kid": "ed"}, claims(), b"")[:-1] + ".",
        lambda: forged({"alg": "HS256", "kid": "rsa"}, claims()),
        lambda: forged({"alg": ["Ed25519"], "kid": "ed"}, claims()),
        lambda: forged({"alg": "Ed25519", "alg ": 1}, claims()),
        lambda: forged({}, claims()),
        lambda: forged([], claims()),
        lambda: forged(b"{" * 3_000, claims()),
        lambda: forged(b"\xff", claims()),
        lambda: forged({"alg": "Ed25519", "kid": "ed", "b64": False, "crit": ["b64"]}, claims()),
        lambda: "a.b",
        lambda: "a.b.c.d",
        lambda: "a.b.c d",
        lambda: "é.b.c",
    ],
)
async def test_what_was_not_signed_by_a_known_key_is_invalid(
    identity: Identity, made: Callable[[], str]
) -> None:
    assert await refused(identity, f"Bearer {made()}") == "token-invalid"


@pytest.mark.asyncio
async def test_a_public_key_is_no_secret(identity: Identity) -> None:
    public = RSA.as_pem(private=False)

    made = by_hand(
        {"alg": "HS256", "kid": "rsa"}, lambda given: hmac.new(public, given, "sha256").digest()
    )

    assert await refused(identity, f"Bearer {made}") == "token-invalid"


@pytest.mark.asyncio
async def test_a_symmetric_key_in_the_document_is_passed_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    secret = OctKey.generate_key(256, {"kid": "oct"})
    keys = [secret.as_dict(private=True), ED25519.as_dict(private=False), {"kty": "RSA"}, 7]
    path.write_text(json.dumps({"keys": keys}))
    identity = Identity(str(path), ISSUER, clock=clock)

    assert (await identity.contributor(f"Bearer {token(claims())}")).sub == "sub-1"
    made = token(claims(), secret, "HS256")
    assert await refused(identity, f"Bearer {made}") == "token-invalid"


@pytest.mark.asyncio
async def test_without_a_key_id_the_only_fitting_key_is_taken(identity: Identity) -> None:
    assert (await identity.contributor(f"Bearer {token(claims(), kid=...)}")).sub == "sub-1"
    assert (await identity.contributor(f"Bearer {by_hand({'alg': 'Ed25519'})}")).sub == "sub-1"


SEGMENT = st.binary(max_size=80).map(
    lambda given: base64.urlsafe_b64encode(given).rstrip(b"=").decode()
)
HEADER = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "zip", "é"]),
    st.sampled_from(["Ed25519", "EdDSA", "RS256", "ES256", "none", "ed", "rsa", "ec", "JWT"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
MALFORMED = st.one_of(
    st.text(max_size=120),
    st.text(max_size=120).map("Bearer {}".format),
    st.tuples(SEGMENT, SEGMENT, SEGMENT).map(lambda parts: f"Bearer {'.'.join(parts)}"),
    st.tuples(HEADER, st.binary(max_size=60), st.binary(max_size=70)).map(
        lambda parts: f"Bearer {forged(*parts)}"
    ),
    st.binary(max_size=100).map(lambda given: f"Bearer {given.decode('latin-1')}"),
)


AND_ONE_FOLDER_FOR_ALL = [*settings().suppress_health_check, HealthCheck.function_scoped_fixture]


@settings(
    max_examples=2 * settings().max_examples,
    suppress_health_check=AND_ONE_FOLDER_FOR_ALL,
)
@given(MALFORMED)
def test_whatever_stands_in_the_header_is_a_401(jwks: Path, authorization: str) -> None:
    identity = Identity(str(jwks), ISSUER, clock=Clock())

    assert asyncio.run(refused(identity, authorization)) in ("token-missing", "token-invalid")


@settings(suppress_health_check=AND_ONE_FOLDER_FOR_ALL)
@given(st.data())
def test_a_token_changed_in_any_place_is_a_401(jwks: Path, data: st.DataObject) -> None:
    made = token(claims())
    place = data.draw(st.integers(0, len(made) - 2))
    changed = data.draw(st.characters(codec="latin-1").filter(lambda c: c != made[place]))
    identity = Identity(str(jwks), ISSUER, clock=Clock())

    asyncio.run(refused(identity, f"Bearer {made[:place]}{changed}{made[place + 1 :]}"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "role", "organisation", "ods"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(suppress_health_check=AND_ONE_FOLDER_FOR_ALL)
@given(st.sampled_from([*claims(), "nbf", "acr", "auth_time", "idp", "azp"]), JSON)
def test_a_signed_claim_of_any_form_is_taken_or_is_a_401(jwks: Path, name: str, value: Any) -> None:
    identity = Identity(str(jwks), ISSUER, clock=Clock())

    try:
        asyncio.run(identity.contributor(f"Bearer {token(claims(**{name: value}))}"))
    except Problem as problem:
        outcome = problem.status
    else:
        outcome = 200

    assert outcome in (200, 401)


@pytest.mark.asyncio
async def test_a_new_key_in_the_file_is_found_and_a_withdrawn_one_forgotten(
    identity: Identity, jwks: Path
) -> None:
    before = f"Bearer {token(claims())}"
    await identity.contributor(before)
    added = OKPKey.generate_key("Ed25519", {"kid": "added"})
    replace_keys(jwks, added)

    assert (await identity.contributor(f"Bearer {token(claims(), added)}")).sub == "sub-1"
    assert await refused(identity, before) == "token-invalid"


def replace_keys(path: Path, *keys: Key) -> None:
    unfinished = path.with_suffix(".unfinished")
    write_keys(unfinished, *keys)
    unfinished.replace(path)


@pytest.mark.asyncio
async def test_a_broken_file_leaves_the_keys_as_they_were(identity: Identity, jwks: Path) -> None:
    await identity.contributor(f"Bearer {token(claims())}")
    write_text(jwks, "{")

    assert (await identity.contributor(f"Bearer {token(claims(jti='token-2'))}")).sub == "sub-1"


@pytest.mark.asyncio
@pytest.mark.parametrize("document", [None, "", "[]", '{"keys": []}', '{"keys": [{"kty": "oct"}]}'])
async def test_without_any_key_nobody_can_be_told_and_it_may_be_tried_again(
    tmp_path: Path, document: str | None
) -> None:
    path = tmp_path / "jwks.json"
    if document is not None:
        path.write_text(document)
    identity = Identity(str(path), ISSUER)

    with pytest.raises(Problem) as raised:
        await identity.contributor(f"Bearer {token(claims())}")

    assert (raised.value.code, raised.value.status) == ("unavailable", 503)
    assert raised.value.retryable


class Issuer:
    """A JWKS at a URL, that counts how often it was asked."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.status = 200

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, json=KeySet(list(self.keys)).as_dict(private=False))


@pytest.mark.asyncio
async def test_keys_at_a_url_are_asked_for_once_and_for_an_unknown_key_at_most_at_times(
    clock: Clock,
) -> None:
    issuer = Issuer(ED25519)
    identity = Identity(
        "https://issuer.example/jwks", ISSUER, clock=clock, transport=httpx.MockTransport(issuer)
    )
    elapsed = Clock(0.0)
    identity._keys._clock = elapsed
    for number in range(5):
        await identity.contributor(f"Bearer {token(claims(jti=f'token-{number}'))}")
    assert issuer.asked == 1

    unknown = f"Bearer {token(claims(), P256, 'ES256')}"
    for _ in range(20):
        assert await refused(identity, unknown) == "token-invalid"
    assert issuer.asked == 1

    elapsed.at = 11.0
    issuer.keys.append(P256)
    await asyncio.gather(*(identity.contributor(unknown) for _ in range(20)))
    assert issuer.asked == 2


class Trickling(httpx.AsyncByteStream):
    """A document of which a byte comes now and then, and never the last."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()


@pytest.mark.asyncio
async def test_keys_that_never_come_to_an_end_hold_nobody_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "WHOLE_ANSWER_SECONDS", 0.05)
    identity = Identity(
        "https://issuer.example/jwks",
        ISSUER,
        clock=clock,
        transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickling())),
    )
    with pytest.raises(Problem) as raised:
        async with asyncio.timeout(60):
            await identity.contributor(f"Bearer {token(claims())}")
    assert raised.value.code == "unavailable"


@pytest.mark.filterwarnings("ignore:Key size")  # says the library, and takes it nevertheless
@pytest.mark.parametrize(("bits", "is_used"), [(1_024, False), (2_047, False), (2_048, True)])
@pytest.mark.asyncio
async def test_a_short_rsa_key_proves_nothing(
    jwks: Path, identity: Identity, bits: int, is_used: bool
) -> None:
    numbers = rsa.generate_private_key(65_537, bits)
    pem = numbers.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    short = RSAKey.import_key(pem, {"kid": "short"})
    write_keys(jwks, ED25519, short)
    signed = f"Bearer {_signed_by(numbers)}"
    if is_used:
        assert (await identity.contributor(signed)).sub == "sub-1"
    else:
        assert await refused(identity, signed) == "token-invalid"


def _signed_by(key: rsa.RSAPrivateKey) -> str:
    """A token; the library itself signs with no short key."""
    protected = json.dumps({"alg": "RS256", "kid": "short", "typ": "JWT"}).encode()
    told = b".".join(map(_base64, (protected, json.dumps(claims()).encode())))
    return b".".join((told, _base64(key.sign(told, PKCS1v15(), SHA256())))).decode()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@pytest.mark.parametrize(("place", "is_tried"), [(TRIED_KEYS - 1, True), (TRIED_KEYS, False)])
@pytest.mark.asyncio
async def test_of_keys_without_a_name_so_many_are_tried(
    jwks: Path, identity: Identity, place: int, is_tried: bool
) -> None:
    """The kind: whoever sends a token makes us try every key of the issuer."""
    others = [OKPKey.generate_key("Ed25519", {"kid": f"k{n}"}) for n in range(TRIED_KEYS + 1)]
    others[place] = ED25519
    write_keys(jwks, *others)
    nameless = f"Bearer {token(claims(), kid=...)}"
    if is_tried:
        assert (await identity.contributor(nameless)).sub == "sub-1"
    else:
        assert await refused(identity, nameless) == "token-invalid"
    assert (await identity.contributor(f"Bearer {token(claims())}")).sub == "sub-1"


@pytest.mark.asyncio
async def test_keys_at_a_url_are_renewed_and_kept_while_it_is_away(clock: Clock) -> None:
    issuer = Issuer(ED25519)
    identity = Identity(
        "https://issuer.example/jwks", ISSUER, clock=clock, transport=httpx.MockTransport(issuer)
    )
    elapsed = Clock(0.0)
    identity._keys._clock = elapsed
    authorization = f"Bearer {token(claims())}"
    await identity.contributor(authorization)

    issuer.status = 500
    elapsed.at = 301.0
    assert (await identity.contributor(authorization)).sub == "sub-1"
    assert identity._keys._renewal is not None
    await identity._keys._renewal
    assert issuer.asked == 2
    assert (await identity.contributor(authorization)).sub == "sub-1"

    issuer.status, issuer.keys = 200, [P256]
    elapsed.at = 602.0
    await identity.contributor(authorization)
    await identity._keys._renewal
    assert await refused(identity, authorization) == "token-invalid"


@pytest.mark.asyncio
async def test_an_application_depends_on_it(identity: Identity) -> None:
    app = FastAPI(exception_handlers=problem_handlers())

    @app.get("/who")
    async def who(contributor: Annotated[Contributor, Depends(identity)]) -> str:
        return contributor.sub

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        known = await client.get("/who", headers={"Authorization": f"Bearer {token(claims())}"})
        nobody = await client.get("/who")
        twice = await client.get(
            "/who", headers=[("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer a.b.c")]
        )

    assert (known.status_code, known.json()) == (200, "sub-1")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "token-missing")
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert (twice.status_code, twice.json()["code"]) == (401, "token-invalid")
    assert twice.headers["www-authenticate"].startswith("Bearer ")
    assert app.openapi()["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "unusable",
    [
        [],
        [{"kty": "OKP", "crv": "X25519", "x": "AAAA"}],
        [{**ED25519.as_dict(private=False), "use": "enc"}],
        [{**ED25519.as_dict(private=False), "key_ops": ["encrypt"]}],
        [{**ED25519.as_dict(private=False), "key_ops": "verify"}],
    ],
    ids=["none", "of another kind", "to encrypt with", "not to verify with", "no list"],
)
async def test_a_document_without_a_key_that_can_be_used_withdraws_them_all(
    identity: Identity, jwks: Path, unusable: list[Any]
) -> None:
    """Kind: what an issuer withdraws goes on being trusted."""
    identity._keys._clock = elapsed = Clock(0.0)
    authorization = f"Bearer {token(claims())}"
    await identity.contributor(authorization)

    write_text(jwks, json.dumps({"keys": unusable}))
    elapsed.at = 2.0
    with pytest.raises(Problem) as raised:
        await identity.contributor(authorization)
    assert raised.value.code == "unavailable"

    write_text(
        jwks, json.dumps({"keys": [{**ED25519.as_dict(private=False), "key_ops": ["verify"]}]})
    )
    elapsed.at = 4.0
    assert (await identity.contributor(authorization)).sub == "sub-1"


@pytest.mark.asyncio
async def test_keys_that_cannot_be_read_again_are_not_trusted_for_ever(jwks: Path) -> None:
    identity = Identity(str(jwks), ISSUER, clock=Clock(), keys_trusted_for=1_000)
    identity._keys._clock = elapsed = Clock(0.0)
    authorization = f"Bearer {token(claims())}"
    await identity.contributor(authorization)

    elapsed.at = 900.0
    await identity.contributor(authorization)  # read again: not changed
    write_text(jwks, "{")
    elapsed.at = 1_899.0
    await identity.contributor(authorization)
    elapsed.at = 1_901.0
    with pytest.raises(Problem) as raised:
        await identity.contributor(authorization)
    assert raised.value.code == "unavailable"

    write_keys(jwks, ED25519)
    elapsed.at = 1_903.0
    assert (await identity.contributor(authorization)).sub == "sub-1"
