"""What a review consists of: when it is due, who sees to it, and those that were held."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from shared.ledger import (
    Agent,
    Carries,
    Choice,
    CodedText,
    Duration,
    Party,
    Responsible,
    ReviewSubject,
    Text,
    titled,
    value,
)


class ReviewCause(Choice):
    """Why it is reviewed."""

    PLANNED = "planned", "Planned", "It was due."
    TRANSITION = "transition", "A transition", "Something changed in the person's life."
    INCIDENT = "incident", "An incident", "Something happened."
    REQUESTED = "requested", "Requested", "The person asked for it."


class ReviewKind(Choice):
    """How it was held."""

    FORMAL = "formal", "Formal", "A meeting with those concerned."
    INFORMAL = "informal", "Informal", "A conversation."


@value
class HeldReview:
    """A review that was held."""

    held_on: Annotated[date, titled("Held on", "The day it was held.")]
    kind: Annotated[ReviewKind, titled("Kind", "How it was held.")]
    by: Annotated[Party, titled("By", "Who held it.")] | None = None
    outcome: Annotated[Text, titled("Outcome", "What came of it.")] | None = None
    next: (
        Annotated[date, titled("Next", "The day it is due again, later than `held_on`.")] | None
    ) = None
    item_id: UUID | None = None


Subject = Annotated[
    Literal["plan"] | ReviewSubject,
    titled("Subject", "What is reviewed: the plan, About me, a contingency or a support plan."),
]
DueOn = Annotated[
    date,
    titled("Due on", "The day it is due; one that has passed is taken, and shown as overdue."),
    Carries("Planned review date/interval"),
]
Interval = Annotated[
    Duration,
    titled("Interval", "How often it is due (ISO 8601)."),
    Carries("Planned review date/interval"),
]
WhoSeesToIt = Annotated[
    Responsible,
    titled("Responsible", "Who has to see to it that the review is held."),
    Carries("Responsibility for review"),
]
HeldReviews = Annotated[
    tuple[HeldReview, ...], titled("Held", "The reviews that were held, in order.")
]
Lead = Annotated[Party, titled("Lead", "The professional who leads the plan.")]
Cause = Annotated[ReviewCause, titled("Cause", "Why it is reviewed.")]


def party_of(agent: Agent) -> Party | None:
    """Whoever said something, as the party that did it; a system is no party."""
    kind = agent.kind if agent.kind != "system" else None
    return Party(
        kind=kind,
        name=agent.name,
        relationship=agent.relationship,
        role=CodedText(agent.role) if agent.role is not None else None,
        organisation=agent.organisation,
        team=agent.team,
    )
