"""Creates the declared topics that are missing, and gives the others their declared settings."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.broker.access import BrokerAccess
from shared.contracts.topics import Topic

_CLEANUP: Final = "cleanup.policy"
_OF_THE_TOPIC: Final = 1  # DYNAMIC_TOPIC_CONFIG, where the broker says what set a value


class TopicsDiffer(Exception):
    """A topic differs from its declaration in what cannot be put right: somebody has to look."""


async def ensure_topics(
    broker: BrokerAccess, topics: Sequence[Topic], *, replication_factor: int = 1
) -> list[str]:
    """Creates the topics that are missing and returns their names.

    Where a topic is kept for another time or takes messages of another size than declared, that
    is put right, and its other settings stay as they are. A topic with another number of
    partitions or another cleanup raises ``TopicsDiffer``.
    """
    admin = AIOKafkaAdminClient(**broker.options)
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
                f"the topic {topic.name} has {partitions} partitions, but its declaration says "
                f"{topic.partitions}: the number may never change, since keys would move to other "
                "partitions. Declare the number that the topic has, or a new major version of it"
            )


async def _put_right(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    )
    found = {resource[3]: resource[4] for answer in answers for resource in answer.resources}
    differing = []
    for topic in topics:
        settings = {name: value for name, value, *_ in found[topic.name]}
        cleanup = settings[_CLEANUP]
        if cleanup != topic.configs[_CLEANUP]:
            raise TopicsDiffer(
                f"the topic {topic.name} has {_CLEANUP}={cleanup}, but its declaration says "
                f"{topic.configs[_CLEANUP]}: the broker may have removed messages already. Find "
                f"out what is missing, then set {_CLEANUP} by hand"
            )
        if not topic.configs.items() <= settings.items():
            differing.append(
                ConfigResource(
                    ConfigResourceType.TOPIC,
                    topic.name,
                    {**_own(found[topic.name]), **topic.configs},
                )
            )
    if differing:
        # The request replaces all that a topic has of its own: what it does not name is lost.
        answers = await admin.alter_configs(differing)
        for code, message, _, name in (r for answer in answers for r in answer.resources):
            if code:
                raise for_code(code)(f"{name}: {message or ''}")


def _own(settings: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    """What was set for this topic, apart from what it has from its broker."""
    return {name: value for name, value, _, source, *_ in settings if source == _OF_THE_TOPIC}


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
