"""A relay that is told to stop while it is already letting go still closes its connections."""

import asyncio
from contextlib import suppress

import pytest
from aiokafka.errors import KafkaConnectionError

import shared.chassis.kafka.relay
from services.goals.section import SECTION
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import streams_of
from shared.chassis.settings import Settings

TURNS = 12  # more than it takes from the broker's refusal to the end


class NoBroker:
    """A producer that finds no broker."""

    def __init__(self) -> None:
        self.is_stopped = False

    async def start(self) -> None:
        raise KafkaConnectionError

    async def stop(self) -> None:
        self.is_stopped = True


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(TURNS))
async def test_whenever_it_is_told_to_stop_its_producer_is_stopped(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = NoBroker()
    monkeypatch.setattr(shared.chassis.kafka.relay, "make_producer", lambda *_: producer)
    settings = Settings(service="goals")
    relay = Relay("postgresql://nowhere", settings, streams_of(SECTION, settings))
    publishing = asyncio.create_task(relay._publish_for_ever())
    for _ in range(turns + 1):
        await asyncio.sleep(0)
    publishing.cancel()
    with suppress(asyncio.CancelledError, KafkaConnectionError):
        await publishing
    await asyncio.sleep(0)
    assert producer.is_stopped
