"""Examples of the stewardship section: agreed, reviewed, funded, linked and commented on."""

from typing import Final
from uuid import uuid5

from shared.ledger.example import ExamplesOf, examples_of_every_entry, link, plan_of

COMMANDS: Final = "careplan.stewardship.commands."
example: Final = ExamplesOf(COMMANDS)
REVIEW: Final = str(uuid5(plan_of(), "review/plan"))
FALL_PLAN: Final = link("contingency-plans", "fall")
REVIEW_OF_THE_FALL_PLAN: Final = str(
    uuid5(plan_of(), f"review/contingency-plans/{FALL_PLAN['entry_id']}")
)
PERSON: Final = {"recorded_by_kind": "person", "organisation": None, "role": None}
COUNCIL: Final = {"organisation": "ZZL01", "role": "social-worker"}
PRIYA: Final = {"name": "Priya Raman-Synth", "role": {"text": "Care coordinator"}}

_AGREED: Final = {
    "subject": "plan",
    "plan_version": 12,
    "outcome": "yes",
    "by": "person",
    "name": "Edith Marlow-Synth",
    "method": "face-to-face",
}
_BY_HER_DAUGHTER: Final = {
    **_AGREED,
    "by": "representative",
    "name": "Ruth Marlow-Synth",
    "role": "daughter",
}
_AGREEMENT: Final = (
    example("record that she agrees", "agreement-record", _AGREED, "g1"),
    example(
        "record a best-interests decision about one contingency plan",
        "agreement-record",
        {
            **_BY_HER_DAUGHTER,
            "subject": FALL_PLAN,
            "authority": "best-interests",
            "capacity": {
                "assessed_on": "2026-03-01",
                "by": "Dr A. Quill-Synth",
                "ref": "GP record",
                "efforts": "Twice in the morning, with pictures",
            },
            "best_interests": {
                "decision": "Stay at home with the pendant",
                "who_took_part": "Edith, Ruth, the GP",
                "rights_promoted": "She keeps her key and her cat",
            },
            "persons_view": "I want to be left alone",
            "proxy": link("care-team", "ruth-proxy"),
        },
        "g2",
    ),
    example(
        "record an agreement to no version",
        "agreement-record",
        {**_AGREED, "plan_version": 0},
        "g0",
        "agreement-needs-a-plan-version",
    ),
    example(
        "record a no without its reason",
        "agreement-record",
        {**_AGREED, "outcome": "no"},
        "g0",
        "reason-not-agreed-missing",
    ),
    example(
        "record what she does not agree to, and why",
        "agreement-record",
        {**_AGREED, "outcome": "partly", "reason_not": "Not to the visits before nine"},
        "g3",
    ),
    example(
        "a representative without a right in law agrees",
        "agreement-record",
        {**_BY_HER_DAUGHTER, "authority": "none"},
        "g0",
        "representative-without-authority",
    ),
    example(
        "decide in her best interests without an assessment of capacity",
        "agreement-record",
        {**_BY_HER_DAUGHTER, "authority": "best-interests"},
        "g0",
        "capacity-assessment-missing",
    ),
    example(
        "the person agrees by a power of attorney",
        "agreement-record",
        {**_AGREED, "authority": "lpa"},
        "g0",
        "authority-is-a-representatives",
    ),
    example(
        "take the agreement back",
        "agreement-take-back",
        {"reason": "I see it otherwise"},
        "g1",
        **PERSON,
    ),
    example(
        "take it back again",
        "agreement-take-back",
        {"reason": "Still"},
        "g1",
        "agreement-already-taken-back",
        **PERSON,
    ),
    *examples_of_every_entry(f"{COMMANDS}agreement-", "g3"),
)

