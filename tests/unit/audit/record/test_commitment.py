"""Commitments: the same bytes for everybody, nothing to guess, groups that can be taken away."""

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.record.commitment import (
    GROUPS,
    NotCanonical,
    canonical,
    commitment,
    fitted,
    group_bytes,
    group_hash,
    group_hashes,
    leaf,
    leaf_hash,
)
from services.audit.store.records import canonical_by_orjson

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "commitments.json").read_text("utf-8")
)

keys = st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
salts = st.binary(min_size=32, max_size=32)
hashes = st.lists(salts, min_size=12, max_size=12)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["says"])
def test_commitment_when_a_vector_is_computed_again_then_every_byte_is_the_same(
    vector: dict[str, Any],
) -> None:
    assert tuple(group["name"] for group in vector["groups"]) == GROUPS
    made = []
    for group in vector["groups"]:
        given_bytes = group_bytes(group["name"], group["value"])
        assert given_bytes.decode() == group["hashed"]
        made.append(group_hash(bytes.fromhex(group["salt"]), given_bytes))
        assert made[-1].hex() == group["hash"]
    committed = commitment(made)
    members = [canonical(group["value"]) for group in vector["groups"]]
    salts = bytes.fromhex("".join(group["salt"] for group in vector["groups"]))
    assert group_hashes(salts, members) == made
    in_the_log = leaf(vector["kind"], vector["logged_at_ms"], committed)
    assert committed.hex() == vector["commitment"]
    assert in_the_log.hex() == vector["leaf"]
    assert len(in_the_log) == 44
    assert leaf_hash(in_the_log).hex() == vector["leaf_hash"]


@given(values)
def test_canonical_when_a_value_fits_then_its_bytes_do_not_depend_on_how_it_came(
    value: Any,
) -> None:
    first = canonical(fitted(value))

    assert json.loads(first) == fitted(value)
    assert canonical(fitted(json.loads(json.dumps(_turned(value))))) == first
    assert canonical(fitted(_in_pieces(value))) == first  # the same characters, not yet in NFC


@given(values, values)
def test_canonical_when_two_values_differ_then_so_do_their_bytes(one: Any, other: Any) -> None:
    same = json.dumps(fitted(one), sort_keys=True) == json.dumps(fitted(other), sort_keys=True)

    assert (canonical(fitted(one)) == canonical(fitted(other))) == same


@given(values)
def test_canonical_when_written_the_faster_way_then_its_bytes_are_the_same(value: Any) -> None:
    assert canonical_by_orjson(fitted(value)) == canonical(fitted(value))


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(item) for key, item in reversed(value.items())}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def _in_pieces(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_pieces(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_pieces(item) for item in value]
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


def _nested(depth: int) -> Any:
    nested: Any = "deep"
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "odd",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "a\x00b",
        "half \ud800",
        {"schlüssel": 1},
        {"a\x00": 1},
        {1: 1},
        [{"deep": [1.5]}],
        b"bytes",
        _nested(50),
    ],
)
def test_fitted_when_a_value_has_no_canonical_form_then_it_is_refused(odd: Any) -> None:
    with pytest.raises(NotCanonical):
        fitted({"member": odd})


@given(salts, salts, st.dictionaries(keys, scalars, max_size=3))
def test_group_hash_when_the_salt_is_another_then_the_hash_is_another(
    one: bytes, other: bytes, value: dict[str, Any]
) -> None:
    group = group_bytes("actor", fitted(value))

    assert (group_hash(one, group) == group_hash(other, group)) == (one == other)
    assert group_hash(one, group) != hashlib.sha256(group).digest()


@given(hashes, st.integers(0, 11), salts)
def test_commitment_when_one_group_changes_then_it_is_another(
    made: list[bytes], place: int, other: bytes
) -> None:
    changed = [*made[:place], other, *made[place + 1 :]]

    assert (commitment(made) == commitment(changed)) == (made[place] == other)


@given(hashes)
def test_commitment_when_two_groups_change_places_then_it_is_another(made: list[bytes]) -> None:
    turned = [made[1], made[0], *made[2:]]

    assert (commitment(made) == commitment(turned)) == (made[0] == made[1])


def test_commitment_when_a_group_is_missing_then_it_is_none() -> None:
    for number in (0, 11, 13):
        with pytest.raises(ValueError, match="12 groups"):
            commitment([bytes(32)] * number)
    with pytest.raises(ValueError, match="32 bytes"):
        group_hash(b"short", b"{}")
    with pytest.raises(ValueError, match="32 bytes"):
        leaf(1, 0, b"short")
