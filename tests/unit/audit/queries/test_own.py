"""The person is told in words of their own what somebody looked at."""

import pytest

from services.audit.queries.own import as_told
from tests.unit.audit.queries.test_two_worlds import shown

ANSWERED = (
    *("plan", "emergency", "version", "as-at", "versions", "history", "contributions"),
    *("contribution", "diff", "entry", "entry-history", "findings", "media", "validate"),
    "records",
)


@pytest.mark.parametrize("what", ANSWERED)
def test_each_answer_about_a_plan_has_words(what: str) -> None:
    told = as_told(shown(what=what), {})["what"]
    assert told["view"] == what
    assert told["words"] != as_told(shown(what="never-heard-of"), {})["what"]["words"]
