"""A plan in which everything is said is exported with every element of the standard."""

from typing import Any, Final
from uuid import uuid4

from shared.standard.check import check
from shared.standard.declared import declared_code_lists, declared_coverage
from shared.standard.export import exported
from shared.standard.tree import elements, paths_in

AT: Final = "2026-03-10T14:00:00Z"
DICTIONARY: Final = "https://www.datadictionary.nhs.uk/data_elements"
NURSE: Final = {
    "kind": "professional",
    "name": "Sam Ferry-Synth",
    "role": "nurse",
    "organisation": {"ods": "ZZC01", "name": "Riverside"},
}
IN_FULL: Final = {
    **NURSE,
    "grade": "Band 6",
    "speciality": "431",
    "contact": "01632 960110",
    "identifier": {"kind": "nmc", "value": "98A7654Z"},
}
WORDS_AND_CODE: Final = {
    "text": "In words",
    "code": {"system": "http://snomed.info/sct", "code": "300738008"},
}
REACHED: Final = {"name": "Jo", "role": WORDS_AND_CODE, "contact": "01632 960111"}
SAID: Final = {
    "entry_version": 1,
    "stated_by": IN_FULL,
    "recorded_by": NURSE,
    "stated_at": AT,
    "recorded_at": AT,
    "location": {"ods": "ZZC01", "text": "Her kitchen"},
    "supported_by": {"name": "Tom", "how": "by pictures"},
}


def coded(name: str, code: str) -> dict[str, Any]:
    return {"code": {"system": f"{DICTIONARY}/{name}.html", "code": code}}


def entry(entry_type: str, content: dict[str, Any], entry_id: str = "") -> dict[str, Any]:
    return {
        "entry_id": entry_id or str(uuid4()),
        "entry_type": entry_type,
        "entry_version": 1,
        "current": True,
        "by": NURSE,
        "stated_by": NURSE,
        "stated_at": AT,
        "recorded_at": AT,
        "content": content,
        "derived": {"changed_at": AT, "agreement": {"outcome": "yes", "changed_since": False}},
        "authorship": dict.fromkeys(
            (f"responses.{one}" for one in content["responses"])
            if "responses" in content
            else content,
            SAID,
        ),
    }


def ref(section: str, entry_id: str) -> dict[str, str]:
    return {"section": section, "entry_id": entry_id}


def of_subject(subject: Any) -> list[dict[str, Any]]:
    said = {"subject": subject, "outcome": "yes", "name": "Edith Marlow-Synth", "role": "herself"}
    review = {"subject": subject, "due_on": "2026-09-10", "responsible": REACHED}
    return [entry("agreement", said), entry("review", review)]


PERSON: Final = {
    "name": {
        "first": "Edith",
        "family": "Marlow-Synth",
        "preferred": "Edie",
        "title": "Mrs",
        "suffix": "MBE",
        "full": "Edith Marlow-Synth",
    },
    "date_of_birth": "1938-03-14",
    "gender": coded("person_stated_gender_code", "2"),
    "sex": coded("person_phenotypic_sex", "2"),
    "ethnicity": coded("ethnic_category", "A"),
    "country_of_birth": coded("country_code__birth_", "GBR"),
    "marital_status": coded("person_marital_status", "W"),
    "aliases": ["Edie"],
    "religion": WORDS_AND_CODE,
    "nhs_number": {"value": "9990000018", "verification": "traced-and-verified"},
    "other_identifiers": [{"kind": "local", "value": "X1"}],
    "addresses": [
        {f"line{number}": "A line" for number in range(1, 6)}
        | {"postcode": "ZZ1 1AA", "kind": coded("address_association_type", "M")}
    ],
    "contact": {
        "preferred_method": coded("communication_contact_method", "1"),
        "phones": [{"number": "01632 960110", "kind": "Home", "preference": 1}],
        "emails": [{"address": "e@example.org", "kind": "Home", "preference": 1}],
        "other": ["By letter"],
    },
    "gp_practices": [{"ods": "ZZG01", "details": "The surgery", "gp_name": "Dr Quill-Synth"}],
}
CRISIS: Final = {
    "name": WORDS_AND_CODE,
    "triggers": [WORDS_AND_CODE],
    "early_warning_signs": [WORDS_AND_CODE],
    "coping_strategies": [{"text": "Music", "starts_at": AT, "ends_at": AT}],
    "instructions": [{"what": WORDS_AND_CODE}],
    "contacts": [{"order": 1, **REACHED}],
    "equipment": [{"what": "Pads"}],
    "advance_statement": {"held_at": "At home", "what": WORDS_AND_CODE},
}
HEADINGS: Final = (
    *("what_is_most_important", "people_who_are_important", "how_i_communicate", "my_wellness"),
    *("please_do_and_please_dont", "how_and_when_to_support_me", "also_worth_knowing"),
)


