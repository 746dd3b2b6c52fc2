"""The OpenAPI document of every service: its routes, what they take, and every answer."""

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from importlib import import_module
from typing import Any, Final

from shared.chassis.wire.described import headers_described
from shared.contracts import discover
from shared.contracts.documents.components import Components, reference
from shared.contracts.documents.problems import problem_schema
from shared.contracts.envelopes.contribution import contribution
from shared.contracts.envelopes.receipt import receipt, validated
from shared.contracts.schemas import CONTRIBUTION, RECEIPT, schemas
from shared.ledger import Section

Json = dict[str, Any]

_CONTRIBUTIONS: Final = "/v1/contributions"
_VALIDATE: Final = "/v1/contributions:validate"
_ONE_RECEIPT: Final = "/v1/contributions/{contribution_id}"
_MOST_OF_A_BATCH: Final = 100

_UUID: Final = {"type": "string", "format": "uuid"}
_OF_A_PATH: Final[dict[str, tuple[str, Json]]] = {
    "plan_id": ("The id of the plan, in lower case.", _UUID),
    "entry_id": ("The id of the entry, in lower case; unique within its section.", _UUID),
    "contribution_id": ("The id that the contributor gave it, in lower case.", _UUID),
    "dead_letter_id": ("The id that the service gave it, in lower case.", _UUID),
    "access_id": ("The `Ledger-Access-Id` of the answer that showed something.", _UUID),
    "query_id": (
        "The id of a question of the catalogue, as `Q1`, or its name.",
        {"type": "string"},
    ),
    "override_id": ("The `override_id` of an item of the list of overrides.", _UUID),
    "version": (
        "A version of the plan, from 1 to its newest.",
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    ),
    "sha256": (
        "SHA-256 of the file, in 64 hexadecimal digits.",
        {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    ),
    "idx": (
        "The place of the record in the log, from 0.",
        {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    ),
    "path": ("Which tile, as C2SP tlog-tiles names them.", {"type": "string"}),
}
_OF_EVERY_REQUEST: Final = (
    {
        "name": "X-Correlation-ID",
        "in": "header",
        "required": False,
        "description": "What you call the request, 1 to 64 letters, digits, `.`, `_`, `:` and `-`: "
        "it stands on the answer and in our log. Anything else is passed over.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    {
        "name": "traceparent",
        "in": "header",
        "required": False,
        "description": "Your W3C trace context, which events and records then carry on.",
        "schema": {"type": "string", "maxLength": 512},
    },
)
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what you have; 304 where it is still the same.",
    "schema": {"type": "string"},
}
_LINKS: Final = {
    "receipt": {
        "operationId": "receipt",
        "description": "The same receipt, for whoever contributed.",
        "parameters": {"contribution_id": "$response.body#/contribution_id"},
    }
}


def files(named: Mapping[str, str]) -> dict[str, Json]:
    """The documents by their paths below ``contracts/``; ``named`` has each type's newest file."""
    return {
        f"openapi/{name.replace('_', '-')}.json": document(name, named) for name in discover.apis()
    }


def document(service: str, named: Mapping[str, str]) -> Json:
    """One service's document, which refers to nothing outside itself; it is yours to change."""
    section = _section_of(service)
    types = {RECEIPT, CONTRIBUTION, *(section.commands if section is not None else ())}
    mine = tuple(sorted((type_, name) for type_, name in named.items() if type_ in types))
    return deepcopy(_document(service, mine))


@cache
def _document(service: str, mine: tuple[tuple[str, str], ...]) -> Json:
    """The same, made once for the files that it names: declarations stay while a process runs."""
    named, section = dict(mine), _section_of(service)
    # Found at run time, as the services themselves are: no import leads from here to a service.
    settings = import_module("shared.chassis.settings").Settings(
        service=service, issuer="https://issuer.example", jwks="jwks.json"
    )
    told: Json = import_module("shared.chassis.run").app_of(service, settings).openapi()
    told["info"] |= {
        "description": "Contracts within a major version stay compatible. Whoever reads passes "
        "over members that they do not know; what is sent may have none that are not known here.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    told["servers"] = [{"url": "/", "description": "The service that gives this document."}]
    components = Components()
    components.add("Receipt", {**receipt(), **_of_file(named.get(RECEIPT))})
    components.schemas["Problem"] = problem_schema(service, reference("Receipt"))
    if section is not None:
        _add_contributions(told["paths"], components, section, named)
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            _describe(path, method, operation)
    told["paths"] = components.hoisted(told["paths"], "Answer")
    security = told.get("components", {}).get("securitySchemes", {})
    for scheme in security.values():
        scheme["description"] = (
            "A signed token of the deployment's issuer (RFC 9068): who asks, in which role, for "
            "which organisation. It may be bound to its sender (RFC 9449, RFC 8705)."
        )
    told["components"] = {
        "schemas": dict(sorted(components.schemas.items())),
        "securitySchemes": security,
    }
    return told


def _section_of(service: str) -> Section | None:
    return next((one for one in discover.sections() if one.name == service), None)


def _describe(path: str, method: str, operation: Json) -> None:
    """What every operation has: names for its parameters, and the problem as its other answer."""
    addressed = f"{re.sub(r'[^A-Za-z0-9_]', '_', path)}_{method}"
    operation["operationId"] = operation["operationId"].removesuffix(addressed)
    responses = operation["responses"]
    responses.pop("422", None)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in _OF_A_PATH:
            parameter["description"], parameter["schema"] = _OF_A_PATH[parameter["name"]]
    given = [*operation.get("parameters", ()), *_OF_EVERY_REQUEST]
    if method == "get" and "304" in responses:
        given.append(_IF_NONE_MATCH)
    operation["parameters"] = given
    problem = {
        "description": "Not done, and why.",
        "headers": headers_described("Retry-After"),
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    }
    if "429" in responses:
        responses["429"]["content"] = problem["content"]
    responses["default"] = problem
    for response in responses.values():
        response.setdefault("headers", {}).update(headers_described("X-Correlation-ID"))


def _add_contributions(
    paths: Json, components: Components, section: Section, named: Mapping[str, str]
) -> None:
    """The commands of a section as what its doors take, and the receipts that they answer."""
    own = schemas([section])
    components.add("Contribution", {**contribution(), **_of_file(named.get(CONTRIBUTION))})
    commands = [
        _add_command(components, type_, {**own[type_], **_of_file(named.get(type_))})
        for type_ in section.commands
    ]
    mapping = {type_: one["$ref"] for type_, one in zip(section.commands, commands, strict=True)}
    components.schemas["AnyContribution"] = {
        "title": "Contribution to this section",
        "description": "The command says which form the content has.",
        "oneOf": commands,
        "discriminator": {"propertyName": "command", "mapping": mapping},
    }
    one = reference("AnyContribution")
    components.schemas["Batch"] = {
        "title": "Batch",
        "description": "Several contributions, each decided by itself; those of one plan in the "
        "order given. Together at most 1 MiB.",
        "type": "object",
        "properties": {
            "contributions": {
                "type": "array",
                "items": one,
                "minItems": 1,
                "maxItems": _MOST_OF_A_BATCH,
            }
        },
        "required": ["contributions"],
        "additionalProperties": False,
    }
    components.schemas["BatchAnswer"] = {
        "title": "Answers to a batch",
        "description": "The answers to its contributions, in their order.",
        "type": "object",
        "properties": {
            "receipts": {
                "title": "Receipts",
                "description": "A receipt each, or the problem where none is kept.",
                "type": "array",
                "items": {"anyOf": [reference("Receipt"), reference("Problem")]},
            }
        },
        "required": ["receipts"],
    }
    components.add("Validated", validated())
    _describe_contributions(paths, one)


def _describe_contributions(paths: Json, one: Json) -> None:
    post = paths[_CONTRIBUTIONS]["post"]
    post["requestBody"] = _body({"oneOf": [one, reference("Batch")]})
    accepted = headers_described("Location", "ETag", "Ledger-Position")
    either = {"anyOf": [reference("Receipt"), reference("BatchAnswer")]}
    post["responses"]["201"] = {
        "description": "It was recorded.",
        "headers": accepted,
        "content": _json(reference("Receipt")),
        "links": _LINKS,
    }
    post["responses"]["200"] = {
        "description": "The first receipt of a contribution that was sent again; or, of a batch, "
        "the answers to its contributions.",
        "headers": accepted,
        "content": _json(either),
    }
    ask = paths[_VALIDATE]["post"]
    ask["requestBody"] = _body(one)
    ask["responses"]["200"] |= {
        "description": "The receipt that it would get.",
        "headers": headers_described("Ledger-Access-Id", "RateLimit-Policy", "RateLimit"),
        "content": _json(reference("Validated")),
    }
    ask["responses"]["429"]["headers"] = headers_described(
        "Retry-After", "RateLimit-Policy", "RateLimit"
    )
    paths[_ONE_RECEIPT]["get"]["responses"]["200"] |= {
        "description": "The receipt.",
        "content": _json(reference("Receipt")),
    }


def _add_command(components: Components, type_: str, content: Json) -> Json:
    """A contribution with this command: the envelope, and the content that belongs to it."""
    held = components.add(f"{type_}.content", content)
    needed = ["command", "content"] if content.get("required") else ["command"]
    components.schemas[type_] = {
        "title": content["title"],
        "description": content["description"],
        "allOf": [
            reference("Contribution"),
            {
                "type": "object",
                "properties": {"command": {"const": type_}, "content": held},
                "required": needed,
            },
        ],
    }
    return reference(type_)


def _of_file(file: str | None) -> Json:
    """Which contract it is, where it has a file of its own."""
    return {} if file is None else {"x-contract": file.removesuffix(".json")}


def _body(schema: Json) -> Json:
    return {"required": True, "content": _json(schema)}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}
