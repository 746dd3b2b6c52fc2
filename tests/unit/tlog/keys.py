"""Keys that are the same in every run."""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.tlog.notes import ED25519, SigningKey


def key_of(name: str, kind: int = ED25519) -> SigningKey:
    seed = sha256(f"{name} {kind}".encode()).digest()
    return SigningKey(name, kind, Ed25519PrivateKey.from_private_bytes(seed))
