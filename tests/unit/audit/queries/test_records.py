"""The statement of a list of records."""

from datetime import UTC, date, datetime

import pytest

from services.audit.queries.records import Wanted, statement


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kolkata"])
def test_a_day_is_one_of_the_zone_that_is_set_and_an_instant_is_itself(zone: str) -> None:
    day = date(2026, 6, 1)
    query, values = statement(Wanted(since=day, until=day, zone=zone), None)
    assert query.count(f"AT TIME ZONE '{zone}'") == query.count("AT TIME ZONE") == 2
    assert values == [day, day]
    at = datetime(2026, 6, 1, tzinfo=UTC)
    query, values = statement(Wanted(since=at, until=at, zone=zone), None)
    assert "AT TIME ZONE" not in query
    assert values == [at, at]
