"""Whoever contributes in a story may: by what the story has said before of relationships."""

from datetime import UTC, date, datetime

import orjson
import pytest

from deploy.examples.story import Story, stories
from deploy.examples.wire import Moment, contribution
from shared.chassis.contribute.prepare import Prepared, contribution_from_json, prepare
from shared.chassis.http.tokens.claims import contributor_of
from shared.chassis.policy.access import Doing
from shared.chassis.policy.decide import Action, Decision, Facts, decide
from shared.chassis.policy.relationships import Known, access_of, leaves_taken
from shared.chassis.settings import USUAL_ROLES
from shared.contracts import discover
from shared.ledger import Section, plain

SECTIONS = {section.wire_name: section for section in discover.sections()}
MOMENT = Moment(date(2026, 12, 1), 41)


def asked(prepared: Prepared, section: Section, known: list[Known]) -> Decision:
    command = prepared.command
    facts = Facts(
        USUAL_ROLES,
        plan_id=prepared.plan_id,
        who=command.who,
        provenance=prepared.provenance,
        access=access_of(known, USUAL_ROLES["registration"]),
        section=section.wire_name,
        doing=Doing.AGREE if command.entry.proxies_agree else Doing.CONTRIBUTE,
    )
    action = Action.GAIN_ACCESS if command.gains_access else Action.CONTRIBUTE
    return decide(prepared.contributor, action, facts)


def what_it_says(prepared: Prepared, section: Section) -> Known | None:
    """What a copy keeps of it, where it opens the plan, or creates what access rests on."""
    if prepared.command.opens_plan:
        by = prepared.contributor
        said = {
            "opened_at": datetime.now(UTC).isoformat(),
            "recorded_by": by.organisation.code if by.organisation else None,
        }
        leaves = {name: (1, of) for name, of in said.items()}
        return Known(prepared.plan_id, prepared.plan_id, "opening", leaves)
    kind = section.entry_type(prepared.command.entry)
    if kind not in ("relationship", "proxy") or not prepared.command.creates:
        return None
    content = orjson.loads(orjson.dumps(plain(prepared.arguments)))
    return Known(prepared.plan_id, prepared.entry_id, kind, leaves_taken(kind, content))


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.person)
def test_each_contribution_rests_on_what_was_said_before(story: Story) -> None:
    known: list[Known] = []
    proxies = 0
    for said in story.said:
        section = SECTIONS[said.section]
        given = contribution(story, said, MOMENT, None if said.creates else 1)
        by = contributor_of(said.by.claims(story.plan_id))
        prepared = prepare(section, contribution_from_json(given), by)
        decision = asked(prepared, section, known)
        assert decision.allowed, f"step {said.step}, {said.command}: {decision.code}"
        proxies += decision.proxy is not None
        told = what_it_says(prepared, section)
        known += [] if told is None else [told]
    assert (proxies > 0) == any(said.provenance.get("on_behalf_of") for said in story.said)
