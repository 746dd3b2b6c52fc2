"""The language of searches: what is written is what is read, and what is wrong is shown where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.queries.search.language import (
    LONGEST,
    MOST_TERMS,
    MOST_VALUES,
    QueryInvalid,
    Term,
    Value,
    term,
    terms_in,
    written,
)
from services.audit.queries.search.qualifiers import QUALIFIERS, Statement, conditions_of

PLAN = "0199c0de-0000-7000-8000-0000000000a1"


def refusal_of(text: str) -> QueryInvalid | None:
    try:
        conditions(text)
    except QueryInvalid as invalid:
        return invalid
    return None


NAMES = st.sampled_from([*QUALIFIERS])
VALUES = st.text(st.characters(exclude_characters='"', exclude_categories=["Cc", "Cs"]), min_size=1)


def conditions(text: str) -> tuple[list[str], list[object]]:
    into = Statement("Europe/London")
    return conditions_of(terms_in(text), into), into.values


def test_a_search_is_terms_with_their_places() -> None:
    found = terms_in(' operation:read,denial  -role:"social worker" actor:a:b')
    assert found == [
        Term("operation", (Value("read", 12), Value("denial", 17)), column=2),
        Term("role", (Value("social worker", 31),), is_negated=True, column=25),
        Term("actor", (Value("a:b", 53),), column=47),
    ]


@given(st.lists(st.tuples(NAMES, st.booleans(), st.lists(VALUES, min_size=1, max_size=4))))
def test_what_is_written_is_read_again(told: list[tuple[str, bool, list[str]]]) -> None:
    terms = [term(name, *texts, negated=no) for name, no, texts in told[:MOST_TERMS]]
    text = written(terms)
    if len(text) <= LONGEST:
        found = [term(one.name, *one.texts, negated=one.is_negated) for one in terms_in(text)]
        assert found == terms


@given(st.text(max_size=80) | st.lists(st.sampled_from([*'a:,-" .', "role", "\x00"])).map("".join))
def test_any_text_is_read_or_refused_at_a_column_of_it(text: str) -> None:
    told = refusal_of(text)
    if told is not None:
        assert 1 <= told.column <= len(text) + 1
        assert told.detail.endswith(".")


WRONG = [
    ("operation:refused", 11, "change, refusal"),
    ("operation:read,refused", 16, "one of"),
    ("operation:unknown", 11, "one of"),
    ("opertion:read", 1, "actor.org"),
    ("operation:read quill", 16, "no free words"),
    ("actor.org:zzg01", 11, "ZZG01"),
    ("person:edith", 8, "UUID"),
    ("-person:edith", 9, "UUID"),
    ("entry:1", 7, "UUID"),
    ("contribution:1", 14, "UUID"),
    ("section:gaols", 9, "goals"),
    ("what:plans,peep", 12, "emergency"),
    ("purpose:curiosity", 9, "direct-care"),
    ("relationship:Friend", 14, "relationship"),
    ("override:maybe", 10, "unjustified"),
    ("via:post", 5, "viewer"),
    ("event:agreed", 7, "careplan.goals.agreed.v1"),
    ("code:Refused", 6, "base-version-stale"),
    ("version:0", 9, "from 1"),
    ("version:>=x", 9, "from 1"),
    ("version:5..3", 9, "the later"),
    ("created:2026-02-30", 9, "2026-03-10"),
    ("created:2026-03-10T14:00:00", 9, "offset"),
    ("created:>2026-03-10", 9, ">="),
    ("created:..2026-03-10", 9, ".."),
    ("logged:2026-03-02..2026-03-01", 8, "the later"),
    ("operation:", 11, "missing"),
    ("operation:read,", 16, "missing"),
    ('role:"gp', 6, "not closed"),
    ('role:""', 6, "nothing between"),
    ('role:"gp"x', 10, "blank"),
    ("operation:read\tsection:goals", 15, "control"),
    (" ".join(["via:api"] * (MOST_TERMS + 1)), MOST_TERMS * 8 + 1, "qualifiers"),
    ("version:" + ",".join(["1"] * (MOST_VALUES + 1)), 9 + 2 * MOST_VALUES, "values"),
    ("x" * (LONGEST + 1), LONGEST + 1, "characters"),
]


@pytest.mark.parametrize(("text", "column", "says"), WRONG, ids=[one[0][:40] for one in WRONG])
def test_what_cannot_be_asked_is_refused_where_it_stands(text: str, column: int, says: str) -> None:
    with pytest.raises(QueryInvalid) as refused:
        conditions(text)
    assert refused.value.column == column
    assert says in refused.value.detail


def test_the_example_of_each_qualifier_is_right_and_every_value_a_parameter() -> None:
    for name, qualifier in QUALIFIERS.items():
        assert qualifier.example.startswith(f"{name}:")
        [condition], values = conditions(qualifier.example)
        assert values or "IS" in condition
        assert qualifier.example.partition(":")[2] not in condition


def test_what_is_negated_matches_a_record_that_says_nothing_of_it() -> None:
    [condition], values = conditions("-role:gp")
    assert condition == "(r.role = $1) IS NOT TRUE"
    assert values == ["gp"]


def test_a_day_is_all_of_it_and_an_instant_itself() -> None:
    [day], values = conditions("created:2026-03-10")
    assert "r.recorded_at >= ($1::date" in day
    assert "r.recorded_at < (($2::date + 1)" in day
    assert values[0] == values[1]
    [instant], _ = conditions("logged:>=2026-03-10T14:00:00Z")
    assert instant == "(r.logged_at >= $1)"
