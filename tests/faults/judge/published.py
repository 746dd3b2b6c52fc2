"""A published event as its bytes have it, and JSON whose bytes are looked at one by one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

NaturalKey = tuple[str, str, int]

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = " \t\r\n"


@dataclass(frozen=True)
class Published:
    """One record of a topic of events."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]

    @cached_property
    def told(self) -> dict[str, Any]:
        """Its envelope."""
        told: dict[str, Any] = json.loads(self.value)
        return told

    @property
    def natural_key(self) -> NaturalKey:
        """What identifies the event everywhere."""
        return self.told["section"], self.told["entry_id"], self.told["entry_version"]

    @property
    def position(self) -> int:
        """Its position in its section's store."""
        return int(self.headers["ce_position"])

    @property
    def content(self) -> bytes:
        """The bytes of its content as they stand in the value."""
        return dict(members(self.value))["content"]


def members(document: bytes) -> list[tuple[str, bytes]]:
    """The members of a JSON object, in their order, each value as the bytes that it has there."""
    text = document.decode()
    at = _after_blanks(text, 0)
    if text[at] != "{":
        raise ValueError("not a JSON object")
    at = _after_blanks(text, at + 1)
    found: list[tuple[str, bytes]] = []
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _after_blanks(text, at)
        if text[at] != ":":
            raise ValueError("a member without a value")
        begins = _after_blanks(text, at + 1)
        _, at = _DECODER.raw_decode(text, begins)
        found.append((name, text[begins:at].encode()))
        at = _after_blanks(text, at)
        if text[at] == ",":
            at = _after_blanks(text, at + 1)
    return found


def canonical(value: Any) -> str:
    """The same text for the same JSON value, whatever the order of its keys; 5 is not 5.0."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def difference(there: Any, wanted: Any, path: str = "") -> str:
    """The first place at which two JSON values differ, in words; empty where they do not."""
    if canonical(there) == canonical(wanted):
        return ""
    if isinstance(there, dict) and isinstance(wanted, dict):
        for name in sorted(there.keys() | wanted.keys()):
            if name not in there or name not in wanted:
                which = "is missing" if name not in there else "should not be there"
                return f"{path}/{name} {which}"
            if found := difference(there[name], wanted[name], f"{path}/{name}"):
                return found
    if isinstance(there, list) and isinstance(wanted, list) and len(there) == len(wanted):
        for number, (one, other) in enumerate(zip(there, wanted, strict=True)):
            if found := difference(one, other, f"{path}/{number}"):
                return found
    return f"{path or '/'} is {canonical(there)[:200]}, not {canonical(wanted)[:200]}"


def _after_blanks(text: str, at: int) -> int:
    while text[at] in _BLANK:
        at += 1
    return at
