"""What stands on each page of the catalogue, for its template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.catalogue import examples
from shared.contracts.catalogue.fields import fields_of, kinds_of
from shared.contracts.catalogue.published import Published, Type
from shared.contracts.schemas import CONTRIBUTION, RECEIPT
from shared.ledger.names import kebab
from shared.ledger.topics import inbox_topic

_INBOX: Final = inbox_topic("{org}")
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_MOST_SHOWN: Final = 3
"""How many examples of a type are shown whole; each is in the folder of its contract."""


@dataclass(frozen=True)
class Page:
    """One page: where it is, its template, and what stands on it."""

    path: str
    template: str
    kind: str
    name: str
    title: str
    about: str
    words: str
    """What else it is found by: names of fields and codes."""
    told: Mapping[str, Any]


def pages(published: Published) -> list[Page]:
    """Every page but the first one, which lists them."""
    return [
        *(_of_type(published, one) for one in published.types.values()),
        *(_of_topic(published, name) for name in published.asyncapi["channels"]),
        *(_of_service(published, name) for name in published.services),
        _of_codes(published),
    ]


def path_of(published: Published, name: str) -> str:
    """Where the page of a type, topic or service is, from the root of the site."""
    if name in published.types:
        return f"{_folder(published.types[name])}/{name}.html"
    if name in published.asyncapi["channels"]:
        return f"topics/{name.replace('{org}', 'ORG')}.html"
    return f"services/{name}.html"


def _folder(one: Type) -> str:
    return "commands" if one.is_command else "events" if one.is_event else "envelopes"


def _of_type(published: Published, one: Type) -> Page:
    schema = one.schema
    kind = "command" if one.is_command else "event" if one.is_event else "envelope"
    fields = fields_of(schema)
    refuses = _refusals(published, schema.get("x-refuses", {}))
    told: dict[str, Any] = {
        "one": one,
        "schema": schema,
        "fields": fields,
        "kinds": kinds_of(schema),
        "refusals": refuses,
        "to_changes": _refusals(published, schema.get("x-refuses-changes", {})),
        "topics": published.topics_of(one.type),
        "examples": [],
    }
    if one.is_command:
        told |= {
            "records": published.records_of(one.type),
            "examples": list(_sendable(published, one)),
            "inbox": _INBOX,
        }
    else:
        told["examples"] = [
            {"name": name, "value": examples.as_json(value)}
            for name, value in list(one.examples.items())[:_MOST_SHOWN]
        ]
    if one.is_event:
        told["commands"] = published.commands_of(one.type)
        told["readers"] = _readers_of(published, one.type)
    if one.type in (CONTRIBUTION, RECEIPT):
        told["topics"] = []
    names = [field.name for field in fields]
    values = [value.value for field in fields for value in field.values]
    words = " ".join((*names, *values, *schema.get("x-refuses", {})))
    about = str(schema.get("description", ""))
    path = path_of(published, one.type)
    return Page(path, "type.html", kind, one.type, one.title, about, words, told)


def _sendable(published: Published, one: Type) -> Iterator[dict[str, Any]]:
    folder = one.type.rpartition(".v")[0]
    for name, content in list(one.examples.items())[:_MOST_SHOWN]:
        sent_by = published.sent_by.get(f"{folder}/examples/valid/{name}", {})
        whole = examples.contribution(one.type, one.schema, content, sent_by)
        yield {
            "name": name,
            "sent_by": sent_by,
            "value": examples.as_json(content),
            "http": examples.over_http(whole, one.section),
            "kafka": examples.over_kafka(examples.written_down(whole, sent_by)),
        }


def _refusals(published: Published, codes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"code": code, "words": words, "status": published.status_of(code)}
        for code, words in codes.items()
    ]


def _readers_of(published: Published, type_: str) -> list[str]:
    channels = published.asyncapi["channels"]
    found = [one for name in published.topics_of(type_) for one in channels[name]["x-readers"]]
    return sorted({*found})


def _of_topic(published: Published, name: str) -> Page:
    channel = published.asyncapi["channels"][name]
    messages = published.asyncapi["components"]["messages"]
    first = next((messages[one] for one in channel["messages"]), None)
    headers = () if first is None else fields_of(_without_types(first["headers"]))
    operations = published.asyncapi["operations"]
    writes = operations.get(f"send.{name}", {}).get("summary", "")
    told = {
        "name": name,
        "channel": channel,
        "kafka": channel["bindings"]["kafka"],
        "key": None if first is None else first["bindings"]["kafka"]["key"],
        "messages": list(channel["messages"]),
        "headers": headers,
        "writers": writes.removeprefix("Written by ") or "the organisation, and nobody else",
        "readers": channel["x-readers"],
    }
    path = path_of(published, name)
    about = channel["description"]
    return Page(path, "topic.html", "topic", name, channel["title"], about, "", told)


def _without_types(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The headers as all messages of a topic have them: which type it is, each says for itself."""
    properties = {
        name: {"type": "string", "description": one.get("description", "")}
        if name in ("ce_type", "ce_dataschema")
        else one
        for name, one in headers["properties"].items()
    }
    return {**headers, "properties": properties}


def _of_service(published: Published, name: str) -> Page:
    document = published.services[name]
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": one.get("summary", ""),
            "description": one.get("description", ""),
            "statuses": sorted(one["responses"].keys() - {"default"}),
            "parameters": [_parameter(document, given) for given in one.get("parameters", ())],
        }
        for path, methods in document["paths"].items()
        for method, one in methods.items()
        if method in _METHODS
    ]
    own = [one for one in published.types.values() if one.section == name]
    channels = published.asyncapi["channels"].items()
    told = {
        "name": name,
        "document": document,
        "operations": operations,
        "commands": [one for one in own if one.is_command],
        "events": [one for one in own if one.is_event],
        "owns": [topic for topic, one in channels if kebab(one["x-owner"]) == name],
        "reads": [topic for topic, one in channels if name in one["x-readers"]],
    }
    info = document["info"]
    words = " ".join(operation["path"] for operation in operations)
    about = f"{len(operations)} addresses over HTTP." if not own else _counts(told)
    path = path_of(published, name)
    return Page(path, "service.html", "service", name, info["title"], about, words, told)


def _counts(told: Mapping[str, Any]) -> str:
    return f"Takes {len(told['commands'])} commands and records {len(told['events'])} events."


def _parameter(document: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in given:
        return given
    found: Any = document
    for step in given["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _of_codes(published: Published) -> Page:
    """Every code that a contribution can be refused with, and by which commands."""
    by_code: dict[str, dict[str, Any]] = {}
    envelope = published.types[CONTRIBUTION].schema
    for members, whom in (("x-refuses", "any command"), ("x-refuses-changes", "any change")):
        for code, words in envelope[members].items():
            by_code[code] = {"words": words, "whom": whom, "commands": []}
    for one in published.types.values():
        for code, words in one.schema.get("x-refuses", {}).items() if one.is_command else ():
            told = by_code.setdefault(code, {"words": words, "whom": "", "commands": []})
            told["commands"].append(one.type)
    codes = [
        {"code": code, "status": published.status_of(code), **told}
        for code, told in sorted(by_code.items())
    ]
    about = "Each code that a contribution can be refused with, and what would be right."
    words = " ".join(by_code)
    return Page(
        "codes.html", "codes.html", "page", "codes", "Refusals", about, words, {"codes": codes}
    )