_REVIEW: Final = (
    example(
        "plan a review that has no day",
        "review-plan",
        {"subject": "plan", "responsible": PRIYA},
        REVIEW,
        "review-needs-a-date-or-interval",
    ),
    example(
        "plan a review that nobody sees to",
        "review-plan",
        {"subject": "plan", "responsible": {}, "due_on": "2026-12-02"},
        REVIEW,
        "review-needs-a-responsible-person",
    ),
    example(
        "plan the review of the plan",
        "review-plan",
        {"subject": "plan", "responsible": PRIYA, "due_on": "2026-12-02", "interval": "P6M"},
        REVIEW,
    ),
    example(
        "plan it once more",
        "review-plan",
        {"subject": "plan", "responsible": PRIYA, "interval": "P1Y"},
        REVIEW,
        "review-already-planned",
    ),
    example(
        "request a review of what has none",
        "review-request",
        {"subject": FALL_PLAN, "reason": "I have moved the bed"},
        REVIEW_OF_THE_FALL_PLAN,
        **PERSON,
    ),
    example(
        "a professional requests a review",
        "review-request",
        {
            "subject": {"section": "about-me", "entry_id": str(uuid5(plan_of(), "about-me"))},
            "reason": "It is old",
        },
        str(uuid5(plan_of(), f"review/about-me/{uuid5(plan_of(), 'about-me')}")),
        "only-the-person-requests",
    ),
    example(
        "give a day to the review that nobody answers for",
        "review-reschedule",
        {"due_on": "2026-09-01", "reason": "Once the bed has moved"},
        REVIEW_OF_THE_FALL_PLAN,
        "review-needs-a-responsible-person",
    ),
    example(
        "plan the review that was requested",
        "review-reschedule",
        {"due_on": "2026-09-01", "responsible": PRIYA, "reason": "Once the bed has moved"},
        REVIEW_OF_THE_FALL_PLAN,
    ),
    example("ask for the review", "review-ask-for", {"reason": "I fell again"}, REVIEW, **PERSON),
    example(
        "a professional asks in her place",
        "review-ask-for",
        {"reason": "She fell again"},
        REVIEW,
        "only-the-person-requests",
    ),
    example(
        "reschedule the review",
        "review-reschedule",
        {"due_on": "2026-11-02", "interval": "P6M", "reason": "She asked for it"},
        REVIEW,
    ),
    example(
        "reschedule it to no day",
        "review-reschedule",
        {"due_on": None, "interval": None, "reason": "Later"},
        REVIEW,
        "review-needs-a-date-or-interval",
    ),
    example(
        "hand the review over",
        "review-hand-over",
        {"responsible": {"name": "Sam Idris-Synth", "organisation": {"ods": "ZZL01"}}},
        REVIEW,
    ),
    example(
        "hand it over to nobody",
        "review-hand-over",
        {"responsible": {}},
        REVIEW,
        "review-needs-a-responsible-person",
    ),
    example(
        "hold the review",
        "review-hold",
        {
            "held_on": "2026-03-10",
            "kind": "formal",
            "outcome": "The stairs are hers again",
            "next": "2026-09-10",
        },
        REVIEW,
    ),
    example(
        "hold a review tomorrow",
        "review-hold",
        {"held_on": "2999-01-01", "kind": "informal"},
        REVIEW,
        "review-held-in-the-future",
    ),
    example(
        "appoint the lead",
        "review-appoint-lead",
        {"lead": {**PRIYA, "kind": "professional", "organisation": {"ods": "ZZC01"}}},
        REVIEW,
    ),
    example(
        "another organisation appoints itself",
        "review-appoint-lead",
        {"lead": {"name": "Sam Idris-Synth", "organisation": {"ods": "ZZL01"}}},
        REVIEW,
        "role-may-not-contribute",
        **COUNCIL,
    ),
    example(
        "appoint nobody",
        "review-appoint-lead",
        {"lead": {}},
        REVIEW,
        "review-needs-a-responsible-person",
    ),
    example(
        "appoint a lead of a contingency plan",
        "review-appoint-lead",
        {"lead": PRIYA},
        REVIEW_OF_THE_FALL_PLAN,
        "lead-belongs-to-the-review-of-the-plan",
    ),
    example(
        "resume what was not stopped",
        "review-resume",
        {"interval": "P1Y"},
        REVIEW,
        "review-not-stopped",
    ),
    example("stop it without a reason", "review-stop", {}, REVIEW, "reason-missing"),
    example("stop reviewing", "review-stop", {"reason": "The plan ends in March"}, REVIEW),
    example(
        "hold a review that was stopped",
        "review-hold",
        {"held_on": "2026-03-10", "kind": "informal"},
        REVIEW,
        "review-stopped",
    ),
    example(
        "ask for a review that was stopped",
        "review-ask-for",
        {"reason": "I fell again"},
        REVIEW,
        "review-stopped",
        **PERSON,
    ),
    example(
        "a professional asks again in her place",
        "review-ask-again",
        {"reason": "She fell again"},
        REVIEW,
        "only-the-person-requests",
    ),
    example("ask for it again", "review-ask-again", {"reason": "I fell again"}, REVIEW, **PERSON),
    example(
        "ask again for what goes on",
        "review-ask-again",
        {"reason": "I fell again"},
        REVIEW,
        "review-not-stopped",
        **PERSON,
    ),
    example("stop it once more", "review-stop", {"reason": "It was held"}, REVIEW),
    example(
        "resume reviewing without a day",
        "review-resume",
        {"due_on": None, "interval": None},
        REVIEW,
        "review-needs-a-date-or-interval",
    ),
    example("resume reviewing", "review-resume", {"interval": "P1Y"}, REVIEW),
    *examples_of_every_entry(f"{COMMANDS}review-", REVIEW),
    example(
        "plan it anew after it was entered in error",
        "review-plan",
        {"subject": "plan", "responsible": PRIYA, "interval": "P1Y"},
        REVIEW,
    ),
)

