"""A token that proves nothing opens nothing."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from shared.testing.service import Door
from shared.testing.tokens import claims_of
from tests.component.http.goals import NURSE, Goals, problem

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


def signed_otherwise(of: Door) -> dict[str, tuple[str, str]]:
    """Tokens that prove nothing, with the code that says so."""
    signer = of.issuer.signer
    claims = signer.complete(claims_of(NURSE), valid_for=3600)
    good = signer.encode(claims)
    header, content, signature = good.split(".")
    no_algorithm = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    secret = OctKey.import_key(of.issuer.jwks.read_text())
    foreign = ECKey.generate_key("P-256", auto_kid=True)
    kid = ECKey.import_key(json.loads(signer.private_key.read_bytes())).kid

    def with_claims(**others: Any) -> str:
        return signer.encode({**claims, **others})

    return {
        "none": ("", "token-missing"),
        "basic": ("Basic bWFyaWdvbGRz", "token-missing"),
        "empty": ("Bearer", "token-missing"),
        "nonsense": ("Bearer marigolds", "token-invalid"),
        "unsigned": (f"Bearer {no_algorithm}.{content}.", "token-invalid"),
        "stripped": (f"Bearer {header}.{content}.", "token-invalid"),
        "symmetric": (
            "Bearer "
            + jwt.encode({"alg": "HS256", "kid": kid}, claims, secret, algorithms=["HS256"]),
            "token-invalid",
        ),
        "another key": (
            "Bearer "
            + jwt.encode({"alg": "ES256"}, claims, foreign, algorithms=["ES256"]),
            "token-invalid",
        ),
        "another key of that name": (
            "Bearer "
            + jwt.encode({"alg": "ES256", "kid": kid}, claims, foreign, algorithms=["ES256"]),
            "token-invalid",
        ),
        "other claims": (f"Bearer {header}.{content[:-8]}AAAAAAAA.{signature}", "token-invalid"),
        "expired": ("Bearer " + with_claims(exp=claims["iat"] - 100), "token-expired"),
        "from the future": ("Bearer " + with_claims(iat=claims["iat"] + 900), "token-invalid"),
        "another issuer": ("Bearer " + with_claims(iss="https://elsewhere.example"),
                           "token-invalid"),
        "another audience": ("Bearer " + with_claims(aud="somebody"), "token-invalid"),
        "no organisation": ("Bearer " + with_claims(careplan={"kind": "professional"}),
                            "token-invalid"),
        "unknown kind": ("Bearer " + with_claims(careplan={"kind": "robot"}), "token-invalid"),
        "very long": ("Bearer " + good + "A" * 9_000, "token-invalid"),
    }  # fmt: skip


async def test_a_token_that_proves_nothing_is_refused_before_the_body_is_read(
    goals: Goals,
) -> None:
    before = await goals.bench.rows()
    for name, (authorization, code) in signed_otherwise(goals.door).items():
        for method, path in (
            ("POST", "/v1/contributions"),
            ("POST", "/v1/contributions:validate"),
            ("GET", f"/v1/contributions/{uuid4()}"),
        ):
            answer = await goals.door.client.request(
                method,
                path,
                content=b"not even JSON" if method == "POST" else None,
                headers={"Authorization": authorization} if authorization else {},
            )
            problem(answer, 401, code)
            assert answer.headers["www-authenticate"].startswith("Bearer"), name
    assert await goals.bench.rows() == before
