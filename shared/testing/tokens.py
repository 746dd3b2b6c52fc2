"""An issuer of tokens for tests: a key of its own, and the claims of whoever contributes."""

import json
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, KeySet

from shared.cli.token import ALGORITHM, Signer, person, professional, related_person, system
from shared.ledger import Contributor

ISS = "https://issuer.example/tests"


class TestIssuer:
    """Signs tokens that a service accepts when it is given ``jwks``."""

    __test__ = False  # not a test class, whatever its name says

    def __init__(self, folder: Path) -> None:
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
        private_key = folder / "private.json"
        private_key.write_text(json.dumps(key.as_dict(private=True)))
        self.signer = Signer(ISS, private_key)
        self._bearers: dict[Contributor, dict[str, str]] = {}

    def bearer(self, contributor: Contributor) -> dict[str, str]:
        """The header that proves the contributor, for an hour."""
        held = self._bearers.get(contributor)
        if held is None:
            token = self.signer.sign(claims_of(contributor), valid_for=3600)
            held = self._bearers[contributor] = {"Authorization": f"Bearer {token}"}
        return held


def claims_of(contributor: Contributor) -> dict[str, Any]:
    """What a token says of somebody."""
    name = contributor.name or "Nobody-Synth"
    organisation = contributor.organisation
    code = (organisation.code if organisation else None) or ""
    match contributor.kind:
        case "professional":
            return professional(code, contributor.role or "nurse", name, sub=contributor.sub)
        case "system":
            return system(code, name, role=contributor.role, sub=contributor.sub)
        case "person":
            return person(str(contributor.plan_id), name, sub=contributor.sub)
        case "related-person":
            claims = related_person(str(contributor.plan_id), name, sub=contributor.sub)
            if contributor.plan_id is None:
                del claims["careplan"]["person"]
            return claims
