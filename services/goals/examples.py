"""Examples of the goals section: one goal on the way to the shop, and one refusal of each kind."""

from typing import Final

from shared.ledger.example import ExamplesOf, examples_of_every_entry

COMMANDS: Final = "careplan.goals.commands."
example: Final = ExamplesOf(COMMANDS)

NEED: Final = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
ANOTHER_NEED: Final = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b2"}
STRENGTH: Final = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000c1"}
GOAL: Final = {"section": "goals", "entry_id": "0199c0de-0000-7000-8000-0000000000e1"}
ANOTHER_GOAL: Final = {"section": "goals", "entry_id": "0199c0de-0000-7000-8000-0000000000e2"}
ACTION: Final = {"section": "goals", "entry_id": "0199c0de-0000-7000-8000-0000000000f1"}

TOM: Final = {
    "kind": "professional",
    "name": "Tom Okafor-Synth",
    "role": {"text": "Physiotherapist"},
    "team": "Falls service",
    "organisation": {"ods": "ZZC01", "name": "Northmoor Community NHS Trust (synthetic)"},
    "contact": "01632 960120",
}
TOMS_COLLEAGUE: Final = {
    "kind": "professional",
    "name": "Una Falls-Synth",
    "role": "physiotherapist",
    "organisation": {"ods": "ZZC01", "name": "Northmoor Community NHS Trust (synthetic)"},
    "team": "Falls service",
    "grade": "Band 6",
}
KESTREL: Final = {
    "kind": "team",
    "team": "Evening team",
    "organisation": {"ods": "ZZH01", "name": "Kestrel Homecare (synthetic)"},
}

_GOAL = (
    example(
        "a goal without an aim",
        "agree",
        {"aim": {"text": " "}, "need_ids": [NEED]},
        "g0",
        "goal-needs-an-aim",
    ),
    example(
        "a goal without a need",
        "agree",
        {"aim": {"text": "Walk to the shop by myself again"}, "need_ids": []},
        "g0",
        "goal-needs-a-need",
    ),
    example(
        "a professional agrees a goal and says how important it is",
        "agree",
        {"aim": {"text": "Walk to the shop"}, "need_ids": [NEED], "importance": 9},
        "g0",
        "importance-is-the-persons",
    ),
    example(
        "agree a goal that nobody sees without a reason",
        "agree",
        {"aim": {"text": "Walk to the shop"}, "need_ids": [NEED]},
        "g0",
        "reason-missing",
        visibility={"labels": ["mental-health"]},
    ),
    example(
        "agree a goal that not everybody sees",
        "agree",
        {"aim": {"text": "Get through the night without ringing the ward"}, "need_ids": [NEED]},
        "g2",
        visibility={
            "fields": ["aim", "why"],
            "labels": ["mental-health"],
            "third_party": True,
            "reason": "Her sister asked for it",
            "review_on": "2026-09-10",
        },
    ),
    example(
        "agree a goal",
        "agree",
        {
            "aim": {"text": "Walk to the shop by myself again by Christmas"},
            "why": "So I can choose my own things",
            "importance": 9,
            "need_ids": [NEED],
            "strength_ids": [STRENGTH],
        },
        "g1",
        stated_by_kind="person",
    ),
    example(
        "reword its aim",
        "reword",
        {
            "aim": {
                "text": "Walk to the shop and back by myself by Christmas",
                "code": {
                    "system": "http://snomed.info/sct",
                    "code": "300738008",
                    "display": "Able to participate in leisure activities",
                },
            },
            "why": None,
        },
        "g1",
        stated_by_kind="person",
    ),
    example("reword it to nothing", "reword", {"aim": {"text": ""}}, "g1", "goal-needs-an-aim"),
    example("the person weighs it", "weigh", {"importance": 10}, "g1", stated_by_kind="person"),
    example(
        "a professional weighs it", "weigh", {"importance": 3}, "g1", "importance-is-the-persons"
    ),
    example("link another need", "link", {"need_ids": [NEED, ANOTHER_NEED]}, "g1"),
    example("link it to no need", "link", {"need_ids": []}, "g1", "goal-needs-a-need"),
    example(
        "record how far it has come",
        "record-status",
        {"status": {"value": "partially-achieved", "text": "To the corner with the frame"}},
        "g1",
        provenance={
            "stated_by": {**TOMS_COLLEAGUE, "identifier": {"kind": "hcpc", "value": "PH1"}}
        },
    ),
    example("resume what is current", "resume", {}, "g1", "goal-not-set-aside"),
    example("set aside without a reason", "set-aside", {}, "g1", "reason-missing"),
    example("set it aside", "set-aside", {"reason": "In hospital for some weeks"}, "g1"),
    example(
        "set aside again", "set-aside", {"reason": "Once more"}, "g1", "goal-already-set-aside"
    ),
    example("resume it", "resume", {}, "g1"),
    *examples_of_every_entry(COMMANDS, "g1"),
)

