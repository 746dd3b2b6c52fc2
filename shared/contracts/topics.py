"""Every topic of the ledger, declared: who owns it, key, partitions, how long it is kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.ledger.names import kebab
from shared.ledger.topics import (
    AUDIT_RECORDS,
    PLAN_CHANGES,
    commands_topic,
    dead_letters_topic,
    events_topic,
    inbox_topic,
    receipts_topic,
)

EVENT_PARTITIONS: Final = 24  # for life: another number would move keys and break a plan's order

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024  # a contribution of 1 MiB, and what an entry grows to

_DAY: Final = 24 * 60 * 60 * 1000
_FOR_EVER: Final = -1


@dataclass(frozen=True)
class Topic:
    """One topic as it has to exist on the broker."""

    name: str
    partitions: int
    retention_ms: int
    key: str
    owner: str

    @property
    def configs(self) -> dict[str, str]:
        """Its settings on the broker; never compacted, since that would drop history."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        }


def declared_topics(
    sections: Iterable[str],
    organisations: Iterable[str],
    *,
    prefix: str = "",
    event_partitions: int = EVENT_PARTITIONS,
) -> list[Topic]:
    """The topics of these sections and organisations, in the order of their names."""
    topics = [
        Topic(AUDIT_RECORDS, event_partitions, 365 * _DAY, "plan_id", "audit"),
        Topic(PLAN_CHANGES, event_partitions, _FOR_EVER, "plan_id", "plan"),
        # Dead letters of readers and sections have events among their sources: kept as long.
        *(_dead_letters(reader, _FOR_EVER) for reader in ("audit", "plan")),
        _dead_letters("intake", 30 * _DAY),
    ]
    for section in {kebab(name) for name in sections}:
        topics += [
            Topic(commands_topic(section), event_partitions, 14 * _DAY, "plan_id", section),
            Topic(events_topic(section), event_partitions, _FOR_EVER, "plan_id", section),
            _dead_letters(section, _FOR_EVER),
        ]
    for organisation in {code.lower() for code in organisations}:
        topics += [
            Topic(inbox_topic(organisation), 6, 14 * _DAY, "plan_id", organisation),
            Topic(
                receipts_topic(organisation),
                3,
                30 * _DAY,
                "plan_id; contribution_id where no plan could be read",
                organisation,
            ),
        ]
    named = [Topic(prefix + t.name, t.partitions, t.retention_ms, t.key, t.owner) for t in topics]
    return sorted(named, key=lambda topic: topic.name)


def _dead_letters(consumer: str, retention_ms: int) -> Topic:
    return Topic(dead_letters_topic(consumer), 3, retention_ms, "as the record had it", consumer)
