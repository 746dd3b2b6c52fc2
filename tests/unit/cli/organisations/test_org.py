"""`careplan org`: what it says before anything is asked, and what it tells the audit."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from services.audit.record.model import Operation, Source
from services.audit.record.reading import record_of_message
from shared.broker.registry import SUSPENDED, Registered, Registry
from shared.cli.main import app
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


def test_the_audit_can_record_an_act() -> None:
    told = record_of("organisation.granted", {"of": "ZZG01", "topic": "careplan.plan.changes.v1"})
    record = record_of_message(told, None, Source("careplan.audit.records.v1", 0, 0))
    assert (record.operation, record.type) == (Operation.ADMIN, "organisation.granted")
    told = record.groups["ext"]["bag"]
    assert (told["of"], told["topic"]) == ("ZZG01", "careplan.plan.changes.v1")
