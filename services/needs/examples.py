"""Examples of the needs section: what Edie can do and what she finds hard, and each refusal."""

from typing import Final

from shared.ledger.example import ExamplesOf, examples_of_every_entry

COMMANDS: Final = "careplan.needs.commands."
example: Final = ExamplesOf(COMMANDS)
SNOMED: Final = "http://snomed.info/sct"

THERAPIST: Final = {"role": "clinical-psychologist", "organisation": "ZZM01"}

_STRENGTH = (
    example(
        "recognise a strength",
        "strength-recognise",
        {"what": {"text": "Motivated, and follows a written programme"}},
        "s1",
    ),
    example(
        "the person names a strength by code and in words",
        "strength-recognise",
        {
            "what": {
                "code": {
                    "system": SNOMED,
                    "code": "300738008",
                    "display": "Able to participate in leisure activities",
                },
                "text": "Baking club every second week",
            }
        },
        "s2",
        recorded_by_kind="person",
        organisation=None,
        role=None,
    ),
    example(
        "a strength that says nothing",
        "strength-recognise",
        {"what": {"text": " "}},
        "s0",
        "strength-needs-code-or-text",
    ),
    example(
        "reword a strength",
        "strength-reword",
        {"what": {"text": "Motivated, and keeps to what was agreed"}},
        "s1",
    ),
    example(
        "reword a strength into nothing",
        "strength-reword",
        {"what": {"text": ""}},
        "s1",
        "strength-needs-code-or-text",
    ),
    example("resume a current strength", "strength-resume", {}, "s1", "strength-not-set-aside"),
    example(
        "set a strength aside without a reason", "strength-set-aside", {}, "s1", "reason-missing"
    ),
    example(
        "set a strength aside", "strength-set-aside", {"reason": "It was hers in spring"}, "s1"
    ),
    example(
        "reword a strength that was set aside",
        "strength-reword",
        {"what": {"text": "Too late"}},
        "s1",
        "strength-already-set-aside",
    ),
    example("resume a strength", "strength-resume", {}, "s1"),
    *examples_of_every_entry(f"{COMMANDS}strength-", "s1"),
)

_NEED = (
    example(
        "identify a need",
        "identify",
        {"what": {"text": "Afraid of falling again after three falls"}, "kind": "concern"},
        "n1",
        stated_by_kind="person",
    ),
    example(
        "identify a need that the GP's problem list has",
        "identify",
        {
            "what": {"text": "Losing weight: 5 kg in six months"},
            "kind": "problem",
            "problem_ref": {"system": "GP record", "id": "problem-17", "version": "3"},
        },
        "n2",
    ),
    example(
        "identify a risk that not everybody sees",
        "identify",
        {"what": {"text": "Has taken too many tablets before"}, "kind": "problem"},
        "n3",
        visibility={"labels": ["risk"], "reason": "A history of risk is kept in sight"},
    ),
    example(
        "a need that says nothing",
        "identify",
        {"what": {"text": " "}},
        "n0",
        "need-needs-code-or-text",
    ),
    example("reword a need", "reword", {"what": {"text": "Afraid of falling"}, "kind": None}, "n1"),
    example(
        "reword a need into nothing",
        "reword",
        {"what": {"text": ""}},
        "n1",
        "need-needs-code-or-text",
    ),
    example(
        "code a need, in the words that it has",
        "reword",
        {"what": {"code": {"system": "http://snomed.info/sct", "code": "129839007"}}},
        "n1",
    ),
    example(
        "link a need to a problem list",
        "link-problem",
        {"problem_ref": {"system": "GP record", "id": "problem-22"}},
        "n1",
    ),
    example("resume a current need", "resume", {}, "n1", "need-not-set-aside"),
    example("set a need aside without a reason", "set-aside", {}, "n1", "reason-missing"),
    example("set a need aside", "set-aside", {"reason": "No fall for a year"}, "n1"),
    example(
        "link a need that was set aside",
        "link-problem",
        {"problem_ref": None},
        "n1",
        "need-already-set-aside",
    ),
    example("resume a need", "resume", {}, "n1"),
    example(
        "set a risk aside without confirming it",
        "set-aside",
        {"reason": "Long ago"},
        "n3",
        "risk-needs-confirmation",
    ),
    example(
        "set a risk aside knowingly",
        "set-aside",
        {"reason": "Reviewed by the whole team", "confirmed": True},
        "n3",
    ),
    *examples_of_every_entry(COMMANDS, "n1"),
)

