"""What a reader is given of a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from shared.chassis.wire.position import Position


@dataclass(frozen=True)
class PlanView:
    """A plan as it is given: its version, its bytes, and how far it has got in each section.

    ``headers`` are those that a past plan has beside the others.
    """

    plan_id: UUID
    version: int
    body: bytes
    position: Position
    headers: Mapping[str, str] = field(default_factory=dict)
