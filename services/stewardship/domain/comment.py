"""A comment on the plan or a part of it: a remark, a proposal, a disagreement, a correction."""

from types import MappingProxyType
from typing import Annotated, Any, Literal

from eventsourcing.domain import event

from shared.ledger import (
    COMMAND_TYPE,
    DERIVED,
    PERSON,
    PROFESSIONAL,
    PROXY,
    REASON_MISSING,
    RELATED_PERSON,
    Agent,
    Amendment,
    ChangeReason,
    Choice,
    CommentTarget,
    Creation,
    Entry,
    Name,
    Organisation,
    Provenance,
    Refusal,
    Refused,
    Shape,
    Text,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_say_something,
    titled,
    value,
    withdraws,
)


class CommentKind(Choice):
    """What the comment wants."""

    COMMENT = "comment", "Comment", "A remark."
    PROPOSAL = "proposal", "Proposal", "A change that somebody else is asked to make."
    DISAGREEMENT = "disagreement", "Disagreement", "Somebody sees it otherwise."
    CORRECTION_REQUEST = (
        "correction-request",
        "Request for a correction",
        "Whoever recorded it is asked to put it right.",
    )


class AnswerOutcome(Choice):
    """How it was answered."""

    ACCEPTED = "accepted", "Accepted", "It is taken up; with a reason where it was amended."
    DECLINED = "declined", "Declined", "It is not taken up, and why."
    NOTED = "noted", "Noted", "It was read, and nothing follows."


@value
class Proposed:
    """The contribution that the author of a proposal would make: kept as sent, never applied."""

    command: Annotated[
        Annotated[str, Shape(pattern=f"^{COMMAND_TYPE}$")],
        titled("Command", "The command that would be sent."),
    ]
    content: Annotated[dict[str, Any], titled("Content", "What it would say.")]
    based_on: (
        Annotated[Annotated[int, Shape(ge=1)], titled("Based on", "Which version was read.")] | None
    ) = None


@value
class Answer:
    """What the one who was asked says."""

    outcome: Annotated[AnswerOutcome, titled("Outcome", "How it was answered.")]
    reason: Annotated[Text, titled("Reason", "Why.")] | None = None
    by: Annotated[Name, titled("By", "Who answered.")] | None = None


NEEDS_TEXT = Refusal(
    "comment-needs-text", "The comment says nothing", "Say in `text` what it is about."
)
NEEDS_SOMEBODY_ASKED = Refusal(
    "comment-needs-somebody-asked",
    "Nobody is asked",
    "Name in `addressed_to` the organisation that is asked, by its `ods` or `local_id`.",
)
ALREADY_ANSWERED = Refusal(
    "comment-already-answered",
    "It was answered",
    "This comment has its answer. Write a new comment.",
)
ONLY_THE_ONE_ASKED = Refusal(
    "only-the-one-asked-answers",
    "Somebody else was asked",
    "Only the organisation that was asked answers this.",
)
ONLY_ITS_CONTRIBUTOR = Refusal(
    "only-its-contributor-withdraws-a-comment",
    "It is somebody else's comment",
    "Only whoever contributed a comment may withdraw it.",
)

_ASK_SOMEBODY = frozenset({CommentKind.PROPOSAL, CommentKind.CORRECTION_REQUEST})


@titled("Comment")
class Comment(Entry):
    """One comment with at most one answer; it is no dialogue."""

    may_contribute = (PERSON, PROXY, RELATED_PERSON, PROFESSIONAL)
    already_out = Refusal(
        "comment-withdrawn",
        "The comment was withdrawn",
        "This comment was withdrawn. Write a new one.",
    )

    @titled("Comment written")
    class Written(Creation):
        """Somebody said something about the plan or a part of it."""

        only_where = MappingProxyType({"proposed": ("kind", CommentKind.PROPOSAL)})

        target: Annotated[
            Literal["plan"] | CommentTarget,
            titled("Target", "What it is about: the plan, a section, an entry or a field."),
        ]
        kind: Annotated[CommentKind, titled("Kind", "What it wants.")]
        text: Annotated[str, titled("Text", "What is said.")]
        addressed_to: (
            Annotated[Organisation, titled("Addressed to", "The organisation that is asked.")]
            | None
        ) = None
        proposed: (
            Annotated[Proposed, titled("Proposed", "The contribution that is proposed.")] | None
        ) = None

    @titled("Comment answered")
    class Answered(Amendment):
        """The one who was asked has answered."""

        answer: Annotated[Answer, DERIVED, titled("Answer", "How it was answered, and by whom.")]

    @titled("Comment withdrawn")
    class Withdrawn(Withdrawal):
        """Whoever wrote it takes it back."""

        reason: ChangeReason

    @creates(Written, "Write a comment")
    @staticmethod
    def write(said: Written) -> None:
        """Say something about the plan or a part of it, without changing it."""
        must_say_something(said.text, NEEDS_TEXT, "text")
        asked = said.addressed_to.code if said.addressed_to is not None else None
        if said.kind in _ASK_SOMEBODY and asked is None:
            raise Refused(NEEDS_SOMEBODY_ASKED, field="addressed_to")

    @changes(Answered, "Answer the comment", by=(PROFESSIONAL,))
    def answer(
        self,
        said: Answered,
        outcome: Annotated[AnswerOutcome, titled("Outcome", "How it is answered.")],
        reason: Annotated[Text, titled("Reason", "Why; needed to decline.")] | None = None,
    ) -> Answered:
        """Answer as the one who was asked; accepting changes nothing by itself."""
        if self.is_answered:
            raise Refused(ALREADY_ANSWERED)
        if self.asked is not None and said.provenance.organisation_code != self.asked:
            raise Refused(ONLY_THE_ONE_ASKED)
        if outcome is AnswerOutcome.DECLINED and is_blank(reason):
            raise Refused(REASON_MISSING, field="reason")
        return said.having(answer=Answer(outcome, reason, said.provenance.stated_by.name))

    @withdraws(Withdrawn, "Withdraw the comment")
    def withdraw(self, said: Withdrawn) -> None:
        """Take it back, as long as nobody has answered."""
        if self.is_answered:
            raise Refused(ALREADY_ANSWERED)
        if _contributor_of(said.provenance) != self.contributor:
            raise Refused(ONLY_ITS_CONTRIBUTOR)

    contributor: str
    asked: str | None
    is_answered: bool = False

    @event(Written)
    def __init__(self, addressed_to: Organisation | None, provenance: Provenance) -> None:
        self.asked = addressed_to.code if addressed_to is not None else None
        self.contributor = _contributor_of(provenance)

    @event(Answered)
    def _apply_answered(self) -> None:
        self.is_answered = True


def _contributor_of(provenance: Provenance) -> str:
    """The organisation that contributed it, or the person by their own id."""
    by: Agent = provenance.recorded_by
    if provenance.organisation_code is not None:
        return f"org:{provenance.organisation_code}"
    return f"sub:{by.identifier.value}" if by.identifier is not None else by.kind