_ACTION = (
    example(
        "an action that says nothing",
        "action-plan",
        {"what": [{"text": "Exercises"}, {}], "goal_ids": [GOAL]},
        "a0",
        "action-needs-code-or-text",
    ),
    example(
        "an action without a goal",
        "action-plan",
        {"what": [{"text": "Exercises"}], "goal_ids": []},
        "a0",
        "action-needs-a-goal",
    ),
    example(
        "an action for which nobody is accountable",
        "action-plan",
        {"what": [{"text": "Exercises"}], "goal_ids": [GOAL], "who": {"kind": "team"}},
        "a0",
        "action-needs-one-accountable-party",
    ),
    example(
        "an action that ends before it starts",
        "action-plan",
        {
            "what": [{"text": "Exercises"}],
            "goal_ids": [GOAL],
            "when": {"period": {"start": "2026-12", "end": "2026-03-10"}},
        },
        "a0",
        "ends-before-it-starts",
    ),
    example(
        "a professional plans an action and says how confident she is",
        "action-plan",
        {"what": [{"text": "Exercises"}], "goal_ids": [GOAL], "confidence": 6},
        "a0",
        "confidence-is-the-persons",
    ),
    example(
        "plan an action",
        "action-plan",
        {
            "what": [{"text": "Strength and balance programme"}],
            "goal_ids": [GOAL],
            "who": TOM,
            "place": {"text": "Northmoor day centre"},
            "when": {"timing": "twice weekly until 2026-12-18"},
            "strategies": ["If dizzy, sit and drink", "Ring if two classes are missed"],
            "status": {"value": "not-started"},
            "confidence": 6,
            "review_date": "2026-12",
        },
        "a1",
        stated_by_kind="person",
        provenance={
            "location": {"ods": "ZZC01", "text": "Northmoor day centre"},
            "system": {"name": "Northmoor EPR", "maker": "Northmoor Community", "version": "4.2"},
            "source_ref": {"id": "falls-plan-77", "version": "1"},
        },
    ),
    example(
        "reword it",
        "action-reword",
        {"what": [{"text": "Strength and balance classes"}], "strategies": ["If dizzy, sit down"]},
        "a1",
    ),
    example(
        "a strategy that says nothing",
        "action-reword",
        {"strategies": ["If dizzy, sit down", " "]},
        "a1",
        "needs-code-or-text",
    ),
    example("assign it", "action-assign", {"who": KESTREL, "with": [TOM]}, "a1"),
    example(
        "somebody takes part whom nobody could find",
        "action-assign",
        {"who": KESTREL, "with": [TOM, {}]},
        "a1",
        "needs-code-or-text",
    ),
    example(
        "assign it to nobody",
        "action-assign",
        {"who": {}},
        "a1",
        "action-needs-one-accountable-party",
    ),
    example(
        "schedule it",
        "action-schedule",
        {
            "when": {"period": {"start": "2026-03-16", "end": "2026-12-18"}},
            "place": {"text": "The path to the shop"},
            "review_date": "2026-06-15",
        },
        "a1",
    ),
    example(
        "record progress",
        "action-record-progress",
        {"status": {"value": "in-progress", "text": "Came to four classes"}},
        "a1",
        organisation="ZZH01",
        role="care-worker",
    ),
    example(
        "the accountable organisation's system records progress",
        "action-record-progress",
        {"status": {"value": "completed"}},
        "a1",
        recorded_by_kind="system",
        organisation="ZZH01",
        role=None,
    ),
    example(
        "another organisation's system records progress",
        "action-record-progress",
        {"status": {"value": "completed"}},
        "a1",
        "role-may-not-contribute",
        recorded_by_kind="system",
        organisation="ZZL01",
        role=None,
    ),
    example(
        "refused by the person, and nobody says why",
        "action-record-progress",
        {"status": {"value": "refused"}},
        "a1",
        "reason-missing",
    ),
    example(
        "the person rates their confidence",
        "action-rate-confidence",
        {"confidence": 8},
        "a1",
        recorded_by_kind="person",
    ),
    example(
        "a professional rates their confidence",
        "action-rate-confidence",
        {"confidence": 2},
        "a1",
        "confidence-is-the-persons",
    ),
    example("attach it to another goal", "action-reattach", {"goal_ids": [ANOTHER_GOAL]}, "a1"),
    example(
        "attach it to no goal", "action-reattach", {"goal_ids": []}, "a1", "action-needs-a-goal"
    ),
    example("resume what is current", "action-resume", {}, "a1", "action-not-set-aside"),
    example("set it aside", "action-set-aside", {"reason": "The programme has ended"}, "a1"),
    example(
        "assign what was set aside",
        "action-assign",
        {"who": TOM},
        "a1",
        "action-already-set-aside",
    ),
    example("resume it", "action-resume", {}, "a1"),
    *examples_of_every_entry(f"{COMMANDS}action-", "a1"),
)

