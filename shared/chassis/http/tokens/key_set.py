"""The keys that tokens are signed with, from a JWKS in a file or at a URL."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared.chassis.telemetry.log_lines import log
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA", "Ed25519")
DOCUMENT_LIMIT: Final = 262_144
LOOK_EVERY_SECONDS: Final = 1.0
ASK_AGAIN_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 300.0
WHOLE_ANSWER_SECONDS: Final = 10.0
TRUSTED_SECONDS: Final = 86_400.0
RSA_BITS: Final = 2_048
TRIED_KEYS: Final = 8
KEY_LIMIT: Final = 100
"""Of one document; an issuer has a handful, and each costs whoever reads it."""

VerificationKey = RSAKey | ECKey | OKPKey

KEY_TYPE: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "ES256": "EC",
    "EdDSA": "OKP",
    "Ed25519": "OKP",
}


@dataclass(frozen=True)
class NamedKey:
    """A key, the id it goes by, and its thumbprint (RFC 7638): the same key wherever it stands."""

    key_id: str | None
    thumbprint: str
    key: VerificationKey


@dataclass(frozen=True)
class _Known:
    """One reading of the document."""

    keys: tuple[NamedKey, ...] = ()
    stamp: tuple[int, ...] = ()


class KeySource:
    """The keys as they were read last.

    A file is read again when it has changed. A URL is asked again after five minutes, and for a
    key that is not known, then at most every ten seconds. A document without a key that can be used
    withdraws them all; one that cannot be read leaves the keys as they are, for at most
    ``trusted_for`` seconds. ``generation`` grows whenever they change.
    """

    def __init__(
        self,
        location: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
        trusted_for: float = TRUSTED_SECONDS,
    ) -> None:
        self.generation = 0
        self._trusted_for = trusted_for
        self._read_at = float("-inf")
        self._location = location
        self._path = _path_of(location)
        self._clock = clock
        self._transport = transport
        self._known: _Known | None = None
        self._looked_at = float("-inf")
        self._reading = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Look for new keys where that is due; ``unavailable`` while there never were any."""
        if self._path or not (self._known and self._known.keys) or self._is_too_old():
            await self._look(LOOK_EVERY_SECONDS)
        elif self._is_due(RENEW_SECONDS) and not self._reading.locked():
            # Nobody waits for this: the keys at hand are as good as they were a moment ago.
            self._renewal = asyncio.create_task(self._look(RENEW_SECONDS))
        if self._known and self._is_too_old():
            # A key may have been withdrawn for a day, and nobody here would know.
            log.error("keys.no-longer-trusted", duration_ms=round(self._trusted_for * 1000))
            self._known = None
            self.generation += 1
        if self._known is None or not self._known.keys:
            raise Problem("unavailable", "The keys that tokens are signed with cannot be read.")

    def holds(self, thumbprint: str) -> bool:
        """True while that key is among them."""
        known = self._known.keys if self._known else ()
        return any(one.thumbprint == thumbprint for one in known)

    async def find(self, key_id: str | None, algorithm: str) -> tuple[NamedKey, ...]:
        """The keys of that id that fit the algorithm; without an id, all that fit it.

        Mostly that is one. While an issuer changes its keys there may be more, and the signature
        tells which it was; beyond ``TRIED_KEYS`` an issuer has to name them.
        """
        found = self._find(key_id, algorithm)
        if not found:
            await self._look(0.0 if self._path else ASK_AGAIN_SECONDS)
            found = self._find(key_id, algorithm)
        return found

    def _find(self, key_id: str | None, algorithm: str) -> tuple[NamedKey, ...]:
        # By thumbprint: a key that stands there twice is still one key.
        fitting = {
            one.thumbprint: one
            for one in (self._known.keys if self._known else ())
            if one.key.key_type == KEY_TYPE[algorithm] and key_id in (None, one.key_id)
        }
        return tuple(fitting.values())[:TRIED_KEYS]

    def _is_too_old(self) -> bool:
        return self._clock() - self._read_at > self._trusted_for

    def _is_due(self, every: float) -> bool:
        return self._clock() - self._looked_at >= every

    async def _look(self, every: float) -> None:
        if not self._is_due(every):
            return
        async with self._reading:
            if not self._is_due(every):
                return
            try:
                self._take(self._read_file(self._path) if self._path else await self._fetch())
            except (OSError, httpx.HTTPError, httpx.InvalidURL, Problem, ValueError) as error:
                log.warning("keys.not-read", error=error)
            finally:
                self._looked_at = self._clock()

    def _take(self, known: _Known) -> None:
        self._read_at = self._clock()
        if known is not self._known:
            self._known = known
            self.generation += 1

    def _read_file(self, path: Path) -> _Known:
        found = path.stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._known is not None and self._known.stamp == stamp:
            return self._known
        with path.open("rb") as file:
            document = file.read(DOCUMENT_LIMIT + 1)
        return replace(_keys_in(document), stamp=stamp)

    async def _fetch(self) -> _Known:
        # No redirects: the keys come from where the deployment says, and from nowhere else.
        document = b""
        async with (
            # httpx bounds each read alone: an issuer that trickles would never come to an end.
            asyncio.timeout(WHOLE_ANSWER_SECONDS),
            httpx.AsyncClient(timeout=5.0, transport=self._transport) as client,
            client.stream("GET", self._location) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                document += chunk
                if len(document) > DOCUMENT_LIMIT:
                    break
        stamp = (hash(document),)
        if self._known is not None and self._known.stamp == stamp:
            return self._known
        return replace(_keys_in(document), stamp=stamp)


def _path_of(location: str) -> Path | None:
    parts = urlsplit(location)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(os.fspath(location))


def _keys_in(document: bytes) -> _Known:
    if len(document) > DOCUMENT_LIMIT:
        raise ValueError("the document of keys is too long")
    given = read(document)
    told = given.get("keys") if isinstance(given, dict) else None
    keys = told if isinstance(told, list) else None
    if keys is None:
        raise ValueError("the document is no JWKS: it has no list of keys")
    if len(keys) > KEY_LIMIT:
        raise ValueError(f"the document has more than {KEY_LIMIT} keys")
    usable: list[NamedKey] = []
    for one in keys:
        key = key_of(one) if isinstance(one, dict) else None
        if key is not None:
            name = one.get("kid")
            key_id = name if isinstance(name, str) else None
            usable.append(NamedKey(key_id, key.thumbprint(), key))
    if not usable:
        log.error("keys.none-usable", count=len(keys))
    return _Known(tuple(usable))


def key_of(given: Mapping[str, Any]) -> VerificationKey | None:
    """A key that can check signatures; ``None`` for any other, symmetric ones above all."""
    designed_for = given.get("alg")
    if given.get("use", "sig") != "sig" or designed_for not in (None, *ALGORITHMS):
        return None
    operations = given.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    # Of what else stands in a key only the public part is of use, and only that is kept.
    public = {name: given[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in given}
    if designed_for is not None:
        public["alg"] = "Ed25519" if designed_for == "EdDSA" else designed_for
    key: VerificationKey | None = None
    try:
        match public.get("kty"), public.get("crv"):
            case "RSA", _:
                rsa = RSAKey.import_key(public)
                key = rsa if rsa.public_key.key_size >= RSA_BITS else None
            case "EC", "P-256":
                key = ECKey.import_key(public)
            case "OKP", "Ed25519":
                key = OKPKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        key = None
    return key
