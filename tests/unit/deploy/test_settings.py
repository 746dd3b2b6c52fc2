"""Where the stack is: ports and folders, and how the environment moves them."""

import sys
from pathlib import Path

import pytest

from deploy.local import __main__ as run
from deploy.local import seed, stop
from deploy.local.settings import StackSettings


def test_known_services_have_their_ports_and_others_follow_from_8150(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CAREPLAN_PORT_OFFSET", raising=False)
    ports = StackSettings().service_ports(["plan", "medication", "person", "allergies"])
    assert ports == {"plan": 8120, "medication": 8151, "person": 8101, "allergies": 8150}


def test_one_offset_moves_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPLAN_PORT_OFFSET", "1000")
    settings = StackSettings()
    assert settings.service_ports(["goals", "medication"]) == {"goals": 9105, "medication": 9150}
    assert (settings.postgres_port, settings.kafka_port) == (16432, 20092)


def test_the_cache_is_per_user_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAREPLAN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert StackSettings().cache_folder == Path("/somewhere/careplan-ledger")
    monkeypatch.setenv("CAREPLAN_CACHE_DIR", "/elsewhere")
    assert StackSettings().cache_folder == Path("/elsewhere")


_VARIABLES = (
    "CAREPLAN_STACK_DIR", "CAREPLAN_PORT_OFFSET", "CAREPLAN_CACHE_DIR", "XDG_CACHE_HOME",
    "DATABASE_URL", "KAFKA_SERVERS", "CAREPLAN_VERBOSE", "NO_COLOR",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAREPLAN_PORT_OFFSET", "60000"),
        ("CAREPLAN_PORT_OFFSET", "-1"),
        ("CAREPLAN_PORT_OFFSET", "9" * 5000),
        ("CAREPLAN_PORT_OFFSET", "many"),
        ("CAREPLAN_PORT_OFFSET", "0.5"),
        ("CAREPLAN_STACK_DIR", __file__),
        ("CAREPLAN_STACK_DIR", f"{__file__}/below"),
        ("CAREPLAN_STACK_DIR", "~nobody-of-that-name/stack"),
        ("CAREPLAN_STACK_DIR", "x" * 300),
        ("CAREPLAN_CACHE_DIR", __file__),
        ("XDG_CACHE_HOME", __file__),
        ("KAFKA_SERVERS", "localhost"),
        ("KAFKA_SERVERS", "localhost:"),
        ("KAFKA_SERVERS", ":9092"),
        ("KAFKA_SERVERS", "localhost:0"),
        ("KAFKA_SERVERS", "localhost:99999999"),
        ("KAFKA_SERVERS", "localhost:9092,"),
        ("KAFKA_SERVERS", "localhost:\u0661"),
        ("DATABASE_URL", "localhost"),
        ("DATABASE_URL", "postgresql://u:secret@localhost:99999/d"),
        ("DATABASE_URL", "postgresql://u:secret@[localhost/d"),
        ("DATABASE_URL", "mysql://u:secret@localhost/d"),
        ("CAREPLAN_VERBOSE", "perhaps"),
    ],
)
def test_a_variable_with_an_odd_value_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    """The kind: whatever the environment holds, nobody who runs this reads a traceback."""
    for other in _VARIABLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["deploy.local"])
    for main in (run.main, stop.main, seed.main):
        assert main() == 2
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert name in said
        assert "secret" not in said


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    plain = StackSettings()
    for name in _VARIABLES:
        monkeypatch.setenv(name, "")
    assert StackSettings() == plain
    assert plain.folder == Path(".stack").absolute()


def test_a_folder_that_takes_no_file_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAREPLAN_STACK_DIR", "/proc/stack")
    assert run.main([]) == 2
    assert "CAREPLAN_STACK_DIR" in capsys.readouterr().err
