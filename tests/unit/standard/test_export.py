"""A plan in the standard's own shape: nothing is shortened or left out without being told."""

from typing import Any

import pytest

from shared.standard.declared import declared_code_lists, declared_coverage
from shared.standard.export import LACKS_MANDATORY, Exported, exported
from shared.standard.leaving import EARLIER, NO_SUBJECT, ONLY_THE_NEXT
from shared.standard.limits import CODE_UNKNOWN, NO_PLACE, TOO_LONG
from shared.standard.released import FILE_STAYS, NOT_FOR_THE_PERSON, NOT_TO_BE_CALLED
from shared.standard.tree import elements

NURSE = {
    "kind": "professional",
    "name": "Sam Ferry-Synth",
    "role": "nurse",
    "organisation": {"ods": "ZZC01", "name": "Riverside"},
}
"""As an entry shows whoever said it; all of them stands in its authorship alone."""
IN_FULL = {
    **NURSE,
    "identifier": {"kind": "nmc", "value": "98A7654Z"},
    "grade": "Band 7",
    "speciality": "F1",
    "team": "Falls",
    "contact": "01632 960110",
}
IN_FULL_AS_EXPORTED = {
    "Name": "Sam Ferry-Synth",
    "Role": {"text": "nurse"},
    "Grade": "Band 7",
    "Speciality": "F1",
    "Professional identifier": "98A7654Z",
    "Organisation": {"Coded value": "ZZC01", "Free text": "Riverside"},
    "Contact details": "01632 960110",
}
EDITH = {"kind": "person", "name": "Edith Marlow-Synth"}
TOLD_AT = "2026-03-10T14:00:00Z"
STORED_AT = "2026-03-10T15:00:00Z"
LONG = "We understood this together. " * 10
UK = "https://www.datadictionary.nhs.uk/data_elements/person_stated_gender_code.html"


def entry(entry_type: str, entry_id: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"by": NURSE, "stated_by": NURSE, "stated_at": TOLD_AT, "recorded_at": STORED_AT}
    return {
        "entry_id": entry_id,
        "entry_type": entry_type,
        "current": True,
        "content": content,
        "derived": {"changed_at": STORED_AT},
        **said,
        **more,
    }


