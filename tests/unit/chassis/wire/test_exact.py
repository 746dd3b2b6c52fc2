"""Contract and door agree on every value: what the JSON Schema takes the door takes, and only that.

Values are generated for each kind: near what is right, and anything at all.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from pydantic import ValidationError as NotTaken

from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.kafka.event_message import _instant
from shared.chassis.wire.exact import EVERY_ERROR_UP_TO, LIST_LIMIT, Exact
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.contracts.schemas import CONTRIBUTION, schemas
from shared.ledger import (
    Agent,
    Claim,
    CodedText,
    Duration,
    EachOnce,
    EntryRef,
    Identifier,
    Instant,
    LocalId,
    Location,
    Media,
    NeedRef,
    OdsCode,
    Organisation,
    PartialDate,
    Party,
    Period,
    Score,
    Sha256,
    Status,
    When,
    instant,
)
from shared.ledger.names import NOT_IDS


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # In the regular expressions of JSON Schema (ECMA-262) a dollar is the very end.
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match")


Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern}
)

A_NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
ANOTHER_NEED = {**A_NEED, "entry_id": "0199c0de-0000-7000-8000-0000000000b2"}
EXAMPLES: dict[str, tuple[Any, list[Any]]] = {
    "OdsCode": (OdsCode, ["ZZG01", "zzg01", "ZZ", "A" * 13, "ZZG01\n", "ZZG\u06601"]),
    "LocalId": (LocalId, ["x-oak-school", "x-", "X-oak", "x-oak\n", "x-" + "a" * 60]),
    "Sha256": (Sha256, ["0" * 64, "0" * 63, "A" * 64]),
    "Score": (Score, [1, 10, 0, 11, 5.0, 5.5, "5", True, None, 1e300, 10.0, 1e1, -0.0]),
    "int": (int, [0, -1, 2**53, -(2**53), 2.0**53, 1e300, 0.5, False, "1", 1e15]),
    "float": (float, [0, 1, 1.5, -1e300, "1", True, None]),
    "bool": (bool, [True, False, 0, 1, "true", None]),
    "text": (str, ["", " ", "a", 1, None, ["a"]]),
    "literal": (Literal["person", "device"], ["person", "Person", "", None, 0]),
    "true": (Literal[True], [True, False, 1, 1.0, "true"]),
    "date": (
        date,
        ["1950-02-28", "2024-02-29", "2026-02-29", "1900-02-29", "2000-02-29", "2026-02-30",
         "2026-04-31", "0000-01-01", "9999-12-31", "0", "-86400", "1771977600000", "20260310",
         "2026-W11-2", "2026-3-1", "2026-03-10T00:00:00", "2026-03-10T00:00:00Z", "2026-03-10\n",
         " 2026-03-10", "2026-03", 0, 1771977600000, None],
    ),
    "PartialDate": (
        PartialDate,
        ["2026", "2026-12", "2026-02-28", "2026-02-30", "1900-02-29", "2024-02-29", "0000",
         "0000-01", "2026-00", "2026-13", "26", "2026-1", "", "2026\n", 2026],
    ),
    "Instant": (
        Instant,
        ["2026-03-10T14:00:00Z", "2026-03-10T14:00:00+01:00", "2026-03-10T14:00:00.123456789Z",
         "2026-03-10t14:00:00z", "2026-03-10T14:00:00", "2026-03-10T14:00:60Z",
         "2016-12-31T23:59:60Z", "2026-03-10T24:00:00Z", "2026-03-10T14:00:00,5Z",
         "2026-03-10T14:00:00.Z", "2026-03-10T14:00Z", "2026-03-10 14:00:00Z",
         "2026-02-29T14:00:00Z",
         "2026-03-10T14:00:00+24:00", "2026-03-10T14:00:00+0100", "2026-03-10T14:00:00-00:00",
         "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "9998-12-31T23:59:59-23:59",
         "1000-01-01T00:00:00+23:59", "1000-01-01T00:00:00Z", "1000-06-01T00:00:00-01:00",
         "1001-01-01T00:00:00+23:59", "9997-12-31T23:59:59-23:59", "9998-12-31T23:59:59Z",
         "1773000000", 1773000000, "2026-03-10T14:00:00Z\n"],
    ),
    "Duration": (
        Duration,
        ["P6W", "P1Y2M3W4DT5H6M7S", "PT30M", "P0D", "PT0S", "P0Y0M1D", "P00D", "P01D", "P", "PT",
         "P1DT",
         "P1H", "P1D2M", "P1.5D", "P0DT0H0M1S", "p1d", "-P1D", "P1DT0S", "P6W\n"],
    ),
    "UUID": (
        UUID,
        ["0199c0de-0000-7000-8000-0000000000b1", "0199C0DE-0000-7000-8000-0000000000B1",
         "{0199c0de-0000-7000-8000-0000000000b1}", "urn:uuid:0199c0de-0000-7000-8000-0000000000b1",
         "0199c0de0000700080000000000000b1", "0199c0de-0000-7000-8000-0000000000b", "", 0, None,
         *NOT_IDS, "00000000-0000-0000-0000-000000000001", "f" * 32],
    ),
    "Identifier": (
        Identifier,
        [{"kind": "gmc", "value": "1"}, {"kind": " ", "value": "1"},
         {"kind": "gmc", "value": "\u200b"},
         {"kind": "gmc"}, {"kind": "gmc", "value": None}, {"kind": "gmc", "value": "1", "x": None},
         {"kind": "\u3164", "value": "\u2800"}, {"kind": "\U000e0041", "value": "1"},
         {"kind": "\U0001f468\u200d\U0001f469", "value": "\u2764\ufe0f"}, [], None],
    ),
    "EntryRef": (
        EntryRef,
        [{"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"},
         {"section": "needs", "entry_id": "{0199c0de-0000-7000-8000-0000000000b1}"},
         {"section": "", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"},
         *({"section": "needs", "entry_id": nobodys} for nobodys in NOT_IDS)],
    ),
    "references": (
        Annotated[tuple[NeedRef, ...], EachOnce()],
        [[], [A_NEED], [A_NEED, A_NEED], [A_NEED, ANOTHER_NEED, A_NEED], [A_NEED, ANOTHER_NEED],
         [{**A_NEED, "section": "goals"}], [A_NEED, {**A_NEED, "entry_id": None}]],
    ),
    "Period": (
        Period,
        [{}, {"start": None}, {"start": "2026-01", "end": None}, {"end": "2026-02-30"},
         {"start": "2026-01", "to": None}, {"start": "2026-01", "end": "2025-01"},
         {"start": "2026"}],
    ),
    "When": (
        When,
        [{}, {"date": "2026-01"}, {"date": "2026-01", "timing": "often"},
         {"date": "2026-01", "timing": None}, {"date": "2026"},
         {"at": "2026-03-10T14:00:00Z"}, {"at": "2026-03-10"},
         {"at": "2026-03-10T14:00:00Z", "date": "2026-03"},
         {"period": {}}, {"period": {"end": "2026-01"}}, {"as_needed": True}, {"as_needed": False},
         {"interval": "P0D"}, {"timing": " "}, {"timing": "\u2060"},
         {"date": "2026-01", "timing": ""}],
    ),
    "Organisation": (
        Organisation,
        [{}, {"ods": "ZZG01"}, {"name": ""}, {"name": "\ufeff"}, {"name": "Oak"},
         {"local_id": None},
         {"ods": None, "name": "Oak", "local_id": None}, {"ods": "ZZG01", "name": "\u00ad"}],
    ),
    "Location": (
        Location,
        [{}, {"text": "Home"}, {"text": "\u202e"}, {"ods": "ZZG01", "text": ""}],
    ),
    "CodedText": (CodedText, [{}, {"text": ""}, {"code": {"system": "a", "code": "b"}},
                              {"code": {"system": "\u200b", "code": "b"}}, {"words": None}]),
    "Status": (Status[Literal["open", "closed"]], [{"value": "open"}, {"value": "ajar"}, {}]),
    "Media": (
        Media,
        [{"media_id": "0199c0de-0000-7000-8000-0000000000b1", "size": 5.0, "sha256": "0" * 64},
         {"media_id": "0199c0de-0000-7000-8000-0000000000b1", "size": 1e300}],
    ),
    "Party": (
        Party,
        [{}, {"identifiers": None}, {"identifiers": [{"kind": "a", "value": "b"}]},
         {"identifiers": [{"kind": "a", "value": "b"}] * LIST_LIMIT},
         {"identifiers": [{"kind": "a", "value": "b"}] * (LIST_LIMIT + 1)}],
    ),
    "a list": (
        tuple[Score, ...],
        [[], [5.0, 1], [0], [1] * LIST_LIMIT, [1] * (LIST_LIMIT + 1), None],
    ),
    "a map": (
        dict[str, Score],
        [{}, {"a": 5.0}, {"a": None}, {str(n): 1 for n in range(LIST_LIMIT)}, []],
    ),
    "Agent": (Agent, [{"kind": "person"}, {"kind": "doctor"}, {"kind": "person", "role": None}]),
    "Claim": (
        Claim,
        [{}, {"stated_at": "2026-03-10T14:00:00"}, {"stated_by": None}, {"recorded_by": None},
         {"on_behalf_of": {"kind": None}}, {"on_behalf_of": {"kind": "proxy"}},
         {"source_ref": {"id": "1"}}, {"source_ref": {"id": "1"}, "system": {"name": "EPR"}},
         {"source_ref": None}, {"source_ref": {"id": "1"}, "system": None},
         {"source_ref": {"id": "\u2060"}, "system": {"name": "EPR"}},
         {"system": {"name": "\u200b"}}, {"system": {"name": "EPR", "colour": None}}],
    ),
}  # fmt: skip

ODD_TEXT = st.text(st.sampled_from("0129-:+.TZtzPYMWDHS \n\u0660\u200b{}aAxX"), max_size=24)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")) | ODD_TEXT,
    lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(st.text("kv", max_size=2), inside),
    max_leaves=5,
)  # fmt: skip


def is_taken(exact: Exact[Any], value: Any) -> bool:
    try:
        exact.read(json.dumps(read(json.dumps(value).encode())).encode())
    except (NotTaken, Problem):
        return False
    return True


def patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns_in(inner)


def formats_in(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["format"]} if isinstance(schema.get("format"), str) else set()
        return own.union(*map(formats_in, schema.values()))
    return set()


def _one_digit_of(nobodys: str, at: int, by: str) -> str:
    changed = nobodys[:at] + by + nobodys[at + 1 :]
    return changed if nobodys[at] != "-" else nobodys


OFFSETS = st.one_of(
    st.sampled_from(["Z", "+00:00", "-00:00", "+23:59", "-23:59", "+24:00", "+14:00"]),
    st.builds(
        "{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)
    ),
)
EDGES: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.builds(
        _one_digit_of,
        st.sampled_from(NOT_IDS),
        st.integers(0, 35),
        st.sampled_from("0123456789abcdef"),
    ),
    "date-time": st.builds(
        "{:04}-{}T{}{}".format,
        st.sampled_from([0, 1, 999, 1000, 1001, 1899, 9996, 9997, 9998, 9999]),
        st.sampled_from(["01-01", "02-28", "02-29", "12-31"]),
        st.sampled_from(["00:00:00", "23:59:59", "23:59:59.999999", "12:00:00"]),
        OFFSETS,
    ),
    "date": st.dates().map(date.isoformat),
}
"""Values at the ends of what there is, by the format that a contract names."""


def near(schema: dict[str, Any], examples: list[Any]) -> st.SearchStrategy[Any]:
    """Values that are right or almost, by the patterns of the schema and by the examples."""
    texts = [st.from_regex(pattern.replace("$", r"\Z")) for pattern in patterns_in(schema)]

    def spoil(text: str, at: int, by: str) -> str:
        return text[: at % (len(text) + 1)] + by + text[at % (len(text) + 1) + len(by) % 2 :]

    spoilt = [st.builds(spoil, text, st.integers(0, 40), ODD_TEXT) for text in texts]
    edges = [EDGES[name] for name in sorted(formats_in(schema) & EDGES.keys())]
    chosen = [st.sampled_from(examples)] if examples else []
    return st.one_of(*texts, *spoilt, *edges, *chosen, ANYTHING)


@pytest.mark.parametrize("name", EXAMPLES)
def test_contract_and_door_agree_on_what_is_almost_right(name: str) -> None:
    of, examples = EXAMPLES[name]
    exact = Exact[Any](of)
    contract = Validator(exact.json_schema())
    differs = [one for one in examples if contract.is_valid(one) != is_taken(exact, one)]
    assert not differs, f"taken by one of contract and door: {differs}"
    assert any(is_taken(exact, one) for one in examples)
    assert not all(is_taken(exact, one) for one in [*examples, object])


SCALARS = ("EntryRef", "OdsCode", "LocalId", "Score", "int", "float", "bool", "date",
           "PartialDate", "Instant",
           "Duration", "UUID", "literal", "text", "Identifier", "Period", "When", "Organisation",
           "Location", "a list")  # fmt: skip


@pytest.mark.parametrize("name", SCALARS)
def test_contract_and_door_agree_on_generated_values(name: str) -> None:
    of, examples = EXAMPLES[name]
    exact = Exact[Any](of)
    schema = exact.json_schema()
    contract = Validator(schema)

    @given(near(schema, examples))
    def agree(value: Any) -> None:
        assert contract.is_valid(value) == is_taken(exact, value)

    agree()


@settings(max_examples=2 * settings().max_examples)
@given(EDGES["date-time"])
def test_every_time_that_is_taken_can_be_read_again_by_whoever_reads_events(text: str) -> None:
    """Kind: a value that the door takes, and no reader of what was stored."""
    exact = Exact[datetime](Instant)
    if not is_taken(exact, text):
        return
    stored = instant(exact.read(json.dumps(text).encode()))
    assert is_taken(exact, stored)
    assert _instant(stored) == datetime.fromisoformat(text)


ENVELOPE = {
    "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
    "plan_id": "0199c0de-0000-7000-8000-00000000000a",
    "command": "careplan.goals.commands.agree.v1",
    "entry_id": "0199c0de-0000-7000-8000-00000000000e",
    "based_on": 1,
    "content": {},
}


@pytest.mark.parametrize("member", ["contribution_id", "plan_id", "entry_id", "based_on"])
def test_contract_and_door_agree_on_the_envelope(member: str) -> None:
    schema = schemas(())[CONTRIBUTION]
    contract = Validator(schema)
    examples = [None, *NOT_IDS, 0, 1, 2**53, 1.0, 1.5, "1", True]
    values = near(schema["properties"][member], examples)

    @given(values)
    def agree(value: Any) -> None:
        told = {**ENVELOPE, member: value}
        try:
            contribution_from_json(read(json.dumps(told).encode()))
        except Problem:
            assert not contract.is_valid(told)
        else:
            assert contract.is_valid(told)

    agree()


def test_of_a_long_value_only_the_first_mistake_of_a_list_is_told() -> None:
    exact = Exact[Any](dict[str, tuple[Score, ...]])
    long = {str(n): [0, 0] + [1] * 20 for n in range(EVERY_ERROR_UP_TO // 20)}
    short = {name: long[name] for name in list(long)[:5]}
    with pytest.raises(NotTaken) as all_told:
        exact.read(json.dumps(short).encode())
    with pytest.raises(NotTaken) as first_told:
        exact.read(json.dumps(long).encode())
    assert all_told.value.error_count() == 2 * len(short)
    assert first_told.value.error_count() == len(long)
