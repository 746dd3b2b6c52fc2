"""Requests made from a section's committed contract: valid, nearly valid and hostile.

Valid ones are what Schemathesis makes of the schemas. Nearly valid ones differ from one that was
accepted in one place, and hostile bodies are no JSON that a library would write. The same seed
gives the same requests.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import schemathesis
from schemathesis import GenerationMode

import shared
from shared.testing.contracts.cases import cases_of
from shared.testing.contracts.holding import Contract

Json = dict[str, Any]

_CONTRACTS: Final = Path(shared.__path__[0]).parent / "contracts"
_NAMED: Final = re.compile(r'"#/components/schemas/([^"]+)"')
_WRONG: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 2**60, 0.5, "", " ", "x" * 20_001, "\u0000", "2026-02-30", "é\u202e", [],
    {}, [[]], {"text": {"text": {}}}, "0199C0DE-0000-7000-8000-0000000000A1", ["a", "a"],
)  # fmt: skip
_HOSTILE: Final = (
    b"", b"{", b"[]", b"null", b"nul", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}',
    b'{"contribution_id":"\\ud800"}', b"[" * 70_000, b'{"content":' * 100 + b"1" + b"}" * 100,
    b'{"contribution_id":NaN}', b'{"contribution_id":1e999}', b"\x00" * 64, b'"' + b"x" * 1_100_000,
    b'{"contributions":[]}', b'{"contributions":{}}', b'{"contributions":[null,1,"x"]}',
    b'{"contributions":[{}],"x":1}',
)  # fmt: skip
_HEADERS: Final = (
    {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Encoding": "gzip"}, {"If-Match": "*"}, {"If-Match": '"99999999999999999999"'},
    {"If-Match": 'W/"1"'}, {"X-Correlation-ID": "a b"}, {"traceparent": "00-zz"},
    {"Accept": "text/html"}, {"Content-Type": ""},
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A contribution to be sent: its form, and how it came to be."""

    entry_type: str
    creates: bool
    body: Any
    how: str


class Requests:
    """Makes requests for one section; ``random`` decides which."""

    def __init__(self, contract: Contract, random: Random) -> None:
        self._contract = contract
        self._random = random
        schemas = contract.document["components"]["schemas"]
        self.commands: tuple[str, ...] = tuple(
            schemas["AnyContribution"]["discriminator"]["mapping"]
        )
        self._contents: Mapping[str, Json] = {
            type_: schemas[f"{type_}.content"] for type_ in self.commands
        }

    def refused_examples(self) -> Iterator[Made]:
        """Every published example of what is refused by its shape."""
        for type_ in self.commands:
            for path in _examples_of(type_, "invalid"):
                content = json.loads(path.read_text("utf-8"))["value"]
                yield self.made(self._around(type_, content), type_, "refused example")

    def nearly(self, body: Json) -> Made:
        """The same under an id of its own, with one thing wrong, somewhere."""
        type_ = body["command"]
        body = {**deepcopy(body), "contribution_id": self.new_id()}
        held, key = self._random.choice([*_places_in(body)])
        kind = self._random.randrange(4)
        if kind == 0:
            del held[key]
        elif kind == 1 and isinstance(held, dict):
            held["colour"] = self._random.choice(_WRONG)
        else:
            held[key] = self._random.choice(_WRONG)
        return self.made(body, type_, "nearly valid")

    def hostile(self, body: bytes) -> Iterator[bytes]:
        """Bodies that nobody means well with, and this one with one byte damaged."""
        yield from _HOSTILE
        for _ in range(10):
            damaged = bytearray(body)
            damaged[self._random.randrange(len(damaged))] = self._random.randrange(256)
            yield bytes(damaged)

    def headers(self) -> Iterator[dict[str, str]]:
        """Headers that are not as declared."""
        yield from _HEADERS

    def generated(self, commands: int, examples: int) -> Iterator[Made]:
        """What Schemathesis makes of the schemas of some commands: as they say, and against it.

        Of the first the whole contribution, of the others the content in a contribution that is
        right otherwise.
        """
        chosen = self._random.sample(self.commands, min(commands, len(self.commands)))
        for type_ in chosen:
            is_whole = type_ == chosen[0]
            content = {"$ref": f"#/components/schemas/{type_}.content"}
            operation = self._operation(self._whole(type_, content) if is_whole else content)
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                for case in cases_of(operation, mode, examples, self._random.randrange(2**32)):
                    body = case.body if is_whole else self._around(type_, case.body)
                    yield self.made(body, type_, mode.value)

    def _whole(self, type_: str, content: Json) -> Json:
        """The form of a contribution with this command."""
        envelope = self._contract.document["components"]["schemas"]["Contribution"]
        own = {"command": {"const": type_}, "content": content}
        return {
            **envelope,
            "properties": {**envelope["properties"], **own},
            "required": [*envelope["required"], "content"],
        }

    def _around(self, type_: str, content: Any) -> Json:
        return {"contribution_id": self.new_id(), "command": type_, "content": content}

    def _operation(self, form: Json) -> Any:
        """An operation that takes this, in a document of its own.

        What it does not need is left out: every schema of a document costs time.
        """
        body = {"required": True, "content": {"application/json": {"schema": form}}}
        answered = {"200": {"description": "Answered."}}
        whole = self._contract.document
        document = {
            "openapi": whole["openapi"],
            "info": whole["info"],
            "paths": {"/": {"post": {"requestBody": body, "responses": answered}}},
            "components": {"schemas": _needed_by(form, whole["components"]["schemas"])},
        }
        return schemathesis.openapi.from_dict(document)["/"]["POST"]

    def made(self, body: Any, command: str, how: str) -> Made:
        """The body, and what its command does."""
        content = self._contents[command]
        return Made(content["x-entry-type"], content["x-creates"], body, how)

    def new_id(self) -> str:
        """An id that nothing has yet."""
        return str(UUID(int=self._random.getrandbits(128), version=4))


def _needed_by(form: Any, schemas: Json) -> Json:
    """Those of the schemas that a form names, and that they name in turn."""
    found: Json = {}
    left = [form]
    while left:
        for name in _NAMED.findall(json.dumps(left.pop())):
            if name not in found:
                found[name] = schemas[name]
                left.append(found[name])
    return found


def _examples_of(type_: str, kind: str) -> Iterator[Path]:
    name, _, major = type_.rpartition(".v")
    for path in sorted((_CONTRACTS / name / "examples" / kind).glob("*.json")):
        is_later = path.name.startswith("v")
        if path.name.startswith(f"v{major}-") if major != "1" else not is_later:
            yield path


def _places_in(given: Any) -> Iterator[tuple[Any, Any]]:
    """Every member and item, by what holds it."""
    members = given.items() if isinstance(given, dict) else enumerate(given)
    for key, inner in members:
        yield given, key
        if isinstance(inner, dict | list):
            yield from _places_in(inner)
