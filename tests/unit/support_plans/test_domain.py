"""What a support plan decides, and whose it is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.support_plans.domain import Body, BodyFormat, Newer, Part, SupportPlan, Table
from shared.ledger import KEEP, CodedText, Document, Media, Organisation
from shared.testing.people import EDITH, SAM, TOM
from shared.testing.scenario import Step, do, given, happened, said

NAME = CodedText("Dietitian's plan")
BODY = Body(BodyFormat.FREE_TEXT, text="Food first")
DOCUMENT = Document(
    title="Dietetic plan", held_at="Dietetics", identifiers_checked=("nhs-number", "name")
)
OWNER = TOM.organisation
ONLY_OWNER = "only-the-owner-changes-a-support-plan"
KEPT = dict.fromkeys(("name", "body", "documents", "label", "supersedes", "newer"), KEEP)


def shared(**content: Any) -> Step:
    return do(SupportPlan.share, TOM, **{"name": NAME, "body": BODY, **content})


ENDED = do(SupportPlan.end, TOM, reason="Not needed any more")


def test_the_plan_belongs_to_the_organisation_that_shares_it() -> None:
    given().when(shared(label="v1")).then(
        happened(SupportPlan.Shared, name=NAME, owner=OWNER, body=BODY, documents=(), label="v1")
    )


@pytest.mark.parametrize(
    "command",
    [
        do(SupportPlan.revise, SAM, label="v2"),
        do(SupportPlan.announce_newer_version, SAM, label="v2"),
        do(SupportPlan.confirm, SAM),
        do(SupportPlan.end, SAM, reason="We think so"),
        do(SupportPlan.mark_in_error, SAM, reason="We think so"),
        do(SupportPlan.mark_in_error, EDITH, reason="I think so"),
        do(SupportPlan.hand_over, SAM, to=SAM.organisation, reason="We want it"),
    ],
)
def test_only_the_owner_changes_it(command: Step) -> None:
    """The kind: whatever changes the plan asks whose it is, also what comes by inheritance."""
    given(shared()).when(command).refused(ONLY_OWNER)


def test_only_the_owner_reinstates_it() -> None:
    given(shared(), ENDED).when(do(SupportPlan.reinstate, SAM)).refused(ONLY_OWNER)
    given(shared(), ENDED).when(do(SupportPlan.reinstate, TOM)).then(
        happened(SupportPlan.Reinstated)
    )


def test_the_new_owner_changes_it_and_the_old_one_no_longer() -> None:
    over = do(SupportPlan.hand_over, TOM, to=SAM.organisation, reason="They do this now")
    given(shared()).when(over).then(
        happened(SupportPlan.HandedOver, owner=SAM.organisation, reason="They do this now")
    )
    given(shared(), over).when(do(SupportPlan.confirm, SAM)).then(happened(SupportPlan.Confirmed))
    given(shared(), over).when(do(SupportPlan.confirm, TOM)).refused(ONLY_OWNER)
    wrong = {"reason": "It is about somebody else"}
    given(shared(), over).when(do(SupportPlan.mark_in_error, TOM, **wrong)).refused(ONLY_OWNER)
    given(shared(), over).when(do(SupportPlan.mark_in_error, SAM, **wrong)).then(
        happened(SupportPlan.EnteredInError, **wrong)
    )


def test_a_plan_is_handed_over_to_another_that_can_be_proven() -> None:
    to_itself = do(SupportPlan.hand_over, TOM, to=OWNER, reason="A slip")
    given(shared()).when(to_itself).refused("hand-over-to-itself", "to")
    nobody = Organisation(name="The council")
    given(shared()).when(do(SupportPlan.hand_over, TOM, to=nobody, reason="Theirs")).refused(
        "needs-code-or-text", "to"
    )


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ({"name": CodedText(" ")}, "support-plan-needs-a-name", "name"),
        ({"body": None}, "support-plan-needs-content", "body"),
        ({"body": Body(BodyFormat.FREE_TEXT)}, "support-plan-needs-content", "body"),
        (
            {"body": Body(BodyFormat.STRUCTURED, parts=(Part("One"), Part(" ")))},
            "needs-code-or-text",
            "body.parts.1",
        ),
        (
            {"body": Body(BodyFormat.TABLE, tables=(Table(((" ", ""),)),))},
            "needs-code-or-text",
            "body.tables.0",
        ),
        (
            {"body": Body(BodyFormat.IMAGE, media=(Media(uuid4()),))},
            "media-needs-a-checksum",
            "body.media.0.sha256",
        ),
        (
            {"body": Body(BodyFormat.DOCUMENT, media=(Media(uuid4(), sha256="0" * 64),))},
            "document-identifiers-not-checked",
            "body.media.0",
        ),
        (
            {
                "body": Body(
                    BodyFormat.FREE_TEXT,
                    text="As beside",
                    media=(Media(uuid4(), sha256="0" * 64, mime="application/pdf"),),
                )
            },
            "document-identifiers-not-checked",
            "body.media.0",
        ),
        (
            {"documents": (replace(DOCUMENT, held_at=None),)},
            "document-needs-checksum-or-place",
            "documents.0",
        ),
        (
            {"documents": (replace(DOCUMENT, identifiers_checked=("name", " NAME")),)},
            "document-identifiers-not-checked",
            "documents.0.identifiers_checked",
        ),
    ],
)
def test_what_cannot_be_shared_cannot_be_revised_to(
    content: dict[str, Any], code: str, field: str
) -> None:
    given().when(shared(**content)).refused(code, field)
    given(shared()).when(do(SupportPlan.revise, TOM, **content)).refused(code, field)


def test_a_document_may_take_the_place_of_the_body_and_something_always_stays() -> None:
    as_document = do(SupportPlan.revise, TOM, body=None, documents=(DOCUMENT,))
    given(shared()).when(as_document).then(
        happened(SupportPlan.Revised, **{**KEPT, "body": None, "documents": (DOCUMENT,)})
    )
    given(shared(), as_document).when(do(SupportPlan.revise, TOM, documents=None)).refused(
        "support-plan-needs-content", "body"
    )


def test_a_version_supersedes_one_that_was_here() -> None:
    second = do(SupportPlan.revise, TOM, label="v2", supersedes="v1")
    third = do(SupportPlan.revise, TOM, label="v3", supersedes="v1")
    given(shared(label="v1"), second).when(third).then(
        happened(SupportPlan.Revised, **{**KEPT, "label": "v3", "supersedes": "v1"})
    )
    given(shared(label="v1")).when(do(SupportPlan.revise, TOM, supersedes="v7")).refused(
        "supersedes-unknown-version", "supersedes"
    )


def test_what_was_announced_is_here_once_the_plan_is_revised() -> None:
    at = datetime(2026, 10, 1, 9, tzinfo=UTC)
    announce = do(SupportPlan.announce_newer_version, said(TOM, stated_at=at), label="v2")
    given(shared()).when(announce).then(
        happened(SupportPlan.NewerVersionAnnounced, newer=Newer(at, "v2"))
    )
    given(shared(), announce).when(do(SupportPlan.revise, TOM, label="v2")).then(
        happened(SupportPlan.Revised, **{**KEPT, "label": "v2", "newer": None})
    )


def test_nothing_changes_a_plan_that_has_ended() -> None:
    given(shared(), ENDED).when(do(SupportPlan.revise, TOM, label="v2")).refused(
        "support-plan-ended"
    )
    given(shared()).when(do(SupportPlan.reinstate, TOM)).refused("support-plan-not-ended")
