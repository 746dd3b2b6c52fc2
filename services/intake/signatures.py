"""Signatures of organisations over what they send: a detached JWS by a key of their own (RFC 7515).

Its payload is the contribution, byte by byte as it came: nobody has to write it in one form first.
"""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.broker.keys.signing import SigningKey
from shared.broker.registry import Registered
from shared.chassis.kafka.commands import NotTaken
from shared.chassis.settings import SettingUnusable
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.ledger.names import LOCAL_ID, ODS

LONGEST: Final = 4_096
"""Bytes of a signature with its header, which are read before it is known whose it is."""

TYPE: Final = "careplan-contribution+jws"
MISSING: Final = "signature-missing"
INVALID: Final = "signature-invalid"

_ALGORITHMS: Final[Mapping[str, str]] = {"Ed25519": "Ed25519", "ES256": "P-256"}
_CRITICAL: Final = frozenset({"org", "top", "eid", "iat"})
_MAY_BE: Final = frozenset({"alg", "kid", "typ", "crit", *_CRITICAL, "seq"})
_DETACHED: Final = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")
_LEEWAY: Final = 60
_REGISTRY: Final = JWSRegistry(algorithms=[*_ALGORITHMS])
_UNUSABLE: Final = "CAREPLAN_INTAKE_SIGNATURES names a file that cannot be used"


