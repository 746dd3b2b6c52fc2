"""What is kept of JSON needs no more memory than its bytes."""

import tracemalloc
from collections.abc import Callable
from typing import Any

from shared.chassis.database.outgoing import headers_to_bytes
from shared.chassis.wire.plain_json import fitted, plain_json
from shared.ledger import Agent

KEPT = 500
EACH = 1_000


def memory_after(make: Callable[[int], Any]) -> int:
    """Bytes that are held after so many were made, whether or not we keep the results."""
    make(0)
    tracemalloc.start()
    try:
        kept = [make(number) for number in range(1, KEPT + 1)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == KEPT
    return held


def test_bytes_that_are_kept_are_the_same_and_small() -> None:
    assert fitted(plain_json({"a": [1, None]})) == b'{"a":[1,null]}'
    assert memory_after(lambda number: fitted(plain_json(number))) < KEPT * EACH


def test_agents_that_are_remembered_are_small() -> None:
    def written(number: int) -> int:
        return len(plain_json(Agent(kind="professional", name=f"Dr {number}")))

    assert memory_after(written) < KEPT * EACH


def test_headers_that_never_come_again_are_not_remembered() -> None:
    def written(number: int) -> int:
        return len(headers_to_bytes((("ce_id", f"goals/{number}".encode()),)))

    assert memory_after(written) < KEPT * EACH