_FUNDING: Final = (
    example(
        "name a source of funding",
        "funding-name-source",
        {"source": {"text": "Council direct payment for the evenings"}},
        "f1",
    ),
    example(
        "name a source that says nothing",
        "funding-name-source",
        {"source": {"text": " "}},
        "f0",
        "funding-needs-code-or-text",
    ),
    example(
        "change the source",
        "funding-change-source",
        {"source": {"text": "Personal health budget"}},
        "f1",
    ),
    example(
        "change it to nothing",
        "funding-change-source",
        {"source": {"text": ""}},
        "f1",
        "funding-needs-code-or-text",
    ),
    example("end the funding", "funding-end", {"reason": "She pays herself"}, "f1"),
    example(
        "change a source that has ended",
        "funding-change-source",
        {"source": {"text": "NHS"}},
        "f1",
        "funding-ended",
    ),
    example(
        "name another source", "funding-name-source", {"source": {"text": "Self funded"}}, "f2"
    ),
    *examples_of_every_entry(f"{COMMANDS}funding-", "f2"),
)

_DOCUMENT: Final = {
    "title": "Treatment escalation plan",
    "held_at": "Larkfield Surgery",
    "created": "2026-06-18",
    "identifiers_checked": ["nhs-number", "name"],
}
_LINKED: Final = (
    example(
        "link a document",
        "linked-document-link",
        {"document": _DOCUMENT, "kind": "respect"},
        "d1",
    ),
    example(
        "link a document that nobody could find",
        "linked-document-link",
        {
            "document": {"title": "Plan", "identifiers_checked": ["nhs-number", "name"]},
            "kind": "other",
        },
        "d0",
        "document-needs-title-or-place",
    ),
    example(
        "link a document that nobody compared with her",
        "linked-document-link",
        {"document": {**_DOCUMENT, "identifiers_checked": []}, "kind": "other"},
        "d0",
        "document-identifiers-not-checked",
    ),
    example(
        "relink the document",
        "linked-document-relink",
        {"document": {**_DOCUMENT, "version": "2"}},
        "d1",
    ),
    example(
        "relink it to nowhere",
        "linked-document-relink",
        {"document": {"title": "Plan", "identifiers_checked": ["nhs-number", "name"]}},
        "d1",
        "document-needs-title-or-place",
    ),
    example("unlink it", "linked-document-unlink", {"reason": "It no longer holds"}, "d1"),
    example(
        "relink what was unlinked",
        "linked-document-relink",
        {"document": _DOCUMENT},
        "d1",
        "document-unlinked",
    ),
    example(
        "link another document",
        "linked-document-link",
        {"document": _DOCUMENT, "kind": "advance-care-plan"},
        "d2",
    ),
    *examples_of_every_entry(f"{COMMANDS}linked-document-", "d2"),
)

_COMMENT: Final = (
    example(
        "comment on the plan",
        "comment-write",
        {"target": "plan", "kind": "comment", "text": "Please speak to my left ear"},
        "c1",
        **PERSON,
    ),
    example(
        "propose a change of one field",
        "comment-write",
        {
            "target": {**link("goals", "g1"), "field": "aim"},
            "kind": "proposal",
            "text": "She now says: to the allotment",
            "addressed_to": {"ods": "ZZC01"},
            "proposed": {
                "command": "careplan.goals.commands.reword.v1",
                "content": {"aim": {"text": "Walk to the allotment"}},
                "based_on": 1,
            },
        },
        "c2",
        **COUNCIL,
    ),
    example(
        "a comment that says nothing",
        "comment-write",
        {"target": {"section": "goals"}, "kind": "comment", "text": " "},
        "c0",
        "comment-needs-text",
    ),
    example(
        "ask nobody for a correction",
        "comment-write",
        {"target": "plan", "kind": "correction-request", "text": "My name is misspelt"},
        "c0",
        "comment-needs-somebody-asked",
        **PERSON,
    ),
    example(
        "somebody who was not asked answers",
        "comment-answer",
        {"outcome": "accepted"},
        "c2",
        "only-the-one-asked-answers",
        **COUNCIL,
    ),
    example(
        "decline without a reason",
        "comment-answer",
        {"outcome": "declined"},
        "c2",
        "reason-missing",
    ),
    example(
        "somebody else withdraws it",
        "comment-withdraw",
        {"reason": "Not needed"},
        "c2",
        "only-its-contributor-withdraws-a-comment",
    ),
    example(
        "accept the proposal",
        "comment-answer",
        {"outcome": "accepted", "reason": "In other words"},
        "c2",
    ),
    example(
        "answer it again", "comment-answer", {"outcome": "noted"}, "c2", "comment-already-answered"
    ),
    example("withdraw the comment", "comment-withdraw", {"reason": "It is done"}, "c1", **PERSON),
    example(
        "answer what was withdrawn",
        "comment-answer",
        {"outcome": "noted"},
        "c1",
        "comment-withdrawn",
    ),
    example(
        "comment on a section",
        "comment-write",
        {"target": {"section": "goals"}, "kind": "disagreement", "text": "Two of these clash"},
        "c3",
    ),
    *examples_of_every_entry(f"{COMMANDS}comment-", "c3"),
)

EXAMPLES: Final = (*_AGREEMENT, *_REVIEW, *_FUNDING, *_LINKED, *_COMMENT)
