"""What agreements, reviews, funding, linked documents and comments decide."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4, uuid5

import pytest
from jsonschema import Draft202012Validator

from services.stewardship.domain import Agreement, Comment, Funding, LinkedDocument, Review
from services.stewardship.domain.agreement import (
    AgreedBy,
    AgreementOutcome,
    Authority,
    BestInterests,
    Capacity,
)
from services.stewardship.domain.comment import Answer, AnswerOutcome, CommentKind, Proposed
from services.stewardship.domain.linked_document import DocumentKind
from services.stewardship.domain.review_parts import HeldReview, ReviewCause, ReviewKind
from services.stewardship.section import SECTION
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.ledger import (
    KEEP,
    CodedText,
    CommentTarget,
    Document,
    Organisation,
    Party,
    Refused,
    Responsible,
    ReviewSubject,
    day_in_london,
)
from shared.ledger.entry.declared import declared_by
from shared.testing.people import EDITH, RUTH, SAM, TOM
from shared.testing.scenario import PLAN, Step, acting, do, given, happened, said

PRIYA = Responsible(name="Priya Raman-Synth")
PLANNED = do(Review.plan, TOM, subject="plan", responsible=PRIYA, interval="P6M")
DOCUMENT = Document(title="Plan", held_at="Surgery", identifiers_checked=("name", "address"))


def must_be_taken(answer: Any) -> None:
    assert answer.refusal is None
    assert len(answer.events) == 1


def agreed(by: AgreedBy = AgreedBy.PERSON, **content: Any) -> Step:
    told = {"subject": "plan", "plan_version": 3, "outcome": AgreementOutcome.YES, "by": by}
    return Step(Agreement.record, said(TOM), {**told, **content})


def by_representative(**content: Any) -> Step:
    return agreed(AgreedBy.REPRESENTATIVE, **content)


def test_an_agreement_is_to_a_version_and_a_no_says_why() -> None:
    given().when(agreed(plan_version=0)).refused("agreement-needs-a-plan-version", "plan_version")
    for outcome in (AgreementOutcome.NO, AgreementOutcome.PARTLY):
        given().when(agreed(outcome=outcome, reason_not=" ")).refused(
            "reason-not-agreed-missing", "reason_not"
        )


@pytest.mark.parametrize("authority", [None, Authority.NONE, Authority.SELF])
def test_nobody_agrees_for_the_person_without_a_right_in_law(authority: Authority | None) -> None:
    given().when(by_representative(authority=authority)).refused(
        "representative-without-authority", "authority"
    )


def test_what_a_representative_without_a_right_says_is_recorded_as_no() -> None:
    step = by_representative(
        authority=Authority.NONE, outcome=AgreementOutcome.NO, reason_not="She does not want it"
    )
    must_be_taken(given().when(step))


def test_a_best_interests_decision_rests_on_an_assessment_of_capacity() -> None:
    best = {"authority": Authority.BEST_INTERESTS}
    given().when(by_representative(**best)).refused("capacity-assessment-missing", "capacity")
    assessed = {**best, "capacity": Capacity(date(2026, 3, 1))}
    given().when(by_representative(**assessed)).refused(
        "capacity-assessment-missing", "best_interests"
    )
    decided: dict[str, Any] = {**assessed, "best_interests": BestInterests("Stay at home")}
    must_be_taken(given().when(by_representative(**decided)))
    given().when(agreed(**decided)).refused("authority-is-a-representatives", "authority")


def test_an_agreement_is_taken_back_once() -> None:
    back = do(Agreement.take_back, said(EDITH), reason="I see it otherwise")
    given(agreed()).when(back).then(happened(Agreement.TakenBack, reason="I see it otherwise"))
    given(agreed(), back).when(back).refused("agreement-already-taken-back")


def test_the_id_of_a_review_follows_from_the_plan_and_its_subject() -> None:
    subject = ReviewSubject("contingency-plans", uuid4())
    follows = Review.id_following_from
    assert follows(PLAN, {"subject": "plan"}) == uuid5(PLAN, "review/plan")
    named = f"review/contingency-plans/{subject.entry_id}"
    assert follows(PLAN, {"subject": subject}) == uuid5(PLAN, named)
    assert follows(PLAN, {"reason": "no subject"}) is None


def test_a_review_has_a_day_or_an_interval_and_somebody_who_sees_to_it() -> None:
    plan = {"subject": "plan", "responsible": PRIYA}
    given().when(do(Review.plan, TOM, **plan)).refused("review-needs-a-date-or-interval", "due_on")
    nobody = {**plan, "responsible": Responsible(name=None), "interval": "P1Y"}
    given().when(do(Review.plan, TOM, **nobody)).refused(
        "review-needs-a-responsible-person", "responsible"
    )
    given(PLANNED).when(do(Review.hand_over, TOM, responsible=Responsible())).refused(
        "review-needs-a-responsible-person", "responsible"
    )


def test_a_review_keeps_what_a_change_of_its_time_does_not_name() -> None:
    """What is left out stays, and null takes it away; something of the two always stands."""
    code, day = "review-needs-a-date-or-interval", date(2027, 1, 1)
    stop = do(Review.stop, TOM, reason="Away")
    for command, before, why in (
        (Review.reschedule, (), {"reason": "She asked for it"}),
        (Review.resume, (stop,), {}),
    ):
        event = Review.Rescheduled if why else Review.Resumed
        by_day = do(command, TOM, due_on=day, **why)
        given(PLANNED, *before).when(by_day).then(happened(event, due_on=day, interval=KEEP, **why))
        never = do(command, TOM, interval=None, **why)
        given(PLANNED, *before).when(never).refused(code, "due_on")
        on_a_day = do(Review.plan, TOM, subject="plan", responsible=PRIYA, due_on=day)
        given(on_a_day, *before).when(never).then(
            happened(event, due_on=KEEP, interval=None, **why)
        )
        given(on_a_day, *before).when(do(command, TOM, due_on=None, **why)).refused(code)
        held = do(Review.hold, TOM, held_on=date(2026, 3, 10), kind=ReviewKind.FORMAL)
        # What is due again after it was held is what counts, and it was to be due once.
        given(on_a_day, held, *before).when(never).refused(code)


def test_a_review_that_was_requested_gets_a_day_only_with_somebody_who_sees_to_it() -> None:
    asked = do(Review.request, EDITH, subject="plan", reason="I fell again")
    stop = do(Review.stop, TOM, reason="She is away")
    code, day = "review-needs-a-responsible-person", date(2027, 1, 1)
    for command, before, why in (
        (Review.reschedule, (), {"reason": "She asked"}),
        (Review.resume, (stop,), {}),
    ):
        without = do(command, TOM, due_on=day, **why)
        given(asked, *before).when(without).refused(code, "responsible")
        nobody = do(command, TOM, due_on=day, responsible=Responsible(), **why)
        given(asked, *before).when(nobody).refused(code, "responsible")
        with_her = do(command, TOM, due_on=day, responsible=PRIYA, **why)
        must_be_taken(given(asked, *before).when(with_her))
        later = do(Review.reschedule, TOM, interval="P1Y", reason="Once a year")
        must_be_taken(given(asked, *before, with_her).when(later))
    hold = do(Review.hold, TOM, held_on=date(2026, 3, 10), kind=ReviewKind.INFORMAL)
    must_be_taken(given(asked).when(hold))
    again = replace(hold, content={**hold.content, "next": day})
    given(asked).when(again).refused(code, "next")
    must_be_taken(given(asked, do(Review.hand_over, TOM, responsible=PRIYA)).when(again))


def test_only_the_person_asks() -> None:
    request = {"subject": "plan", "reason": "I fell again"}
    given().when(do(Review.request, TOM, **request)).refused(
        "only-the-person-requests", "provenance.stated_by"
    )
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given().when(do(Review.request, by, **request)).then(
            happened(Review.Requested, cause=ReviewCause.REQUESTED, **request)
        )
        given(PLANNED).when(do(Review.ask_for, by, reason="I fell again")).then(
            happened(Review.AskedFor, cause=ReviewCause.REQUESTED, reason="I fell again")
        )
    given(PLANNED).when(do(Review.ask_for, TOM, reason="She fell")).refused(
        "only-the-person-requests", "provenance.stated_by"
    )


def test_the_person_asks_again_for_a_review_that_was_stopped() -> None:
    stop = do(Review.stop, TOM, reason="It was held")
    again = do(Review.ask_again, EDITH, reason="I fell again")
    given(PLANNED, stop).when(again).then(
        happened(Review.AskedForAgain, cause=ReviewCause.REQUESTED, reason="I fell again")
    )
    must_be_taken(given(PLANNED, stop, again).when(stop))
    given(PLANNED).when(again).refused("review-not-stopped")
    for_her = do(Review.ask_again, TOM, reason="She fell again")
    given(PLANNED, stop).when(for_her).refused("only-the-person-requests", "provenance.stated_by")


def test_what_was_held_stays_and_the_next_day_is_the_one_that_was_given() -> None:
    first, second = uuid4(), uuid4()
    by = Party(
        kind="professional",
        name=TOM.name,
        role=CodedText(TOM.role or ""),
        organisation=TOM.organisation,
    )
    held = []
    steps = [PLANNED]
    for contribution_id, day, next_day in (
        (first, date(2026, 3, 10), date(2026, 9, 10)),
        (second, date(2026, 9, 10), None),
    ):
        step = do(
            Review.hold,
            replace(said(TOM), contribution_id=contribution_id),
            held_on=day,
            kind=ReviewKind.FORMAL,
            next=next_day,
        )
        named = uuid5(contribution_id, "held/0")
        held.append(HeldReview(day, ReviewKind.FORMAL, by, None, next_day, named))
        given(*steps).when(step).then(happened(Review.Held, held=tuple(held), due_on=next_day))
        steps.append(step)


def test_a_review_is_held_today_and_not_tomorrow() -> None:
    today = day_in_london(datetime.now(UTC))
    hold = do(Review.hold, TOM, held_on=today, kind=ReviewKind.INFORMAL)
    assert given(PLANNED).when(hold).refusal is None
    later = replace(hold, content={**hold.content, "held_on": today + timedelta(days=1)})
    given(PLANNED).when(later).refused("review-held-in-the-future", "held_on")
    for next_ in (today, today - timedelta(days=30)):
        back = replace(hold, content={**hold.content, "next": next_})
        given(PLANNED).when(back).refused("ends-before-it-starts", "next")


@pytest.mark.parametrize(
    ("now", "today"),
    [
        (datetime(2026, 1, 9, 23, 30, tzinfo=UTC), date(2026, 1, 9)),
        (datetime(2026, 7, 9, 23, 30, tzinfo=UTC), date(2026, 7, 10)),
    ],
)
def test_the_day_of_a_review_is_that_in_london(now: datetime, today: date) -> None:
    review = Review.plan(said(TOM), subject="plan", responsible=PRIYA, interval="P6M")
    kind: Any = Review.Held
    event = kind(
        originator_id=review.id,
        originator_version=2,
        timestamp=now,
        provenance=said(TOM),
        held=(),
        due_on=None,
    )
    hold = declared_by(Review.hold).rules  # type: ignore[union-attr]
    held = hold(review, event, held_on=today, kind=ReviewKind.FORMAL)
    assert held.held[0].held_on == today
    with pytest.raises(Refused, match="review-held-in-the-future"):
        hold(review, event, held_on=today + timedelta(days=1), kind=ReviewKind.FORMAL)


def test_the_plan_has_one_lead_whom_their_own_organisation_replaces() -> None:
    lead = Party(kind="professional", name="Priya Raman-Synth", organisation=TOM.organisation)
    appoint = do(Review.appoint_lead, SAM, lead=lead)
    given(PLANNED).when(appoint).then(happened(Review.LeadAppointed, lead=lead))
    given(PLANNED, appoint).when(do(Review.appoint_lead, SAM, lead=lead)).refused(
        "role-may-not-contribute"
    )
    given(PLANNED, appoint).when(do(Review.appoint_lead, TOM, lead=lead)).then(
        happened(Review.LeadAppointed, lead=lead)
    )
    for without_a_code in (None, Organisation(name="Northmoor (synthetic)")):
        lead = Party(name="Priya Raman-Synth", organisation=without_a_code)
        theirs = do(Review.appoint_lead, TOM, lead=lead)
        given(PLANNED, theirs).when(appoint).refused("role-may-not-contribute")
        given(PLANNED, theirs).when(theirs).then(happened(Review.LeadAppointed, lead=lead))
    given(PLANNED).when(do(Review.appoint_lead, TOM, lead=Party())).refused(
        "review-needs-a-responsible-person", "lead"
    )
    of_a_part = do(
        Review.plan,
        TOM,
        subject=ReviewSubject("about-me", uuid4()),
        responsible=PRIYA,
        interval="P1Y",
    )
    given(of_a_part).when(do(Review.appoint_lead, TOM, lead=lead)).refused(
        "lead-belongs-to-the-review-of-the-plan"
    )


def test_a_review_is_stopped_and_resumed_with_a_day() -> None:
    stop = do(Review.stop, TOM, reason="The plan ends")
    given(PLANNED, stop).when(do(Review.hand_over, TOM, responsible=PRIYA)).refused(
        "review-stopped"
    )
    given(PLANNED).when(do(Review.resume, TOM, interval="P1Y")).refused("review-not-stopped")
    given(PLANNED, stop).when(do(Review.resume, TOM)).then(
        happened(Review.Resumed, due_on=KEEP, interval=KEEP)
    )
    requested = do(Review.request, EDITH, subject="plan", reason="I fell again")
    given(requested, stop).when(do(Review.resume, TOM)).refused(
        "review-needs-a-date-or-interval", "due_on"
    )


def test_funding_says_who_pays_until_it_ends() -> None:
    named = do(Funding.name_source, TOM, source=CodedText("Direct payment"))
    end = do(Funding.end, TOM, reason="She pays herself")
    blank = CodedText(" ")
    given().when(do(Funding.name_source, TOM, source=blank)).refused(
        "funding-needs-code-or-text", "source"
    )
    given(named).when(do(Funding.change_source, TOM, source=blank)).refused(
        "funding-needs-code-or-text", "source"
    )
    given(named, end).when(do(Funding.change_source, TOM, source=CodedText("NHS"))).refused(
        "funding-ended"
    )
    given(named, end).when(end).refused("funding-ended")


def test_a_document_has_a_title_a_place_and_was_compared_with_the_person() -> None:
    def link(**changed: Any) -> Step:
        document = replace(DOCUMENT, **changed)
        return do(LinkedDocument.link, TOM, document=document, kind=DocumentKind.RESPECT)

    code = "document-needs-title-or-place"
    given().when(link(title=None)).refused(code, "document.title")
    given().when(link(held_at=None)).refused(code, "document.held_at")
    given().when(link(identifiers_checked=("name",))).refused(
        "document-identifiers-not-checked", "document.identifiers_checked"
    )
    stored = replace(DOCUMENT, held_at=None, sha256="0" * 64)
    given(link()).when(do(LinkedDocument.relink, TOM, document=stored)).then(
        happened(LinkedDocument.Relinked, document=stored)
    )
    unlink = do(LinkedDocument.unlink, TOM, reason="It no longer holds")
    given(link(), unlink).when(do(LinkedDocument.relink, TOM, document=stored)).refused(
        "document-unlinked"
    )


def wrote(**content: Any) -> Step:
    told = {"target": "plan", "kind": CommentKind.COMMENT, "text": "Speak to my left ear"}
    return do(Comment.write, SAM, **{**told, **content})


ASKED = {"kind": CommentKind.PROPOSAL, "addressed_to": TOM.organisation}


def test_a_comment_says_something_and_asks_somebody() -> None:
    given().when(wrote(text="\u200b")).refused("comment-needs-text", "text")
    for kind in (CommentKind.PROPOSAL, CommentKind.CORRECTION_REQUEST):
        given().when(wrote(kind=kind)).refused("comment-needs-somebody-asked", "addressed_to")
    proposed = Proposed("careplan.goals.commands.reword.v1", {})
    about = CommentTarget("goals", uuid4(), "aim")
    must_be_taken(given().when(wrote(**ASKED, target=about, proposed=proposed)))


@pytest.mark.parametrize("kind", [one for one in CommentKind if one is not CommentKind.PROPOSAL])
def test_any_other_comment_than_a_proposal_cannot_be_read_with_a_change(kind: CommentKind) -> None:
    shape = command_shape(SECTION.commands["careplan.stewardship.commands.comment-write.v1"])
    content = {
        "target": "plan",
        "kind": kind.value,
        "text": "I see it otherwise",
        "addressed_to": {"ods": "ZZC01"},
        "proposed": {"command": "careplan.goals.commands.reword.v1", "content": {}},
    }
    validator = Draft202012Validator(shape.json_schema())
    with pytest.raises(Problem) as caught:
        shape.read(content)
    assert [error["pointer"] for error in caught.value.errors] == ["/content/proposed"]
    assert not validator.is_valid(content)
    for right in ({**content, "kind": "proposal"}, {**content, "proposed": None}):
        shape.read(right)
        assert validator.is_valid(right)


def test_only_the_one_asked_answers_and_only_once() -> None:
    def answer(by: Any, **content: Any) -> Step:
        return do(Comment.answer, by, **{"outcome": AnswerOutcome.ACCEPTED, **content})

    given(wrote(**ASKED)).when(answer(SAM)).refused("only-the-one-asked-answers")
    given(wrote(**ASKED)).when(answer(said(EDITH))).refused("only-the-one-asked-answers")
    declined = {"outcome": AnswerOutcome.DECLINED}
    given(wrote(**ASKED)).when(answer(TOM, **declined)).refused("reason-missing", "reason")
    given(wrote(**ASKED)).when(answer(TOM)).then(
        happened(Comment.Answered, answer=Answer(AnswerOutcome.ACCEPTED, None, TOM.name))
    )
    given(wrote(**ASKED), answer(TOM)).when(answer(TOM)).refused("comment-already-answered")
    must_be_taken(given(wrote()).when(answer(TOM, outcome=AnswerOutcome.NOTED)))


def test_only_whoever_wrote_it_withdraws_a_comment_that_nobody_has_answered() -> None:
    withdraw = {"reason": "It is done"}
    given(wrote()).when(do(Comment.withdraw, TOM, **withdraw)).refused(
        "only-its-contributor-withdraws-a-comment"
    )
    given(wrote()).when(do(Comment.withdraw, SAM, **withdraw)).then(
        happened(Comment.Withdrawn, **withdraw)
    )
    answered = do(Comment.answer, TOM, outcome=AnswerOutcome.NOTED)
    given(wrote(), answered).when(do(Comment.withdraw, SAM, **withdraw)).refused(
        "comment-already-answered"
    )
    given(wrote(), do(Comment.withdraw, SAM, **withdraw)).when(answered).refused(
        "comment-withdrawn"
    )
