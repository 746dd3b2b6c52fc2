"""Keys by which organisations sign what they send: public ones, of Ed25519 or P-256 (RFC 7517)."""

from typing import Final

from joserfc.jwk import Key, import_key
from pydantic import BaseModel, ConfigDict, Field

_CURVES: Final = frozenset({("OKP", "Ed25519"), ("EC", "P-256")})


class SigningKey(BaseModel):
    """A public JWK, and from when until when it signs, in seconds since 1970."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kty: str
    crv: str
    kid: str = Field(min_length=1, max_length=256)
    nbf: int = 0
    exp: int = 2**53

    def imported(self) -> Key:
        """The key for the library; ``ValueError`` for one that is secret, or of another kind.

        The library raises ``JoseError`` for one whose numbers are no point of its curve.
        """
        told = self.model_dump(exclude={"nbf", "exp"})
        if (self.kty, self.crv) not in _CURVES or "d" in told:
            raise ValueError("a public key of Ed25519 or P-256 is needed")
        return import_key(told)
