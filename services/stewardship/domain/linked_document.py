"""A document that stands beside the plan: what it is, and where a reader finds it."""

from typing import Annotated

from shared.ledger import (
    Amendment,
    Carries,
    ChangeReason,
    Choice,
    Creation,
    Document,
    Entry,
    InAnEmergency,
    Refusal,
    Refused,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_have_compared_two,
    titled,
    withdraws,
)


class DocumentKind(Choice):
    """What kind of document it is."""

    ADVANCE_CARE_PLAN = "advance-care-plan", "Advance care plan", "Wishes for care to come."
    END_OF_LIFE_PLAN = "end-of-life-plan", "End of life plan", "Care at the end of life."
    RESPECT = "respect", "ReSPECT form", "What to do in an emergency, recommended and agreed."
    EHC_PLAN = "ehc-plan", "Education, health and care plan", "For a child or young person."
    CONDITION_PLAN = "condition-plan", "Plan for a condition", "Care for one condition."
    ADRT = "adrt", "Advance decision to refuse treatment", "A refusal that binds."
    CAPACITY_ASSESSMENT = "capacity-assessment", "Capacity assessment", "Who could decide what."
    LPA = "lpa", "Lasting power of attorney", "Who may decide for the person."
    REASONABLE_ADJUSTMENTS = (
        "reasonable-adjustments",
        "Reasonable adjustments",
        "What services change so that the person can use them.",
    )
    SAFEGUARDING_MARKER = "safeguarding-marker", "Safeguarding marker", "That safeguarding applies."
    RISK_SUMMARY = "risk-summary", "Risk summary", "The risks that are known."
    OTHER = "other", "Another document", "Any other document about care and support."


WhatDocument = Annotated[
    Document,
    titled("Document", "What it is called, and a stored copy or the place where it is held."),
    Carries("Other care planning documents"),
]

NEEDS_TITLE_OR_PLACE = Refusal(
    "document-needs-title-or-place",
    "Nobody could find the document",
    "Give the document a `title`, and say in `held_at` or `url` where it is, or store a copy.",
)


@titled("Linked document")
class LinkedDocument(Entry):
    """One document beside the plan, until it is unlinked."""

    carries = ("Care and support plan",)
    in_an_emergency = InAnEmergency(
        where={
            "kind": (
                DocumentKind.RESPECT,
                DocumentKind.ADRT,
                DocumentKind.END_OF_LIFE_PLAN,
                DocumentKind.REASONABLE_ADJUSTMENTS,
                DocumentKind.SAFEGUARDING_MARKER,
            )
        }
    )
    already_out = Refusal(
        "document-unlinked",
        "The document was unlinked",
        "This document was unlinked. Link it again.",
    )

    @titled("Document linked")
    class Linked(Creation):
        """Readers of the plan find the document."""

        document: WhatDocument
        kind: Annotated[DocumentKind, titled("Kind", "What kind of document it is.")]

    @titled("Document relinked")
    class Relinked(Amendment):
        """It is held elsewhere, or there is another version of it."""

        document: WhatDocument

    @titled("Document unlinked")
    class Unlinked(Withdrawal):
        """It no longer belongs beside the plan."""

        reason: ChangeReason

    @creates(Linked, "Link a document")
    @staticmethod
    def link(said: Linked) -> None:
        """Let readers of the plan find a document."""
        _must_be_found(said.document)

    @changes(Relinked, "Relink the document")
    def relink(self, said: Relinked) -> None:
        """Say where it is now, or which version."""
        _must_be_found(said.document)

    @withdraws(Unlinked, "Unlink the document")
    def unlink(self, said: Unlinked) -> None:
        """It no longer belongs beside the plan."""


def _must_be_found(document: Document) -> None:
    if is_blank(document.title):
        raise Refused(NEEDS_TITLE_OR_PLACE, field="document.title")
    if not (document.has_a_place or document.is_stored):
        raise Refused(NEEDS_TITLE_OR_PLACE, field="document.held_at")
    must_have_compared_two(document.identifiers_checked, "document.identifiers_checked")
