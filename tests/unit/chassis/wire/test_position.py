"""The position of a plan: opaque for callers, and nothing but our own form comes back."""

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.wire.position import Position

PLAN = UUID("0199c0de-0000-7000-8000-00000000000a")
SECTIONS = st.dictionaries(
    st.sampled_from(["goals", "about-me", "person"]), st.integers(1, 2**63 - 1)
)


@given(st.uuids(), SECTIONS)
def test_what_was_encoded_comes_back(plan_id: UUID, sections: dict[str, int]) -> None:
    position = Position(plan_id, sections)
    text = position.encode()
    assert Position.decode(text) == position
    assert text.isascii()
    assert not set(text) & set("=+/ \n"), "it stands in a header and in a URL"


@given(st.text() | st.binary().map(lambda data: urlsafe_b64encode(data).decode()))
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a ledger position"):
        Position.decode(text)


def encoded(json: str) -> str:
    return urlsafe_b64encode(json.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "json",
    [
        f'["{PLAN}",{{"goals":0}}]',
        f'["{PLAN}",{{"goals":-1}}]',
        f'["{PLAN}",{{"goals":true}}]',
        f'["{PLAN}",{{"goals":1.0}}]',
        f'["{PLAN}",{{"goals":"1"}}]',
        f'["{PLAN}",{{"goals":{2**63}}}]',
        f'["{PLAN}",{{"goals":{2**64}}}]',
        f'["{PLAN}",[["goals",1]]]',
        f'["{PLAN}",[[1,2]]]',
        f'["{PLAN}",[[["goals"],2]]]',
        f'["{PLAN}",{{"goals":1}},3]',
        f'["{str(PLAN).upper()}",{{"goals":1}}]',
        f'["{PLAN}", {{"goals":1}}]',
        f'["{PLAN}",{{"goals":1,"goals":2}}]',
        f'["{PLAN}",{{"person":1,"goals":2}}]',
        '["no-id",{"goals":1}]',
        '[7,{"goals":1}]',
        '{"a":1,"b":2}',
        "[]",
        "null",
        "[" * 5_000,
        "",
    ],
)
def test_a_forged_one_is_a_value_error(json: str) -> None:
    with pytest.raises(ValueError, match="not a ledger position"):
        Position.decode(encoded(json))


def test_there_is_one_text_for_one_position() -> None:
    text = Position(PLAN, {"person": 3, "goals": 12}).encode()
    assert text == Position(PLAN, {"goals": 12, "person": 3}).encode()
    for other in (f"{text}=", f" {text}", f"{text}!", f"{text}\n", text.replace(text[0], "*")):
        with pytest.raises(ValueError, match="not a ledger position"):
            Position.decode(other)
