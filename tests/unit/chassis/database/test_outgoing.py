"""Headers as they are stored: whatever a message had comes back."""

import tracemalloc

import orjson
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.database.outgoing import Headers, headers_from_bytes, headers_to_bytes

NAMES = st.text(st.characters(exclude_categories=["Cs"]))
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary())).map(tuple)


@given(HEADERS)
def test_headers_come_back(headers: Headers) -> None:
    stored = headers_to_bytes(headers)
    assert headers_from_bytes(stored) == headers
    assert stored == orjson.dumps(orjson.loads(stored)), "nothing but JSON without spaces"


def test_names_of_any_length_are_not_kept() -> None:
    headers_to_bytes((("x", b""),))
    tracemalloc.start()
    try:
        for number in range(64):
            headers_to_bytes(((f"{number}-" * 20_000, b""),))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 100_000
