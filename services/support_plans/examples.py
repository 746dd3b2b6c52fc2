"""Examples of the support plans section: the dietitian's plan, and who may change it."""

from typing import Final

from shared.ledger.example import ExamplesOf, examples_of_every_entry
from shared.testing import files

COMMANDS: Final = "careplan.support-plans.commands."
example: Final = ExamplesOf(COMMANDS)
DIETITIAN: Final = {"role": "dietitian"}
COUNCIL: Final = {"organisation": "ZZL01", "role": "social-worker"}

_DOCUMENT: Final = {
    "title": "Dietetic plan, version 2",
    "mime": "application/pdf",
    "held_at": "Record of the dietetic service",
    "created": "2026-05-18",
    "version": "2",
    "identifiers_checked": ["nhs-number", "date-of-birth"],
}
_PLAN: Final = {
    "name": {"text": "Dietitian's plan"},
    "body": {
        "format": "structured",
        "parts": [{"title": "Aim", "text": "Gain 3 kg by the end of the year"}],
        "text": "Energy- and protein-rich food first; a supplement if that does not help.",
        "tables": [
            {
                "title": "Snacks",
                "columns": ["day", "morning", "afternoon"],
                "rows": [["Monday", "fortified milk", "cheese"], ["Tuesday", "yoghurt", "cake"]],
            }
        ],
        "media": [
            {**files.PICTURE.named, "caption": "A plate with the portions for one day"},
        ],
    },
    "documents": [_DOCUMENT],
    "label": "v2",
}

EXAMPLES: Final = (
    example("share a support plan", "share", _PLAN, "diet", **DIETITIAN),
    example(
        "share a plan that is a document held elsewhere",
        "share",
        {"name": {"text": "Wound treatment plan"}, "documents": [_DOCUMENT]},
        "wound",
    ),
    example(
        "share a plan without a name",
        "share",
        {**_PLAN, "name": {"text": " "}},
        "none",
        "support-plan-needs-a-name",
    ),
    example(
        "share a plan that says nothing",
        "share",
        {"name": {"text": "Dietitian's plan"}, "body": {"format": "free-text"}},
        "none",
        "support-plan-needs-content",
    ),
    example(
        "share a plan with a part that says nothing",
        "share",
        {**_PLAN, "body": {"format": "structured", "parts": [{"text": " "}]}},
        "none",
        "needs-code-or-text",
    ),
    example(
        "share a picture that nobody could check",
        "share",
        {
            **_PLAN,
            "body": {
                "format": "image",
                "media": [{"media_id": "0199c0de-0000-7000-8000-0000000000a2"}],
            },
        },
        "none",
        "media-needs-a-checksum",
    ),
    example(
        "share a document that nobody could find",
        "share",
        {**_PLAN, "documents": [{"title": "A", "identifiers_checked": ["name", "address"]}]},
        "none",
        "document-needs-checksum-or-place",
    ),
    example(
        "share a document that nobody compared with the person",
        "share",
        {**_PLAN, "documents": [{**_DOCUMENT, "identifiers_checked": ["name"]}]},
        "none",
        "document-identifiers-not-checked",
    ),
    example(
        "announce a newer version",
        "announce-newer-version",
        {"label": "v3"},
        "diet",
        **DIETITIAN,
        provenance={"stated_at": "2026-10-01T09:00:00Z"},
    ),
    example(
        "revise the plan to that version",
        "revise",
        {
            "documents": [{**_DOCUMENT, "title": "Dietetic plan, version 3", "version": "3"}],
            "label": "v3",
            "supersedes": "v2",
        },
        "diet",
        **DIETITIAN,
    ),
    example(
        "revise the plan so that nothing is left",
        "revise",
        {"body": None, "documents": []},
        "diet",
        "support-plan-needs-content",
        **DIETITIAN,
    ),
    example(
        "revise the plan away from its name",
        "revise",
        {"name": {"text": ""}},
        "diet",
        "support-plan-needs-a-name",
        **DIETITIAN,
    ),
    example(
        "revise a version that never was",
        "revise",
        {"supersedes": "v9"},
        "diet",
        "supersedes-unknown-version",
        **DIETITIAN,
    ),
    example(
        "another organisation revises the plan",
        "revise",
        {"label": "v4"},
        "diet",
        "only-the-owner-changes-a-support-plan",
        **COUNCIL,
    ),
    example("confirm the plan", "confirm", {}, "diet", **DIETITIAN),
    example(
        "another organisation confirms the plan",
        "confirm",
        {},
        "diet",
        "only-the-owner-changes-a-support-plan",
        **COUNCIL,
    ),
    example("end the plan without a reason", "end", {}, "diet", "reason-missing", **DIETITIAN),
    example("reinstate a current plan", "reinstate", {}, "diet", "support-plan-not-ended"),
    example("end the plan", "end", {"reason": "Her weight is stable"}, "diet", **DIETITIAN),
    example("confirm a plan that has ended", "confirm", {}, "diet", "support-plan-ended"),
    example("reinstate the plan", "reinstate", {"reason": "She lost weight"}, "diet", **DIETITIAN),
    example(
        "hand the plan over to its owner",
        "hand-over",
        {"to": {"ods": "ZZC01"}, "reason": "A slip"},
        "diet",
        "hand-over-to-itself",
        **DIETITIAN,
    ),
    example(
        "hand the plan over to nobody who could be proven",
        "hand-over",
        {"to": {"name": "The council"}, "reason": "They do this now"},
        "diet",
        "needs-code-or-text",
        **DIETITIAN,
    ),
    example(
        "hand the plan over",
        "hand-over",
        {"to": {"ods": "ZZL01", "name": "Northmoor County Council"}, "reason": "They do this now"},
        "diet",
        **DIETITIAN,
    ),
    example("the new owner confirms the plan", "confirm", {}, "diet", **COUNCIL),
    *examples_of_every_entry(COMMANDS, "wound", not_theirs="only-the-owner-changes-a-support-plan"),
)
