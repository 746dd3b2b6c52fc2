"""The validator judges shape, key and headers, and says what it cannot judge."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import discover
from shared.contracts.validate import NOT_JUDGED, Report, validate

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
AGREE: dict[str, Any] = {
    "contribution_id": "0199c0de-0000-7000-8000-000000000001",
    "plan_id": PLAN,
    "command": "careplan.goals.commands.agree.v1",
    "content": {
        "aim": {"text": "Walk to the shop"},
        "need_ids": [{"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}],
    },
    "provenance": {"stated_by": {"kind": "person"}},
}
SET_ASIDE: dict[str, Any] = {
    **AGREE,
    "command": "careplan.goals.commands.set-aside.v1",
    "entry_id": "0199c0de-0000-7000-8000-0000000000e1",
    "based_on": 3,
    "content": {"reason": "Moved"},
}
HEADERS = {
    "content-type": "application/json",
    "ce_specversion": "1.0",
    "ce_id": AGREE["contribution_id"],
    "ce_source": "urn:careplan:org:ZZG01",
    "ce_type": AGREE["command"],
}
RECORD = {"key": PLAN, "headers": HEADERS, "value": AGREE}


def judged(given: Any, command: str | None = None) -> Report:
    return validate(json.dumps(given).encode(), command)


def without(headers: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: held for key, held in headers.items() if key != name}


def places(report: Report) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in report.faults}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (AGREE, "contribution"),
        (SET_ASIDE, "contribution"),
        ({"contributions": [AGREE, SET_ASIDE]}, "batch"),
        (RECORD, "record"),
        ({**RECORD, "headers": list(HEADERS.items())}, "record"),
        ({**RECORD, "headers": {**HEADERS, "reply_to": "t", "extra": None}}, "record"),
        (
            {
                "specversion": "1.0",
                "id": HEADERS["ce_id"],
                "source": HEADERS["ce_source"],
                "type": HEADERS["ce_type"],
                "data": AGREE,
            },
            "cloudevent",
        ),
    ],
)
def test_what_is_right_is_valid(given: Any, kind: str) -> None:
    report = judged(given)
    assert report.faults == []
    assert report.kind == kind
    assert NOT_JUDGED in report.notes


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ([], "", "content-invalid"),
        ({**AGREE, "more": 1}, "/more", "content-invalid"),
        ({**AGREE, "plan_id": None}, "/plan_id", "content-invalid"),
        ({**AGREE, "command": "careplan.goals.commands.ponder.v1"}, "/command", "command-unknown"),
        ({**AGREE, "content": {}}, "/content/aim", "content-invalid"),
        ({**AGREE, "based_on": 1}, "/based_on", "content-invalid"),
        ({**SET_ASIDE, "entry_id": None}, "/entry_id", "content-invalid"),
        ({**AGREE, "provenance": {"recorded_by": {}}}, "/provenance/recorded_by",
         "content-invalid"),
        ({"contributions": []}, "/contributions", "content-invalid"),
        ({"contributions": [AGREE, {**AGREE, "content": {}}]}, "/contributions/1/content/aim",
         "content-invalid"),
        ({**RECORD, "key": "other"}, "/key", "content-invalid"),
        ({**RECORD, "headers": {**HEADERS, "ce_id": "x"}}, "/headers/ce_id", "content-invalid"),
        ({**RECORD, "headers": without(HEADERS, "content-type")}, "/headers/content-type",
         "content-invalid"),
        ({**RECORD, "headers": without(HEADERS, "ce_type")}, "/headers/ce_type", "content-invalid"),
        ({**RECORD, "headers": {**HEADERS, "ce_id": None}}, "/headers/ce_id", "content-invalid"),
        ({**RECORD, "headers": {**HEADERS, "ce_source": "urn:careplan:org:zzg01\n"}},
         "/headers/ce_source", "content-invalid"),
        ({**RECORD, "headers": {**HEADERS, "ce_source": "ZZG01"}}, "/headers/ce_source",
         "content-invalid"),
        ({**RECORD, "headers": 5}, "/headers", "content-invalid"),
        ({**RECORD, "value": {**SET_ASIDE, "based_on": None}}, "/value/based_on",
         "base-version-missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_pointed_at(given: Any, pointer: str, code: str) -> None:
    assert (pointer, code) in places(judged(given))


def test_what_must_stand_in_a_header_is_said() -> None:
    old = {**RECORD, "headers": {**HEADERS, "ce_specversion": "0.3"}}
    (fault,) = judged(old).faults
    assert (fault.pointer, fault.message) == ("/headers/ce_specversion", "This must be `1.0`.")


def test_a_change_without_a_version_is_noted_over_http() -> None:
    report = judged({**SET_ASIDE, "based_on": None})
    assert report.is_valid
    assert any("If-Match" in note for note in report.notes)


def test_what_is_not_json_is_said_to_be_unreadable() -> None:
    assert places(validate(b'{"a": 1, "a": 2}')) == {("", "unreadable-json")}
    assert not validate(b"\xff").is_valid


def test_too_large_is_said_before_it_is_read() -> None:
    assert places(validate(b" " * (1_048_576 + 1))) == {("", "body-too-large")}


def test_a_content_is_judged_for_the_command_named() -> None:
    assert judged(SET_ASIDE["content"], SET_ASIDE["command"]).is_valid
    assert places(judged({}, AGREE["command"])) >= {("/content/aim", "content-invalid")}
    assert places(judged({}, "careplan.x.commands.y.v1")) == {("/command", "command-unknown")}


@pytest.mark.parametrize(
    ("command", "helps"),
    [
        ("careplan.goals.commands.agree.v2", "only `careplan.goals.commands.agree.v1`"),
        ("careplan.goals.commands.agree", ".v<major>`"),
        ("careplan.goals.commands.ponder.v1", "The section goals has no such command."),
        ("careplan.gaols.commands.agree.v1", "the sections are about-me, "),
        ("agree", "the sections are about-me, "),
    ],
)
def test_a_command_that_does_not_exist_is_told_what_there_is(command: str, helps: str) -> None:
    for report in (judged({**AGREE, "command": command}), judged({}, command)):
        (fault,) = report.faults
        assert helps in fault.message


def test_a_bare_content_that_several_commands_would_take_is_told_how_to_name_one() -> None:
    assert any("--command" in note for note in judged({"reason": "Moved away"}).notes)
    assert not any("--command" in note for note in judged({**AGREE, "more": 1}).notes)


RECORDS = sorted((Path(__file__).parents[3] / "contracts" / "inbox").glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_for_an_inbox_is_valid_as_it_stands(path: Path) -> None:
    report = validate(path.read_bytes())
    assert (report.kind, report.faults) == ("record", [])


def test_there_is_a_record_for_an_inbox_of_every_section() -> None:
    told = {path.stem: json.loads(path.read_text()) for path in RECORDS}
    assert set(told) == {section.wire_name for section in discover.sections()}
    # They are about one plan, which the first of them opens.
    assert len({record["key"] for record in told.values()}) == 1
    assert told["person"]["value"]["command"] == "careplan.person.commands.open-plan.v1"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"specversion": "0.3"}, "/specversion"),
        ({"id": None}, "/id"),
        ({"type": "x"}, "/type"),
        ({"source": ["zzg01"]}, "/source"),
        ({"datacontenttype": "text/plain"}, "/datacontenttype"),
    ],
)
def test_an_attribute_is_judged_by_its_name_in_structured_mode(
    changed: dict[str, Any], pointer: str
) -> None:
    attributes = {"specversion": "1.0", "id": AGREE["contribution_id"], "type": AGREE["command"]}
    event = {**attributes, "source": "urn:careplan:org:zzg01", "data": AGREE}
    assert judged(event).is_valid
    assert [fault.pointer for fault in judged({**event, **changed}).faults] == [pointer]
