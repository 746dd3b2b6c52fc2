"""From JSON as it came to a command: a wrong form has its pointer, a right one its meaning."""

import inspect
import re
import typing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.about_me.section import SECTION as ABOUT_ME
from services.goals.section import SECTION
from services.person.section import SECTION as PERSON
from services.stewardship.section import SECTION as STEWARDSHIP
from shared.chassis.contribute.decisions import already_there
from shared.chassis.contribute.prepare import (
    Prepared,
    _judge_visibility,
    contribution_from_json,
    prepare,
)
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.contracts import discover
from shared.ledger import Contributor, Entry, Organisation, Section, Visibility
from shared.ledger.entry.fields import needed_reasons

PLAN = "0199c0de-0000-7000-8000-00000000000a"
GOAL = "0199c0de-0000-7000-8000-00000000000b"
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-00000000000c"}
CONTENT = {"aim": {"text": "To walk to the shop"}, "need_ids": [NEED]}
GP = Contributor(
    "professional", "user-1", "Dr A. Quill-Synth", "gp", Organisation("ZZG01", "Larkfield")
)
SYSTEM = Contributor("system", "client-1", "Larkfield's system", None, Organisation("ZZG01"))


def given(**members: Any) -> dict[str, Any]:
    contribution: dict[str, Any] = {
        "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
        "plan_id": PLAN,
        "command": "careplan.goals.commands.agree.v1",
        "content": CONTENT,
        **members,
    }
    return {name: member for name, member in contribution.items() if member is not ...}


def prepared(contributor: Contributor = GP, **members: Any) -> Prepared:
    return prepare(SECTION, contribution_from_json(given(**members)), contributor)


def pointers(problem: Problem) -> list[str]:
    return [error["pointer"] for error in problem.errors]


def changing(**members: Any) -> dict[str, Any]:
    return {
        "command": "careplan.goals.commands.set-aside.v1",
        "entry_id": GOAL,
        "based_on": 3,
        "content": {"reason": "It is done"},
        **members,
    }


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"contribution_id": ...}, "/contribution_id"),
        ({"contribution_id": None}, "/contribution_id"),
        ({"contribution_id": 7}, "/contribution_id"),
        ({"contribution_id": "no-id"}, "/contribution_id"),
        ({"contribution_id": PLAN.upper()}, "/contribution_id"),
        ({"contribution_id": f"{PLAN}\n"}, "/contribution_id"),
        ({"contribution_id": f" {PLAN}"}, "/contribution_id"),
        ({"contribution_id": f"{{{PLAN}}}"}, "/contribution_id"),
        ({"contribution_id": PLAN.replace("-", "")}, "/contribution_id"),
        ({"plan_id": []}, "/plan_id"),
        ({"entry_id": "…"}, "/entry_id"),
        ({"command": None}, "/command"),
        ({"command": ["agree"]}, "/command"),
        ({"based_on": "3"}, "/based_on"),
        ({"based_on": 0}, "/based_on"),
        ({"based_on": True}, "/based_on"),
        ({"based_on": 1.0}, "/based_on"),
        ({"content": []}, "/content"),
        ({"content": "aim"}, "/content"),
        ({"provenance": []}, "/provenance"),
        ({"provenance": {"voice": "loud"}}, "/provenance/voice"),
        ({"Content": {}}, "/Content"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_what_has_not_the_form_of_a_contribution(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        contribution_from_json(given(**members))
    assert caught.value.code == "content-invalid"
    assert pointer in pointers(caught.value)


@pytest.mark.parametrize("value", [None, [], "text", 1, True])
def test_a_contribution_is_an_object(value: Any) -> None:
    with pytest.raises(Problem) as caught:
        contribution_from_json(value)
    assert pointers(caught.value) == [""]


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = given(contribution_id=..., plan_id="x", based_on=0, also=1)
    with pytest.raises(Problem) as caught:
        contribution_from_json(wrong)
    assert set(pointers(caught.value)) == {"/contribution_id", "/plan_id", "/based_on", "/also"}


def test_a_long_key_is_not_given_back_whole() -> None:
    with pytest.raises(Problem) as caught:
        contribution_from_json(given(**{"x" * 100_000: 1}))
    assert len(pointers(caught.value)[0]) < 1_000


def test_a_command_that_is_not_there() -> None:
    for command in ("careplan.goals.commands.fly.v1", "careplan.goals.agreed.v1", "agree", ""):
        with pytest.raises(Problem) as caught:
            prepared(command=command)
        assert caught.value.code == "command-unknown"


def test_a_creation_without_an_entry_gets_one() -> None:
    one, two = prepared(), prepared()
    assert not one.entry_is_chosen
    assert one.entry_id != two.entry_id
    assert one.entry_id.version == 7
    assert one.provenance.entry_id == one.entry_id
    chosen = prepared(entry_id=GOAL)
    assert (chosen.entry_id, chosen.entry_is_chosen) == (UUID(GOAL), True)


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"plan_id": ...}, "/plan_id"),
        ({"plan_id": None}, "/plan_id"),
        ({"based_on": 1}, "/based_on"),
        (changing(entry_id=...), "/entry_id"),
        (changing(plan_id=...), "/plan_id"),
    ],
)
def test_what_the_command_needs(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Problem) as caught:
        prepared(**members)
    assert pointers(caught.value) == [pointer]


