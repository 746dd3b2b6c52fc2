"""A service process and its settings: what cannot be used is said in one sentence."""

import signal
import sys

import pytest

from shared.chassis import run
from shared.chassis.settings import (
    KINDS_OF_ROLE,
    USUAL_ROLES,
    Settings,
    SettingUnusable,
    from_environment,
)
from shared.contracts import discover


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CAREPLAN_PORT", "web", "a whole number"),
        ("CAREPLAN_PORT", "70000", "65535 or less"),
        ("CAREPLAN_PORT", "-1", "0 or more"),
        ("CAREPLAN_PORT", "9" * 5000, "must be"),
        ("CAREPLAN_EVENT_PARTITIONS", "0", "1 or more"),
        ("CAREPLAN_QUEUE_LIMIT", "1e3", "a whole number"),
        ("CAREPLAN_COPY_WAIT_SECONDS", "nan", "must be a number"),
        ("CAREPLAN_COPY_WAIT_SECONDS", "inf", "must be a number"),
        ("CAREPLAN_POOL_WAIT_SECONDS", "0", "must be more than 0."),
        ("CAREPLAN_POOL_WAIT_SECONDS", "61", "must be 60 or less"),
        ("CAREPLAN_REQUEST_LIMIT", "1000000001", "must be 1000000000 or less"),
        ("CAREPLAN_ROLES", '{"plan_endng": ["gp"]}', "plan_ending"),
        ("CAREPLAN_KAFKA_SERVERS", "kafka", "host:port"),
        ("CAREPLAN_DATABASE_URL", "postgresql://u:secret@h:port/d", "postgresql://"),
        ("CAREPLAN_DATABASE_URL", "jdbc:postgresql://h/d", "postgresql://"),
        ("CAREPLAN_JWKS", "http://[keys", "a file, or an address"),
        ("CAREPLAN_JWKS", "ftp://keys/jwks.json", "a file, or an address"),
        ("CAREPLAN_MEDIA_STORE", "gs://bucket", "a folder, or a bucket"),
        ("CAREPLAN_MEDIA_STORE", "s3://A_B", "a folder, or a bucket"),
        ("CAREPLAN_MEDIA_ENDPOINT", "minio:9000", "an address like https"),
        ("CAREPLAN_MEDIA_SCANNER", "clamd", "none, or an address"),
        ("CAREPLAN_MEDIA_SCANNER", "clamd://h:x", "none, or an address"),
        ("CAREPLAN_MEDIA_KEPT_SECONDS", "60", "7200 or more"),
        ("CAREPLAN_JWKS", "https:///jwks.json", "a file, or an address"),
        ("CAREPLAN_TOPIC_PREFIX", "a topic/", "letters, digits"),
        ("CAREPLAN_TOPIC_PREFIX", "test-", "end with a dot"),
        ("CAREPLAN_TOPIC_PREFIX", "." + "x" * 100 + ".", "at most 100"),
        ("CAREPLAN_INSTANCE", "x" * 101, "at most 100"),
        ("CAREPLAN_TIME_ZONE", "Europe/Nowhere", "the name of a time zone"),
        ("CAREPLAN_TIME_ZONE", "../etc/passwd", "the name of a time zone"),
        ("CAREPLAN_TIME_ZONE", "UTC'; --", "the name of a time zone"),
    ],
)
def test_a_variable_with_an_odd_value_ends_the_service_with_a_sentence_and_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    right: str,
) -> None:
    """The kind: whatever the environment holds, whoever starts a service reads no traceback."""
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["run", "goals"])
    with pytest.raises(SystemExit) as ended:
        run.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(said.splitlines()) == 1
    assert said.startswith(name)
    assert right in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["goals", "plan"], ["../goals"], ["goals.domain"], ["nowhere"], [""]]
)
def test_what_names_no_service_is_a_sentence_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", *words])
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("said", ["gp", '["gp"]', '{"plan_ending": "gp"}', '{"plan_ending": [1]}'])
def test_roles_that_cannot_be_read_are_said_in_one_sentence(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAREPLAN_ROLES", said)
    with pytest.raises(SettingUnusable, match="CAREPLAN_ROLES must be a JSON object"):
        from_environment(Settings)


def test_every_kind_of_role_that_a_command_asks_for_can_be_named() -> None:
    asked = {
        role.name
        for section in discover.sections()
        for command in section.commands.values()
        for role in command.service_roles
    }
    assert {*KINDS_OF_ROLE} == asked | USUAL_ROLES.keys()


@pytest.mark.parametrize("name", Settings.model_fields)
@pytest.mark.parametrize("value", ["nan", "-1", "9" * 30, "0", "x y", '{"a": {}}', "ä", "1.5"])
def test_of_any_odd_value_it_is_said_what_would_be_right(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CAREPLAN_{name.upper()}", value)
    said = ""
    try:
        from_environment(Settings)
    except SettingUnusable as unusable:
        said = str(unusable)
    assert "cannot be used" not in said


def test_sigterm_unwinds_the_process_so_that_nothing_stays_unwritten() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        run.end_on_sigterm()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = from_environment(Settings)
    for name in Settings.model_fields:
        monkeypatch.setenv(f"CAREPLAN_{name.upper()}", "")
    assert from_environment(Settings) == plain