def a_full_plan() -> dict[str, Any]:
    clean = {"organisation": NURSE["organisation"], "contact_details": ["01632 960110"]}
    sections = {
        "person": [entry("person", PERSON)],
        "about-me": [
            entry("about-me", {"responses": {
                one: {"text": "Mine", "media": [{"url": "https://example.org/1"}]}
                for one in HEADINGS
            }})
        ],
        "care-team": [
            entry("professional-contact", {
                **clean, "name": "Jo", "role": WORDS_AND_CODE, "key_worker": True, "team": "Falls",
                "speciality": coded("activity_treatment_function_code", "431"),
                "starts_at": AT, "ends_at": AT,
            }),
            entry("personal-contact", {
                "name": "Ruth", "relationship": WORDS_AND_CODE, "roles": ["carer"],
                "contact_details": ["01632 960112"], "comments": "Has a key",
            }),
        ],
        "needs": [
            entry("strength", {"what": WORDS_AND_CODE}),
            entry("need", {"what": WORDS_AND_CODE}, "n"),
            entry("formulation", {"text": "Together"}),
        ],
        "goals": [
            entry("goal", {"aim": WORDS_AND_CODE, "importance": 9, "status": {"value": "on-going"},
                           "need_ids": [ref("needs", "n")]}, "g"),
            entry("action", {
                "what": [WORDS_AND_CODE], "who": {**REACHED, "team": "Falls"},
                "when": {"date": "2026-04"}, "strategies": ["Rest first"],
                "status": {"value": "in-progress", **WORDS_AND_CODE}, "confidence": 7,
                "review_date": "2026-05", "goal_ids": [ref("goals", "g")],
            }, "a"),
            entry("stage-goal", {"aim": WORDS_AND_CODE, "outcome": WORDS_AND_CODE,
                                 "status": {"value": "achieved"},
                                 "action_ids": [ref("goals", "a")]}),
            entry("outcome", {"what": WORDS_AND_CODE, "goal_id": ref("goals", "g")}),
        ],
        "contingency-plans": [entry("contingency-plan", CRISIS, "c")],
        "support-plans": [
            entry("support-plan", {"name": WORDS_AND_CODE, "body": {"text": "Eat well"}}, "s")
        ],
        "stewardship": [
            *of_subject("plan"),
            *of_subject(ref("contingency-plans", "c")),
            *of_subject(ref("support-plans", "s")),
            entry("funding", {"source": WORDS_AND_CODE}),
            entry("linked-document", {"document": {"title": "ReSPECT", "held_at": "At home"}}),
        ],
    }  # fmt: skip
    derived = {
        "changed_at": AT,
        "agreement": {"outcome": "yes", "changed_since": False},
        "lead": IN_FULL,
        "location": SAID["location"],
        "contributors": [{**IN_FULL, "recorded_at": AT}],
    }
    return {"plan_id": "p", "sections": sections, "derived": derived}


def test_every_element_of_a_full_plan_is_exported() -> None:
    told = exported(a_full_plan(), declared_coverage(), declared_code_lists())
    lacking = [one.path for one in elements() if one.path not in {*paths_in(told.document)}]
    assert lacking == []


def test_every_element_of_a_full_plan_is_held() -> None:
    found = check(a_full_plan(), declared_coverage())
    assert [one.path for one in found.not_recorded] == []
    assert found.is_sendable