_STAGE_GOAL = (
    example(
        "a stage without an aim",
        "stage-goal-agree",
        {"aim": {}, "goal_id": GOAL},
        "s0",
        "stage-goal-needs-an-aim",
    ),
    example(
        "agree a stage",
        "stage-goal-agree",
        {
            "aim": {"text": "Walk to the corner with frame"},
            "goal_id": GOAL,
            "action_ids": [ACTION],
        },
        "s1",
        stated_by_kind="person",
    ),
    example(
        "reword it",
        "stage-goal-reword",
        {"aim": {"text": "Walk to the corner and back"}, "action_ids": None},
        "s1",
    ),
    example(
        "record what came of it",
        "stage-goal-record-outcome",
        {"outcome": {"text": "Done on 20 September"}, "status": {"value": "achieved"}},
        "s1",
    ),
    example(
        "an outcome that says nothing",
        "stage-goal-record-outcome",
        {"outcome": {"text": " "}},
        "s1",
        "needs-code-or-text",
    ),
    example("resume what is current", "stage-goal-resume", {}, "s1", "stage-goal-not-set-aside"),
    example("set it aside", "stage-goal-set-aside", {"reason": "Reached"}, "s1"),
    example(
        "reword what was set aside",
        "stage-goal-reword",
        {"aim": {"text": "Walk to the corner"}},
        "s1",
        "stage-goal-already-set-aside",
    ),
    example("resume it", "stage-goal-resume", {}, "s1"),
    *examples_of_every_entry(f"{COMMANDS}stage-goal-", "s1"),
)

_OUTCOME = (
    example(
        "an outcome that says nothing",
        "outcome-record",
        {"what": {"text": ""}, "goal_id": GOAL},
        "o0",
        "outcome-needs-code-or-text",
    ),
    example(
        "record an outcome",
        "outcome-record",
        {
            "what": {"text": "No fall since 11 August; walks to the corner"},
            "status": {"value": "partially-achieved"},
            "person_comment": "Better than I thought",
            "goal_id": GOAL,
        },
        "o1",
        stated_by_kind="person",
    ),
    example(
        "a professional records an outcome with a comment of hers",
        "outcome-record",
        {"what": {"text": "No fall"}, "goal_id": GOAL, "person_comment": "She is glad"},
        "o0",
        "comment-is-the-persons",
    ),
    example(
        "the person comments",
        "outcome-add-person-comment",
        {"text": "I am not afraid of the kerb any more"},
        "o1",
        recorded_by_kind="person",
    ),
    example(
        "a professional comments as the person",
        "outcome-add-person-comment",
        {"text": "She seems to be glad"},
        "o1",
        "comment-is-the-persons",
    ),
    example(
        "its origin corrects it",
        "outcome-correct",
        {
            "what": {"text": "No fall since 21 August; walks to the corner"},
            "reason": "The date was mistyped",
        },
        "o1",
    ),
    example(
        "another organisation corrects it",
        "outcome-correct",
        {"what": {"text": "Fell in September"}, "reason": "We were there"},
        "o1",
        "correction-belongs-to-the-origin",
        organisation="ZZL01",
    ),
    example(
        "corrected without a reason",
        "outcome-correct",
        {"status": {"value": "fully-achieved"}},
        "o1",
        "reason-missing",
    ),
    example("resume what is current", "outcome-resume", {}, "o1", "outcome-not-set-aside"),
    example("set it aside without a reason", "outcome-set-aside", {}, "o1", "reason-missing"),
    example("set it aside", "outcome-set-aside", {"reason": "Counted twice"}, "o1"),
    example(
        "correct what was set aside",
        "outcome-correct",
        {"status": {"value": "not-achieved"}, "reason": "Too late"},
        "o1",
        "outcome-already-set-aside",
    ),
    example("resume it", "outcome-resume", {}, "o1"),
    *examples_of_every_entry(f"{COMMANDS}outcome-", "o1"),
)

EXAMPLES: Final = (*_GOAL, *_ACTION, *_STAGE_GOAL, *_OUTCOME)
