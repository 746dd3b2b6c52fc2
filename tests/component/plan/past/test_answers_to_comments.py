"""A comment shows what has answered it: as the plan stands, as it was, and to whom it is shown."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import orjson
import pytest

from shared.cli.token import professional
from shared.ledger import RecordedEvent, instant
from shared.testing.events import History
from shared.testing.plain_fold import Taken, plan_of
from tests.component.plan.bench import Bench, fold_directly, plan_store
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

LABELLED = {"labels": ["mental-health"], "reason": "Labelled", "fields": []}


class Commented:
    """A plan with a comment on a goal, which a rewording and then a restricted need answer."""

    def __init__(self) -> None:
        self.history = History()
        self.comment, self.goal, self.need = uuid4(), uuid4(), uuid4()
        about = {"target": {"section": "goals", "entry_id": str(self.goal)}, "text": "Further?"}
        made = self.history.event
        self.events = [
            self.history.opened(),
            made("goals", "agreed", self.goal, "created", {"aim": {"text": "Walk"}}),
            made(
                *("stewardship", "comment-written", self.comment, "created", about),
                entry_type="comment",
            ),
            self.answering(made("goals", "reworded", self.goal, content={"aim": {"text": "Run"}})),
            self.answering(
                made(
                    *("needs", "found", self.need, "created"),
                    {"what": {"text": "Knee"}, "visibility": LABELLED},
                )
            ),
        ]

    def answering(self, event: RecordedEvent) -> RecordedEvent:
        ref = {"section": "stewardship", "entry_id": str(self.comment)}
        return replace(event, provenance={**event.provenance, "answers": ref})

    def answers(self, *versions: int) -> list[dict[str, Any]]:
        return [
            {
                "section": event.section,
                "entry_id": str(event.entry_id),
                "entry_version": event.entry_version,
                "contribution_id": str(event.contribution_id),
                "plan_version": version,
            }
            for version, event in enumerate(self.events, 1)
            if version in versions
        ]

    def answered_with(self, plan: Mapping[str, Any]) -> Any:
        [comment] = plan["sections"]["stewardship"]
        assert comment["entry_id"] == str(self.comment)
        return comment.get("answered_with")


async def test_a_comment_shows_what_has_answered_it_now_and_then(bench: Bench) -> None:
    told = Commented()
    plan_id: UUID = told.history.plan_id
    await let_in(bench.database, [related(plan_id)])
    base = f"/v1/plans/{plan_id}"
    async with bench.service() as client:

        async def plan(query: str = "") -> dict[str, Any]:
            answer = await client.get(base + query)
            assert answer.status_code == 200, answer.text
            given: dict[str, Any] = answer.json()
            return given

        store = plan_store("one")
        await fold_directly(bench, store, told.events[:3])
        assert told.answered_with(await plan()) is None
        await fold_directly(bench, store, told.events[3:4])
        assert told.answered_with(await plan()) == told.answers(4)
        await fold_directly(bench, store, told.events[4:])

        rows = await bench.ledger(plan_id)
        wanted = plan_of(str(plan_id), Taken([orjson.loads(row["event"]) for row in rows]))
        assert (await client.get(base)).content == orjson.dumps(wanted)
        assert told.answered_with(wanted) == told.answers(4, 5)
        for query in ("?section=stewardship", "?include=authorship,withdrawn"):
            assert told.answered_with(await plan(query)) == told.answers(4, 5)

        for version, named in ((3, None), (4, told.answers(4)), (5, told.answers(4, 5))):
            assert told.answered_with(await plan(f"/versions/{version}")) == named
            at = quote(instant(told.events[version - 1].recorded_at))
            assert told.answered_with(await plan(f"?as_at={at}")) == named
        alone = await plan(f"/entries/{told.comment}")
        assert alone["answered_with"] == told.answers(4, 5)
        alone = await plan(f"/entries/{told.comment}?version=4")
        assert alone["answered_with"] == told.answers(4)

        patch = await client.get(
            f"{base}/diff?from=3&to=4", headers={"Accept": "application/json-patch+json"}
        )
        added = {one["path"]: one["value"] for one in patch.json() if one["op"] == "add"}
        assert added["/sections/stewardship/0/answered_with"] == told.answers(4)


async def test_an_answer_that_is_withheld_is_not_named(bench: Bench) -> None:
    told = Commented()
    plan_id = told.history.plan_id
    await let_in(bench.database, [related(plan_id, "ZZC01")])
    await fold_directly(bench, plan_store("one"), told.events)
    token = bench.issuer.signer.sign(professional("ZZC01", "nurse", "Tom Okafor-Synth"))
    async with bench.service() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        for query in ("", "?include=authorship", "/versions/5"):
            plan = (await client.get(f"/v1/plans/{plan_id}{query}")).json()
            assert plan["withheld"] == [{"section": "needs", "entries": 1}]
            assert told.answered_with(plan) == told.answers(4)
        alone = (await client.get(f"/v1/plans/{plan_id}/entries/{told.comment}")).json()
        assert alone["answered_with"] == told.answers(4)
