"""The list of claims is what the code reads and what the page says; nothing else grants."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.chassis.http.tokens.claims import CLAIMS, contributor_of, expiry_of
from shared.chassis.http.tokens.sender import binding_of
from shared.chassis.http.tokens.signed import Unproven

PAGE = Path(__file__).resolve().parents[5] / "docs" / "tokens.md"
PLAN = "0199c0de-0000-7000-8000-0000000000a1"
ISSUER = "urn:test:issuer"
NOW = 1_795_000_000.0


class Watched(dict[str, Any]):
    """Claims that note which of them were read."""

    def __init__(self, given: dict[str, Any], seen: set[str], at: str = "") -> None:
        super().__init__(given)
        self._seen, self._at = seen, at

    def get(self, name: str, default: Any = None) -> Any:
        self._seen.add(self._at + name)
        value = super().get(name, default)
        if isinstance(value, dict):
            return Watched(value, self._seen, f"{self._at}{name}.")
        return value

    def __getitem__(self, name: str) -> Any:
        raise AssertionError("claims are read with get")

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("claims are not walked")


def claims(kind: str) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": "careplan",
        "sub": "sub-1",
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": "token-1",
        "careplan": {
            "kind": kind,
            "role": "gp",
            "organisation": {"ods": "ZZG01", "local_id": "x-quay-house", "name": "Larkfield"},
            "person": {"plan_id": PLAN, "nhs_number_verified": True},
        },
    }


def test_what_is_read_is_what_the_list_says() -> None:
    seen: set[str] = set()
    for kind in ("professional", "system", "person", "related-person"):
        watched = Watched(claims(kind), seen)
        expiry_of(watched, ISSUER, NOW)
        contributor_of(watched)
        binding_of(watched)
    assert seen == {claim.name for claim in CLAIMS}


def test_the_page_says_the_same() -> None:
    part = PAGE.read_text("utf-8").partition("## What each claim grants")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", part, re.MULTILINE)
    assert rows == [(claim.name, claim.form, claim.grants) for claim in CLAIMS]


@pytest.mark.parametrize("kind", ["professional", "system", "person", "related-person"])
def test_a_claim_that_is_not_in_the_list_grants_nothing(kind: str) -> None:
    """The kind: what an issuer says besides is taken for ours."""
    plain = claims(kind)
    more = {
        "kind": "professional",
        "role": "privacy-officer",
        "roles": ["privacy-officer"],
        "realm_access": {"roles": ["privacy-officer"]},
        "resource_access": {"careplan": {"roles": ["privacy-officer"]}},
        "scope": "careplan:write privacy-officer",
        "groups": ["/privacy-officer"],
        "nhs_number": "9999999999",
        "identity_proofing_level": "P9",
        "vot": "P9.Cp.Cd",
        "nhsid_nrbac_roles": [{"org_code": "ZZC01", "role_code": "S8000:G8000:R8000"}],
        "selected_roleid": "555000000000",
        "plan_id": PLAN,
        "on_behalf_of": {"sub": "sub-2"},
        "act": {"sub": "sub-2"},
    }
    ours = {**plain["careplan"], "service_roles": ["data-quality"], "roles": ["data-quality"]}
    assert contributor_of({**plain, **more, "careplan": ours}) == contributor_of(plain)


@pytest.mark.parametrize("kind", ["person", "related-person"])
def test_a_plan_is_theirs_only_and_an_organisation_never(kind: str) -> None:
    found = contributor_of(claims(kind))
    assert (str(found.plan_id), found.organisation) == (PLAN, None)


@pytest.mark.parametrize("kind", ["professional", "system"])
def test_who_works_for_an_organisation_has_no_plan_of_their_own(kind: str) -> None:
    found = contributor_of(claims(kind))
    assert (found.plan_id, found.nhs_number_verified) == (None, False)


@pytest.mark.parametrize("typed", ["ID", "Refresh", "Offline", "Logout", "id"])
def test_a_token_of_another_use_is_no_access_token(typed: str) -> None:
    with pytest.raises(Unproven, match="no access token"):
        expiry_of({**claims("person"), "typ": typed}, ISSUER, NOW)


@pytest.mark.parametrize("typed", ["Bearer", "DPoP", None, 7])
def test_an_access_token_may_say_of_which_type_it_is(typed: Any) -> None:
    assert expiry_of({**claims("person"), "typ": typed}, ISSUER, NOW) == NOW + 3600
