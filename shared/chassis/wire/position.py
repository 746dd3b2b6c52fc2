"""Where a plan has got to in each section's store, as one opaque text for callers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson


@dataclass(frozen=True)
class Position:
    """A plan, and the last store position of each section (wire name) that it speaks of.

    Not signed: a forged one only makes its caller wait.
    """

    plan_id: UUID
    sections: Mapping[str, int]

    def encode(self) -> str:
        """Base64url text for a header."""
        return encoded(str(self.plan_id), self.sections)

    @classmethod
    def decode(cls, text: str) -> "Position":
        """The reverse; ``ValueError`` for anything that ``encode`` did not make."""
        try:
            told = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            plan_id, sections = told
            position = cls(UUID(plan_id), dict(sections))
            is_ours = position.encode() == text
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError("not a ledger position") from error
        if not is_ours or not all(_is_position(at) for at in position.sections.values()):
            raise ValueError("not a ledger position")
        return position


def encoded(plan_id: str, sections: Mapping[str, int]) -> str:
    """The text of a position; ``plan_id`` is the plan's id as text."""
    told = orjson.dumps([plan_id, dict(sections)], option=orjson.OPT_SORT_KEYS)
    return urlsafe_b64encode(told).decode().rstrip("=")


def _is_position(at: object) -> bool:
    return type(at) is int and 0 < at < 2**63
