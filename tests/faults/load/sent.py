"""What was sent, and what came back: all that the judge is told by whoever contributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.contracts import discover

SECTIONS: Final = {section.name: section.wire_name for section in discover.sections()}
"""Folder of a section, and its name on the wire."""

REUSED: Final = "contribution-id-reused"


@dataclass(frozen=True)
class Party:
    """Whoever contributes: somebody of an organisation, its system, or the person of a plan."""

    kind: str
    org: str = ""
    plan_id: str = ""
    role: str = ""


@dataclass
class Sent:
    """One contribution, and every answer to it that reached whoever sent it."""

    section: str
    contribution: Mapping[str, Any]
    by: Party
    door: str
    nonce: str
    attempts: int = 0
    unanswered: int = 0
    is_abandoned: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its contribution_id."""
        return str(self.contribution["contribution_id"])

    @property
    def plan_id(self) -> str:
        """The plan it is about."""
        return str(self.contribution["plan_id"])

    @property
    def receipt(self) -> dict[str, Any] | None:
        """The first final answer."""
        return next((answer for answer in self.answers if is_final(answer)), None)

    @property
    def is_accepted(self) -> bool:
        """True where its receipt says so."""
        return self.receipt is not None and self.receipt["outcome"] == "accepted"

    @property
    def is_forbidden(self) -> bool:
        """True where whoever sent it may not do this: no receipt of that is kept."""
        receipt = self.receipt
        return receipt is not None and not is_kept(receipt) and receipt["code"] != REUSED


def is_kept(answer: Mapping[str, Any]) -> bool:
    """A receipt that its section keeps."""
    return answer.get("kept", True) is True


def is_final(answer: Mapping[str, Any]) -> bool:
    """Kept, or a refusal that sending again would not change."""
    return is_kept(answer) or not answer.get("retryable", False)
