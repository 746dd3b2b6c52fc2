"""Names and codes as text: how each is written, in one place for domains, doors and topics."""

import re
from functools import cache
from typing import Any, Final
from uuid import UUID

# Regular expressions without anchors, so that they can stand inside others.
ODS: Final = "[A-Z0-9]{3,12}"
LOCAL_ID: Final = "x-[a-z0-9][a-z0-9-]{0,58}"
ORGANISATION_CODE: Final = f"({ODS}|{LOCAL_ID})"
# As the source of a message, where an ODS code may stand in the lower case of topics.
ORGANISATION_SOURCE: Final = f"urn:careplan:org:({LOCAL_ID}|{ODS}|{ODS.lower()})"
# A role, as a token and a setting name it.
ROLE: Final = "[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
# Trace, span and flags of a W3C ``traceparent``.
TRACEPARENT: Final = "(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"
COMMAND_TYPE: Final = r"careplan\.[a-z-]+\.commands\.[a-z-]+\.v[1-9][0-9]*"
UUID_TEXT: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

AUDIENCE: Final = "careplan"
"""Whom a token is for."""

# Nobody's: what a program sends that has no id. Two people's would meet under it.
NOT_IDS: Final = (str(UUID(int=0)), str(UUID(int=(1 << 128) - 1)))

_ID: Final = re.compile(UUID_TEXT)
_TRACEPARENT: Final = re.compile(TRACEPARENT)
_NO_TRACE: Final = "0" * 32


@cache
def kebab(name: str) -> str:
    """``StageGoal``, ``stage_goal`` → ``stage-goal``: how a name stands in types and topics."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()


def id_in(given: Any) -> UUID | None:
    """A UUID in lower case, as ids are written here; ``None`` for any other form or type."""
    return UUID(given) if is_id(given) else None


def is_id(given: Any) -> bool:
    """True for a UUID in lower case that is somebody's."""
    is_written = isinstance(given, str) and _ID.fullmatch(given) is not None
    return is_written and given not in NOT_IDS


def trace_of(traceparent: str | None) -> str | None:
    """The trace's id in a W3C ``traceparent``; ``None`` where it is none."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found and found[1] != _NO_TRACE else None
