"""One file per topic: whose it is, its key, how long it is kept, who reads it."""

from collections.abc import Iterable
from typing import Final

from shared.contracts import discover
from shared.contracts.topics import Topic, declared_topics
from shared.ledger.names import kebab
from shared.ledger.topics import (
    AUDIT_RECORDS,
    commands_topic,
    dead_letters_topic,
    events_topic,
    inbox_topic,
    receipts_topic,
)

ORG: Final = "{org}"
"""Stands for an organisation's code in lower case, where a topic belongs to one."""

OWN: Final = f"organisation {ORG}"
"""Among readers and writers, the organisation whose topic it is."""

_DAY: Final = 24 * 60 * 60 * 1000
_HEARD_BY_ALL: Final = ("person", "care_team")  # plan states and relationships (promise P8)


def topics(sections: Iterable[str]) -> list[Topic]:
    """Every topic, those of organisations once, under the name ``{org}``."""
    return declared_topics(sections, [ORG])


def readers_of(topic: str, sections: Iterable[str]) -> list[str]:
    """The services, or the organisation, that consume a topic."""
    everybody = sorted(kebab(name) for name in sections)
    readers = {
        AUDIT_RECORDS: ["audit"],
        inbox_topic(ORG): ["intake"],
        receipts_topic(ORG): [OWN],
    }
    for name in everybody:
        readers[commands_topic(name)] = [name]
        readers[events_topic(name)] = ["audit", "plan"]
    for name in _HEARD_BY_ALL:
        if kebab(name) in everybody:
            readers[events_topic(name)] = ["audit", "plan", *everybody]
    return readers.get(topic, [])


def writers_of(topic: Topic, sections: Iterable[str]) -> list[str]:
    """The services, or the organisation, that write a topic."""
    everybody = sorted(kebab(name) for name in sections)
    writers = {
        AUDIT_RECORDS: sorted([*everybody, "audit", "intake", "plan"]),
        inbox_topic(ORG): [OWN],
        receipts_topic(ORG): sorted([*everybody, "intake"]),
        **{commands_topic(name): ["intake"] for name in everybody},
    }
    return writers.get(topic.name, [topic.owner])


def files(sections: Iterable[str]) -> dict[str, str]:
    """The files by their paths below ``contracts/``."""
    names = tuple(sections)
    return {f"topics/{_file_name(topic)}": _text(topic, names) for topic in topics(names)}


def _file_name(topic: Topic) -> str:
    return f"{topic.name.replace(ORG, 'ORG')}.yaml"


def _text(topic: Topic, sections: tuple[str, ...]) -> str:
    readers = readers_of(topic.name, sections)
    services = {kebab(name) for name in (*sections, *discover.readers())}
    dead_letters = [dead_letters_topic(reader) for reader in readers if reader in services]
    kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // _DAY} days"
    lines = [
        f'name: "{topic.name}"',
        f'owner: "{topic.owner}"',
        f'key: "{topic.key}"',
        f"partitions: {topic.partitions}",
        f'retention: "{kept}"',
        f"retention_ms: {topic.retention_ms}",
        *(f'{name}: "{value}"' for name, value in topic.configs.items() if name != "retention.ms"),
        *_list("writers", writers_of(topic, sections)),
        *_list("readers", readers),
        *_list("dead_letters", dead_letters),
    ]
    return "\n".join(lines) + "\n"


def _list(name: str, items: list[str]) -> list[str]:
    return [f"{name}:", *(f'  - "{item}"' for item in items)] if items else [f"{name}: []"]
