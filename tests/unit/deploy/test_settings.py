"""Where the stack is: ports and folders, and how the environment moves them."""

from pathlib import Path

import pytest

from deploy.local.settings import StackSettings


def test_known_services_have_their_ports_and_others_follow_from_8140(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CAREPLAN_PORT_OFFSET", raising=False)
    ports = StackSettings().service_ports(["plan", "medication", "person", "allergies"])
    assert ports == {"plan": 8120, "medication": 8141, "person": 8101, "allergies": 8140}


def test_one_offset_moves_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPLAN_PORT_OFFSET", "1000")
    settings = StackSettings()
    assert settings.service_ports(["goals", "medication"]) == {"goals": 9105, "medication": 9140}
    assert (settings.postgres_port, settings.kafka_port) == (16432, 20092)


def test_the_cache_is_per_user_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAREPLAN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert StackSettings().cache_folder == Path("/somewhere/careplan-ledger")
    monkeypatch.setenv("CAREPLAN_CACHE_DIR", "/elsewhere")
    assert StackSettings().cache_folder == Path("/elsewhere")
