"""Examples of the contingency plans section: a plan for a fall and one for a crisis."""

from typing import Final

from shared.ledger.example import ExamplesOf, examples_of_every_entry, link

COMMANDS: Final = "careplan.contingency-plans.commands."
example: Final = ExamplesOf(COMMANDS)

WALKING: Final = "0199c0de-0000-7000-8000-0000000000d1"
BREATHING: Final = "0199c0de-0000-7000-8000-0000000000d2"

_FALL: Final = {
    "name": {"text": "If I fall or cannot get up"},
    "circumstance": "At home, alone",
    "severity": "moderate",
    "assessment": {
        "text": "Falls assessment of March",
        "ref": "Falls service record 1207",
        "assessed_at": "2026-03-10T09:00:00Z",
    },
    "triggers": [{"text": "On the floor and cannot rise within 5 minutes"}],
    "early_warning_signs": [{"text": "Off food for two days, dizzy on standing"}],
    "coping_strategies": [
        {
            "text": "Walks round the room before bed",
            "tools": "Frame, slippers with soles",
            "starts_at": "2026-03-10T09:00:00Z",
            "item_id": WALKING,
        }
    ],
    "instructions": [
        {"what": {"text": "Press the pendant; the carer service comes within 30 minutes"}},
        {"what": {"text": "Leave her lying long on the floor"}, "avoid": True},
    ],
    "contacts": [
        {
            "order": 1,
            "name": "Pendant service",
            "contact": "01632 960130",
            "hours": "day and night",
        },
        {
            "order": 2,
            "name": "Ruth Marlow-Synth",
            "role": {"text": "daughter"},
            "contact": "07700 900101",
            "escalate_after": "PT15M",
            "contact_ref": link("care-team", "ruth"),
        },
    ],
    "equipment": [{"what": "Lifting cushion", "where": "Hall cupboard"}],
}
_THE_PERSON: Final = {"recorded_by_kind": "person", "organisation": None, "role": None}

EXAMPLES: Final = (
    example("prepare a contingency plan", "prepare", _FALL, "fall"),
    example(
        "prepare one that a single trigger describes",
        "prepare",
        {"triggers": [{"text": "Ruth is ill or away for more than 24 hours"}]},
        "carer",
    ),
    example(
        "prepare a plan without a trigger",
        "prepare",
        {**_FALL, "triggers": []},
        "none",
        "contingency-plan-needs-a-trigger",
    ),
    example(
        "prepare a plan with an instruction that says nothing",
        "prepare",
        {**_FALL, "instructions": [{"what": {"text": " "}}]},
        "none",
        "needs-code-or-text",
    ),
    example(
        "prepare a plan with two contacts in the first place",
        "prepare",
        {
            **_FALL,
            "contacts": [{"order": 1, "name": "Ruth"}, {"order": 1, "contact": "01632 960130"}],
        },
        "none",
        "contact-order-repeated",
    ),
    example(
        "prepare a plan with a strategy that ends before it starts",
        "prepare",
        {
            **_FALL,
            "coping_strategies": [
                {
                    "text": "Breathing",
                    "starts_at": "2026-03-10T09:00:00Z",
                    "ends_at": "2026-03-09T09:00:00Z",
                }
            ],
        },
        "none",
        "ends-before-it-starts",
    ),
    example(
        "revise two parts of the plan",
        "revise",
        {"severity": None, "equipment": [{"what": "Two lifting cushions", "where": "Hall"}]},
        "fall",
    ),
    example(
        "revise the plan so that no trigger is left",
        "revise",
        {"triggers": []},
        "fall",
        "contingency-plan-needs-a-trigger",
    ),
    example(
        "add a coping strategy",
        "add-coping-strategy",
        {
            "text": "Breathes out longer than in, for ten breaths",
            "starts_at": "2026-06-01T09:00:00Z",
            "item_id": BREATHING,
        },
        "fall",
        stated_by_kind="person",
    ),
    example(
        "add a coping strategy that says nothing",
        "add-coping-strategy",
        {"text": " "},
        "fall",
        "needs-code-or-text",
    ),
    example(
        "end a coping strategy",
        "end-coping-strategy",
        {"item_id": WALKING, "ends_at": "2026-07-01T09:00:00Z"},
        "fall",
    ),
    example(
        "end a coping strategy before it started",
        "end-coping-strategy",
        {"item_id": BREATHING, "ends_at": "2026-05-01T09:00:00Z"},
        "fall",
        "ends-before-it-starts",
    ),
    example(
        "end a coping strategy that is not there",
        "end-coping-strategy",
        {"item_id": "0199c0de-0000-7000-8000-0000000000d9", "ends_at": "2026-07-01T09:00:00Z"},
        "fall",
        "coping-strategy-unknown",
    ),
    example(
        "withdraw an advance statement that was never made",
        "withdraw-advance-statement",
        {"reason": "I think otherwise now"},
        "fall",
        "no-advance-statement",
        **_THE_PERSON,
    ),
    example(
        "record an advance statement",
        "record-advance-statement",
        {"what": {"text": "I want to be at home with my cat"}, "held_at": "Desk drawer, and GP"},
        "fall",
        **_THE_PERSON,
    ),
    example(
        "a professional makes an advance statement for the person",
        "record-advance-statement",
        {"what": {"text": "She would want to be at home"}, "held_at": "GP"},
        "fall",
        "advance-statement-is-the-persons",
    ),
    example(
        "record an advance statement without saying where it is",
        "record-advance-statement",
        {"what": {"text": "I want to be at home"}, "held_at": " "},
        "fall",
        "advance-statement-needs-where-held",
        **_THE_PERSON,
    ),
    example(
        "withdraw the advance statement",
        "withdraw-advance-statement",
        {"reason": "I think otherwise now"},
        "fall",
        **_THE_PERSON,
    ),
    example("confirm the plan", "confirm", {}, "fall"),
    example("reinstate a current plan", "reinstate", {}, "fall", "contingency-plan-not-ended"),
    example("end the plan without a reason", "end", {}, "fall", "reason-missing"),
    example("end the plan", "end", {"reason": "She moved to a care home"}, "fall"),
    example("confirm a plan that has ended", "confirm", {}, "fall", "contingency-plan-ended"),
    example("reinstate the plan", "reinstate", {"reason": "She fell again"}, "fall"),
    *examples_of_every_entry(COMMANDS, "carer"),
)
