"""What an organisation claims for itself raises an alert with it, and nothing that others prove."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio

from services.care_team.section import SECTION as CARE_TEAM
from shared.ledger import Contributor
from shared.testing.service import bench_of, contribution, works_for
from tests.component.contribute.running import SAID, SYSTEM, Running, a_plan

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

COMMANDS = "careplan.care-team.commands.relationship-"
CONTENT = {
    "organisation": {"ods": "ZZC01"},
    "reason": "Falls programme",
    "lawful_basis": {"value": "direct-care"},
    "live_from": "2026-01-01T00:00:00Z",
}
NURSE = works_for("ZZC01")
REGISTRATION = works_for("ZZP01", role="registration-service")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def care_team(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("contributions-care-team")
    async with (
        bench_of(CARE_TEAM, postgres_url, kafka_servers, folder) as bench,
        bench.running() as door,
    ):
        yield Running(bench, door)


async def alerts_of(running: Running, plan_id: UUID) -> list[dict[str, Any]]:
    rows = await running.bench.pool.fetch(
        "SELECT value FROM outgoing WHERE topic LIKE $1 AND key = $2 ORDER BY position",
        "%careplan.audit.records.v1",
        str(plan_id).encode(),
    )
    told = [orjson.loads(row["value"]) for row in rows]
    return [one for one in told if one["operation"] == "alert"]


@pytest.mark.parametrize(
    ("by", "more", "claimed"),
    [
        (NURSE, {}, True),
        (NURSE, {"provenance": SAID}, True),
        (SYSTEM, {"provenance": SAID}, True),
        (REGISTRATION, {}, False),
        ("person", {}, False),
    ],
)
async def test_a_claim_raises_an_alert_with_it_whomever_it_quotes(
    care_team: Running, by: Any, more: dict[str, Any], claimed: bool
) -> None:
    plan_id = await a_plan(care_team)
    contributor = Contributor("person", "edith", plan_id=plan_id) if by == "person" else by
    said = {**CONTENT, "kind": "caseload"}
    given = contribution(f"{COMMANDS}establish.v1", said, plan_id, **more)
    for _ in range(2):
        answer = await care_team.door.contribute(given, contributor)
        assert answer.status_code in (200, 201), answer.text
    found = await alerts_of(care_team, plan_id)
    assert len(found) == int(claimed)
    for alert in found:
        assert (alert["code"], alert["contribution_id"]) == (
            "self-claimed",
            given["contribution_id"],
        )
        assert alert["actor"]["organisation"]["ods"] == "ZZC01"
        assert "Falls" not in orjson.dumps(alert).decode()


async def test_a_claim_that_is_refused_raises_none(care_team: Running) -> None:
    plan_id = await a_plan(care_team)
    said = {**CONTENT, "kind": "caseload", "live_until": "2026-01-31T00:00:00Z"}
    given = contribution(f"{COMMANDS}establish.v1", said, plan_id, entry_id=str(uuid4()))
    answer = await care_team.door.contribute(given, NURSE)
    assert (answer.status_code, answer.json()["code"]) == (409, "self-claimed-already-over")
    assert await alerts_of(care_team, plan_id) == []
