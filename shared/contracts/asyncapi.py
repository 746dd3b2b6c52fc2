"""The AsyncAPI 3.0 document: every topic, and on it every message with its headers and key."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from shared.contracts.schemas import CONTRIBUTION, EVENT, RECEIPT
from shared.contracts.topic_files import ORG, readers_of, topics
from shared.contracts.topics import Topic
from shared.ledger import Section
from shared.ledger.topics import commands_topic, events_topic, inbox_topic, receipts_topic

Json = dict[str, Any]

_TEXT: Final = {"type": "string"}
_COMMON: Final = {
    "content-type": {"const": "application/json"},
    "ce_specversion": {"const": "1.0"},
    "ce_id": _TEXT,
    "ce_source": _TEXT,
}
_TRACE: Final = {"traceparent": {"type": "string", "description": "W3C trace context; optional"}}


def document(sections: Iterable[Section], files: Mapping[str, str]) -> Json:
    """The document; ``files`` names the newest file of each type below ``contracts/``."""
    declared = tuple(sections)
    messages = _messages(declared, files)
    names = tuple(section.name for section in declared)
    channels: Json = {}
    operations: Json = {}
    for topic in topics(names):
        channels[topic.name] = _channel(topic, _on(topic.name, declared))
        operations.update(_operations(topic, names))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Care plan ledger",
            "version": _version(),
            "description": "Contributions in, receipts out, and what was recorded.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _version() -> str:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])


def _messages(sections: tuple[Section, ...], files: Mapping[str, str]) -> Json:
    messages: Json = {
        RECEIPT: _message(
            RECEIPT, files[RECEIPT], None, {**_COMMON, "ce_causationid": _TEXT, **_TRACE}
        )
    }
    for section in sections:
        source = f"urn:careplan:section:{section.wire_name}"
        for type_ in section.commands:
            headers = {
                **_COMMON,
                "ce_source": {"type": "string", "pattern": "^urn:careplan:org:"},
                "ce_type": {"const": type_},
                **_TRACE,
            }
            member = ("command", type_, files[type_])
            messages[type_] = _message(type_, files[CONTRIBUTION], member, headers)
        for type_ in section.events:
            headers = {
                **_COMMON,
                "ce_source": {"const": source},
                "ce_type": {"const": type_},
                **{f"ce_{name}": _TEXT for name in _EVENT_HEADERS},
                **_TRACE,
            }
            member = ("type", type_, files[type_])
            messages[type_] = _message(type_, files[EVENT], member, headers)
    return messages


_EVENT_HEADERS: Final = (
    "subject",
    "time",
    "recordedtime",
    "dataschema",
    "partitionkey",
    "entryid",
    "entryversion",
    "position",
    "leafhash",
    "causationid",
    "authtype",
    "authclaims",
    "policyversion",
    "command",
)


def _message(type_: str, envelope: str, member: tuple[str, str, str] | None, headers: Json) -> Json:
    payload: Json = {"$ref": f"./{envelope}"}
    if member is not None:
        name, value, content = member
        properties = {name: {"const": value}, "content": {"$ref": f"./{content}"}}
        payload = {"allOf": [payload, {"type": "object", "properties": properties}]}
    optional = {"traceparent", "ce_leafhash", "ce_authclaims", "ce_policyversion", "ce_command"}
    return {
        "name": type_,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": headers,
            "required": [name for name in headers if name not in optional],
        },
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": "the plan_id"}}},
    }


def _on(topic: str, sections: tuple[Section, ...]) -> list[str]:
    if topic == receipts_topic(ORG):
        return [RECEIPT]
    if topic == inbox_topic(ORG):
        return [type_ for section in sections for type_ in section.commands]
    for section in sections:
        if topic == commands_topic(section.name):
            return list(section.commands)
        if topic == events_topic(section.name):
            return list(section.events)
    return []


def _channel(topic: Topic, messages: list[str]) -> Json:
    channel: Json = {
        "address": topic.name,
        "description": f"Owned by {topic.owner}; key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
    }
    if ORG in topic.name:
        channel["parameters"] = {"org": {"description": "The code of the organisation, lower case"}}
    return channel


def _operations(topic: Topic, sections: tuple[str, ...]) -> Json:
    reference = {"$ref": f"#/channels/{topic.name}"}
    operations: Json = {f"write.{topic.name}": {"action": "send", "channel": reference}}
    if readers_of(topic.name, sections):
        operations[f"read.{topic.name}"] = {"action": "receive", "channel": reference}
    return operations
