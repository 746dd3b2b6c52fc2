"""Where a consumer goes on, while what it is assigned changes under its hands."""

import re
from typing import Any, Self, cast
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState

from shared.chassis.kafka import offsets
from shared.chassis.kafka.offsets import Reached, seek_stored

OURS = TopicPartition("careplan.goals.events.v1", 0)


class Client:
    """The client's own state of what is assigned; the broker makes a topic when it is asked."""

    def __init__(self, *, makes_a_topic: bool) -> None:
        self.state = SubscriptionState()
        self.state.subscribe_pattern(re.compile("careplan.*"))
        self.state.subscribe_from_pattern({OURS.topic})
        self.state.assign_from_subscribed({OURS})
        self.makes_a_topic = makes_a_topic

    def assignment(self) -> set[TopicPartition]:
        assigned: set[TopicPartition] = self.state.assigned_partitions()
        return assigned

    def pause(self, *partitions: TopicPartition) -> None:
        for partition in partitions:
            self.state.pause(partition)

    def resume(self, *partitions: TopicPartition) -> None:
        for partition in partitions:
            self.state.resume(partition)

    def seek(self, partition: TopicPartition, place: int) -> None:
        self.state.seek(partition, place)

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        if self.makes_a_topic:
            self.state.subscribe_from_pattern({OURS.topic, "careplan.needs.events.v1"})
        return dict.fromkeys(partitions, 7)


class Nothing:
    """A database that has stored no offset."""

    @property
    def pool(self) -> "Nothing":
        return self

    def acquire(self) -> "Nothing":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing was taken."""


@pytest.mark.asyncio
@pytest.mark.parametrize("makes_a_topic", [False, True])
async def test_a_topic_made_while_we_seek_begins_another_assignment_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, *, makes_a_topic: bool
) -> None:
    """The kind: what was true before an await is taken for true after it."""

    async def ids(*_: object) -> dict[str, Any]:
        return {OURS.topic: uuid4()}

    async def none(*_: object) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr(offsets, "topic_ids", ids)
    monkeypatch.setattr(offsets, "stored_offsets", none)
    client, reached = Client(makes_a_topic=makes_a_topic), Reached()
    await seek_stored(cast("Any", client), cast("Any", Nothing()), "plan", {OURS}, reached)
    assert reached.places == {OURS: 7}
    assert client.assignment() == (set() if makes_a_topic else {OURS})
