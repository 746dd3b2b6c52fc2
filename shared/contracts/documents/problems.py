"""The form of a problem in a service's document, with every code that it can have."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from shared.chassis.wire.problem import STATUS, status_of_refusal, title_of
from shared.ledger.words import titled

Json = dict[str, Any]
_Members = dict[str, tuple[Json, str, str]]

_TEXT: Final[Json] = {"type": "string"}


def problem_schema(service: str, receipt: Json) -> Json:
    """A problem of this service (RFC 9457); ``receipt`` refers to the form of a receipt."""
    codes = {code: status_of_refusal(code) for code in sorted({*STATUS, *_rules_of(service)})}
    always: _Members = {
        "type": ({**_TEXT, "format": "uri"}, "Type", "An address that names the code."),
        "title": (_TEXT, "Title", "What the code means; the same for every problem of it."),
        "status": ({"type": "integer"}, "Status", "The HTTP status of the answer."),
        "detail": (_TEXT, "Detail", "What is wrong here, and what would be right."),
        "instance": (_TEXT, "Instance", "The path that was asked."),
        "code": (
            {**_TEXT, "pattern": "^[a-z][a-z0-9-]*$", "examples": list(codes)},
            "Code",
            "A word that never changes its meaning; further ones may be added.",
        ),
        "errors": (
            {"type": "array", "items": _error()},
            "Errors",
            "Each place that is wrong, where it is about places.",
        ),
        "correlation_id": (_TEXT, "Correlation id", "Name it when you ask about the request."),
        "retryable": (
            {"type": "boolean"},
            "Retryable",
            "True where the same, sent again, may be answered otherwise.",
        ),
    }
    an_id = {**_TEXT, "format": "uuid"}
    where_it_fits: _Members = {
        "receipt": (receipt, "Receipt", "The receipt of what was refused, where it is kept."),
        "contribution_id": (_TEXT, "Contribution", "The contribution that it is about."),
        "column": (
            {"type": "integer", "minimum": 1},
            "Column",
            "Where a search goes wrong, counted from 1.",
        ),
        "existing_plan_id": (an_id, "Existing plan", "The open plan that the person has."),
        "existing_entry_id": (an_id, "Existing entry", "The entry that is there already."),
        "policy_version": (_TEXT, "Rules", "The version of the rules that did not allow it."),
        "sections": (
            {"type": "array", "items": _TEXT},
            "Sections",
            "The sections that have an entry of this id; say which is meant with `section`.",
        ),
        "parameter": (_TEXT, "Parameter", "The parameter or header that cannot be read."),
        "behind_seconds": (
            {"type": ["number", "null"], "minimum": 0},
            "Behind",
            "How far the plan is behind, in seconds; null where nobody knows.",
        ),
        "position": (_TEXT, "Position", "How far the plan has got."),
        "leaf": (_TEXT, "Leaf", "What stays of a record that was erased, in base64."),
        "proof": (
            {"type": ["object", "null"]},
            "Proof",
            "What proves its place in the log; null where no checkpoint reaches it.",
        ),
    }
    properties = {
        name: {**form, **titled(title, said).as_json()}
        for name, (form, title, said) in {**always, **where_it_fits}.items()
    }
    return {
        "title": "Problem",
        "description": "A problem (RFC 9457); it never quotes what was sent.",
        "type": "object",
        "properties": properties,
        "required": list(always),
        "x-status-of-code": codes,
        "x-title-of-code": {code: title_of(code) for code in codes},
    }


def _error() -> Json:
    words = {
        "pointer": ("Place", "Where it is wrong: a JSON pointer, or the name of a parameter."),
        "rule": ("Rule", "Which rule it breaks."),
        "message": ("Message", "What would be right."),
    }
    named = {name: {**_TEXT, **titled(*said).as_json()} for name, said in words.items()}
    return {"type": "object", "properties": named, "required": list(named)}


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
