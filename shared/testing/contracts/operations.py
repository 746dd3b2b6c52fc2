"""Requests to each operation of a service's contract, as Schemathesis makes them of its parameters.

What earlier answers told is put in: ids, versions, cursors, entity tags, whoever they were told to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import quote

import httpx
import schemathesis
from schemathesis import GenerationMode

from shared.testing.contracts.cases import cases_of
from shared.testing.contracts.holding import Contract

Json = dict[str, Any]

_MOST_KNOWN: Final = 300
_NOT_DRAWN: Final = ("/v1/contributions", "/v1/contributions:validate")
"""Contributions have forms of their own: see ``requests``."""
_LEARNT: Final = {
    "entry_id": ("entry_id",),
    "plan_version": ("version", "from", "to"),
    "next": ("cursor",),
    "idx": ("idx", "size", "from", "to"),
    "size": ("size",),
    "record_id": ("record_id", "access_id"),
    "access_id": ("access_id",),
    "contribution_id": ("contribution_id",),
    "recorded_at": ("as_at", "from", "to"),
    "projected_at": ("as_at",),
    "at": ("from", "to"),
    "section": ("section",),
    "code": ("code",),
    "sha256": ("sha256",),
}
"""By the name of a member: the parameters that its value may be given for."""
_LEARNT_OF_HEADERS: Final = {
    "etag": "If-None-Match",
    "ledger-access-id": "access_id",
    "ledger-position": "Ledger-Min-Position",
}


@dataclass(frozen=True)
class Drawn:
    """One request, as it was made: the values of its parameters by their names."""

    service: str
    method: str
    template: str
    names: frozenset[tuple[str, str]]
    """Where each declared parameter stands, and its name."""
    path: Json
    query: Json
    headers: Json
    body: Any

    @property
    def operation(self) -> str:
        """The operation, as people name it."""
        return f"{self.method} {self.template}"


def drawn(service: str, contract: Contract, examples: int, random: Random) -> Iterator[Drawn]:
    """As many of each operation, of what the contract allows and of what it does not."""
    schema = schemathesis.openapi.from_dict(contract.document)
    for path, method in _operations_of(contract):
        operation: Any = schema[path][method]
        declared = operation.definition.raw.get("parameters", ())
        names = frozenset((one["in"], one["name"]) for one in declared)
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            for case in cases_of(operation, mode, examples, random.randrange(2**32)):
                yield Drawn(
                    service,
                    operation.method.upper(),
                    operation.path,
                    names,
                    _values(case.path_parameters),
                    _values(case.query),
                    _values(case.headers),
                    case.body if operation.body else None,
                )


def _operations_of(contract: Contract) -> Iterator[tuple[str, str]]:
    for path, methods in contract.document["paths"].items():
        if path not in _NOT_DRAWN:
            for method in methods:
                yield path, method


def _values(given: Any) -> Json:
    return dict(given) if hasattr(given, "items") else {}


@dataclass
class Known:
    """What answers have told, by the parameter that it may be given for; bounded."""

    random: Random
    values: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, answer: httpx.Response) -> None:
        """Keep what this answer tells."""
        for header, name in _LEARNT_OF_HEADERS.items():
            if header in answer.headers:
                self.add(name, answer.headers[header])
        if answer.is_success and "json" in answer.headers.get("content-type", ""):
            self._learn_of(answer.json())

    def add(self, name: str, value: Any) -> None:
        """One more value of a parameter; among many it takes the place of another."""
        held = self.values.setdefault(name, [])
        if len(held) < _MOST_KNOWN:
            held.append(str(value))
        else:
            held[self.random.randrange(_MOST_KNOWN)] = str(value)

    def _learn_of(self, given: Any) -> None:
        if isinstance(given, list):
            for one in given[:20]:
                self._learn_of(one)
        if isinstance(given, dict):
            for key, one in given.items():
                if isinstance(one, dict | list):
                    self._learn_of(one)
                elif one is not None:
                    for name in _LEARNT.get(key, ()):
                        self.add(name, one)

    def put_into(self, one: Drawn) -> tuple[str, Json, dict[str, str]]:
        """Address, query and headers of a request, many of its values replaced by known ones."""
        path = {name: self._known(name, value, 9) for name, value in one.path.items()}
        query = {name: self._known(name, value, 5) for name, value in one.query.items()}
        headers = {name: self._known(name, value, 5) for name, value in one.headers.items()}
        for place, name in sorted(one.names):
            into = {"query": query, "header": headers}.get(place)
            if into is not None and name not in into and self.random.randrange(8) == 0:
                into.update({name: value} if (value := self._known(name, "", 10)) else {})
        address = one.template.format(
            **{name: quote(str(value), safe="") for name, value in path.items()}
        )
        return address, _as_query(query), _as_headers(headers)

    def _known(self, name: str, drawn: Any, of_ten: int) -> Any:
        held = self.values.get(name)
        if held and self.random.randrange(10) < of_ten:
            return self.random.choice(held)
        return drawn


def _as_query(given: Json) -> Json:
    return {
        str(name): [_text(one) for one in value] if isinstance(value, list) else _text(value)
        for name, value in given.items()
    }


def _as_headers(given: Json) -> dict[str, str]:
    """Those that a client can send at all; no token is among them."""
    return {
        name: str(value).strip()
        for name, value in given.items()
        if name.lower() not in ("authorization", "host", "content-length", "transfer-encoding")
        and name.replace("-", "").isalnum()
        and (name + str(value)).isascii()
        and str(value).isprintable()
    }


def _text(value: Any) -> str:
    text = {True: "true", False: "false", None: ""}.get(value) if _is_word(value) else None
    return str(value).encode("utf-8", "replace").decode() if text is None else text


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)
