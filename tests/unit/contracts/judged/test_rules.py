"""The validator also judges the rules that hold for everybody, as the door would."""

import json
from typing import Any
from uuid import UUID

import pytest

from shared.contracts import discover
from shared.contracts.examples.playing import play
from shared.contracts.generate import CONTRACTS
from shared.contracts.validate import Report, validate
from shared.ledger import Section

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
CONTENTS = sorted(CONTRACTS.glob("careplan.*.commands.*/examples/valid/*.json"))
SECTIONS = discover.sections()


def judged(command: str, content: Any, **others: Any) -> Report:
    whole = {
        "contribution_id": "0199c0de-0000-7000-8000-000000000001",
        "plan_id": PLAN,
        "command": f"careplan.{command}.v1",
        "content": content,
        **others,
    }
    return validate(json.dumps(whole).encode())


def places(report: Report) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in report.faults]


CHANGE = {"entry_id": str(UUID(int=7)), "based_on": 3}
AIM = {"text": "Walk to the shop"}
NEEDS = [{"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}]
AGREE = "goals.commands.agree"


@pytest.mark.parametrize(
    ("command", "content", "others", "said"),
    [
        (AGREE, {"aim": AIM, "need_ids": []}, {}, ("/content/need_ids", "goal-needs-a-need")),
        (AGREE, {"aim": {}, "need_ids": NEEDS}, {}, ("/content/aim", "goal-needs-an-aim")),
        ("goals.commands.link", {"need_ids": []}, CHANGE,
         ("/content/need_ids", "goal-needs-a-need")),
        ("goals.commands.set-aside", {}, CHANGE, ("/content/reason", "reason-missing")),
        (AGREE, {"aim": AIM, "need_ids": NEEDS},
         {"visibility": {"labels": ["sensitive"]}}, ("/visibility/reason", "reason-missing")),
    ],
)  # fmt: skip
def test_what_every_door_would_refuse_is_found_before_it_is_sent(
    command: str, content: Any, others: dict[str, Any], said: tuple[str, str]
) -> None:
    assert places(judged(command, content, **others)) == [said]


def test_what_somebody_may_say_is_not_refused_for_not_saying_who() -> None:
    important = {"aim": AIM, "need_ids": NEEDS, "importance": 9}
    assert judged(AGREE, important).is_valid
    nurse = {"kind": "professional", "name": "A. Quill-Synth", "role": "nurse"}
    by_a_nurse = judged(AGREE, important, provenance={"stated_by": nurse})
    assert [code for _, code in places(by_a_nurse)] == ["importance-is-the-persons"]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_nothing_that_a_section_accepts_is_refused_and_refusals_have_its_code(
    section: Section,
) -> None:
    found = 0
    for answer in play(section, discover.examples(section.name)).answers:
        report = validate(json.dumps(answer.contribution).encode())
        codes = {fault.code for fault in report.faults}
        if answer.code is None:
            assert not codes - {"base-version-missing"}, answer.example.name
        elif codes:
            found += answer.code in codes
    assert found, "no refusal of this section is found without its history"


def test_each_content_in_the_contracts_is_judged_by_the_folder_it_is_in() -> None:
    wrong = []
    for path in CONTENTS:
        report = validate(path.read_bytes(), named=str(path))
        if not report.is_valid or report.kind != "content":
            wrong.append(path.name)
    assert CONTENTS
    assert not wrong


def test_a_content_that_only_one_command_takes_is_known_by_itself() -> None:
    report = validate(json.dumps({"aim": AIM, "need_ids": NEEDS, "importance": 9}).encode())
    assert report.kind == "content"
    assert any("careplan.goals.commands.agree.v1" in note for note in report.notes)
    unclear = validate(b'{"reason": "Moved away"}')
    assert not unclear.is_valid
    assert any("As a content it would fit" in note for note in unclear.notes)
