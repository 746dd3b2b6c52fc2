"""Topics on a real broker: made as declared, put right where that is possible, else told."""

from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.broker.access import BrokerAccess
from shared.broker.topics import TopicsDiffer, ensure_topics
from shared.contracts.topics import Topic
from shared.testing.eventually import eventually
from shared.testing.stack import fresh_prefix

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class Compacted(Topic):
    """A topic that forgets, as none of ours may."""

    @property
    def configs(self) -> dict[str, str]:
        return {**super().configs, "cleanup.policy": "compact"}


async def settings_of(servers: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {name: value for name, value, *_ in answer.resources[0][4]}
    finally:
        await admin.close()


class SetByAnOperator(Topic):
    """A topic with settings that no declaration has."""

    @property
    def configs(self) -> dict[str, str]:
        return {**super().configs, **UNDECLARED}


UNDECLARED = {"min.insync.replicas": "2", "segment.bytes": "2097152", "compression.type": "zstd"}


async def test_a_topic_that_is_kept_otherwise_than_declared_is_put_right(
    kafka_servers: str,
) -> None:
    """What is declared is set, and what is not declared stays as an operator has set it."""
    declared = Topic(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    found = SetByAnOperator(declared.name, 2, 60_000, "plan_id", "bench")
    assert await ensure_topics(BrokerAccess(kafka_servers), [found]) == [declared.name]
    for _ in range(2):
        assert await ensure_topics(BrokerAccess(kafka_servers), [declared]) == []
        # What its controller has written down, the broker tells a moment later.
        await eventually(
            lambda: settings_of(kafka_servers, declared.name),
            "its settings are those that are declared, and an operator's",
            holds=lambda told: told.items() >= {**declared.configs, **UNDECLARED}.items(),
        )


async def test_a_topic_that_cannot_be_put_right_is_told(kafka_servers: str) -> None:
    declared = Topic(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    await ensure_topics(BrokerAccess(kafka_servers), [declared])
    with pytest.raises(TopicsDiffer, match="has 2 partitions, but its declaration says 3"):
        await ensure_topics(BrokerAccess(kafka_servers), [replace(declared, partitions=3)])
    compacted = Compacted(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    await ensure_topics(BrokerAccess(kafka_servers), [compacted])
    with pytest.raises(TopicsDiffer, match=r"has cleanup\.policy=compact, but"):
        await ensure_topics(
            BrokerAccess(kafka_servers), [Topic(compacted.name, 2, -1, "plan_id", "bench")]
        )
