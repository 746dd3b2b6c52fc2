"""The development stack's own issuer of tokens: one key, kept with the stack."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from joserfc.jwk import ECKey, KeySet, import_key

from shared.broker.keys.private_files import write_private
from shared.cli.token import ALGORITHM, Signer

ISS: Final = "http://127.0.0.1/careplan-development-issuer"


@dataclass(frozen=True)
class Issuer:
    """Where its keys are; `prepare` makes them on the first start."""

    folder: Path

    @property
    def jwks(self) -> Path:
        """The public key, as services read it."""
        return self.folder / "jwks.json"

    @property
    def private_key(self) -> Path:
        """The private key, a JWK that only its owner may read."""
        return self.folder / "private.json"

    @property
    def signer(self) -> Signer:
        """Signs tokens that the stack's services accept."""
        return Signer(ISS, self.private_key)

    def prepare(self) -> None:
        """Makes the key where there is none; tokens of an earlier start stay valid."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.private_key.exists():
            key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
            write_private(self.private_key, json.dumps(key.as_dict(private=True)))
        known = import_key(json.loads(self.private_key.read_bytes()))
        write_private(self.jwks, json.dumps(KeySet([known]).as_dict(private=False), indent=2))
