"""How much of a dead letter is shown: nothing, lengths, what is no text, or all; pure."""

import re
from base64 import b64encode
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from shared.chassis.database.outgoing import Headers
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.ledger.names import is_id

_NAMES: Final = frozenset(
    {
        *("content-type", "traceparent", "ce_specversion", "ce_id", "ce_source", "ce_type"),
        *("ce_subject", "ce_time", "ce_partitionkey", "ce_roles", "ce_signature", "ce_dataschema"),
        *("ce_entryid", "ce_entryversion", "ce_position", "ce_leafhash", "ce_causationid"),
        *("ce_recordedtime", "ce_authtype", "ce_authclaims", "ce_policyversion", "ce_command"),
        "ce_policyinputs",
    }
)
"""Names of headers that are ours; another may be anything that somebody wrote."""

_ENVELOPE: Final = frozenset(
    {
        *("contribution_id", "plan_id", "entry_id", "command", "based_on", "content"),
        *("provenance", "visibility", "specversion", "id", "source", "type", "data"),
    }
)
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TYPE: Final = re.compile(r"careplan(\.[a-z][a-z0-9-]{0,63}){1,4}\.v[0-9]{1,4}")


class Level(StrEnum):
    """How much is shown; each shows what those before it show."""

    NONE = "none"
    MASKED = "masked"
    LIMITED = "limited"
    FULL = "full"


def headers_shown(headers: Headers, level: Level) -> list[dict[str, Any]]:
    """Headers, each text as its length; ``limited`` shows what is an id or a type of ours."""
    if level is Level.NONE:
        return []
    return [
        {
            "name": name if level is Level.FULL or name in _NAMES else len(name),
            "value": _header_shown(value, level),
        }
        for name, value in headers
    ]


def _header_shown(value: bytes | None, level: Level) -> Any:
    if value is None:
        return None
    text = _text_in(value)
    if level is Level.FULL:
        return {"base64": b64encode(value).decode()} if text is None else text
    return len(value) if text is None else _text_shown(text, level)


def value_shown(value: bytes | None, size: int, level: Level) -> dict[str, Any] | None:
    """A value: how many bytes it had, and what is shown of those that were kept.

    ``json`` has its form, where it is JSON: texts as their lengths, other values as their types,
    names that are no fields of the envelope as numbers. ``limited`` shows names that look like
    fields, values that are no text, and ids. ``full`` has ``text``, or ``base64`` of what is none.
    """
    if value is None or level is Level.NONE:
        return None
    told: dict[str, Any] = {"bytes": size}
    text = _text_in(value)
    if level is Level.FULL:
        return told | ({"base64": b64encode(value).decode()} if text is None else {"text": text})
    try:
        return told | {"json": _shown(read(value), level)}
    except Problem:
        return told


def _shown(given: Any, level: Level) -> Any:
    if isinstance(given, dict):
        return dict(_members_shown(given.items(), level))
    if isinstance(given, list):
        return [_shown(item, level) for item in given]
    if isinstance(given, str):
        return _text_shown(given, level)
    if given is None or level is Level.LIMITED:
        return given
    return "boolean" if isinstance(given, bool) else "number"


def _members_shown(members: Iterable[tuple[str, Any]], level: Level) -> Iterable[tuple[str, Any]]:
    for number, (name, value) in enumerate(members, 1):
        is_ours = name in _ENVELOPE or (level is Level.LIMITED and _FIELD.fullmatch(name))
        yield name if is_ours else f"#{number}", _shown(value, level)


def _text_shown(text: str, level: Level) -> Any:
    is_ours = is_id(text) or _TYPE.fullmatch(text) is not None
    return text if level is Level.LIMITED and is_ours else len(text)


def _text_in(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
