"""Holds the answers of running services against the committed contracts.

Contracts are open, so that a reader passes over what comes later. Here they are closed: a member
that no contract declares fails, as one that is missing does.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import jsonschema_rs

import shared
from shared.ledger.names import kebab

Json = dict[str, Any]
Hook = Callable[[httpx.Response], Awaitable[None]]

_CONTRACTS: Final = Path(shared.__path__[0]).parent / "contracts"
_LINES: Final = "application/x-ndjson"
_PROBLEM: Final = "application/problem+json"
_OURS: Final = re.compile(r"ledger-[a-z-]+|etag|location|ratelimit[a-z-]*|memento-datetime|link")


class BreaksContract(AssertionError):
    """An answer is not as its contract says."""


class Contract:
    """The committed document of one service."""

    def __init__(self, service: str) -> None:
        self.document: Json = json.loads(_document_of(service).read_text("utf-8"))
        self._closed = closed(self.document["components"])
        self._validators: dict[str, Any] = {}
        self._operations = [
            (re.compile(re.sub(r"\{[a-z0-9_]+\}", "[^/]+", path)), methods)
            for path, methods in self.document["paths"].items()
        ]
        problem = self.document["components"]["schemas"]["Problem"]
        self.status_of_code: Mapping[str, int] = problem["x-status-of-code"]

    def faults(self, answer: httpx.Response) -> list[str]:
        """In what the answer is not as declared; nothing of an address that is not ours."""
        request = answer.request
        path = request.url.path
        if not path.startswith("/v1/"):
            return []
        responses = self._responses_of(request.method, path)
        if responses is None:
            is_problem = _kind_of(answer) == _PROBLEM
            return [] if is_problem else ["no such address is declared"]
        status = str(answer.status_code)
        if status not in responses and not answer.is_error:
            return [f"{status} is not declared"]
        response = responses.get(status) or responses["default"]
        found = self._faults_of_headers(response, answer)
        if request.method != "HEAD" and answer.content:
            found += self._faults_of_body(response.get("content", {}), answer)
        return [f"{status}: {one}" for one in found]

    def _faults_of_body(self, declared: Json, answer: httpx.Response) -> list[str]:
        kind = _kind_of(answer)
        if kind not in declared:
            return [f"a body of type {kind} is not declared"]
        if kind == _LINES:
            lines = [json.loads(line) for line in answer.content.splitlines()]
            return [one for line in lines for one in self.faults_of(declared[kind]["schema"], line)]
        if "json" not in kind:
            return []
        given = json.loads(answer.content)
        found = self.faults_of(declared[kind]["schema"], given)
        if kind == _PROBLEM:
            found += self._faults_of_problem(given, answer.status_code)
        return found

    def faults_of(self, schema: Json, given: Any) -> list[str]:
        """In what a value is not what a schema of this document says, with nothing beside it."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            whole = {**closed(schema), "components": self._closed}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return [
            f"/{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
            for error in self._validators[key].iter_errors(given)
        ]

    def _responses_of(self, method: str, path: str) -> Json | None:
        method = "get" if method == "HEAD" else method.lower()
        for pattern, methods in self._operations:
            if pattern.fullmatch(path) and method in methods:
                responses: Json = methods[method]["responses"]
                return responses
        return None

    def _faults_of_headers(self, response: Json, answer: httpx.Response) -> list[str]:
        declared = {name.lower() for name in response.get("headers", {})}
        if answer.is_error:
            return []
        return [
            f"the header {name} is not declared"
            for name in answer.headers
            if _OURS.fullmatch(name) and name not in declared
        ]

    def _faults_of_problem(self, given: Json, status: int) -> list[str]:
        code = given.get("code")
        if code not in self.status_of_code:
            return [f"the code {code} is not declared"]
        if not self.status_of_code[str(code)] == given.get("status") == status:
            return [f"{code} has the status {given.get('status')}, and the answer {status}"]
        return []


def _kind_of(answer: httpx.Response) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0]


def _document_of(service: str) -> Path:
    return _CONTRACTS / "openapi" / f"{kebab(service)}.json"


@cache
def contract_of(service: str) -> Contract:
    """The contract of a service, read once."""
    return Contract(service)


def holding_to(service: str) -> dict[str, list[Hook]]:
    """Hooks of an HTTP client by which every answer is held against the service's contract.

    A service that a test makes up has none.
    """
    if not _document_of(service).is_file():
        return {}

    async def hold(answer: httpx.Response) -> None:
        kind = answer.headers.get("content-type", "")
        if answer.request.method == "HEAD" or "json" not in kind:
            return
        await answer.aread()
        must_hold(service, answer)

    return {"response": [hold]}


def must_hold(service: str, answer: httpx.Response) -> None:
    """The answer is as the contract says; ``BreaksContract`` otherwise."""
    found = contract_of(service).faults(answer)
    if found:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise BreaksContract(f"{service}: {asked}: " + "; ".join(found[:5]))


def closed(schema: Any) -> Any:
    """The same schema, with no member beside those that it names."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: part if key in ("examples", "enum", "const", "x-values") else closed(part)
        for key, part in schema.items()
    }
    is_form = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if is_form and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    return made