def test_which_version_a_change_is_based_on_is_judged_later() -> None:
    assert prepared(**changing()).based_on == 3
    assert prepared(**changing(based_on=...)).based_on is None


def test_the_plan_s_own_entry_has_the_id_that_follows_from_the_plan() -> None:
    change = {
        "command": "careplan.person.commands.end-plan.v1",
        "content": {},
        "based_on": 1,
        "entry_id": GOAL,
    }
    with pytest.raises(Problem) as caught:
        prepare(PERSON, contribution_from_json(given(**change)), GP)
    assert caught.value.code == "content-invalid"
    opened = PERSON.commands["careplan.person.commands.open-plan.v1"]
    assert opened.opens_plan
    assert opened.entry.fixed_id(UUID(PLAN)) is not None


def test_content_that_the_command_does_not_take() -> None:
    with pytest.raises(Problem) as caught:
        prepared(content={**CONTENT, "aim": {"text": 1}, "colour": "red"})
    assert {pointer.split("/")[2] for pointer in pointers(caught.value)} == {"aim", "colour"}


def test_who_recorded_it_is_proven_and_who_said_it_is_claimed() -> None:
    mine = prepared().provenance
    assert mine.recorded_by == mine.stated_by
    assert mine.recorded_by.identifier is not None
    assert mine.recorded_by.identifier.value == "user-1"
    said = prepared(
        provenance={"stated_by": {"kind": "person", "name": "Edith Marlow-Synth"}, "reason": None}
    ).provenance
    assert (said.recorded_by.name, said.stated_by.name) == (
        "Dr A. Quill-Synth",
        "Edith Marlow-Synth",
    )
    system = prepared(SYSTEM, provenance={"system": {"name": "CareWriter"}}).provenance
    assert system.recorded_by.name == "CareWriter"
    assert system.organisation_code == "ZZG01"


@pytest.mark.parametrize(
    ("stated_by", "pointer"),
    [
        ({"kind": "professional", "name": "A"}, "/provenance/stated_by/role"),
        ({"kind": "related-person", "name": "A"}, "/provenance/stated_by/relationship"),
        ({"kind": "professional", "role": "\u200b"}, "/provenance/stated_by/role"),
        (
            {"kind": "related-person", "relationship": " \u3164"},
            "/provenance/stated_by/relationship",
        ),
    ],
)
def test_who_said_it_is_named_with_what_makes_them_that(
    stated_by: dict[str, str], pointer: str
) -> None:
    with pytest.raises(Problem) as caught:
        prepared(provenance={"stated_by": stated_by})
    assert pointers(caught.value) == [pointer]


def test_the_same_content_has_the_same_hash_however_it_is_written() -> None:
    first = prepared().content_hash
    assert prepared(contribution_id=str(uuid4())).content_hash == first
    assert prepared(content=dict(reversed(CONTENT.items()))).content_hash == first
    assert prepared(content={**CONTENT, "importance": None}).content_hash == first
    assert prepared(provenance={}, entry_id=None, based_on=None).content_hash == first
    assert prepared(replace(GP, name="Dr B.")).content_hash == first
    at = {"stated_at": "2026-03-01T12:00:00Z"}
    same_at = {"stated_at": "2026-03-01T14:00:00+02:00"}
    assert prepared(provenance=at).content_hash == prepared(provenance=same_at).content_hash


