"""What an organisation claims for itself raises an alert with it, and nothing that others prove."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from services.care_team.section import SECTION as CARE_TEAM
from shared.chassis.accesses.claims import Claims
from shared.chassis.database.database import Database
from shared.chassis.policy.access_copy import AccessCopy
from shared.ledger import Contributor, RecordedEvent, instant
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.service import contribution, works_for
from tests.component.contribute.running import SAID, SYSTEM, Running, a_plan, section_running

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
    async with section_running(CARE_TEAM, postgres_url, kafka_servers, folder) as it:
        yield it


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


async def test_claims_are_counted_by_what_has_become_of_them(care_team: Running) -> None:
    history = History(uuid4())
    end = datetime.now(UTC) + timedelta(days=1)

    def made(**said: Any) -> list[RecordedEvent]:
        entry_id = uuid4()
        content = {**CONTENT, "kind": "caseload", "live_until": instant(end), **said}
        word = "care-team", "relationship-established", entry_id, "created"
        return [history.event(*word, content, entry_type="relationship")]

    def then(events: list[RecordedEvent], name: str, change: str, **said: Any) -> None:
        word = "care-team", f"relationship-{name}", events[0].entry_id, change
        events.append(history.event(*word, said, entry_type="relationship"))

    confirmed, over = made(self_claimed=True), made(self_claimed=True)
    then(confirmed, "confirmed", "amended", self_claimed=False, live_until=None)
    then(over, "ended", "withdrawn", reason="Moved")
    again = made(self_claimed=True)
    then(again, "confirmed", "amended", self_claimed=False)
    then(again, "extended", "amended", self_claimed=True, live_until=instant(end))
    told = [
        *(made(self_claimed=True), made(), again, made(self_claimed=False), confirmed, over),
        made(self_claimed=True, live_until="2026-01-02T00:00:00Z"),
    ]
    async with Database(care_team.bench.database.url) as database:
        claims = Claims(database)
        await claims.look()
        before = dict(claims.counts)
        assert before.keys() == {"open", "confirmed", "expired"}
        copy = AccessCopy(database, wait_seconds=0)
        async with database.transaction() as connection:
            await copy.learn(connection, [one for events in told for one in events])
        await claims.look()
    more = {word: number - before[word] for word, number in claims.counts.items()}
    assert more == {"open": 3, "confirmed": 1, "expired": 1}
    assert claims.reading() == [
        (float(number), {"outcome": word}) for word, number in claims.counts.items()
    ]


async def test_counting_claims_reads_no_entry(care_team: Running) -> None:
    async with Database(care_team.bench.database.url) as database:
        await database.pool.execute(
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves)"
            " VALUES ($1, $1, 'relationship', $2)",
            uuid4(),
            b"\xff{",
        )
        claims = Claims(database)
        await claims.look()
    assert claims.counts.keys() == {"open", "confirmed", "expired"}


async def test_why_claims_were_not_counted_is_said_as_it_is(postgres_url: str) -> None:
    """Kind: a table that is missing, which is not a database that nobody reaches."""
    async with Database(postgres_url) as another:
        with capture_logs() as lines:
            async with Claims(another):
                await eventually(lambda: lines, "it says so")
    assert [line["event"] for line in lines] == ["claims.uncounted"]
