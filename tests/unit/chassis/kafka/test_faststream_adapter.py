"""What the adapter bends still bends: each test fails where a new version has changed it."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import aiokafka
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from shared.chassis.kafka.client import place_of
from shared.chassis.kafka.faststream_adapter import Subscription
from shared.chassis.settings import Settings

pytestmark = pytest.mark.asyncio

PLACE = TopicPartition("things", 0)


def record(offset: int, value: bytes | None, *headers: tuple[str, bytes | None]) -> Any:
    return ConsumerRecord("things", 0, offset, 0, 0, b"key", value, None, 3, 5, headers)


class Client:
    """Stands in for the client that FastStream makes."""

    made: ClassVar["list[Client]"] = []

    def __init__(self, **named: Any) -> None:
        self.named = named
        self.subscribed: dict[str, Any] = {}
        Client.made.append(self)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def subscribe(self, **named: Any) -> None:
        self.subscribed = named


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        self.told.append("revoked")

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:  # noqa: ARG002
        self.told.append("assigned")


class Bench:
    """A subscription over a client that stands in, which hands out the batches given."""

    def __init__(self, *batches: Sequence[Any]) -> None:
        self.batches = list(batches)
        self.handled: list[Sequence[Any]] = []
        self.listener = Listener()
        self.all_handled = asyncio.Event()
        self.subscription = Subscription(
            Settings(instance="one"),
            group="readers",
            topics=(),
            pattern=r"^(?:careplan\.[a-z-]+\.events\.v1|careplan\.audit\.records\.v1)$",
            listener=self.listener,
            poll=self.poll,
            handle=self.handle,
            fetch_min_bytes=64,
        )

    async def poll(self, _: Any) -> Sequence[Any]:
        if self.batches:
            return self.batches.pop(0)
        self.all_handled.set()
        await asyncio.Event().wait()
        return ()

    async def handle(self, records: Sequence[Any]) -> None:
        self.handled.append(records)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    Client.made = []
    monkeypatch.setattr(aiokafka, "AIOKafkaConsumer", Client)


@pytest.mark.usefixtures("client")
async def test_every_record_comes_as_the_client_handed_it_out() -> None:
    odd = [
        record(0, b"{}", ("ce_type", None)),
        record(1, b"\xff", ("ce_type", b"\xff"), ("content-type", b"application/json")),
        record(2, None, ("reply_to", b"things"), ("\udce9", b"")),
    ]
    bench = Bench(tuple(odd), (record(3, b"last"),))
    await bench.subscription.start()
    try:
        await asyncio.wait_for(bench.all_handled.wait(), 60)
    finally:
        await bench.subscription.stop()
    assert [list(batch) for batch in bench.handled] == [odd, [record(3, b"last")]]


@pytest.mark.usefixtures("client")
async def test_the_client_is_asked_for_what_a_ledger_needs() -> None:
    bench = Bench()
    await bench.subscription.start()
    (made,) = Client.made
    assert bench.subscription.client is made
    await bench.subscription.stop()
    assert made.named["enable_auto_commit"] is False
    assert made.named["auto_offset_reset"] == "none"
    assert made.named["isolation_level"] == "read_committed"
    assert made.named["group_id"] == "readers"
    assert made.named["group_instance_id"] == "one"
    assert made.named["partition_assignment_strategy"] == (RangePartitionAssignor,)
    assert made.named["fetch_min_bytes"] == 64
    assert made.subscribed["pattern"] == bench.subscription._subscriber._pattern
    await made.subscribed["listener"].on_partitions_revoked(set())
    await made.subscribed["listener"].on_partitions_assigned(set())
    assert bench.listener.told == ["revoked", "assigned"]


async def test_the_place_of_the_client_is_told_without_waiting() -> None:
    state = SubscriptionState()
    kafka: Any = SimpleNamespace(_subscription=state)
    state.assign_from_user([PLACE])
    assert place_of(kafka, PLACE) is None
    state.seek(PLACE, 7)
    assert place_of(kafka, PLACE) == 7
