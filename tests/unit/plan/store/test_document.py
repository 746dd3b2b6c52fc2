"""A plan as it is given: what is replaced in its document, and what is left as it stands."""

from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.plan.store.document import document_with
from services.plan.store.values import dumps

WORDS = st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.sampled_from(["goals", "needs", "person"])
BODIES = st.lists(st.tuples(SECTIONS, VALUES.map(dumps)), max_size=5)
WAITING = st.lists(
    st.fixed_dictionaries({"section": SECTIONS, "entry_id": WORDS, "since": WORDS}), max_size=4
)


@given(
    st.dictionaries(WORDS, VALUES, max_size=4),
    WAITING,
    st.none() | BODIES,
    st.lists(st.integers(1, 9).map(lambda number: UUID(int=number)), max_size=2, unique=True),
    SECTIONS,
    st.dictionaries(st.sampled_from(["withheld", "view"]), VALUES),
)
def test_a_document_with_other_entries_is_the_one_that_decoding_it_all_would_make(
    head: dict[str, Any],
    waiting: list[dict[str, str]],
    bodies: list[tuple[str, bytes]] | None,
    others: list[UUID],
    hidden: str,
    more: dict[str, Any],
) -> None:
    document = dumps({**head, "sections": {"goals": [{"x": 1}]}, "parked": waiting})
    told = orjson.loads(document)
    if bodies is not None:
        told["sections"] = {}
        for section, body in bodies:
            told["sections"].setdefault(section, []).append(orjson.loads(body))
        told["parked"] = [one for one in told["parked"] if one["section"] != hidden]
    if others:
        told["merged_from"] = sorted(others)
    made = document_with(
        document,
        bodies=bodies,
        merged_from=others,
        parked=lambda section, _: section != hidden,
        **more,
    )
    is_untouched = bodies is None and not others
    assert made == (document if is_untouched else dumps({**told, **more}))
