"""What is withheld of an entry follows from its marks of today, from who reads and from nothing."""

from typing import Any

import pytest

from shared.chassis.policy.access import Scope
from shared.chassis.policy.redaction.marks import (
    NOTHING,
    Marks,
    Rule,
    Withheld,
    marks_of,
    withheld_of,
)
from shared.chassis.policy.redaction.of_a_plan import PlanMarks
from shared.chassis.policy.sees import Reader, Sees
from shared.ledger import Visibility

ALL = (Scope(),)
PERSON = Sees(Reader.PERSON, scopes=ALL, sex=True, third_party=True)
PROXY = Sees(Reader.PROXY, scopes=ALL)
ORIGIN = Sees(Reader.ORGANISATION, "ZZG01", scopes=ALL, third_party=True)
OTHER = Sees(Reader.ORGANISATION, "ZZC01", scopes=ALL, third_party=True)
CLEARED = Sees(
    Reader.ORGANISATION, "ZZC02", scopes=(Scope(labels=frozenset({"address"})),), third_party=True
)
READERS = {"person": PERSON, "proxy": PROXY, "origin": ORIGIN, "other": OTHER, "cleared": CLEARED}


def marks(visibility: Visibility | None, **more: Any) -> Marks:
    return Marks("goals", "goal", "ZZG01", visibility, **more)


def from_whom(of: Marks) -> dict[str, Rule]:
    found = {name: withheld_of(sees, of) for name, sees in READERS.items()}
    return {name: one.rule or next(iter(one.leaves.values())) for name, one in found.items() if one}


@pytest.mark.parametrize(
    ("visibility", "withheld"),
    [
        (None, {}),
        (Visibility(labels=("address",)), {"proxy": "label", "other": "label"}),
        (Visibility(labels=("address", "x")),
         {"proxy": "label", "other": "label", "cleared": "label"}),
        (Visibility(withheld_from_person=True), {"person": "from-person", "proxy": "from-person"}),
        (Visibility(third_party=True), {"proxy": "third-party"}),
        (Visibility(labels=("address",), third_party=True),
         {"proxy": "label", "other": "label"}),
    ],
)  # fmt: skip
def test_each_kind_of_restriction_keeps_it_from_its_readers(
    visibility: Visibility | None, withheld: dict[str, str]
) -> None:
    assert from_whom(marks(visibility)) == withheld


def test_a_restriction_of_leaves_leaves_the_entry() -> None:
    of = marks(Visibility(fields=("why", "responses.how"), labels=("address",)))
    found = withheld_of(OTHER, of)
    assert found.rule is None
    assert found.leaves == {"why": Rule.LABEL, "responses.how": Rule.LABEL}
    shown = ("aim", "responses", "responses.what", "whys")
    assert not any(map(found.hides, shown))
    assert all(map(found.hides, ("why", "why.item", "responses.how", "visibility")))
    assert withheld_of(ORIGIN, of) == NOTHING


def test_labels_that_policy_does_not_name_keep_it_from_nobody() -> None:
    by_policy = Sees(Reader.ORGANISATION, "ZZC01", scopes=ALL, restricting=frozenset({"address"}))
    assert withheld_of(by_policy, marks(Visibility(labels=("risk",)))) == NOTHING
    assert withheld_of(by_policy, marks(Visibility(labels=("risk", "address")))).rule == "label"


def test_whatever_a_scope_does_not_cover_is_withheld_and_what_is_objected_to() -> None:
    narrow = Sees(Reader.ORGANISATION, "ZZG01", scopes=(Scope(frozenset({"needs"})),))
    assert withheld_of(narrow, marks(None)).rule is Rule.SCOPE
    objected = Sees(Reader.ORGANISATION, "ZZG01", scopes=ALL, objected=frozenset({"goals"}))
    assert withheld_of(objected, marks(None)).rule is Rule.OBJECTION


@pytest.mark.parametrize(
    ("content", "withheld"),
    [
        ({"shared_with_person": {"state": "shared"}}, {}),
        ({"shared_with_person": {"state": "discuss-first"}}, {"person", "proxy"}),
        ({"shared_with_person": {"state": "withheld"}}, {"person", "proxy"}),
        ({"shared_with_person": "shared"}, {"person", "proxy"}),
        ({}, {"person", "proxy"}),
    ],
)
def test_a_formulation_is_kept_from_the_person_until_it_is_shared(
    content: dict[str, Any], withheld: set[str]
) -> None:
    of = marks_of("needs", "formulation", "ZZG01", content)
    assert from_whom(of) == dict.fromkeys(withheld, Rule.NOT_SHARED)