_FORMULATION = (
    example(
        "formulate",
        "formulation-formulate",
        {"text": "Being left alone as a child makes being alone at night feel like danger today."},
        "f1",
        **THERAPIST,
        provenance={"location": {"ods": "ZZM01", "text": "Outpatient clinic"}},
    ),
    example(
        "formulate and say why it is not shared yet",
        "formulation-formulate",
        {
            "text": "Voices come when sleep fails, and sleep fails when the rent is due.",
            "shared_with_person": {"state": "withheld", "reason": "She asked not to read it now"},
            "approved_by": "Caldicott guardian of ZZM01",
        },
        "f2",
        **THERAPIST,
    ),
    example(
        "hold a new formulation back with nobody's approval",
        "formulation-formulate",
        {
            "text": "Some words",
            "shared_with_person": {"state": "withheld", "reason": "She is in crisis"},
        },
        "f0",
        "withholding-needs-an-approver",
        **THERAPIST,
    ),
    example(
        "hold a new formulation back without a reason",
        "formulation-formulate",
        {"text": "Some words", "shared_with_person": {"state": "withheld"}},
        "f0",
        "reason-missing",
        **THERAPIST,
    ),
    example(
        "a formulation that says nothing",
        "formulation-formulate",
        {"text": " "},
        "f0",
        "formulation-needs-text",
        **THERAPIST,
    ),
    example(
        "a system formulates by itself",
        "formulation-formulate",
        {"text": "Worked out by a model"},
        "f0",
        "formulation-needs-a-professional",
        recorded_by_kind="system",
        organisation="ZZM01",
        role=None,
    ),
    example(
        "revise a formulation",
        "formulation-revise",
        {"text": "Being alone at night feels like the danger of long ago; company eases it."},
        "f1",
        **THERAPIST,
    ),
    example(
        "revise a formulation into nothing",
        "formulation-revise",
        {"text": ""},
        "f1",
        "formulation-needs-text",
        **THERAPIST,
    ),
    example("share with the person", "formulation-share-with-person", {}, "f1", **THERAPIST),
    example(
        "share with the person again",
        "formulation-share-with-person",
        {},
        "f1",
        "already-shared",
        **THERAPIST,
    ),
    example(
        "hold back without an approver",
        "formulation-hold-back",
        {"reason": "She is in crisis"},
        "f1",
        "withholding-needs-an-approver",
        **THERAPIST,
    ),
    example(
        "hold back from the person",
        "formulation-hold-back",
        {"reason": "She is in crisis", "approved_by": "Caldicott guardian of ZZM01"},
        "f1",
        **THERAPIST,
    ),
    example(
        "resume a current formulation",
        "formulation-resume",
        {},
        "f1",
        "formulation-not-set-aside",
        **THERAPIST,
    ),
    example(
        "set a formulation aside",
        "formulation-set-aside",
        {"reason": "A new one was made together"},
        "f1",
        **THERAPIST,
    ),
    example(
        "revise a formulation that was set aside",
        "formulation-revise",
        {"text": "Too late"},
        "f1",
        "formulation-set-aside",
        **THERAPIST,
    ),
    example("resume a formulation", "formulation-resume", {}, "f1", **THERAPIST),
    example(
        "formulate something else",
        "formulation-formulate",
        {"text": "Pain keeps her in, and staying in makes the pain worse."},
        "f3",
    ),
    *examples_of_every_entry(f"{COMMANDS}formulation-", "f3"),
)

EXAMPLES: Final = (*_STRENGTH, *_NEED, *_FORMULATION)