class _Organisation(BaseModel):
    """The keys of an organisation, and whether it has to sign all that it sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    keys: tuple[SigningKey, ...] = ()


# In the lower case of topics: one in another case would name nobody, and nobody would have to sign.
_Code = Annotated[str, Field(pattern=f"^({LOCAL_ID}|{ODS.lower()})$")]
_FILE: Final = TypeAdapter(dict[_Code, _Organisation])


class Signatures:
    """Holds signatures against the keys of whoever sent them; ``clock`` is in seconds."""

    def __init__(
        self, organisations: Mapping[str, _Organisation], clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._organisations = dict(organisations)
        self._required = {name for name, one in organisations.items() if one.required}
        self._keys: dict[tuple[str, str], tuple[SigningKey, Key]] = {}
        for name, one in organisations.items():
            for key in one.keys:
                if (name, key.kid) in self._keys:
                    raise ValueError("two keys of an organisation have the same kid")
                self._keys[name, key.kid] = key, key.imported()

    @classmethod
    def read(cls, path: str, clock: Callable[[], float] = time.time) -> Self:
        """Those of a file; without one, nobody has keys and nobody has to sign.

        It is JSON, an object by the codes of organisations in lower case:
        ``{"zzc01": {"required": true, "keys": [<JWK>, …]}}``. Raises ``SettingUnusable``.
        """
        if not path:
            return cls({}, clock)
        try:
            return cls(_FILE.validate_json(Path(path).read_bytes()), clock)
        except OSError as error:
            raise SettingUnusable(f"{_UNUSABLE}: {error.strerror}.") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise SettingUnusable(f"{_UNUSABLE}: {where}: {first['msg']}.") from None
        except (JoseError, ValueError) as error:
            raise SettingUnusable(f"{_UNUSABLE}: {error}") from None

    def with_those_of(self, registered: Iterable[Registered]) -> Self:
        """These, and beside them what is written down of organisations.

        A key of theirs takes the place of one with its ``kid``, and whoever has to sign by either
        has to. Raises ``ValueError`` or ``JoseError`` for a key that cannot be used.
        """
        told = dict(self._organisations)
        for one in registered:
            known = told.get(one.code.lower(), _Organisation())
            keys = {
                key.kid: key for key in (*known.keys, *map(SigningKey.model_validate, one.keys))
            }
            told[one.code.lower()] = _Organisation(
                required=known.required or one.signed, keys=tuple(keys.values())
            )
        return type(self)(told, self._clock)

    def judge(
        self,
        signature: str | None,
        *,
        is_there: bool,
        organisation: str,
        topic: str,
        contribution_id: Any,
        value: bytes,
    ) -> None:
        """Raises ``NotTaken`` where one is missing, or is not theirs for this and for here.

        ``topic`` is the inbox without what a deployment puts before it.
        """
        if not is_there:
            if organisation in self._required:
                raise NotTaken(
                    "This organisation signs all that it sends: `ce_signature`.", MISSING
                )
            return
        found = _DETACHED.fullmatch(signature or "")
        if found is None or len(signature or "") > LONGEST:
            raise _no(f"It must be a detached JWS of at most {LONGEST} bytes, in UTF-8.")
        header = _header_in(found[1])
        said = {"org": organisation, "top": topic, "eid": contribution_id}
        for name, wanted in said.items():
            given = header.get(name)
            if name == "org" and isinstance(given, str):
                given = given.lower()
            if given != wanted:
                raise _no(f"`{name}` of its header names another one.")
        key = self._key_of(organisation, header)
        signed = f"{found[1]}.".encode() + urlsafe_b64encode(value).rstrip(b"=")
        algorithm = _REGISTRY.get_alg(header["alg"])
        try:
            holds = algorithm.verify(signed, _bytes_of(found[2]), key)
        except (JoseError, ValueError):
            holds = False
        if not holds:
            raise _no("It is not of these bytes, or not by this key.")

    def _key_of(self, organisation: str, header: Mapping[str, Any]) -> Key:
        """The key, where it is theirs, of this algorithm, and signed at that time."""
        kid, at = header.get("kid"), header.get("iat")
        if type(at) is not int or at > self._clock() + _LEEWAY:
            raise _no("`iat` must be when it was signed, in seconds since 1970.")
        told, key = self._keys.get((organisation, str(kid)), (None, None))
        if told is None or key is None or not isinstance(kid, str):
            raise _no("`kid` names no key of this organisation.")
        if _ALGORITHMS[header["alg"]] != told.crv:
            raise _no("`alg` is not that of the key.")
        if not told.nbf <= at < told.exp:
            raise _no("The key was not valid when it was signed.")
        return key


def _header_in(part: str) -> Mapping[str, Any]:
    try:
        header = read(_bytes_of(part))
    except (Problem, ValueError):
        header = None
    if not isinstance(header, dict):
        raise _no("Its header must be an object.")
    if header.get("alg") not in [*_ALGORITHMS]:  # of any type: also of one that has no hash
        raise _no(f"`alg` must be one of {', '.join(_ALGORITHMS)}.")
    if header.get("typ") != TYPE:
        raise _no(f"`typ` must be `{TYPE}`.")
    critical = header.get("crit")
    allowed = _CRITICAL | {"seq"} if "seq" in header else _CRITICAL
    if not isinstance(critical, list) or sorted(map(str, critical)) != sorted(allowed):
        raise _no(f"`crit` must name {', '.join(sorted(allowed))}, and nothing else.")
    if not header.keys() <= _MAY_BE:
        raise _no("Its header has a member that is not known here.")
    return header


def _bytes_of(part: str) -> bytes:
    """What a part stands for; only one text stands for it (RFC 4648, 3.5)."""
    given = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(given).rstrip(b"=").decode() != part:
        raise ValueError("not base64url in its only form")
    return given


def _no(why: str) -> NotTaken:
    return NotTaken(f"`ce_signature` does not hold. {why}", INVALID)


def signature_in(headers: Any, event: Any) -> tuple[str | None, bool]:
    """The signature of a message, and whether there is one, be it no text.

    It stands in the header ``ce_signature``, or in structured mode as the attribute ``signature``.
    """
    told = dict(headers)
    if "ce_signature" not in told:
        given = event.get("signature") if isinstance(event, dict) else None
        return (given if isinstance(given, str) else None), given is not None
    given = told["ce_signature"]
    try:
        return (None if given is None else given.decode("ascii")), True
    except UnicodeDecodeError:
        return None, True