@pytest.mark.parametrize(
    "members",
    [
        {"plan_id": "0199c0de-0000-7000-8000-0000000000ff"},
        {"entry_id": GOAL},
        {"content": {**CONTENT, "why": "Fresh air"}},
        {"content": {**CONTENT, "aim": {"text": "To walk to the shops"}}},
        {"provenance": {"reason": "asked"}},
        {"visibility": {"labels": ["address"], "reason": "A refuge"}},
    ],
    ids=str,
)
def test_another_content_has_another_hash(members: dict[str, Any]) -> None:
    assert prepared(**members).content_hash != prepared().content_hash


def test_leaving_out_and_removing_are_two_things_in_a_change() -> None:
    command: dict[str, Any] = changing(command="careplan.goals.commands.reword.v1")
    del command["content"]
    aim = {"aim": {"text": "To walk"}}
    left_out = prepared(**command, content=aim)
    removed = prepared(**command, content={**aim, "why": None})
    assert "why" not in left_out.arguments
    assert removed.arguments["why"] is None
    assert left_out.content_hash != removed.content_hash
    with pytest.raises(Problem) as caught:
        prepared(**command, content={})
    assert pointers(caught.value) == ["/content"]


GOAL_LINK = {"section": "goals", "entry_id": GOAL}


@pytest.mark.parametrize(
    ("command", "content", "pointer"),
    [
        ("agree", {**CONTENT, "need_ids": [NEED, GOAL_LINK]}, "need_ids/1"),
        ("agree", {**CONTENT, "strength_ids": [GOAL_LINK]}, "strength_ids/0"),
        ("action-plan", {"what": [{"text": "a"}], "goal_ids": [NEED]}, "goal_ids/0"),
        (
            "action-plan",
            {"what": [{"text": "a"}], "goal_ids": [GOAL_LINK], "who": {"contact_ref": NEED}},
            "who/contact_ref",
        ),
        ("stage-goal-agree", {"aim": {"text": "a"}, "goal_id": NEED}, "goal_id"),
        (
            "stage-goal-agree",
            {"aim": {"text": "a"}, "goal_id": GOAL_LINK, "action_ids": [NEED]},
            "action_ids/0",
        ),
        ("outcome-record", {"what": {"text": "a"}, "goal_id": NEED}, "goal_id"),
    ],
)
def test_a_link_into_another_section_cannot_be_read(
    command: str, content: dict[str, Any], pointer: str
) -> None:
    """The kind: every link of a content leads into the section that is named for it."""
    with pytest.raises(Problem) as caught:
        prepared(command=f"careplan.goals.commands.{command}.v1", content=content)
    assert caught.value.code == "content-invalid"
    (error,) = caught.value.errors
    assert (error["pointer"], error["rule"]) == (f"/content/{pointer}/section", "one-of")
    assert "must be" in error["message"]


@pytest.mark.parametrize(
    "content",
    [
        {**CONTENT, "why": "\u200b"},
        {**CONTENT, "why": ""},
        {**CONTENT, "aim": {"code": {"system": "s", "code": "1", "display": " "}}},
    ],
)
def test_a_text_that_may_be_left_out_says_something_where_it_is_given(
    content: dict[str, Any],
) -> None:
    with pytest.raises(Problem) as caught:
        prepared(content=content)
    assert [error["rule"] for error in caught.value.errors] == ["says-something"]


RESTRICTION = {"labels": ["address"], "reason": "A refuge"}


