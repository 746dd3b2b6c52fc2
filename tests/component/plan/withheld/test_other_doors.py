"""What is withheld shows to nobody who breaks the glass, and leaves in no export."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson
import pytest

from shared.standard.declared import declared_code_lists, declared_coverage
from shared.standard.export import Exported, exported
from tests.component.plan.bench import Bench
from tests.component.plan.withheld.plans import PlantedPlan
from tests.component.plan.withheld.test_nothing_shows import (
    LABELS,
    READERS,
    SEX,
    Asking,
    Told,
    another,
    comparable,
    headers_of,
    told,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

CREW: Final = Asking("crew", "ZZA01", LABELS | SEX, role="paramedic")
URGENT: Final = {
    "Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask", "Prefer": "wait=0",
}  # fmt: skip
MARKED: Final = "contingency-plans"
"""The section of which every field is shown in an emergency."""


async def in_an_emergency(bench: Bench, client: httpx.AsyncClient, plan: Told) -> httpx.Response:
    headers = {**CREW.token(bench, plan.plan_id), **URGENT}
    answer = await client.get(f"/v1/plans/{plan.plan_id}/emergency", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("seed", range(3))
async def test_who_breaks_the_glass_sees_what_is_marked_and_nothing_that_is_withheld(
    bench: Bench, seed: int
) -> None:
    planted = PlantedPlan(seed, "left")
    plan = await told(bench, planted)
    async with bench.service() as client:
        answer = await in_an_emergency(bench, client, plan)
    everything = answer.content + repr(answer.headers).encode()
    there = [one for one in planted.planted if one.text.encode() in everything]
    assert [one for one in there if not CREW.sees(one)] == []
    assert {one.section for one in there} <= {MARKED, "about-me"}
    open_to_them = [one for one in planted.planted if one.section == MARKED and CREW.sees(one)]
    assert bool(there) >= bool(open_to_them)


async def test_plans_that_differ_in_what_is_withheld_look_alike_in_an_emergency(
    bench: Bench, postgres_url: str
) -> None:
    one = PlantedPlan(7, "left")
    one.events()
    seen = frozenset(number for number, it in enumerate(one.planted) if CREW.sees(it))
    answers = []
    async with another(bench, postgres_url) as other:
        for tag, place in (("left", bench), ("right-and-longer-", other)):
            plan = await told(place, PlantedPlan(7, tag, seen))
            async with place.service() as client:
                answers.append(await in_an_emergency(place, client, plan))
    left, right = answers
    assert left.content == right.content
    assert comparable(left) == comparable(right)
    assert {**headers_of(left), "ledger-override-ends": ""} == {
        **headers_of(right), "ledger-override-ends": "",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
async def test_an_export_holds_nothing_that_is_withheld_and_nothing_about_others(
    bench: Bench, seed: int
) -> None:
    planted = PlantedPlan(seed, "left")
    plan = await told(bench, planted)
    async with bench.service() as client:
        for reader in READERS:
            answer = await client.get(
                f"/v1/plans/{plan.plan_id}?include=authorship,derived",
                headers=reader.token(bench, plan.plan_id),
            )
            export = exported_from(answer.json())
            whole = orjson.dumps([export.document, export.shortened, export.left_out])
            sent = orjson.dumps(export.document)
            for one in planted.planted:
                is_about_others = any(kind.startswith("third-party") for kind in one.kinds)
                if not reader.sees(one):
                    assert one.text.encode() not in whole, (reader.name, one)
                if is_about_others:
                    assert one.text.encode() not in sent, (reader.name, one)


CODED: Final = frozenset({"aim", "what", "status"})
LISTED: Final = frozenset({"triggers", "instructions"})


def exported_from(document: Mapping[str, Any]) -> Exported:
    """The export of what a reader was shown, with each planted text in the form of its field."""
    sections = {
        name: [{**one, "content": _in_form(one["content"])} for one in entries]
        for name, entries in document["sections"].items()
    }
    plan = {**document, "sections": sections}
    return exported(plan, declared_coverage(), declared_code_lists())


def _in_form(content: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, said in content.items():
        text = {"text": said}
        if name in CODED and isinstance(said, str):
            told[name] = text
        elif name in LISTED and isinstance(said, str):
            told[name] = [{"what": text} if name == "instructions" else text]
        elif name in ("who", "when"):
            told[name] = {"name": said} if name == "who" else {"where": said}
        elif name == "responses":
            told[name] = {key: {"text": one} for key, one in said.items()}
        else:
            told[name] = said
    return told
