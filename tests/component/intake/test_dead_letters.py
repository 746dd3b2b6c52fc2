"""What intake could not read is retried as the first time, and is kept no longer than its inbox."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
import pytest

from services.intake.store import Forgetting
from shared.chassis.database.database import Database
from shared.chassis.telemetry import unaccounted
from shared.ledger.topics import receipts_topic
from shared.testing.eventually import eventually
from shared.testing.service import works_for
from shared.testing.stack import create_topics
from tests.component.intake.bench import NOT_REGISTERED, Running, agree, binary, names_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

OPERATOR = works_for("ZZG09", "operator")
LIST = "/v1/ops/dead-letters"


async def letter_of(intake: Running, given: Mapping[str, Any]) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await intake.client.get(
            LIST, params={"limit": 200}, headers=intake.bench.issuer.bearer(OPERATOR)
        )
        named = [
            one
            for one in answer.json()["items"]
            if one["contribution_id"] == given["contribution_id"]
        ]
        return named[0] if named else None

    found = await eventually(look, "the dead letter in the list", holds=bool)
    return found or {}


async def act(intake: Running, letter: Mapping[str, Any], what: str) -> dict[str, Any]:
    answer = await intake.client.post(
        f"{LIST}/{letter['dead_letter_id']}:{what}",
        json={"reason": "The organisation was registered"},
        headers=intake.bench.issuer.bearer(OPERATOR),
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_what_came_before_its_sender_was_registered_is_passed_on_by_a_retry(
    intake: Running,
) -> None:
    early = [agree() for _ in range(3)]
    for given in early:
        await intake.bench.send(binary(given, NOT_REGISTERED), org=NOT_REGISTERED)
    letters = [await letter_of(intake, given) for given in early]
    assert {letter["organisation"] for letter in letters} == {NOT_REGISTERED.upper()}
    assert {letter["consumer"] for letter in letters} == {"intake"}
    still = await act(intake, letters[0], "retry")
    assert (still["state"], still["code"]) == ("held", "content-invalid")
    topic = intake.bench.prefix + receipts_topic(NOT_REGISTERED)
    await create_topics(intake.bench.servers, [topic])
    for letter in letters:
        await eventually(
            partial(act, intake, letter, "retry"),
            "the retry",
            holds=lambda told: told["state"] == "retried",
        )
    for given in early:
        command = await intake.command(given)
        assert command.value == orjson.dumps(given)
    # The inbox itself is read on as before, and nothing of it twice.
    after = agree()
    await intake.bench.send(binary(after, NOT_REGISTERED), org=NOT_REGISTERED)
    await intake.command(after)
    named = names_of(intake.commands.records)
    for given in (*early, after):
        assert named.count(given["contribution_id"]) == 1
    missing = {labels["consumer"]: number for number, labels in unaccounted()}
    assert missing["intake"] == 0


async def test_a_letter_goes_when_its_inbox_would_have_let_it_go(intake: Running) -> None:
    odd = agree(content={})
    await intake.bench.send(binary(odd))
    letter = await letter_of(intake, odd)
    assert (await act(intake, letter, "return"))["state"] == "returned"
    first, second = await intake.receipts.about(odd["contribution_id"], 2)
    assert (first["code"], second["code"]) == ("content-invalid", "content-invalid")
    assert first == second
    pool = intake.bench.pool
    await pool.execute("UPDATE outgoing SET recorded_at = recorded_at - interval '15 days'")
    marker = agree(content={})
    await intake.bench.send(binary(marker))
    await intake.receipts.about(marker["contribution_id"])

    async def is_published() -> bool:
        at = "SELECT position > $1 FROM relay_mark WHERE stream = 'outgoing'"
        place = "SELECT position FROM dead_letter WHERE dead_letter_id = $1"
        position = await pool.fetchval(place, letter["dead_letter_id"])
        return bool(await pool.fetchval(at, position))

    await eventually(is_published, "the letter published")
    async with Database(intake.bench.database.url) as database:
        assert await Forgetting(database, days=14).forget() > 0
    answer = await intake.client.get(
        f"{LIST}/{letter['dead_letter_id']}", headers=intake.bench.issuer.bearer(OPERATOR)
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "dead-letter-unknown")