def authored(version: int, stated_by: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Who said a leaf, as a plan has it with ``include=authorship``."""
    said = {"plan_version": version, "stated_by": stated_by, "recorded_by": NURSE}
    return {**said, "stated_at": TOLD_AT, "recorded_at": STORED_AT, **more}


def ref(section: str, entry_id: str) -> dict[str, str]:
    return {"section": section, "entry_id": entry_id}


def out(derived: dict[str, Any] | None = None, **sections: list[dict[str, Any]]) -> Exported:
    named = {name.replace("_", "-"): entries for name, entries in sections.items()}
    plan = {"plan_id": "p", "sections": named, "derived": derived or {}}
    return exported(plan, declared_coverage(), declared_code_lists())


def names_in(document: Any) -> set[str]:
    if isinstance(document, list):
        return {name for one in document for name in names_in(one)}
    if not isinstance(document, dict):
        return set()
    return {*document} | {name for one in document.values() for name in names_in(one)}


def test_a_text_that_is_too_long_is_shortened_and_told_with_the_whole_of_it() -> None:
    told = out(needs=[entry("formulation", "f1", {"text": LONG})])
    (one,) = told.document["Formulation"]["Formulation record entry"]
    assert len(one["Formulation"]) <= 150
    assert one["Formulation"].endswith("…")
    (shortened,) = told.shortened
    assert shortened["element"] == "Formulation > Formulation record entry > Formulation"
    assert (shortened["section"], shortened["entry_id"], shortened["field"]) == (
        "needs", "f1", "text",
    )  # fmt: skip
    assert (shortened["limit"], shortened["characters"]) == (150, len(LONG))
    assert shortened["whole"] == LONG
    (finding,) = told.findings
    assert (finding["code"], finding["rule"]) == ("shortened-on-export", "H-8")
    assert finding["entries"] == [ref("needs", "f1")]
    assert LONG[:20] not in finding["words"]


def test_a_text_that_fits_is_not_touched() -> None:
    text = "a" * 150
    told = out(needs=[entry("formulation", "f1", {"text": text})])
    assert told.document["Formulation"]["Formulation record entry"][0]["Formulation"] == text
    assert (told.shortened, told.findings) == ([], [])


@pytest.mark.parametrize(
    ("content", "element", "why"),
    [
        ({"gender": {"text": "Woman"}}, "Gender", CODE_UNKNOWN),
        ({"gender": {"code": {"system": UK, "code": "7"}}}, "Gender", CODE_UNKNOWN),
        ({"contact": {"phones": [{"number": "0" * 36}]}}, "Person's telephone number", TOO_LONG),
        (
            {
                "name": {"first": "E", "family": "S", "title": "Dr"},
                "nhs_number": {"value": "9" * 11},
            },
            "NHS number",
            TOO_LONG,
        ),
    ],
)
def test_a_number_or_a_code_is_never_cut_but_left_out_and_told(
    content: dict[str, Any], element: str, why: str
) -> None:
    told = out(person=[entry("person", "p", content)])
    (left_out,) = told.left_out
    assert left_out["element"].endswith(element)
    assert left_out["why"] == why
    assert element not in names_in(told.document)


def test_half_an_address_is_not_sent_as_one_and_that_is_told() -> None:
    whole = {"line1": "4 Sample Court", "postcode": "ZZ1 1AA"}
    told = out(person=[entry("person", "p", {"addresses": [{"postcode": "ZZ2 2AA"}, whole]})])
    (address,) = told.document["Person demographics"]["Person's address"]
    assert address["Postcode"] == "ZZ1 1AA"
    (left_out,) = told.left_out
    assert left_out["why"] == LACKS_MANDATORY
    assert left_out["at"] == "Person demographics > Person's address[0]"


def test_of_two_agreements_the_one_that_was_said_last_is_exported() -> None:
    content = {"subject": "plan", "outcome": "yes"}
    told = out(
        stewardship=[
            entry("agreement", "new", {**content, "name": "Edith"}),
            entry("agreement", "old", {**content, "name": "Tom"}, stated_at="2025-01-01T09:00:00Z"),
        ]
    )
    agreed = told.document["Care and support plan"]
    assert agreed["Agreed with person or legitimate representative"]["Person full name"] == "Edith"
    (earlier,) = [one for one in told.left_out if one["why"] == EARLIER]
    assert earlier == {
        **ref("stewardship", "old"), "why": EARLIER, "whole": {**content, "name": "Tom"},
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["agreement", "review"])
def test_an_agreement_or_a_review_that_has_no_place_is_told_whole(kind: str) -> None:
    content = {"subject": ref("goals", "g1"), "outcome": "yes"}
    told = out(stewardship=[entry(kind, "s1", content)])
    assert told.left_out == [{**ref("stewardship", "s1"), "why": NO_SUBJECT, "whole": content}]


def test_the_reviews_that_were_held_are_told_since_only_the_next_one_has_a_place() -> None:
    held = [{"held_on": "2026-01-05", "kind": "formal", "outcome": "Goes well"}]
    told = out(
        stewardship=[entry("review", "r", {"subject": "plan", "interval": "P6M", "held": held})]
    )
    assert told.document["Care and support plan"]["Planned review date/interval"] == "P6M"
    assert told.left_out == [
        {**ref("stewardship", "r"), "field": "held", "why": ONLY_THE_NEXT, "whole": held}
    ]


def test_what_is_left_out_is_told_whole_with_the_limit_that_it_passes() -> None:
    senior = {**IN_FULL, "speciality": "Adults"}
    told = out({"lead": senior}, needs=[entry("need", "n1", {"what": {"text": "Falls"}})])
    (left_out,) = told.left_out
    assert left_out["element"] == "Care and support plan > Performing professional > Speciality"
    assert (left_out["limit"], left_out["characters"]) == (3, 6)
    assert (left_out["whole"], left_out["why"]) == ("Adults", TOO_LONG)
    given = {"code": {"system": UK, "code": "7"}}
    (left_out,) = out(person=[entry("person", "p", {"gender": given})]).left_out
    assert (left_out["whole"], "limit" in left_out) == (given, False)


def test_of_two_fundings_none_has_the_code_of_one_and_the_words_of_the_other() -> None:
    paid_by = {"code": {"system": "ods", "code": "ZZL01"}}
    told = out(
        stewardship=[
            entry("funding", "f1", {"source": {"text": "Personal budget"}}),
            entry("funding", "f2", {"source": paid_by}),
            entry("funding", "f3", {"source": {"text": "A charity"}}),
        ]
    )
    plan = told.document["Care and support plan"]
    assert plan["Care funding source"] == {"Free text": "Personal budget"}
    assert [(one["entry_id"], one["why"]) for one in told.left_out] == [
        ("f2", NO_PLACE), ("f3", NO_PLACE),
    ]  # fmt: skip
    assert told.left_out[1]["whole"] == {"Free text": "A charity"}
    assert (told.shortened, told.findings) == ([], [])


def test_nothing_leaves_that_is_withheld_from_the_person() -> None:
    kept = {"state": "withheld", "reason": "Harm"}
    later = {"state": "discuss-first"}
    mark = {"withheld_from_person": True, "approved_by": "The Caldicott guardian"}
    told = out(
        needs=[
            entry("formulation", "f1", {"text": "Kept", "shared_with_person": kept}),
            entry("formulation", "f2", {"text": "Told later", "shared_with_person": later}),
            entry("formulation", "f3", {"text": "Told", "shared_with_person": {"state": "shared"}}),
            entry("need", "n1", {"what": {"text": "Kept"}, "visibility": mark}),
            entry("need", "n2", {"what": {"text": "Falls"}, "priority": "high",
                                 "visibility": {**mark, "fields": ["priority"]}}),
        ]
    )  # fmt: skip
    formulations = told.document["Formulation"]["Formulation record entry"]
    assert [one["Formulation"] for one in formulations] == [
        "Discuss with the person first: Told later", "Told",
    ]  # fmt: skip
    assert "Kept" not in str(told.document)
    assert [(one["entry_id"], one["why"]) for one in told.left_out] == [
        ("f1", NOT_FOR_THE_PERSON), ("n1", NOT_FOR_THE_PERSON), ("n2", NOT_FOR_THE_PERSON),
    ]  # fmt: skip
    assert told.left_out[2]["fields"] == ["priority"]


def test_a_file_that_stays_here_is_told_with_all_that_finds_it() -> None:
    plan, photo = {"media_id": "m1", "sha256": "0a"}, {"media_id": "m2", "sha256": "0b"}
    photo |= {"mime": "image/png", "caption": "The bench", "transcript": "Birds"}
    seen = {**photo, "media_id": "m3", "url": "https://example.org/1"}
    document = {"title": "Rota", "mime": "application/pdf", "sha256": "0c"}
    told = out(
        support_plans=[
            entry("support-plan", "s1", {"body": {"format": "document", "media": [plan]}}),
            entry("support-plan", "s2", {"body": {"media": [photo, seen]}}),
            entry("support-plan", "s3", {"documents": [document]}),
        ],
        about_me=[
            entry("about-me", "m", {"responses": {"my_wellness": {"media": [photo, seen]}}}),
        ],
        care_team=[entry("proxy", "x", {"authority": {"document": document}})],
    )
    said = [
        one["Additional support plan content"] for one in told.document["Additional support plans"]
    ]
    assert said == [
        "File kept by the sender",
        (
            "The bench; Birds; File kept by the sender: image/png\nThe bench; Birds; "
            "https://example.org/1"
        ),
        "Rota; File kept by the sender: application/pdf",
    ]
    about_me = told.document["About me"]
    assert about_me["Location to multimedia file"] == "https://example.org/1"
    assert [(one["entry_id"], one["field"], one["file"]) for one in told.left_out] == [
        ("s1", "body.media", plan),
        ("s2", "body.media", photo),
        ("s3", "documents", document),
        ("m", "responses.my_wellness.media", photo),
        ("m", "responses.my_wellness.media", seen),
    ]
    assert {one["why"] for one in told.left_out} == {FILE_STAYS}


def test_a_code_of_its_list_stands_alone_where_the_standard_has_only_a_code() -> None:
    female = {"code": {"system": UK, "code": "2", "display": "Female"}, "text": "a woman"}
    told = out(person=[entry("person", "p", {"gender": female})])
    assert told.document["Person demographics"] == {"Gender": "2"}


def test_the_tree_is_that_of_the_links_and_what_hangs_nowhere_is_told() -> None:
    told = out(
        needs=[entry("need", "n1", {"what": {"text": "Falls"}})],
        goals=[
            entry("goal", "g1", {"aim": {"text": "Walk"}, "need_ids": [ref("needs", "n1")],
                                 "status": {"value": "on-going"}}),
            entry("action", "a1", {"what": [{"text": "Practise"}, {"text": "Rest"}],
                                   "goal_ids": [ref("goals", "g1")], "when": {"timing": "daily"}}),
            entry("stage-goal", "s1", {"aim": {"text": "To the gate"},
                                       "action_ids": [ref("goals", "a1")]}),
            entry("outcome", "o1", {"what": {"text": "She walks"}, "goal_id": ref("goals", "g1")}),
            entry("goal", "g2", {"aim": {"text": "Sing"}, "need_ids": [ref("needs", "n9")]}),
        ],
    )  # fmt: skip
    (need,) = told.document["Care and support plan"]["Needs, concerns or problems"]
    (goal,) = need["Goals and hopes"]
    (action,) = goal["Actions and activities"]
    assert goal["Free text"] == "Walk"
    assert goal["Goal status"] == {"text": "on-going"}
    assert action["What"] == [{"Free text": "Practise"}, {"Free text": "Rest"}]
    assert (action["When"], action["Date last updated"]) == ("daily", STORED_AT)
    assert action["Stage goal"] == [{"Stage goal": {"Free text": "To the gate"}}]
    assert goal["Outcomes"] == [{"Free text": "She walks"}]
    assert [one["entry_id"] for one in told.left_out] == ["g2"]


def test_what_to_avoid_is_said_in_words_and_never_by_a_code_that_reads_as_to_do() -> None:
    code = {"system": "http://snomed.info/sct", "code": "71388002", "display": "Procedure"}
    instructions = [{"what": {"text": "Sit with her"}}, {"what": {"code": code}, "avoid": True}]
    content = {"triggers": [{"text": "A fall"}], "instructions": instructions,
               "contacts": [{"order": 2, "name": "Second"}, {"order": 1, "name": "First"}],
               "coping_strategies": [{"text": "Music", "tools": "Headphones"}],
               "equipment": [{"what": "Pads", "where": "Hall"}]}  # fmt: skip
    told = out(contingency_plans=[entry("contingency-plan", "c1", content)])
    (plan,) = told.document["Contingency/safety plans"]
    assert plan["What should happen"] == [
        {"Free text": "Sit with her"}, {"Free text": "Avoid: Procedure"},
    ]  # fmt: skip
    assert [one["Name"] for one in plan["Who should be contacted"]] == ["First", "Second"]
    assert plan["Coping strategies"] == [{"Coping strategy": "Music; Headphones"}]
    assert plan["Anticipatory medicines/equipment"] == ["Pads, kept: Hall"]


def test_somebody_who_must_not_be_called_is_never_exported_without_that() -> None:
    content = {"name": "Lee", "excluded": {"reason": "Unsafe"}, "comments": "Brother"}
    told = out(care_team=[entry("personal-contact", "c1", content)])
    (contact,) = told.document["Personal contacts"]["Personal contacts record entry"]
    assert contact["Comments"] == "Must not be contacted or asked: Unsafe; Brother"


def test_whom_nobody_may_call_is_not_exported_among_those_to_call() -> None:
    contacts = [{"item_id": "i1", "name": "Lee"}, {"item_id": "i2", "name": "Ruth"}]
    content = {"triggers": [{"text": "A fall"}], "contacts": contacts}
    derived = {"changed_at": STORED_AT, "not_to_be_called": ["i1"]}
    told = out(contingency_plans=[entry("contingency-plan", "c1", content, derived=derived)])
    (plan,) = told.document["Contingency/safety plans"]
    assert plan["Who should be contacted"] == [{"Name": "Ruth"}]
    assert told.left_out == [
        {**ref("contingency-plans", "c1"), "field": "contacts", "why": NOT_TO_BE_CALLED,
         "whole": contacts[0]}
    ]  # fmt: skip


def test_of_several_values_in_one_place_the_first_is_taken_and_that_is_told() -> None:
    content = {"name": "Dr Quill-Synth", "contact_details": ["01632 960110", "q@example.org"]}
    told = out(care_team=[entry("professional-contact", "c1", content)])
    (contact,) = told.document["Professional contacts"]["Professional contacts record entry"]
    assert contact["Contact details"] == "01632 960110"
    assert [one["why"] for one in told.left_out] == [NO_PLACE]


def test_what_is_about_somebody_else_is_not_exported() -> None:
    mark = {"third_party": True, "reason": "It is his"}
    told = out(
        needs=[
            entry("need", "n1", {"what": {"text": "His illness"}, "visibility": mark}),
            entry("strength", "s1", {"what": {"text": "Hers"}}),
        ],
        about_me=[
            entry("about-me", "m", {
                "responses": {"my_wellness": {"text": "His"},
                              "also_worth_knowing": {"text": "Mine"}},
                "visibility": {**mark, "fields": ["responses.my_wellness"]},
            })
        ],
    )  # fmt: skip
    assert "Needs, concerns or problems" not in names_in(told.document)
    assert "My wellness" not in names_in(told.document)
    assert "Also worth knowing about me" in names_in(told.document)
    assert sorted(one["entry_id"] for one in told.left_out) == ["m", "n1"]


def test_who_said_it_who_wrote_it_and_where_come_from_the_provenance() -> None:
    kitchen, ward = {"text": "Her kitchen"}, {"ods": "ZZC01"}
    content = {
        "triggers": [{"text": "A fall"}],
        "equipment": [{"what": "A frame"}],
        "advance_statement": {"held_at": "With her son"},
    }
    authorship = {
        "triggers": {"plan_version": 3, "stated_by": IN_FULL, "location": ward},
        "triggers.1": {"plan_version": 3, "stated_by": IN_FULL, "location": ward},
        "equipment": {"plan_version": 8, "stated_by": EDITH, "location": kitchen},
        "advance_statement": {"plan_version": 2, "stated_by": EDITH, "location": kitchen},
    }
    since = {"stated_by": EDITH, "authorship": authorship}
    told = out(
        contingency_plans=[entry("contingency-plan", "c1", content, **since)],
        needs=[entry("formulation", "f1", {"text": "Together"}, stated_by=EDITH)],
    )
    (plan,) = told.document["Contingency/safety plans"]
    assert plan["Performing professional"] == IN_FULL_AS_EXPORTED
    assert plan["Person completing record"]["Date completed"] == STORED_AT
    assert plan["Location"] == [{"Free text": "Her kitchen"}, {"Coded value": "ZZC01"}]
    assert plan["Advance statement"]["Location"] == {"Free text": "Her kitchen"}
    (formulation,) = told.document["Formulation"]["Formulation record entry"]
    assert "Performing professional" not in formulation
    assert formulation["Date"] == TOLD_AT


def test_of_a_professional_all_is_exported_that_they_say_of_themselves() -> None:
    senior = {**IN_FULL, "name": "Jo Ferry-Synth", "speciality": "431"}
    writer = {name: senior[name] for name in ("kind", "name", "role", "organisation")}
    said = {
        "contacts": authored(4, EDITH, location={"text": "Her kitchen"}),
        "triggers": authored(3, senior, location={"ods": "ZZC01"}),
        "name": authored(2, NURSE, location={"text": "Her kitchen"}),
        "visibility": authored(5, {**NURSE, "name": "An officer"}, location={"text": "An office"}),
    }
    content = {"triggers": [{"text": "A fall"}]}
    told = out(
        contingency_plans=[
            entry("contingency-plan", "c1", content, by=writer, stated_by=EDITH, authorship=said)
        ],
    )
    (plan,) = told.document["Contingency/safety plans"]
    assert plan["Performing professional"] == {
        **IN_FULL_AS_EXPORTED,
        "Name": "Jo Ferry-Synth",
        "Speciality": "431",
    }
    # Who wrote it down is known by name and role alone; the rest they say of themselves.
    written = plan["Person completing record"]
    assert (written["Date completed"], written["Grade"]) == (STORED_AT, "Band 7")
    assert (written["Specialty"], written["Professional identifier"]) == ("431", "98A7654Z")
    assert plan["Location"] == [{"Free text": "Her kitchen"}, {"Coded value": "ZZC01"}]


def test_a_formulation_is_of_the_day_it_was_made_and_not_of_the_day_it_was_shared() -> None:
    other = {**NURSE, "name": "Another"}
    said = {
        "text": authored(1, NURSE, location={"text": "The clinic"}),
        "shared_with_person": authored(2, other, stated_at="2026-09-09T09:00:00Z"),
    }
    content = {"text": "Together", "shared_with_person": {"state": "shared"}}
    later = {"stated_by": other, "stated_at": "2026-09-09T09:00:00Z"}
    told = out(needs=[entry("formulation", "f1", content, authorship=said, **later)])
    (one,) = told.document["Formulation"]["Formulation record entry"]
    assert one["Date"] == TOLD_AT
    assert one["Performing professional"]["Name"] == NURSE["name"]
    assert one["Location"] == {"Free text": "The clinic"}


def test_who_made_an_advance_statement_with_the_person_is_who_wrote_it_down() -> None:
    statement = {"held_at": "At home", "what": {"text": "To stay at home"}}
    content = {"triggers": [{"text": "A fall"}], "advance_statement": statement}
    said = authored(2, EDITH, location={"text": "Her kitchen"}) | {"recorded_by": NURSE}
    told = out(
        contingency_plans=[
            entry("contingency-plan", "c1", content, authorship={"advance_statement": said})
        ]
    )
    made = told.document["Contingency/safety plans"][0]["Advance statement"]
    assert made["Performing professional"]["Name"] == NURSE["name"]
    assert made["Person completing record"]["Name"] == NURSE["name"]
    assert (made["Location"], made["Date"]) == ({"Free text": "Her kitchen"}, TOLD_AT)


@pytest.mark.parametrize(
    ("agreement", "says_yes"),
    [
        ({"outcome": "yes", "changed_since": False}, True),
        ({"outcome": "yes", "changed_since": True}, False),
        ({"outcome": "no", "changed_since": False}, False),
        ({"outcome": "yes"}, False),
    ],
)
def test_agreed_is_said_only_of_a_plain_yes_to_what_the_plan_says_now(
    agreement: dict[str, Any], *, says_yes: bool
) -> None:
    content = {"subject": "plan", "outcome": agreement["outcome"], "name": "Edith Marlow-Synth"}
    told = out({"agreement": agreement}, stewardship=[entry("agreement", "a1", content)])
    agreed = told.document["Care and support plan"][
        "Agreed with person or legitimate representative"
    ]
    assert agreed.get("Person or legitimate representative", False) is says_yes
    assert bool(told.left_out) is not says_yes


def test_an_agreement_or_a_review_stands_where_its_subject_does() -> None:
    about = ref("contingency-plans", "c1")
    told = out(
        {"lead": NURSE, "contributors": [{**NURSE, "recorded_at": STORED_AT}, EDITH],
         "location": {"ods": "ZZC01"}},
        contingency_plans=[entry("contingency-plan", "c1", {"triggers": [{"text": "A fall"}]})],
        stewardship=[
            entry("review", "r1", {"subject": about, "due_on": "2026-06-01"}),
            entry("review", "r2", {"subject": "plan", "interval": "P6M"}),
        ],
    )  # fmt: skip
    assert told.document["Contingency/safety plans"][0]["Planned review date/interval"] == (
        "2026-06-01"
    )
    plan = told.document["Care and support plan"]
    assert plan["Planned review date/interval"] == "P6M"
    assert plan["Performing professional"]["Organisation"] == {
        "Coded value": "ZZC01", "Free text": "Riverside",
    }  # fmt: skip
    assert [one["Name"] for one in plan["Person completing record"]] == [
        "Sam Ferry-Synth", "Edith Marlow-Synth",
    ]  # fmt: skip
    assert plan["Location"] == {"Coded value": "ZZC01"}


def test_about_me_has_its_headings_its_day_its_media_and_who_helped() -> None:
    content = {"responses": {
        "how_i_communicate": {"text": "Face me", "media": [{"url": "https://example.org/1"}]},
        "my_wellness": {"text": "Music", "media": [{"url": "https://example.org/2"}]},
    }}  # fmt: skip
    tom, sam = {"name": "Tom", "relationship": "son"}, {"name": "Sam", "how": "by pictures"}
    authorship = {
        "responses.my_wellness": {"plan_version": 2, "supported_by": sam, "stated_at": TOLD_AT},
        "responses.how_i_communicate": {
            "plan_version": 5, "supported_by": tom, "stated_at": "2026-03-09T14:00:00Z",
        },
        "responses.how_i_communicate.media.1": {"plan_version": 2, "supported_by": sam},
    }  # fmt: skip
    told = out(
        about_me=[entry("about-me", "m", content, authorship=authorship, stated_at=STORED_AT)]
    ).document["About me"]
    heading = "How I communicate and how to communicate with me"
    assert told[heading] == {heading: "Face me"}
    assert told["My wellness"] == {"My wellness": "Music"}
    assert told["Location to multimedia file"] == "https://example.org/1\nhttps://example.org/2"
    assert told["Supported to write this by"] == "Tom, son; Sam, by pictures"
    assert told["Date"] == TOLD_AT


def test_every_name_is_one_of_the_standard() -> None:
    told = out(needs=[entry("formulation", "f1", {"text": "x"})])
    of_an_organisation = {"Coded value", "Free text"}
    assert names_in(told.document) <= {one.name for one in elements()} | of_an_organisation | {
        "text",
        "code",
    }
