"""The words of the person are kept as they came: never cut, trimmed, composed or translated."""

from typing import Any

import orjson
import pytest
from hypothesis import example
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.goals.section import SECTION as GOALS
from services.plan.store.values import json_of
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.store.mapper import content_of
from shared.chassis.wire.exact import TEXT_LIMIT
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation
from shared.ledger.text import says_something

TOM = Contributor("professional", "tom", "Tom Okafor-Synth", "nurse", Organisation("ZZC01"))
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    says_something
)


def recorded(text: str) -> dict[str, Any]:
    """The content that is stored of a goal in these words, and why in the same."""
    given = {
        "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
        "plan_id": "0199c0de-0000-7000-8000-00000000000a",
        "command": "careplan.goals.commands.agree.v1",
        "content": {"aim": {"text": text}, "why": text, "need_ids": [NEED]},
    }
    prepared = prepare(GOALS, contribution_from_json(given), TOM)
    command = prepared.command
    entry = command.create(prepared.provenance, frozenset(), prepared.arguments)
    event: Any = entry.pending_events[-1]
    return content_of(event)


@for_all(WORDS)
@example(" two blanks  at each end ")
@example("e\u0301 is not \u00e9, and \ufb01 is not fi")
@example("\u202bfrom the right\u202c\r\n\ttabs, and lines\u2028")
@example("👩🏽‍🚀 \U0001f469\u200d\u2764\ufe0f\u200d\U0001f468")
@example("<b>&amp;</b> \\u0041 %s {0} $1 '; --")
def test_a_text_is_recorded_and_shown_as_it_was_sent(text: str) -> None:
    content = recorded(text)
    assert (content["aim"]["text"], content["why"]) == (text, text)
    assert orjson.loads(bytes(json_of(content)))["why"] == text


def test_ten_thousand_characters_are_kept_and_one_more_is_refused_by_name() -> None:
    assert recorded("ÿ" * TEXT_LIMIT)["why"] == "ÿ" * TEXT_LIMIT
    with pytest.raises(Problem) as refused:
        recorded("ÿ" * (TEXT_LIMIT + 1))
    assert {error["pointer"] for error in refused.value.errors} == {
        "/content/aim/text",
        "/content/why",
    }
