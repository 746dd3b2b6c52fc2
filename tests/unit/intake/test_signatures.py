"""What an organisation signs is held against its own keys, byte by byte; nothing else counts."""

import dataclasses
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey

from services.intake.judging import judge
from services.intake.signatures import INVALID, LONGEST, MISSING, TYPE, Signatures
from shared.chassis.kafka.commands import NotTaken
from shared.chassis.settings import SettingUnusable
from shared.contracts.discover import sections
from tests.component.intake.bench import Sent, agree, binary, structured

NOW = 1_780_000_000
VALUE = b'{"contribution_id": "0199c0de-0000-7000-8000-000000000001"}'
TOPIC = "careplan.inbox.zzc01.v1"
KEYS: dict[str, Key] = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "one"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "two"}),
}
OTHER = OKPKey.generate_key("Ed25519", {"kid": "one"})


def as_told(key: Key, **others: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **others}


def settings_in(folder: Path, **organisations: Any) -> Signatures:
    path = folder / "signatures.json"
    path.write_text(json.dumps(organisations))
    return Signatures.read(str(path), lambda: NOW)


@pytest.fixture
def signatures(tmp_path: Path) -> Signatures:
    keys = [as_told(key) for key in KEYS.values()]
    told = {"required": True, "keys": keys}
    return settings_in(tmp_path, zzc01=told, zzg01={"keys": [as_told(OTHER)]})


def signed(
    alg: str = "Ed25519", value: bytes = VALUE, key: Key | None = None, **others: Any
) -> str:
    """A detached JWS; ``others`` are members of its header, ``None`` leaves one out."""
    key = key or KEYS[alg]
    header = {
        "alg": alg,
        "kid": key.kid,
        "typ": TYPE,
        "crit": ["org", "top", "eid", "iat"],
        "org": "zzc01",
        "top": TOPIC,
        "eid": "0199c0de-0000-7000-8000-000000000001",
        "iat": NOW,
        **others,
    }
    told = {name: given for name, given in header.items() if given is not None}
    first = urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=")
    payload = urlsafe_b64encode(value).rstrip(b"=")
    algorithm = jws.JWSRegistry(algorithms=["Ed25519", "ES256"]).get_alg(alg)
    made = urlsafe_b64encode(algorithm.sign(first + b"." + payload, key)).rstrip(b"=")
    return (first + b".." + made).decode()


def judged(
    signatures: Signatures,
    signature: str | None,
    *,
    is_there: bool = True,
    organisation: str = "zzc01",
    value: bytes = VALUE,
) -> str | None:
    """The code of the no, ``None`` where it holds."""
    try:
        signatures.judge(
            signature,
            is_there=is_there,
            organisation=organisation,
            topic=f"careplan.inbox.{organisation}.v1",
            contribution_id="0199c0de-0000-7000-8000-000000000001",
            value=value,
        )
    except NotTaken as no:
        return no.code
    return None


@pytest.mark.parametrize("alg", ["Ed25519", "ES256"])
def test_a_signature_by_their_own_key_holds(signatures: Signatures, alg: str) -> None:
    assert judged(signatures, signed(alg)) is None
    assert judged(signatures, signed(alg, org="ZZC01")) is None
    critical = ["seq", "iat", "eid", "top", "org"]
    assert judged(signatures, signed(alg, crit=critical, seq=7)) is None


def test_one_that_is_missing_is_refused_only_where_it_must_be(signatures: Signatures) -> None:
    assert judged(signatures, None, is_there=False) == MISSING
    assert judged(signatures, None, is_there=False, organisation="zzg01") is None
    assert judged(signatures, None, is_there=False, organisation="x-new") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"org": "zzg01"},
        {"org": None},
        {"top": "careplan.inbox.zzg01.v1"},
        {"eid": "0199c0de-0000-7000-8000-000000000002"},
        {"iat": NOW + 61},
        {"iat": str(NOW)},
        {"iat": True},
        {"iat": None},
        {"kid": "nobody"},
        {"kid": "two"},
        {"kid": None},
        {"kid": ["one"]},
        {"typ": "JWT"},
        {"alg": ["Ed25519"]},
        {"alg": {}},
        {"alg": "none"},
        {"alg": "EdDSA"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"crit": None},
        {"crit": ["org", "top", "eid"]},
        {"crit": ["org", "top", "eid", "iat", "b64"], "b64": False},
        {"crit": ["org", "top", "eid", "iat", "iat"]},
        {"crit": "org"},
        {"seq": 1},
        {"b64": False},
        {"jwk": as_told(OTHER)},
    ],
    ids=",".join,  # keys are new in each process
)
def test_what_the_header_says_wrong_is_refused(
    signatures: Signatures, wrong: dict[str, Any]
) -> None:
    header, _, made = signed().split(".")
    told = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4))) | wrong
    told = {name: given for name, given in told.items() if given is not None}
    forged = urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    assert judged(signatures, f"{forged}..{made}") == INVALID
    if "alg" not in wrong:
        assert judged(signatures, signed(**wrong)) == INVALID  # also where the key did sign it


