"""The AsyncAPI 3.0 document: every topic, and on it every message with its headers and key."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from shared.contracts.documents.kafka_headers import (
    OF_A_CHANGE,
    OF_A_RECEIPT,
    of_a_command,
    of_an_event,
)
from shared.contracts.schemas import CONTRIBUTION, EVENT, PLAN_CHANGED, RECEIPT
from shared.contracts.topic_files import ORG, readers_of, topics, writers_of
from shared.contracts.topics import MAX_MESSAGE_BYTES, Topic
from shared.ledger import Section
from shared.ledger.topics import (
    AUDIT_RECORDS,
    PLAN_CHANGES,
    commands_topic,
    events_topic,
    inbox_topic,
    receipts_topic,
)

Json = dict[str, Any]

_MAY: Final = (
    "Whoever shows it may write that organisation's inbox and read its receipts and what was "
    "granted to it, in consumer groups whose names begin with its code in lower case and a dot."
)
_KEY: Final = {
    "type": "string",
    "format": "uuid",
    "description": "The plan_id, in lower case. All of a plan is in one partition, found by "
    "murmur2 (librdkafka: `partitioner=murmur2_random`).",
}
_KEY_OF_A_RECEIPT: Final = {
    **_KEY,
    "description": "The plan_id; the contribution_id where no plan could be read.",
}
_DAY: Final = 24 * 60 * 60 * 1000


def document(
    sections: Iterable[Section], files: Mapping[str, str], sent: Iterable[Json] = ()
) -> Json:
    """The document; ``files`` names the newest file of each type below ``contracts/``.

    ``sent`` are records as organisations put them into their inboxes.
    """
    declared = tuple(sections)
    names = tuple(section.name for section in declared)
    channels: Json = {}
    operations: Json = {}
    for topic in topics(names):
        channels[topic.name] = _channel(topic, _on(topic.name, declared), names)
        operations.update(_operations(topic, names))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Care plan ledger",
            "version": _version(),
            "description": "Contributions in, receipts out, and what was recorded. Messages are "
            "CloudEvents 1.0 in binary mode: attributes are headers, the value is JSON in UTF-8. "
            "A message may come twice; an event is known by section, entry and entry version.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": channels,
        "operations": operations,
        "components": {
            "securitySchemes": {
                "scram": {
                    "type": "scramSha512",
                    "description": "The password of an organisation's user, who is called by its "
                    f"code in lower case. {_MAY}",
                },
                "certificate": {
                    "type": "X509",
                    "description": "The certificate that an organisation was given, with its key. "
                    f"{_MAY}",
                },
            },
            "messages": _with_examples(_messages(declared, files), sent),
        },
    }


def _servers() -> Json:
    return {
        "deployment": {
            "host": "{bootstrap}",
            "protocol": "kafka-secure",
            "description": "A deployment's brokers: TLS with a user or a certificate, each at an "
            "address of its own, and nothing is allowed that was not granted.",
            "variables": {"bootstrap": {"description": "Hosts and ports, with commas between."}},
            "security": [_secured_by("scram"), _secured_by("certificate")],
        },
        "development": {
            "host": "127.0.0.1:19092",
            "protocol": "kafka-secure",
            "description": "The broker of `make run`, on this machine alone. "
            "`careplan stack connection` prints what an organisation needs there; "
            "`CAREPLAN_PORT_OFFSET` moves its port.",
            "security": [_secured_by("scram")],
        },
        "development-certificate": {
            "host": "127.0.0.1:19094",
            "protocol": "kafka-secure",
            "description": "The same for whoever comes by a certificate.",
            "security": [_secured_by("certificate")],
        },
    }


def _secured_by(scheme: str) -> Json:
    return {"$ref": f"#/components/securitySchemes/{scheme}"}


def _version() -> str:
    project = Path(__file__).resolve().parents[3] / "pyproject.toml"
    return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])


def _messages(sections: tuple[Section, ...], files: Mapping[str, str]) -> Json:
    messages: Json = {
        RECEIPT: _message(
            RECEIPT,
            "Receipt",
            "The answer to a contribution that came over Kafka; every one gets exactly one.",
            {"$ref": f"./{files[RECEIPT]}"},
            OF_A_RECEIPT,
            _KEY_OF_A_RECEIPT,
        ),
        PLAN_CHANGED: _message(
            PLAN_CHANGED,
            "Plan changed",
            "A plan has a new version. The versions of one plan come in their order.",
            {"$ref": f"./{files[PLAN_CHANGED]}"},
            OF_A_CHANGE,
            _KEY,
        ),
    }
    for section in sections:
        for type_, command in section.commands.items():
            words = command.declared.titled
            who = command.declared.who_in_words(command.entry)
            payload = _with_content(files, CONTRIBUTION, "command", type_)
            messages[type_] = _message(
                type_,
                words.title,
                f"{words.description} {who}",
                payload,
                of_a_command(type_),
                _KEY,
                reply=True,
            )
        for type_, event in section.events.items():
            entry = section.entry_type(section.entry_of_event(type_))
            messages[type_] = _message(
                type_,
                type_,
                f"Recorded of an entry of type {entry}, which is {event.change.value}.",
                _with_content(files, EVENT, "type", type_),
                of_an_event(section.wire_name, type_),
                _KEY,
            )
    return messages


def _with_examples(messages: Json, sent: Iterable[Json]) -> Json:
    for record in sent:
        messages[record["value"]["command"]]["examples"] = [
            {
                "name": "to-an-inbox",
                "summary": f"To {record['topic']}, under the key {record['key']}.",
                "headers": record["headers"],
                "payload": record["value"],
            }
        ]
    return messages


def _with_content(files: Mapping[str, str], envelope: str, name: str, type_: str) -> Json:
    properties = {name: {"const": type_}, "content": {"$ref": f"./{files[type_]}"}}
    return {
        "allOf": [
            {"$ref": f"./{files[envelope]}"},
            {"type": "object", "properties": properties},
        ]
    }


def _message(
    type_: str,
    title: str,
    summary: str,
    payload: Json,
    headers: Json,
    key: Json,
    *,
    reply: bool = False,
) -> Json:
    told: Json = {
        "name": type_,
        "title": title,
        "summary": summary,
        "contentType": "application/json",
        "headers": headers,
        "payload": payload,
        "bindings": {"kafka": {"key": key}},
    }
    if reply:
        told["correlationId"] = {
            "description": "The receipt has it as `contribution_id` and in `ce_causationid`.",
            "location": "$message.header#/ce_id",
        }
    return told


def _on(topic: str, sections: tuple[Section, ...]) -> list[str]:
    if topic == receipts_topic(ORG):
        return [RECEIPT]
    if topic == PLAN_CHANGES:
        return [PLAN_CHANGED]
    if topic == inbox_topic(ORG):
        return [type_ for section in sections for type_ in section.commands]
    for section in sections:
        if topic == commands_topic(section.name):
            return list(section.commands)
        if topic == events_topic(section.name):
            return list(section.events)
    return []


def _channel(topic: Topic, messages: list[str], sections: tuple[str, ...]) -> Json:
    kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // _DAY} days"
    channel: Json = {
        "address": topic.name,
        "title": _title(topic.name),
        "description": f"{_for_whom(topic.name, sections)} Kept {kept}. Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": MAX_MESSAGE_BYTES,
                },
            }
        },
        "x-owner": topic.owner,
        "x-readers": readers_of(topic.name, sections),
    }
    if ORG in topic.name:
        channel["parameters"] = {
            "org": {
                "description": "The code of the organisation in lower case, as `zzg01`; one "
                "without an ODS code has a local one, as `x-harbour-homes`."
            }
        }
    return channel


def _title(topic: str) -> str:
    *_, what, kind, _ = topic.split(".")
    return (
        f"{kind.replace('-', ' ').capitalize()} of {what}"
        if ORG not in topic
        else (
            "Inbox of an organisation"
            if topic == inbox_topic(ORG)
            else "Receipts of an organisation"
        )
    )


_FOR_WHOM: Final = {
    inbox_topic(ORG): "For one organisation to write and no other: its contributions. The topic "
    "proves whose they are. Structured mode is taken too: `content-type` is "
    "`application/cloudevents+json`, and the value has `specversion`, `id`, `source`, `type` and "
    "the contribution as `data`. A value has at most 1 MiB before it is compressed.",
    receipts_topic(ORG): "For one organisation to read and no other: the answers to what it "
    "contributed.",
    PLAN_CHANGES: "For subscribers with a grant, who may see every plan: which plan has which new "
    "version.",
    AUDIT_RECORDS: "For the audit alone: what every service has to tell it. Internal.",
}
_EVENTS: Final = (
    "For the readers, and for subscribers with a grant, who may see all that is in it: what the "
    "section recorded."
)
_COMMANDS: Final = "For the section alone: contributions from the inboxes. Internal."
_DEAD_LETTERS: Final = "For operators: what a consumer could not read, as it came. Internal."


def _for_whom(topic: str, sections: tuple[str, ...]) -> str:
    of_sections = {
        **{events_topic(name): _EVENTS for name in sections},
        **{commands_topic(name): _COMMANDS for name in sections},
    }
    return {**_FOR_WHOM, **of_sections}.get(topic, _DEAD_LETTERS)


def _writers(topic: Topic, sections: tuple[str, ...]) -> str:
    if topic.name == receipts_topic(ORG):
        return "the sections, and intake where it passes nothing on"
    *others, last = writers_of(topic, sections)
    return f"{', '.join(others)} and {last}" if others else last


def _operations(topic: Topic, sections: tuple[str, ...]) -> Json:
    """What this application does with a topic: it receives from inboxes, and sends the rest."""
    channel = {"$ref": f"#/channels/{topic.name}"}
    readers = readers_of(topic.name, sections)
    if topic.name == inbox_topic(ORG):
        receipts = {"$ref": f"#/channels/{receipts_topic(ORG)}"}
        return {
            f"receive.{topic.name}": {
                "action": "receive",
                "channel": channel,
                "summary": "Take a contribution, and answer it once with a receipt.",
                "reply": {"channel": receipts},
            }
        }
    operations: Json = {
        f"send.{topic.name}": {
            "action": "send",
            "channel": channel,
            "summary": f"Written by {_writers(topic, sections)}.",
        }
    }
    services = [reader for reader in readers if ORG not in reader]
    if services:
        operations[f"receive.{topic.name}"] = {
            "action": "receive",
            "channel": channel,
            "summary": f"Read by {', '.join(services)}.",
        }
    return operations