def test_sex_is_named_for_those_who_do_not_see_it_whether_it_is_recorded_or_not() -> None:
    for content in ({}, {"sex": {"text": "x"}}):
        of = marks_of("person", "person", "ZZG01", content)
        assert withheld_of(OTHER, of) == Withheld(leaves={"sex": Rule.SEX})
        assert withheld_of(PERSON, of) == NOTHING


@pytest.mark.parametrize("unreadable", ["x", {"fields": "aim"}, {"labels": [1]}, [1]])
def test_a_restriction_that_cannot_be_read_is_for_the_origin_alone(unreadable: Any) -> None:
    of = marks_of("goals", "goal", "ZZG01", {"visibility": unreadable})
    assert from_whom(of).keys() == {"person", "proxy", "other", "cleared"}


def spoken_of(target: Any) -> Any:
    """What another organisation sees of a comment on this, and of an agreement to the comment."""
    about = {"section": "stewardship", "entry_id": "c1"}
    of = PlanMarks(
        [
            (("goals", "g1"), marks(Visibility(labels=("address",)))),
            (("goals", "g2"), marks(Visibility(fields=("responses.how",), labels=("address",)))),
            (("goals", "g3"), marks(None)),
            (("stewardship", "c1"),
             marks_of("stewardship", "comment", "ZZC01", {"target": target})),
            (("stewardship", "c2"), marks_of("stewardship", "comment", "ZZC01", {"target": about})),
        ]
    )  # fmt: skip
    found = of.withheld_from(OTHER)
    first, second = found.of("stewardship", "c1"), found.of("stewardship", "c2")
    assert first == second
    assert not (first and first.by_itself)
    return first.rule


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("plan", None),
        ({"section": "goals"}, None),
        ({"section": "goals", "entry_id": "g1"}, Rule.LABEL),
        ({"section": "goals", "entry_id": "g2"}, None),
        ({"section": "goals", "entry_id": "g2", "field": "aim"}, None),
        ({"section": "goals", "entry_id": "g2", "field": "responses.how"}, Rule.LABEL),
        ({"section": "goals", "entry_id": "g2", "field": "responses/how"}, Rule.LABEL),
        ({"section": "goals", "entry_id": "g2", "field": "responses.how.media"}, Rule.LABEL),
        ({"section": "goals", "entry_id": "g2", "field": "responses"}, Rule.LABEL),
        ({"section": "goals", "entry_id": "g3"}, None),
        ({"section": "goals", "entry_id": "g4"}, None),
    ],
)
def test_what_is_said_of_a_thing_is_withheld_with_it(target: Any, rule: Rule | None) -> None:
    assert spoken_of(target) == rule


def test_what_is_said_of_a_section_out_of_scope_is_withheld() -> None:
    sees = Sees(Reader.ORGANISATION, "ZZC01", scopes=(Scope(frozenset({"stewardship"})),))
    of = PlanMarks(
        [
            (("stewardship", f"c{number}"),
             marks_of("stewardship", "comment", "ZZC01", {"target": target}))
            for number, target in enumerate(({"section": "goals"}, "plan", {"section": "goals",
                                             "entry_id": "nobody-knows"}))
        ]
    )  # fmt: skip
    found = of.withheld_from(sees)
    rules = [found.of("stewardship", f"c{number}").rule for number in range(3)]
    assert rules == [Rule.SCOPE, None, Rule.SCOPE]


def test_readers_alike_are_shown_the_same_and_others_are_told_apart() -> None:
    of = PlanMarks(
        [
            (("goals", "g1"), marks(Visibility(labels=("address",)))),
            (("person", "p"), Marks("person", "person", "ZZG01")),
        ]
    )
    apart = {of.alike(sees) for sees in READERS.values()}
    assert len(apart) == len(READERS)
    another = Sees(Reader.ORGANISATION, "ZZC09", scopes=ALL, third_party=True)
    assert of.alike(another) == of.alike(OTHER)
    assert of.withheld_from(another).fingerprint == of.withheld_from(OTHER).fingerprint
    assert of.withheld_from(ORIGIN).fingerprint != of.withheld_from(OTHER).fingerprint
    assert not of.withheld_from(PERSON)
    assert not of.withheld_from(ORIGIN).but_sex
    assert of.withheld_from(OTHER).only_sex.of("goals", "g1") == NOTHING
    assert of.withheld_from(OTHER).only_sex.of("person", "p")
