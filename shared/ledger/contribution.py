"""What is submitted, and what answers it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.ledger.provenance import Claim
from shared.ledger.values import instant


@dataclass(frozen=True)
class Contribution:
    """One submission by a contributor: a command with its content and provenance.

    ``content`` is JSON as it came; whether it has the command's shape is judged by the section.
    """

    contribution_id: UUID
    command: str
    plan_id: UUID | None = None
    entry_id: UUID | None = None
    based_on: int | None = None
    content: dict[str, Any] = field(default_factory=dict)
    provenance: Claim = field(default_factory=Claim)


@dataclass(frozen=True)
class Receipt:
    """The answer to a contribution: accepted with the entry and its version, or refused and why.

    ``facts`` are further members of a refusal (``changed_since``, ``existing_plan_id``).
    """

    contribution_id: UUID
    outcome: Literal["accepted", "refused"]
    plan_id: UUID | None
    section: str
    entry_id: UUID | None = None
    entry_version: int | None = None
    events: tuple[tuple[str, int], ...] = ()
    code: str | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None
    ledger_position: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The receipt as the doors give it; members without a value are left out."""
        receipt: dict[str, Any] = {
            "contribution_id": str(self.contribution_id),
            "outcome": self.outcome,
            "plan_id": str(self.plan_id) if self.plan_id else None,
            "section": self.section,
        }
        if self.outcome == "refused":
            receipt["code"] = self.code
            receipt["detail"] = self.detail
        if self.entry_id is not None:
            receipt["entry_id"] = str(self.entry_id)
        if self.entry_version is not None:
            receipt["entry_version"] = self.entry_version
        if self.events:
            receipt["events"] = [
                {"type": type_, "entry_version": version} for type_, version in self.events
            ]
        receipt.update(self.facts)
        if self.recorded_at is not None:
            receipt["recorded_at"] = instant(self.recorded_at)
        if self.ledger_position is not None:
            receipt["ledger_position"] = self.ledger_position
        return receipt
