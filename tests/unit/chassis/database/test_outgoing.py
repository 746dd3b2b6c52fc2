"""Headers as they are stored: whatever a message had comes back."""

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
