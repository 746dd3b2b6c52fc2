"""A dead letter is as the record came, and never larger than a message of ours may be."""

from types import SimpleNamespace
from typing import Any

import pytest

from shared.chassis.database.outgoing import Headers
from shared.chassis.kafka.dead_letters import Record, dead_letter


def record(**members: Any) -> Record:
    given = {"topic": "careplan.goals.commands.v1", "partition": 0, "offset": 5, "headers": ()}
    given["timestamp"] = 0
    return SimpleNamespace(**{**given, "key": b"k", "value": b"{}", **members})


def letter_of(**members: Any) -> Any:
    letter, _ = dead_letter("goals", record(**members), "no reason", "content-invalid")
    return letter


def size(headers: Headers) -> int:
    told = [one for one in headers if not one[0].startswith("dead-letter-")]
    return sum(len(name.encode()) + len(value or b"") for name, value in told)


@pytest.mark.parametrize("name", ["x", "é", "\U0001f600", "\udc80"])
def test_headers_are_counted_in_the_bytes_that_are_sent(name: str) -> None:
    """The kind: a limit in characters lets four times as many bytes through."""
    fits = letter_of(headers=[(name * 10, b"v"), ("left", b"x" * 100)])
    assert "dead-letter-headers" not in dict(fits.headers)
    headers = letter_of(headers=[("first", b"v"), (name * 262_145, None)]).headers
    assert dict(headers)["dead-letter-headers"] == b"1 left out"
    assert size(headers) <= 262_144
    many = letter_of(headers=[(f"{name}{number}", b"v" * 1_000) for number in range(1_000)])
    assert 261_000 < size(many.headers) <= 262_144


@pytest.mark.parametrize(("length", "is_kept"), [(65_536, True), (65_537, False)])
def test_a_key_is_kept_up_to_its_limit(length: int, is_kept: bool) -> None:
    assert letter_of(key=b"k" * length).key == (b"k" * length if is_kept else None)