def restricting(section: Section, visibility: dict[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with a restriction, as a command and, where it may, from the start."""
    found = []
    name = section.wire_name
    changing_one = given(
        command=f"careplan.{name}.commands.restrict.v1", content=visibility, based_on=1
    )
    if name == "goals":
        changing_one["entry_id"] = GOAL
    begun = {
        "goals": given(visibility=visibility),
        "about-me": given(
            command="careplan.about-me.commands.begin.v1",
            content={"responses": {"also_worth_knowing": {"text": "Tea"}}},
            visibility=visibility,
        ),
    }
    for contribution in (changing_one, begun[name]):
        try:
            prepare(section, contribution_from_json(contribution), GP)
        except Problem as problem:
            found += problem.errors
    return found


@pytest.mark.parametrize(
    ("section", "fields", "at"),
    [
        (SECTION, ["nope"], 0),
        (SECTION, ["why", "aim.text"], 1),
        (SECTION, ["visibility"], 0),
        (SECTION, ["reason"], 0),
        (ABOUT_ME, ["responses"], 0),
        (ABOUT_ME, ["responses.how_i_communicate", "responses.nope"], 1),
    ],
)
def test_what_is_restricted_is_a_leaf_of_the_entry(
    section: Section, fields: list[str], at: int
) -> None:
    """Else it would be taken for a restriction, and everybody would go on reading."""
    errors = restricting(section, {**RESTRICTION, "fields": fields})
    assert [(error["pointer"], error["rule"]) for error in errors] == [
        (f"/content/fields/{at}", "one-of"),
        (f"/visibility/fields/{at}", "one-of"),
    ]
    right = "`why`" if section is SECTION else "`responses.how_i_communicate`"
    assert all(right in error["message"] for error in errors)


@pytest.mark.parametrize(
    ("visibility", "rule"),
    [
        ({"reason": "A refuge"}, "from-somebody"),
        ({"fields": ["why"], "reason": "A refuge"}, "from-somebody"),
        ({"labels": [], "third_party": False, "reason": "A refuge"}, "from-somebody"),
        ({"labels": ["\u200b"], "reason": "A refuge"}, "says-something"),
        ({"labels": ["x" * 256], "reason": "A refuge"}, "max-length"),
    ],
)
def test_a_restriction_keeps_something_from_somebody(visibility: dict[str, Any], rule: str) -> None:
    assert [error["rule"] for error in restricting(SECTION, visibility)] == [rule, rule]


def test_a_leaf_of_the_entry_and_the_whole_entry_can_be_restricted() -> None:
    assert restricting(SECTION, {**RESTRICTION, "fields": ["why", "aim"]}) == []
    assert restricting(SECTION, RESTRICTION) == []
    assert restricting(ABOUT_ME, {**RESTRICTION, "fields": ["responses.my_wellness"]}) == []


def test_a_second_entry_where_there_is_one_is_refused_in_words() -> None:
    """The id was not chosen by anybody, so a sentence about the id would say nothing."""
    begin = given(
        command="careplan.about-me.commands.begin.v1",
        content={"responses": {"also_worth_knowing": {"text": "Tea"}}},
    )
    about_me = prepare(ABOUT_ME, contribution_from_json(begin), GP)
    assert "This plan has `About me` already" in already_there(about_me).detail
    plan = given(
        command="careplan.stewardship.commands.review-plan.v1",
        content={"subject": "plan", "responsible": {"name": "Tom"}, "interval": "P6M"},
    )
    review = prepare(STEWARDSHIP, contribution_from_json(plan), GP)
    assert "one review of each subject" in already_there(review).detail
    assert "id" in already_there(prepared(entry_id=GOAL)).detail


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("agree", "The type of a command is `careplan.<section>.commands.<command>.v<major>`"),
        ("careplan.goals.agreed.v1", "The type of a command is"),
        ("careplan.needs.commands.agree.v1", "Send the command to the section that its type names"),
        ("careplan.goals.commands.agree.v2", "only `careplan.goals.commands.agree.v1`."),
        ("careplan.goals.commands.wilma.v1", "The section goals has no such command."),
        ("careplan.goals.commands.agre.v1", "Is it `careplan.goals.commands.agree.v1`"),
    ],
)
def test_what_is_no_command_here_is_told_what_would_be_one(command: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        prepare(SECTION, contribution_from_json(given(command=command)), GP)
    assert caught.value.code == "command-unknown"
    assert said in caught.value.detail
    assert "wilma" not in caught.value.detail


def test_whoever_leaves_the_content_out_is_told_so_and_what_has_to_be_in_it() -> None:
    left_out: tuple[Any, ...] = (..., None, {})
    for content in left_out:
        with pytest.raises(Problem) as caught:
            prepared(content=content)
        assert "`content` is missing" in caught.value.detail
        assert "`aim`, `need_ids`" in caught.value.detail
        assert pointers(caught.value) == ["/content/aim", "/content/need_ids"]


@pytest.mark.parametrize(
    ("members", "known"),
    [({"contents": {}}, "`content`"), ({"content": {**CONTENT, "needs": []}}, "`need_ids`")],
)
def test_a_key_that_is_not_known_is_told_in_the_detail_which_are(
    members: dict[str, Any], known: str
) -> None:
    """A receipt over Kafka has no `errors`: its detail says what would be right."""
    with pytest.raises(Problem) as caught:
        prepared(**members)
    assert "a key that is not known here" in caught.value.detail
    assert known in caught.value.detail
    assert not {"`contents`", "`needs`"} & {*caught.value.detail.split()}


def test_a_change_of_nothing_is_told_to_name_something() -> None:
    reword = {"command": "careplan.goals.commands.reword.v1", "content": {}, "entry_id": PLAN}
    with pytest.raises(Problem) as caught:
        prepare(SECTION, contribution_from_json(given(**reword)), GP)
    assert caught.value.detail == "Name at least one field to change."


def test_a_device_may_have_stated_something() -> None:
    stated = {"stated_by": {"kind": "device", "name": "A scale"}}
    assert prepared(provenance=stated).provenance.stated_by.kind == "device"


def test_what_follows_from_a_declaration_is_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signatures and annotations are slow to read, and are the same for every contribution."""

    def contributed() -> Entry:
        ready = prepared()
        return ready.command.create(ready.provenance, frozenset(), ready.arguments)

    first = contributed()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("read once more")

    monkeypatch.setattr(inspect, "signature", never)
    monkeypatch.setattr(typing, "get_type_hints", never)
    assert contributed().version == first.version


@pytest.mark.parametrize("section", discover.sections(), ids=lambda section: section.name)
def test_a_field_to_withhold_that_is_none_of_the_entry_is_told_those_that_are(
    section: Section,
) -> None:
    """The kind: a list in words that reads wrongly where it has one item only."""
    for type_, command in section.commands.items():
        if not command.creates:
            continue
        with pytest.raises(Problem) as raised:
            _judge_visibility(command, Visibility(fields=("nothing",), third_party=True))
        (error,) = raised.value.errors
        named = re.fullmatch(r"This must be (one of )?(`[^`]+`(?:, `[^`]+`)*)( or `.+`)?\.",
                             error["message"])  # fmt: skip
        assert named, (type_, error["message"])
        assert bool(named[1]) is bool(named[3]), (type_, error["message"])


def test_a_null_for_what_cannot_be_removed_is_told_as_that() -> None:
    """Kind: a null that is judged as a value of the wrong type, when it means to remove."""
    reword = "careplan.goals.commands.reword.v1"
    with pytest.raises(Problem) as caught:
        prepared(**changing(command=reword, content={"aim": None, "why": 3}))
    assert [(one["pointer"], one["rule"]) for one in caught.value.errors] == [
        ("/content/aim", "not-removable"),
        ("/content/why", "text"),
    ]
    assert caught.value.detail == (
        "`aim` cannot be removed by a null: give it a value, or leave it out; `why` must be a text."
    )


def test_a_null_where_a_value_is_needed_is_told_what_would_be_right() -> None:
    add = "careplan.about-me.commands.add-media.v1"
    given_null = given(**changing(command=add, content={"heading": None}, entry_id=...))
    with pytest.raises(Problem) as caught:
        prepare(ABOUT_ME, contribution_from_json(given_null), GP)
    assert [(one["pointer"], one["rule"]) for one in caught.value.errors] == [
        ("/content/heading", "one-of"),
        ("/content/media", "required"),
    ]


@pytest.mark.parametrize("section", discover.sections(), ids=lambda one: one.name)
def test_a_contract_says_of_a_reason_whether_anybody_may_leave_it_out(section: Section) -> None:
    """The shape lets it be left out, so that the rule can say why it may not be."""
    for command in section.commands.values():
        reason = str(command_shape(command).json_schema()["properties"].get("reason", ""))
        declared = command.declared.event
        event: Any = declared and getattr(command.entry, declared.__name__)
        is_needed = event is not None and "reason" in needed_reasons(event)
        assert ("Nobody may leave it out (`reason-missing`)" in reason) == is_needed
