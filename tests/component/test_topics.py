"""Topics on a real broker: made as declared, put right where that is possible, else told."""

from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.kafka.topics import TopicsDiffer, ensure_topics
from shared.contracts.topics import Topic
from shared.testing.stack import fresh_prefix

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class Compacted(Topic):
    """A topic that forgets, as none of ours may."""

    @property
    def configs(self) -> dict[str, str]:
        return {**super().configs, "cleanup.policy": "compact"}


async def retention_of(servers: str, topic: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        named = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": None})
        (answer,) = await admin.describe_configs([named])
        ((_, retention, *_),) = answer.resources[0][4]
        return str(retention)
    finally:
        await admin.close()


async def test_a_topic_that_is_kept_otherwise_than_declared_is_put_right(
    kafka_servers: str,
) -> None:
    declared = Topic(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    assert await ensure_topics(kafka_servers, [replace(declared, retention_ms=60_000)]) == [
        declared.name
    ]
    assert await ensure_topics(kafka_servers, [declared]) == []
    assert await retention_of(kafka_servers, declared.name) == "-1"


async def test_a_topic_that_cannot_be_put_right_is_told(kafka_servers: str) -> None:
    declared = Topic(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    await ensure_topics(kafka_servers, [declared])
    with pytest.raises(TopicsDiffer, match="2 partitions"):
        await ensure_topics(kafka_servers, [replace(declared, partitions=3)])
    compacted = Compacted(fresh_prefix() + "things", 2, -1, "plan_id", "bench")
    await ensure_topics(kafka_servers, [compacted])
    with pytest.raises(TopicsDiffer, match=r"cleanup\.policy=compact"):
        await ensure_topics(kafka_servers, [Topic(compacted.name, 2, -1, "plan_id", "bench")])
