"""Of what the servers print, the lines that somebody has to see."""

from pathlib import Path

import pytest

from deploy.local.servers.both import kafka_child
from deploy.local.servers.kafka import Broker

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
