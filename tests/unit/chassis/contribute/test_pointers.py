"""What is refused is pointed at where it stood in what was sent, also beside the content."""

from typing import Any, cast

import pytest

from services.about_me.section import SECTION as ABOUT_ME
from services.goals.section import SECTION as GOALS
from shared.chassis.contribute.decisions import Decisions
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.contribute.receipts import Reply, refusal
from shared.chassis.contribute.rights import refused_by
from shared.chassis.http.contributions import refusal as problem_of
from shared.chassis.policy.decide import Decision
from shared.chassis.settings import Settings
from shared.ledger import Contributor, Organisation, Section

IDS = "0199c0de-0000-7000-8000-0000000000"
NURSE = Contributor("professional", "user-1", "Nurse", "nurse", Organisation("ZZG01"))
AGREE = "careplan.goals.commands.agree.v1"
BEGIN = "careplan.about-me.commands.begin.v1"
NEED = {"section": "needs", "entry_id": f"{IDS}0c"}
AIM = {"aim": {"text": "Walk"}, "need_ids": [NEED]}
WORDS = {"responses": {"my_wellness": {"text": "Tired"}}}
NO_REASON = {"labels": ["address"]}
NO_APPROVER = {"withheld_from_person": True, "reason": "At risk"}
OF_THE_PERSON = {"stated_by": {"kind": "person"}}


@pytest.mark.parametrize(
    ("section", "command", "members", "pointer"),
    [
        (GOALS, AGREE, {"content": {**AIM, "need_ids": []}}, "/content/need_ids"),
        (GOALS, AGREE, {"content": AIM, "visibility": NO_REASON}, "/visibility/reason"),
        (GOALS, AGREE, {"content": AIM, "visibility": NO_APPROVER}, "/visibility/approved_by"),
        (GOALS, AGREE, {"content": AIM, "provenance": {"stated_at": "2200-01-01T00:00:00Z"}},
         "/provenance/stated_at"),
        (ABOUT_ME, BEGIN, {"content": WORDS}, "/provenance/stated_by"),
        (ABOUT_ME, BEGIN, {"content": WORDS, "provenance": OF_THE_PERSON},
         "/provenance/supported_by"),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_refusal_points_at_what_was_sent(
    section: Section, command: str, members: dict[str, Any], pointer: str
) -> None:
    ids = {"contribution_id": f"{IDS}0d", "plan_id": f"{IDS}0a"}
    given = contribution_from_json({**ids, "command": command, **members})
    prepared = prepare(section, given, NURSE)
    nothing = cast("Any", None)
    decided = await Decisions(section, nothing, Settings()).decide(prepared, Decision(True))
    assert decided.refused is not None
    receipt = refusal(section, prepared, decided.refused).as_json()
    (error,) = problem_of(Reply(receipt, kept=True)).errors
    assert (error["pointer"], error["rule"]) == (pointer, decided.refused.code)


def test_a_proxy_that_is_not_live_is_pointed_at_where_it_is_named() -> None:
    ids = {"contribution_id": f"{IDS}0d", "plan_id": f"{IDS}0a"}
    prepared = prepare(
        GOALS, contribution_from_json({**ids, "command": AGREE, "content": AIM}), NURSE
    )
    for code, pointers in (("proxy-not-live", ["/provenance/on_behalf_of"]), ("withheld", [])):
        receipt = refusal(GOALS, prepared, refused_by(Decision(False, code, "No."))).as_json()
        problem = problem_of(Reply(receipt, kept=False))
        assert [error["pointer"] for error in problem.errors] == pointers
