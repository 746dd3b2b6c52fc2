"""FastStream as the ledger needs it: batches as the client hands them out, positions our own.

What has to be bent is bent here and nowhere else; a unit test notices where a new version of
FastStream no longer works as this expects.

* ``parser`` and ``decoder``, public arguments: its own decode every header, and lose the whole
  batch where one is null or not UTF-8.
* ``get_msg``, a method of its subscriber: its own sleeps after each poll that brings nothing, and
  its loop logs an error once an hour and goes on, lost history among them.
* ``consumer``, an attribute of its subscriber: positions are read and sought there.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.middlewares import AckPolicy
from faststream.security import BaseSecurity, SASLScram256, SASLScram512

from shared.broker.access import SSL, BrokerAccess
from shared.chassis.kafka.client import hand_out_odd_records
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.settings import Settings

POLL_MS: Final = 200
_REBALANCE_MS: Final = 60_000
_SCRAM: Final = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256}

Poll = Callable[[AIOKafkaConsumer], Awaitable[Sequence[Record]]]
Handle = Callable[[Sequence[Record]], Awaitable[None]]


class Subscription:
    """A member of a group: what ``poll`` takes from the client is handed to ``handle`` as it is."""

    def __init__(
        self,
        settings: Settings,
        *,
        group: str,
        topics: Sequence[str],
        pattern: str | None,
        listener: ConsumerRebalanceListener,
        poll: Poll,
        handle: Handle,
        fetch_min_bytes: int = 1,
    ) -> None:
        self._broker = KafkaBroker(
            settings.kafka_servers,
            security=_security(settings.broker),
            client_id=settings.instance_id,
            consumer_only=True,
            apply_types=False,
            allow_auto_create_topics=False,
            graceful_timeout=5,
            metadata_max_age_ms=settings.metadata_max_age_ms,
            logger=None,
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            pattern=pattern,
            group_id=group,
            group_instance_id=settings.instance_id,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            auto_offset_reset="none",
            partition_assignment_strategy=(RangePartitionAssignor,),
            rebalance_timeout_ms=_REBALANCE_MS,
            heartbeat_interval_ms=1_000,  # how soon a member hears of a rebalance
            fetch_max_wait_ms=POLL_MS,
            fetch_min_bytes=fetch_min_bytes,
            listener=listener,
            parser=self._parse,
            decoder=_decode,
            no_reply=True,
        )
        self._subscriber(handle)
        self._subscriber.get_msg = poll  # type: ignore[method-assign, assignment]

    @property
    def client(self) -> AIOKafkaConsumer | None:
        """The client, once it is made."""
        return self._subscriber.consumer

    async def start(self) -> None:
        """Join the group; raises what the client raises, and leaves nothing behind."""
        hand_out_odd_records()
        try:
            await self._broker.start()
        except BaseException:
            await self._broker.stop()
            raise

    async def stop(self) -> None:
        """Let the batch in hand end, for a while, and leave the group."""
        await self._broker.stop()

    async def _parse(self, records: Sequence[Record]) -> KafkaAckableMessage:
        consumer = self._subscriber.consumer
        if consumer is None:
            raise RuntimeError("records came without a client")
        return KafkaAckableMessage(
            body=[record.value for record in records],
            headers={},
            batch_headers=[],
            reply_to="",
            content_type=None,
            message_id=f"{records[0].offset}-{records[-1].offset}",
            correlation_id=None,
            raw_message=records,
            path={},
            consumer=consumer,
        )


def _security(broker: BrokerAccess) -> BaseSecurity | None:
    if broker.is_open:
        return None
    if broker.protocol == SSL:
        return BaseSecurity(ssl_context=broker.tls(), use_ssl=True)
    scram = _SCRAM[broker.mechanism]
    return scram(broker.user, broker.password(), ssl_context=broker.tls(), use_ssl=True)


async def _decode(message: KafkaAckableMessage) -> Any:
    return message.raw_message
