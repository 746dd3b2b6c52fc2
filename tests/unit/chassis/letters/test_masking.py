"""What an operator is shown of a dead letter: by default nothing that anybody wrote."""

import orjson
import pytest

from shared.chassis.letters.masking import Level, headers_shown, value_shown

PLAN = "0199c0de-0000-7000-8000-0000000000a1"
AGREE = "careplan.goals.commands.agree.v1"
SENT = {
    "plan_id": PLAN,
    "command": AGREE,
    "content": {"aim": {"text": "Wilma-Synth walks"}, "weight": 61.5, "Wilma is ill": True},
    "tags": ["Wilma", None, 3],
}
HEADERS = (
    ("ce_id", PLAN.encode()),
    ("ce_type", AGREE.encode()),
    ("ce_source", b"Wilma"),
    ("wilma", b"x"),
    ("bytes", b"\xff\xfe"),
    ("null", None),
)


def test_masked_every_text_is_its_length_and_no_name_but_ours_is_shown() -> None:
    value = orjson.dumps(SENT)
    told = value_shown(value, len(value), Level.MASKED)
    assert told == {
        "bytes": len(value),
        "json": {
            "plan_id": 36,
            "command": len(AGREE),
            "content": {"#1": {"#1": 17}, "#2": "number", "#3": "boolean"},
            "#4": [5, None, "number"],
        },
    }
    assert headers_shown(HEADERS, Level.MASKED) == [
        {"name": "ce_id", "value": 36},
        {"name": "ce_type", "value": len(AGREE)},
        {"name": "ce_source", "value": 5},
        {"name": 5, "value": 1},
        {"name": 5, "value": 2},
        {"name": 4, "value": None},
    ]


def test_limited_shows_ids_types_names_of_fields_and_what_is_no_text() -> None:
    told = value_shown(orjson.dumps(SENT), 1, Level.LIMITED)
    assert told == {
        "bytes": 1,
        "json": {
            "plan_id": PLAN,
            "command": AGREE,
            "content": {"aim": {"text": 17}, "weight": 61.5, "#3": True},
            "tags": [5, None, 3],
        },
    }
    shown = headers_shown(HEADERS, Level.LIMITED)
    assert [one["value"] for one in shown] == [PLAN, AGREE, 5, 1, 2, None]
    assert "Wilma" not in orjson.dumps([told, shown]).decode()


def test_full_shows_all_of_it_as_it_came() -> None:
    value = orjson.dumps(SENT)
    assert value_shown(value, 7, Level.FULL) == {"bytes": 7, "text": value.decode()}
    assert value_shown(b"\xff", 1, Level.FULL) == {"bytes": 1, "base64": "/w=="}
    shown = headers_shown(HEADERS, Level.FULL)
    assert shown[2:5] == [
        {"name": "ce_source", "value": "Wilma"},
        {"name": "wilma", "value": "x"},
        {"name": "bytes", "value": {"base64": "//4="}},
    ]


@pytest.mark.parametrize("level", [Level.MASKED, Level.LIMITED])
@pytest.mark.parametrize(
    "value", [b"{not JSON", b"\xff\xfe", b"[" * 500_000, b'{"a": 1, "a": 2}', b""]
)
def test_of_what_is_no_json_only_its_size_is_shown(value: bytes, level: Level) -> None:
    assert value_shown(value, len(value), level) == {"bytes": len(value)}


def test_none_shows_nothing_and_a_tombstone_has_no_value_at_any_level() -> None:
    assert headers_shown(HEADERS, Level.NONE) == []
    assert value_shown(b"{}", 2, Level.NONE) is None
    assert [value_shown(None, 0, level) for level in Level] == [None] * 4
