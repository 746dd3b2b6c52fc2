"""What somebody has to see of what the servers print, and with what they do not start."""

from pathlib import Path

import pytest

from deploy.local.processes.problem import Problem
from deploy.local.servers.both import kafka_child
from deploy.local.servers.kafka import Broker
from deploy.local.servers.kafka_settings import Security
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials

_AT = "2026-11-24T08:00:00,922"
_NOT_HANDLED = (
    f"{_AT} ERROR [ControllerApis nodeId=1] Unexpected error handling request RequestHeader"
)


@pytest.mark.parametrize(
    ("line", "is_shown"),
    [
        (f"{_AT} ERROR Encountered fatal fault: caught exception", True),
        (f"{_AT} ERROR [SharedServer id=1] Got exception while starting SharedServer", True),
        (f"{_NOT_HANDLED}(apiKey=CREATE_TOPICS, apiVersion=7)", True),
        (f"{_NOT_HANDLED}(apiKey=CONTROLLER_REGISTRATION, apiVersion=0)", False),
        (f"{_AT} ERROR [QuorumController id=1] Exceptionally slow controller event", False),
        (f"{_AT} INFO [KafkaRaftServer nodeId=1] Kafka Server started", False),
    ],
)
def test_what_is_worth_showing_of_the_broker(line: str, tmp_path: Path, *, is_shown: bool) -> None:
    broker = Broker(tmp_path, 19092, tmp_path)
    assert (kafka_child(broker).worth_showing.search(line) is not None) == is_shown


@pytest.mark.asyncio
async def test_a_broker_that_was_made_without_users_is_refused_before_anything_is_done(
    tmp_path: Path,
) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "formatted").touch()  # as earlier versions left it
    security = Security(Certificates(tmp_path / "tls"), Credentials(tmp_path / "credentials"), 3)
    broker = Broker(tmp_path / "kafka", 1, tmp_path / "cache", security=security)
    said: list[str] = []
    with pytest.raises(Problem, match="`make reset` deletes the old data"):
        await broker.prepare(said.append)
    assert not said
    assert not security.certificates.folder.exists()
