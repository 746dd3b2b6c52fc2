"""The statement of a search: a range of one index for each value, and never the whole log."""

from datetime import UTC, datetime, timedelta

from services.audit.queries.search.finding import (
    USUAL_DAYS,
    Sought,
    count_of,
    page_of,
    usual_since,
)
from services.audit.queries.search.language import terms_in

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ONE, OTHER = "0199c0de-0000-7000-8000-0000000000a1", "0199c0de-0000-7000-8000-0000000000a2"


def sought(text: str, **others: object) -> Sought:
    return Sought(tuple(terms_in(text)), **others)  # type: ignore[arg-type]


def test_a_search_that_says_nothing_of_when_looks_back_some_days() -> None:
    assert usual_since(terms_in("operation:read"), NOW) == NOW - timedelta(days=USUAL_DAYS)
    for told in ("created:2020-01-01", "logged:<=2020-01-01", "-created:2020-01-01"):
        assert usual_since(terms_in(told), NOW) is None


def test_each_value_is_a_part_of_its_own_in_the_order_of_its_index() -> None:
    query, values = page_of(sought(f"operation:read person:{ONE},{OTHER}"), "Europe/London", 9)
    assert query.count("UNION ALL") == 1
    assert query.count("r.plan_id = $") == 2
    assert query.count("LIMIT 9") == 3
    assert "r.idx >= 0" not in query
    assert len(values) == 3


def test_the_index_of_all_records_is_read_only_where_nothing_else_narrows() -> None:
    for text, is_read in (("", True), ("via:api", True), ("-operation:read", True),
                          ("operation:read", False), ("role:gp", False),
                          ("override:none", True), ("override:any,none", True),
                          ("override:any", False)):  # fmt: skip
        query, _ = page_of(sought(text), "Europe/London", 9)
        assert ("r.idx >= 0" in query) is is_read, text
    assert "r.idx >= 0" not in page_of(sought("", within="ZZG01"), "Europe/London", 9)[0]


def test_what_was_logged_then_is_read_as_a_stretch_and_sorted_afterwards() -> None:
    assert "OFFSET 0" in page_of(sought("logged:2020-01-01"), "Europe/London", 9)[0]
    for text in ("logged:2020-01-01 created:2020-01-01", f"logged:2020-01-01 person:{ONE}"):
        assert "OFFSET 0" not in page_of(sought(text), "Europe/London", 9)[0]


def test_an_answer_of_a_log_of_one_size_has_nothing_newer() -> None:
    query, values = count_of(sought("operation:read", below=17, since=NOW), "Europe/London")
    assert "r.idx < $3" in query
    assert values == ["read", NOW, 17]


def test_the_plans_that_are_named_are_those_alone_that_may_be_told_of() -> None:
    assert [str(one) for one in sought(f"person:{ONE},{OTHER}").plans] == [ONE, OTHER]
    assert sought(f"-person:{ONE}").plans == []
    assert sought("actor.org:ZZG01 -actor.org:ZZG02").texts_of("actor.org") == ["ZZG01"]