def test_another_body_another_key_and_another_organisation_are_refused(
    signatures: Signatures,
) -> None:
    assert judged(signatures, signed(), value=VALUE + b" ") == INVALID
    assert judged(signatures, signed(key=OTHER)) == INVALID
    assert judged(signatures, signed(), organisation="zzg01") == INVALID
    assert judged(signatures, signed(), organisation="x-new") == INVALID


Spoil = Callable[[str], str | None]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda one: one.replace("..", "." + urlsafe_b64encode(VALUE).decode().rstrip("=") + "."),
        lambda one: one + "=",
        lambda one: one[:-4],
        lambda one: one.split("..")[0] + "..",
        lambda _: "..",
        lambda _: "",
        lambda _: None,
        lambda one: one + " ",
        lambda one: "A" * LONGEST + one,
        lambda one: "W10.." + one.split("..")[1],
    ],
)
def test_what_is_no_detached_signature_is_refused(signatures: Signatures, spoilt: Spoil) -> None:
    assert judged(signatures, spoilt(signed())) == INVALID


def test_a_key_counts_from_when_until_when_it_is_valid(tmp_path: Path) -> None:
    key = as_told(KEYS["Ed25519"], nbf=NOW - 10, exp=NOW)
    found = settings_in(tmp_path, zzc01={"keys": [key]})
    codes = [judged(found, signed(iat=NOW + seconds)) for seconds in (-11, -10, -1, 0)]
    assert codes == [INVALID, None, None, INVALID]


@pytest.mark.parametrize(
    "told",
    [
        {"zzc01": {"keys": [KEYS["Ed25519"].as_dict(private=True)]}},
        {"zzc01": {"keys": [{"kty": "oct", "crv": "", "kid": "x", "k": "AAAA"}]}},
        {"zzc01": {"keys": [{"kty": "oct", "crv": "P-256", "kid": "x", "k": "A" * 43}]}},
        {"zzc01": {"keys": [{"kty": "OKP", "crv": "P-256", "kid": "x", "x": "A" * 43}]}},
        {"zzc01": {"keys": [as_told(ECKey.generate_key("P-384", {"kid": "x"}))]}},
        {"zzc01": {"keys": [as_told(KEYS["Ed25519"]), as_told(OTHER)]}},
        {"ZZC01": {"required": True}},
        {"zzc01 ": {"required": True}},
        {"zzc01": {"needed": True}},
        [],
    ],
)
def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path, told: Any) -> None:
    path = tmp_path / "signatures.json"
    path.write_text(json.dumps(told))
    with pytest.raises(SettingUnusable):
        Signatures.read(str(path))
    with pytest.raises(SettingUnusable):
        Signatures.read(str(tmp_path / "not-there.json"))


def record_of(sent: Sent) -> Any:
    members = {field.name: None for field in dataclasses.fields(ConsumerRecord)}
    told = {"topic": TOPIC, "key": sent.key, "value": sent.value, "headers": tuple(sent.headers)}
    return ConsumerRecord(**{**members, **told})


@pytest.mark.parametrize("form", [binary, structured])
def test_it_is_kept_as_it_came_in_either_mode(
    signatures: Signatures, form: Callable[..., Sent]
) -> None:
    given = agree()
    sent = form(given)
    value = binary(given).value or b""
    signature = signed(value=value, eid=given["contribution_id"])
    if form is binary:
        sent.headers.append(("ce_signature", signature.encode()))
    else:
        sent = form(given, signature=signature)
    found = judge(record_of(sent), "zzc01", sections(), signatures)
    assert (found.refused, found.signature) == (None, signature)
    refused = judge(record_of(form(given)), "zzc01", sections(), signatures).refused
    assert refused is not None
    assert refused.code == MISSING
