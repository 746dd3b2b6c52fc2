"""A command for another kind of entry, or for an older one, is told what would be right."""

from typing import Any, cast

import pytest

from services.about_me.section import SECTION as ABOUT_ME
from services.goals.section import SECTION as GOALS
from shared.chassis.contribute.decisions import Decided, Decisions, _with_its_article
from shared.chassis.contribute.prepare import Prepared, contribution_from_json, prepare
from shared.chassis.policy.access import Scope
from shared.chassis.policy.decide import Decision
from shared.chassis.policy.sees import Reader, Sees
from shared.chassis.settings import Settings
from shared.ledger import Contributor, Entry, Organisation, Section, Visibility

IDS = "0199c0de-0000-7000-8000-0000000000"
TOM = Contributor("professional", "tom", "Tom", "nurse", Organisation("ZZC01"))
NEEDS = [{"section": "needs", "entry_id": f"{IDS}0c"}]
WRONG = {"command": "mark-in-error", "content": {"reason": "Twice"}, "based_on": 1}
NO_SUCH = "This plan has no such entry in this section."


def said(section: Section, **members: Any) -> Prepared:
    ids = {"contribution_id": f"{IDS}0d", "plan_id": f"{IDS}0a", "entry_id": f"{IDS}0b"}
    type_ = f"careplan.{section.wire_name}.commands.{members.pop('command')}.v1"
    return prepare(section, contribution_from_json({**ids, "command": type_, **members}), TOM)


def made(prepared: Prepared) -> Entry:
    return prepared.command.create(prepared.provenance, frozenset(), prepared.arguments)


def an_action() -> Entry:
    content = {
        "what": [{"text": "Walk"}],
        "goal_ids": [{"section": "goals", "entry_id": f"{IDS}0e"}],
    }
    return made(said(GOALS, command="action-plan", content=content))


async def decided(section: Section, held: Entry, by: Decision, **members: Any) -> Decided:
    class Store:
        async def load(self, *_: Any, **__: Any) -> Entry:
            return held

    store = cast("Any", Store())
    return await Decisions(section, store, Settings()).decide(said(section, **members), by)


@pytest.mark.asyncio
async def test_the_command_that_is_for_the_entry_is_named() -> None:
    refused = (await decided(GOALS, an_action(), Decision(True), **WRONG)).refused
    assert refused is not None
    assert refused.code == "entry-unknown"
    assert "is for the kind `goal`, and the entry is of the kind `action`" in refused.detail
    assert "Send `careplan.goals.commands.action-mark-in-error.v1`." in refused.detail


@pytest.mark.parametrize("scope", [Scope(), Scope(sections=frozenset({"needs"}))])
@pytest.mark.asyncio
async def test_whom_an_entry_is_withheld_from_learns_nothing_of_its_kind(scope: Scope) -> None:
    held = an_action()
    held.remember_visibility(Visibility(labels=("address",)), "ZZG09")
    sees = Sees(Reader.ORGANISATION, "ZZL01", "nurse", (scope,), third_party=True)
    refused = (await decided(GOALS, held, Decision(True, sees=sees), **WRONG)).refused
    assert refused is not None
    assert (refused.code, refused.detail) == ("entry-unknown", NO_SUCH)


@pytest.mark.asyncio
async def test_what_is_based_on_another_version_is_told_what_to_do() -> None:
    content = {"aim": {"text": "Walk"}, "need_ids": NEEDS}
    goal = made(said(GOALS, command="agree", content=content))
    refused = (await decided(GOALS, goal, Decision(True), **{**WRONG, "based_on": 7})).refused
    assert refused is not None
    assert refused.code == "base-version-stale"
    assert refused.detail == (
        "There is no version 7; the goal is at version 1. Read it and what `changed_since` says, "
        "decide again, and send a new contribution with `based_on` 1."
    )


def test_what_each_plan_has_one_of_is_called_by_its_title() -> None:
    assert {_with_its_article(one) for one in ABOUT_ME.entries} == {"`About me`"}
