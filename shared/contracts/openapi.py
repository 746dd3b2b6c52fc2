"""The OpenAPI document of every service: its routes, and every code it can say no with."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from shared.chassis.wire.problem import STATUS, status_of_refusal, title_of
from shared.contracts import discover
from shared.contracts.schemas import CONTRIBUTION, RECEIPT

Json = dict[str, Any]

_TAKES_CONTRIBUTIONS: Final = ("/v1/contributions", "/v1/contributions:validate")
_ONE_RECEIPT: Final = "/v1/contributions/{contribution_id}"


def files(named: Mapping[str, str]) -> dict[str, Json]:
    """The documents by their paths below ``contracts/``; ``named`` has each type's file."""
    return {
        f"openapi/{name.replace('_', '-')}.json": document(name, named)
        for name in discover.services()
    }


def document(service: str, named: Mapping[str, str]) -> Json:
    """One service's document."""
    # Found at run time, as the services themselves are: no import leads from here to a service.
    settings = import_module("shared.chassis.settings").Settings(
        service=service, issuer="https://issuer.example", jwks="jwks.json"
    )
    told: Json = import_module("shared.chassis.run").app_of(service, settings).openapi()
    told["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    codes = {code: status_of_refusal(code) for code in sorted({*STATUS, *_rules_of(service)})}
    schemas: Json = told.setdefault("components", {}).setdefault("schemas", {})
    # FastAPI's own form of a validation error is never sent.
    for unsent in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unsent, None)
    schemas["Problem"] = _problem(codes)
    problem = {
        "description": "Not done, and why.",
        "content": {"application/problem+json": {"schema": _reference("Problem")}},
    }
    for path, methods in told["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            if "429" in operation["responses"]:
                operation["responses"]["429"]["content"] = problem["content"]
            if path.startswith("/v1"):
                operation["responses"]["default"] = problem
        if path in _TAKES_CONTRIBUTIONS or path == _ONE_RECEIPT:
            _name_envelopes(path, methods, named)
    return told


def _name_envelopes(path: str, methods: Json, named: Mapping[str, str]) -> None:
    receipt = _json({"$ref": f"../{named[RECEIPT]}"})
    for operation in methods.values():
        for status in ("200", "201"):
            if status in operation["responses"]:
                operation["responses"][status]["content"] = receipt
    if path in _TAKES_CONTRIBUTIONS:
        one = {"$ref": f"../{named[CONTRIBUTION]}"}
        many = {"type": "array", "items": one, "minItems": 1, "maxItems": 100}
        batch = {
            "type": "object",
            "properties": {"contributions": many},
            "required": ["contributions"],
            "additionalProperties": False,
        }
        is_asked_only = path.endswith(":validate")
        taken = one if is_asked_only else {"oneOf": [one, batch]}
        methods["post"]["requestBody"] = {"required": True, "content": _json(taken)}
        if not is_asked_only:
            methods["post"]["responses"]["200"] = _said_before_or_of_many(named)


def _said_before_or_of_many(named: Mapping[str, str]) -> Json:
    receipt = {"$ref": f"../{named[RECEIPT]}"}
    answers = {"type": "array", "items": {"anyOf": [receipt, _reference("Problem")]}}
    many = {"type": "object", "properties": {"receipts": answers}, "required": ["receipts"]}
    return {
        "description": "The first receipt of a contribution that was sent again; or, of a batch, "
        "the answers to its contributions in their order: a receipt, or the problem where none "
        "is kept.",
        "content": _json({"anyOf": [receipt, many]}),
    }


def _problem(codes: Mapping[str, int]) -> Json:
    text = {"type": "string"}
    error = {
        "type": "object",
        "properties": {"pointer": text, "rule": text, "message": text},
        "required": ["pointer", "rule", "message"],
    }
    properties = {
        "type": {"type": "string", "format": "uri"},
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "instance": text,
        "code": {
            "description": "A word that never changes its meaning; further ones may be added.",
            "type": "string",
            "examples": list(codes),
        },
        "errors": {"type": "array", "items": error},
        "correlation_id": text,
        "retryable": {"type": "boolean"},
        "receipt": {"type": "object"},
    }
    return {
        "description": "A problem (RFC 9457); it never quotes what was sent.",
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "receipt"],
        "x-status-of-code": dict(codes),
        "x-title-of-code": {code: title_of(code) for code in codes},
    }


def _rules_of(service: str) -> Iterator[str]:
    """The codes of the refusals that the entries of a service declare, read from their source."""
    folder = Path(import_module(f"services.{service}").__path__[0])
    if not (folder / "section.py").is_file():
        return
    ledger = Path(import_module("shared.ledger").__path__[0])
    # What it shares with every section stands in the ledger.
    for source in (*folder.glob("domain.py"), *folder.glob("domain/*.py"), *ledger.rglob("*.py")):
        yield from _codes_in(source)


@cache
def _codes_in(source: Path) -> tuple[str, ...]:
    text = source.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(text)) if "Refusal(" in text else ()
    return tuple(code for node in nodes for code in _code_of(node))


def _code_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal":
        code = node.args[0] if node.args else None
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            yield code.value


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
