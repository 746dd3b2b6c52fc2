"""The realm for Keycloak: what a token that it issues grants, and who may change that."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from shared.chassis.http.identity import Identity
from shared.chassis.http.tokens.claims import CLAIMS
from shared.chassis.http.tokens.sender import binding_of
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor
from shared.testing.tokens import TestIssuer

REALM = json.loads(
    (Path(__file__).resolve().parents[3] / "deploy" / "keycloak" / "realm.json").read_bytes()
)
RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "keycloak_tokens.json").read_bytes()
)
"""The headers and claims of tokens that Keycloak 26.7.3 issued from that file."""

ISSUER = RECORDED["a.quill"]["claims"]["iss"]
PLAN = "0199c0de-0000-7000-8000-0000000000a1"


def told(tmp_path: Path, claims: dict[str, Any]) -> Contributor:
    """Who those claims say is speaking, signed anew and sent at the time they were issued."""
    issuer = TestIssuer(tmp_path)
    identity = Identity(str(issuer.jwks), ISSUER, clock=lambda: float(claims["iat"]))
    unbound = {name: value for name, value in claims.items() if name != "cnf"}
    return asyncio.run(identity.contributor(f"Bearer {issuer.signer.encode(unbound)}"))


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("a.quill", ("professional", "gp", "org:ZZG01", None, False)),
        ("p.heron", ("professional", "support-worker", "org:x-quay-house", None, False)),
        ("o.larch", ("professional", "privacy-officer", "org:ZZG01", None, False)),
        ("edith.marlow", ("person", None, "sub", PLAN, True)),
        ("ruth.marlow", ("related-person", None, "sub", PLAN, False)),
        ("northmoor-community", ("system", None, "org:ZZC01", None, False)),
        ("demographics", ("system", "pds-connection", "org:ZZD01", None, False)),
    ],
)
def test_a_token_of_the_realm_is_its_account(
    tmp_path: Path, account: str, expected: tuple[Any, ...]
) -> None:
    claims = RECORDED[account]["claims"]
    found = told(tmp_path, claims)
    kind, role, key, plan_id, is_verified = expected
    assert (found.kind, found.role, found.nhs_number_verified) == (kind, role, is_verified)
    assert found.key == (f"sub:{claims['sub']}" if key == "sub" else key)
    assert (str(found.plan_id) if found.plan_id else None) == plan_id
    assert (found.name, found.sub) == (claims["name"], claims["sub"])
    assert found.authentication.jti == claims["jti"]
    assert found.authentication.client_id == claims["azp"]
    assert (found.authentication.acr is None) == (kind == "system")
    assert (found.authentication.auth_time is None) == (kind == "system")


def test_every_account_and_every_system_has_a_token_that_was_recorded() -> None:
    systems = {one["clientId"] for one in REALM["clients"] if one["serviceAccountsEnabled"]}
    accounts = {one["username"] for one in REALM["users"]}
    assert systems | accounts == RECORDED.keys()


def test_the_token_of_a_system_with_dpop_is_bound_to_its_key() -> None:
    bound = {one["clientId"]: one["attributes"] for one in REALM["clients"]}
    for account, recorded in RECORDED.items():
        says_so = bound.get(account, {}).get("dpop.bound.access.tokens") == "true"
        assert (binding_of(recorded["claims"]).key is not None) == says_so
    key = ECKey.import_key(RECORDED["northmoor-community"]["key"])
    claims = RECORDED["northmoor-community"]["claims"]
    assert binding_of(claims).key == key.thumbprint()


@pytest.mark.parametrize("account", [name for name, one in RECORDED.items() if "id" in one])
@pytest.mark.parametrize("other", ["id", "refresh"])
def test_another_token_of_the_same_log_in_is_no_access_token(
    tmp_path: Path, account: str, other: str
) -> None:
    """Kind: an ID token is shown around, and a refresh token lasts long."""
    claims = RECORDED[account][other]
    for audience in (claims["aud"], "careplan"):
        with pytest.raises(Problem, match="token-invalid"):
            told(tmp_path, {**RECORDED[account]["claims"], **claims, "aud": audience})


def test_nobody_but_an_administrator_may_change_what_their_token_grants() -> None:
    [profile] = REALM["components"]["org.keycloak.userprofile.UserProfileProvider"]
    [text] = profile["config"]["kc.user.profile.config"]
    declared = json.loads(text)
    assert "unmanagedAttributePolicy" not in declared  # what is not declared cannot be set
    ours = [one for one in declared["attributes"] if one["name"].startswith("careplan_")]
    mapped = {
        mapper["config"]["user.attribute"]
        for scope in REALM["clientScopes"]
        for mapper in scope["protocolMappers"]
        if mapper["protocolMapper"] == "oidc-usermodel-attribute-mapper"
    }
    assert {one["name"] for one in ours} == mapped
    assert all(one["permissions"] == {"view": ["admin"], "edit": ["admin"]} for one in ours)
    # The name is shown in the plan, and so it is not theirs to choose either.
    assert all(one["permissions"]["edit"] == ["admin"] for one in declared["attributes"])


def test_the_realm_grants_what_the_list_of_claims_knows_and_to_access_tokens_alone() -> None:
    mappers = [mapper for scope in REALM["clientScopes"] for mapper in scope["protocolMappers"]]
    for client in REALM["clients"]:
        mappers += client.get("protocolMappers", [])
    known = {claim.name for claim in CLAIMS}
    for mapper in mappers:
        config = mapper["config"]
        name = config.get("claim.name", mapper["name"])
        assert name in known | {"audience"}, f"nobody reads {name}"
        if name.startswith("careplan") or name == "audience":
            assert config["id.token.claim"] == "false"
            assert config["access.token.claim"] == "true"


def test_the_realm_has_no_weak_way_in() -> None:
    assert not REALM["registrationAllowed"]
    assert REALM["defaultSignatureAlgorithm"] == "ES256"
    for client in REALM["clients"]:
        name = client["clientId"]
        assert not client["implicitFlowEnabled"], name
        assert not client["directAccessGrantsEnabled"], name
        assert not client["fullScopeAllowed"], name
        assert "secret" not in client, name
        if client["publicClient"]:
            assert client["attributes"]["pkce.code.challenge.method"] == "S256", name
        # An ID token is for its client: one of that name would get tokens for the ledger.
        assert name != "careplan"
    assert all("credentials" not in one for one in REALM["users"])


def test_the_example_accounts_are_invented() -> None:
    for one in REALM["users"]:
        assert one["lastName"].endswith("-Synth")
        assert one["email"].endswith("@careplan.example")
