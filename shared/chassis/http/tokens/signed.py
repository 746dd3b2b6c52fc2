"""What is signed (a compact JWS): read within bounds, and before anything of it is believed."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from shared.chassis.http.tokens.key_set import ALGORITHMS, VerificationKey
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read

_COMPACT: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Unproven(Exception):
    """Why it does not count, in words of ours."""


class _Registry(JWSRegistry):
    """Reads ``EdDSA`` as what it means here: ``Ed25519``, its name since RFC 9864.

    A header may be as long as what is signed: that is bounded already, and may show a whole key.
    """

    max_header_length = 8_192

    def get_alg(self, name: str) -> Any:
        """The algorithm of that name."""
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


_REGISTRY: Final = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


def header_of(signed: bytes) -> Mapping[str, Any]:
    """The header, with an algorithm that is accepted here; the rest of it proves nothing.

    It is read here, since the library's own reader knows no limit of depth. A key or an address
    of keys that stands in it is nothing that anybody here looks at.
    """
    if not _COMPACT.fullmatch(signed):
        raise Unproven("It is not a signed token.")
    given, _, _ = map(_bytes_of, signed.split(b"."))
    header = _object_in(given, "header")
    if header.get("alg") not in ALGORITHMS:
        raise Unproven("Its algorithm is not accepted here.")
    if "crit" in header or "b64" in header:
        raise Unproven("Its header asks for something that is not known here.")
    return header


def content_of(signed: bytes, key: VerificationKey) -> Mapping[str, Any] | None:
    """The content, where the key signed it; ``None`` where it did not."""
    try:
        verified = jws.deserialize_compact(signed, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        return None
    return _object_in(verified.payload or b"", "content")


def _bytes_of(part: bytes) -> bytes:
    """What a part stands for; only one text stands for it (RFC 4648, 3.5)."""
    try:
        given = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        raise Unproven("It is not a signed token.") from None
    if urlsafe_b64encode(given).rstrip(b"=") != part:
        raise Unproven("It is not a signed token.")
    return given


def _object_in(given: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = read(given)
    except Problem:
        raise Unproven(f"Its {what} cannot be read.") from None
    if not isinstance(value, dict):
        raise Unproven(f"Its {what} must be an object.")
    return value
