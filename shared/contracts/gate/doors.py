"""Why another OpenAPI document, or another topic, breaks whoever relies on the earlier one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.contracts.gate.compat import breaks
from shared.contracts.gate.sentences import Break

Json = Mapping[str, Any]

_OF_A_TOPIC: Final = {
    "partitions": "partitions-changed",
    "retention_ms": "retention-changed",
    "key": "key-changed",
    "cleanup.policy": "retention-changed",
}


def broken_doors(old: Json, new: Json) -> Iterator[Break]:
    """In what an OpenAPI document takes something away: routes, parameters, answers, codes."""
    yield from _routes(old, new)
    yield from _codes(old, new)


def broken_topic(old: str, new: str | None) -> Iterator[Break]:
    """In what a topic is not the one that was declared; each is one member on a line."""
    if new is None:
        yield Break("", "topic-removed", "the topic is gone")
        return
    before, after = _members(old), _members(new)
    for name, rule in _OF_A_TOPIC.items():
        if before.get(name) != after.get(name):
            said = f"{name} was {before.get(name)} and is {after.get(name)}"
            yield Break(f"/{name}", rule, said)


def _routes(old: Json, new: Json) -> Iterator[Break]:
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            at = f"/{method} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield Break(at, "route-removed", "the address is gone, or has another name")
                continue
            yield from _parameters(operation, now, at)
            yield from _answers(operation, now, at)


def _parameters(old: Json, new: Json, at: str) -> Iterator[Break]:
    before, after = _named(old), _named(new)
    for key, one in before.items():
        name = f"{at} {one['name']}"
        now = after.get(key)
        if now is None:
            yield Break(name, "parameter-removed", "it is not taken any more")
            continue
        if now.get("required") and not one.get("required"):
            yield Break(name, "parameter-required", "it could be left out and no longer may")
        for found in breaks(one["schema"], now["schema"]):
            yield Break(f"{name}{found.pointer}", found.rule, found.message)
    for key, one in after.items():
        if key not in before and one.get("required"):
            yield Break(f"{at} {one['name']}", "parameter-required", "it is new and must be sent")


def _answers(old: Json, new: Json, at: str) -> Iterator[Break]:
    for status, response in old["responses"].items():
        now = new["responses"].get(status)
        if now is None:
            yield Break(f"{at} {status}", "answer-removed", "this status is not answered any more")
            continue
        for kind in response.get("content", {}):
            if kind not in now.get("content", {}):
                yield Break(f"{at} {status}", "answer-removed", f"{kind} is not given any more")


def _codes(old: Json, new: Json) -> Iterator[Break]:
    before, after = _statuses(old), _statuses(new)
    for code, status in before.items():
        if code not in after:
            yield Break(f"/codes/{code}", "code-removed", "the code is gone, or has another name")
        elif after[code] != status:
            said = f"its status was {status} and is {after[code]}"
            yield Break(f"/codes/{code}", "status-changed", said)


def _statuses(document: Json) -> Mapping[str, int]:
    problem: Json = document["components"]["schemas"].get("Problem", {})
    told: Mapping[str, int] = problem.get("x-status-of-code", {})
    return told


def _named(operation: Json) -> dict[tuple[str, str], Json]:
    return {(one["in"], one["name"]): one for one in operation.get("parameters", ())}


def _members(text: str) -> dict[str, Any]:
    """The members of a topic's file: each has a line of its own, with JSON for its value."""
    found = {}
    for line in text.splitlines():
        name, colon, value = line.partition(": ")
        if colon and not line.startswith(" "):
            found[name] = json.loads(value)
    return found
