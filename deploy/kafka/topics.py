"""Creates the declared topics that the broker does not have; the settings of the rest are kept."""

from collections.abc import Sequence
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import Topic

_CLEANUP: Final = "cleanup.policy"


class TopicsDiffer(Exception):
    """A topic differs from its declaration in what cannot be put right: somebody has to look."""


async def ensure_topics(
    servers: str, topics: Sequence[Topic], *, replication_factor: int = 1
) -> list[str]:
    """Creates the topics that are missing and returns their names.

    How long a topic is kept and how large its messages may be is put right; another number of
    partitions or another cleanup raises ``TopicsDiffer``.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        found = {
            topic["topic"]: len(topic["partitions"])
            for topic in await admin.describe_topics()
            if not topic["error_code"]
        }
        _compare(topics, found)
        await _put_right(admin, [topic for topic in topics if topic.name in found])
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


async def _put_right(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    named = dict.fromkeys(topics[0].configs)
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name, named) for topic in topics]
    )
    found = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    for topic in topics:
        cleanup = found[topic.name].get(_CLEANUP)
        if cleanup != topic.configs[_CLEANUP]:
            raise TopicsDiffer(
                f"the topic {topic.name} has {_CLEANUP}={cleanup}, declared is "
                f"{topic.configs[_CLEANUP]}; what it has removed already is not there any more"
            )
    differing = [topic for topic in topics if found[topic.name] != topic.configs]
    if differing:
        answers = await admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configs)
                for topic in differing
            ]
        )
        for code, message, _, name in (r for answer in answers for r in answer.resources):
            if code:
                raise for_code(code)(f"{name}: {message or ''}")


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
