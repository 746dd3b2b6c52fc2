"""Creates the declared topics that the broker does not have; changes none that it has."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import Topic


class TopicsDiffer(Exception):
    """A topic exists with another number of partitions, which would break the order of a plan."""


async def ensure_topics(
    servers: str, topics: Sequence[Topic], *, replication_factor: int = 1
) -> list[str]:
    """Creates the topics that are missing and returns their names."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        found = {
            topic["topic"]: len(topic["partitions"])
            for topic in await admin.describe_topics()
            if not topic["error_code"]
        }
        _compare(topics, found)
        missing = [topic for topic in topics if topic.name not in found]
        if missing:
            await _create(admin, missing, replication_factor)
        return [topic.name for topic in missing]
    finally:
        await admin.close()


def _compare(topics: Sequence[Topic], found: dict[str, int]) -> None:
    for topic in topics:
        partitions = found.get(topic.name, topic.partitions)
        if partitions != topic.partitions:
            raise TopicsDiffer(
                f"the topic {topic.name} has {partitions} partitions, declared are "
                f"{topic.partitions}; a partition count is for life, use a new major"
            )


async def _create(
    admin: AIOKafkaAdminClient, topics: Sequence[Topic], replication_factor: int
) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=topic.configs)
            for topic in topics
        ]
    )
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        # Another process may be creating the same topics at this moment.
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {message[0] if message else ''}")
