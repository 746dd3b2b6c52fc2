"""`careplan org`: what it says before anything is asked, and what it tells the audit."""

from collections.abc import Mapping
from os import getuid
from pathlib import Path
from pwd import getpwuid
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey, OKPKey
from typer.testing import CliRunner

from services.audit.record.model import Operation, Source
from services.audit.record.reading import record_of_message
from shared.broker.access import BrokerAccess
from shared.broker.keys.credentials import Credentials
from shared.broker.keys.signing import SigningKey
from shared.broker.registrar import Registrar
from shared.broker.registry import SUSPENDED, Registered, Registry
from shared.cli.main import app
from shared.cli.organisations import administering
from shared.cli.organisations.administering import record_of

STACK = {
    "kafka": {"bootstrap": "127.0.0.1:1"},
    "postgres": {"url": ""},
    "issuer": {"iss": "", "private_key": ""},
    "services": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stack.json").write_bytes(orjson.dumps(STACK))
    return tmp_path


@pytest.mark.parametrize(
    "code", ["zzg01", "A", "ADMIN", "BROKER", "x_a", "service-goals", "../A81"]
)
def test_a_code_that_is_none_is_refused(code: str, folder: Path) -> None:
    told = CliRunner().invoke(app, ["org", "add", code, "--name", "N", "--stack-dir", str(folder)])
    assert told.exit_code == 2
    assert "must be an ODS code" in told.output


@pytest.mark.parametrize("code", ["admin", "services/service-goals", "../A81", "service-goals"])
def test_a_password_is_shown_of_an_organisation_alone(code: str, folder: Path) -> None:
    told = CliRunner().invoke(app, ["stack", "connection", code, "--stack-dir", str(folder)])
    assert told.exit_code == 1
    assert "is no organisation" in told.output


def test_a_broker_that_asks_for_no_user_is_told(folder: Path) -> None:
    told = CliRunner().invoke(
        app, ["org", "add", "ZZG09", "--name", "N", "--stack-dir", str(folder)]
    )
    assert told.exit_code == 1
    assert "asks for no user" in told.output


def test_organisations_are_listed_with_their_state(folder: Path) -> None:
    Registry(folder / "organisations.json").put(
        Registered("ZZG01", "Larkfield", ("registration-service",)),
        Registered("x-harbour-homes", "Harbour Homes", state=SUSPENDED),
    )
    told = CliRunner().invoke(app, ["org", "list", "--json", "--stack-dir", str(folder)])
    assert told.exit_code == 0, told.output
    listed = orjson.loads(told.output)
    assert [(one["code"], one["state"]) for one in listed] == [
        ("x-harbour-homes", "suspended"),
        ("ZZG01", "active"),
    ]
    assert listed[1]["inbox"] == "careplan.inbox.zzg01.v1"


@pytest.mark.parametrize(
    "organisation",
    [
        "{",
        '{"code": "ZZG01"}',
        '{"code": "ZZG01", "name": "N", "roles": [], "keys": [], "state": "Suspended"}',
    ],
    ids=["no JSON", "not all of it", "a state that is none"],
)
def test_a_file_of_something_else_is_told_in_one_line(organisation: str, folder: Path) -> None:
    (folder / "organisations.json").write_text(f'{{"organisations": [{organisation}]}}')
    told = CliRunner().invoke(app, ["org", "list", "--stack-dir", str(folder)])
    assert told.exit_code == 1
    assert "organisations.json is no file of organisations" in told.output
    assert len(told.output.splitlines()) == 1


def test_the_audit_can_record_an_act() -> None:
    told = record_of("organisation.granted", {"of": "ZZG01", "topic": "careplan.plan.changes.v1"})
    record = record_of_message(told, None, Source("careplan.audit.records.v1", 0, 0))
    assert (record.operation, record.type) == (Operation.ADMIN, "organisation.granted")
    told = record.groups["ext"]["bag"]
    assert (told["of"], told["topic"]) == ("ZZG01", "careplan.plan.changes.v1")


def test_the_audit_is_told_who_it_was_and_not_who_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert record_of("organisation.added", {})["login"] == getpwuid(getuid()).pw_name

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(administering, "getpwuid", unknown)
    assert record_of("organisation.added", {})["login"] == str(getuid())


@pytest.mark.parametrize(
    "jwk",
    [
        b"{",
        b"{}",
        orjson.dumps(OKPKey.generate_key("Ed25519", {"kid": "secret"}).as_dict(private=True)),
        orjson.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
        orjson.dumps(ECKey.generate_key("P-384", {"kid": "long"}).as_dict(private=False)),
        b'{"kty": "EC", "crv": "P-256", "kid": "no point", "x": "AA", "y": "AA"}',
    ],
    ids=["no JSON", "nothing", "private", "without a name", "another curve", "no point"],
)
def test_what_is_no_public_key_is_refused(jwk: bytes, folder: Path) -> None:
    told = CliRunner().invoke(
        app, ["org", "key", "ZZG01", "-", "--stack-dir", str(folder)], input=jwk
    )
    assert told.exit_code == 2, told.output
    assert "must be a public key" in told.output


def test_a_key_is_written_down_in_the_place_of_one_with_its_name(tmp_path: Path) -> None:
    acts: list[tuple[str, Mapping[str, Any]]] = []
    registry = Registry(tmp_path / "organisations.json")
    registry.put(Registered("ZZG01", "Larkfield", state=SUSPENDED))
    acting = Registrar(
        BrokerAccess("127.0.0.1:1"),  # which is not asked
        registry,
        Credentials(tmp_path),
        (),
        lambda act, more: acts.append((act, more)),
    )
    first, again, other = (
        SigningKey.model_validate(
            {**OKPKey.generate_key("Ed25519", {"kid": kid}).as_dict(private=False)}
        )
        for kid in ("one", "one", "two")
    )
    acting.add_key("ZZG01", first, signed=True)
    acting.add_key("ZZG01", again)
    acting.add_key("zzg01", other)
    known = registry.all()["zzg01"]
    assert [(key["kid"], key["x"]) for key in known.keys] == [
        ("one", again.model_dump()["x"]),
        ("two", other.model_dump()["x"]),
    ]
    assert (known.signed, known.state) == (True, SUSPENDED)
    assert [act for act, _ in acts] == ["organisation.key"] * 3
    for number in range(18):
        acting.add_key("ZZG01", first.model_copy(update={"kid": str(number)}))
    one_more = first.model_copy(update={"kid": "one more"})
    with pytest.raises(ValueError, match="at most 20 keys: give this one the kid"):
        acting.add_key("ZZG01", one_more)
    assert len(registry.all()["zzg01"].keys) == 20
