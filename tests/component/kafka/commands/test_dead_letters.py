"""An operator sees what could not be read, masked, and retries, returns or discards it."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from opentelemetry.metrics import CallbackOptions

from shared.chassis.kafka.dead_letters import Record
from shared.chassis.letters.held import HeldLetters
from shared.chassis.telemetry import Count, counter, unaccounted
from shared.ledger import Contributor
from shared.ledger.topics import receipts_topic
from shared.testing.eventually import eventually
from shared.testing.service import headers_of, works_for
from shared.testing.stack import create_topics
from shared.testing.topic_reader import value_of
from tests.component.kafka.commands.goals import GOAL, PLAN, WILMA, Goals, agree

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

OPERATOR = works_for("ZZG09", "operator")
LIST = "/v1/ops/dead-letters"


async def ask(
    goals: Goals, path: str = "", by: Contributor = OPERATOR, purpose: str | None = "support"
) -> httpx.Response:
    headers = goals.bench.issuer.bearer(by) | ({"Ledger-Purpose": purpose} if purpose else {})
    return await goals.door.client.get(LIST + path, headers=headers)


async def act(
    goals: Goals, letter: dict[str, Any], what: str, by: Contributor = OPERATOR, **body: Any
) -> httpx.Response:
    return await goals.door.client.post(
        f"{LIST}/{letter['dead_letter_id']}:{what}",
        json={"reason": "Asked the organisation"} | body,
        headers=goals.bench.issuer.bearer(by),
    )


async def letter_of(goals: Goals, given: dict[str, Any]) -> dict[str, Any]:
    """The dead letter of a contribution, as it is listed, from all pages."""

    async def look() -> dict[str, Any] | None:
        cursor = ""
        while True:
            page = (await ask(goals, f"?limit=5{cursor}")).json()
            for item in page["items"]:
                if item["contribution_id"] == given["contribution_id"]:
                    return dict(item)
            if page["next"] is None:
                return None
            cursor = f"&cursor={page['next']}"

    found = await eventually(look, "the dead letter in the list", holds=bool)
    return found or {}


async def audited(goals: Goals, letter: dict[str, Any], what: str) -> dict[str, Any]:
    """The record of what an operator did with a letter."""

    def told(record: Record) -> bool:
        value = value_of(record)
        named = value.get("dead_letter_id")
        return named == letter["dead_letter_id"] and value.get("what") == what

    found = await goals.audit.until(lambda records: any(map(told, records)), f"{what} recorded")
    return value_of(next(filter(told, found)))


async def unheard(goals: Goals, organisation: str) -> dict[str, Any]:
    """A goal of an organisation that has no topic for its receipts."""
    given = agree()
    await goals.bench.relate([PLAN], organisation)
    await goals.bench.command(given, organisation)
    return given


async def test_an_operator_sees_a_letter_masked_and_more_of_it_only_on_record(
    goals: Goals,
) -> None:
    given = agree(content={**GOAL, "why": WILMA, WILMA: 1})
    await goals.bench.command(given, "ZZC01")
    item = await letter_of(goals, given)
    assert (item["state"], item["code"], item["consumer"]) == ("held", "content-invalid", "goals")
    assert (item["organisation"], item["plan_id"]) == ("ZZC01", str(PLAN))
    assert item["size"] == len(orjson.dumps(given))
    masked = await ask(goals, f"/{item['dead_letter_id']}")
    assert masked.status_code == 200
    assert masked.json()["level"] == "masked"
    assert masked.json()["value"]["json"]["content"]["#1"] == {"#1": len("Walk to the shop")}
    seen = await audited(goals, item, "dead-letter")
    assert (seen["operation"], seen["purpose"], seen["plan_id"]) == ("read", "support", str(PLAN))
    full = await ask(goals, f"/{item['dead_letter_id']}?level=full")
    assert orjson.loads(full.json()["value"]["text"]) == given
    unmasked = await audited(goals, item, "dead-letter-unmasked")
    assert unmasked["actor"]["id"] == OPERATOR.sub
    assert unmasked["record_id"] == full.headers["Ledger-Access-Id"]
    for answer in (masked, await ask(goals, f"/{item['dead_letter_id']}?level=limited")):
        assert "Wilma" not in answer.text
        assert "Walk" not in answer.text
    for record in goals.audit.records:
        assert b"Wilma" not in (record.value or b"")


@pytest.mark.parametrize("what", ["retry", "discard"])
async def test_while_somebody_deals_with_a_letter_nobody_else_does(goals: Goals, what: str) -> None:
    given = await unheard(goals, f"zzl8{len(what)}")
    letter = await letter_of(goals, given)
    async with goals.bench.pool.acquire() as somebody, somebody.transaction():
        assert await HeldLetters.claim(somebody, UUID(letter["dead_letter_id"]))
        answer = await act(goals, letter, what)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await letter_of(goals, given) == letter
    assert await goals.stored(given) == 0
    assert (await act(goals, letter, "discard")).json()["state"] == "discarded"


@pytest.mark.parametrize(
    ("by", "purpose"),
    [
        (works_for("ZZG01", "gp"), "support"),
        (works_for("ZZG01", "auditor"), "support"),
        (OPERATOR, "direct-care"),
        (OPERATOR, "audit"),
    ],
)
async def test_nobody_else_sees_any_and_nobody_for_another_purpose(
    goals: Goals, by: Contributor, purpose: str
) -> None:
    given = agree(content={})
    await goals.bench.command(given, "ZZC01")
    item = await letter_of(goals, given)
    for path in ("", f"/{item['dead_letter_id']}?level=full"):
        answer = await ask(goals, path, by, purpose)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
        assert answer.headers["Ledger-Access-Id"]
    if by is not OPERATOR:
        assert (await act(goals, item, "discard", by)).status_code == 403
    assert (await letter_of(goals, given))["state"] == "held"


async def test_a_retry_goes_the_way_of_the_first_time_and_doubles_nothing(goals: Goals) -> None:
    """Nobody could be answered; now the organisation has its topic."""
    organisation = "zzl77"
    given = await unheard(goals, organisation)
    item = await letter_of(goals, given)
    await create_topics(goals.bench.servers, [goals.bench.topic(receipts_topic(organisation))])
    answer = await eventually(
        lambda: act(goals, item, "retry"),
        "the retry",
        holds=lambda answer: answer.json()["state"] == "retried",
    )
    assert answer.json()["dead_letter_id"] == item["dead_letter_id"]
    async with goals.bench.reader(receipts_topic(organisation)) as receipts:
        (told,) = await receipts.about(given["contribution_id"])
        assert told["outcome"] == "accepted"
        assert await goals.stored(given) == 1
        record = await audited(goals, item, "dead-letter-retry")
        assert (record["operation"], record["type"]) == ("admin", "admin.dead-letter")
        assert record["reason"] == "Asked the organisation"
        again = await act(goals, item, "retry")
        assert (again.status_code, again.json()["code"]) == (409, "dead-letter-not-held")
        # Its sender did not wait: the first receipt, and nothing twice.
        await goals.bench.command(given, organisation)
        first, second = await receipts.about(given["contribution_id"], 2)
    assert first == second
    assert await goals.stored(given) == 1


async def test_what_was_discarded_is_not_applied_by_a_retry(goals: Goals) -> None:
    organisation = "zzl79"
    given, other = [await unheard(goals, organisation) for _ in range(2)]
    item, known = [await letter_of(goals, one) for one in (given, other)]
    assert (await act(goals, item, "discard")).json()["state"] == "discarded"
    await create_topics(goals.bench.servers, [goals.bench.topic(receipts_topic(organisation))])
    await eventually(
        lambda: act(goals, known, "retry"),
        "the retry of another, which can be applied by now",
        holds=lambda answer: answer.json()["state"] == "retried",
    )
    answer = await act(goals, item, "retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "dead-letter-not-held")
    assert (await goals.stored(other), await goals.stored(given)) == (1, 0)


async def test_what_still_cannot_be_read_stays_held_and_is_answered_once(goals: Goals) -> None:
    given = agree(content={"aim": "x"})
    await goals.bench.command(given, "ZZC01")
    item = await letter_of(goals, given)
    answer = await act(goals, item, "retry")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["code"]) == ("held", "content-invalid")
    record = await audited(goals, item, "dead-letter-retry")
    assert record["dead_letter_state"] == "held"
    marker = agree()
    await goals.bench.command(marker, "ZZC01")
    await goals.told(marker)
    assert len(await goals.receipts.about(given["contribution_id"])) == 1
    assert (await letter_of(goals, given))["dead_letter_id"] == item["dead_letter_id"]
    letters = "SELECT count(*) FROM dead_letter WHERE contribution_id = $1"
    assert await goals.bench.pool.fetchval(letters, UUID(given["contribution_id"])) == 1


async def test_what_is_not_as_it_came_is_never_retried(goals: Goals) -> None:
    cut = agree()
    headers = [*headers_of(cut, "ZZC01"), ("x", b"y" * 300_000)]
    await goals.bench.send(b"{", key=str(PLAN).encode(), headers=headers)
    item = await letter_of(goals, cut)
    answer = await act(goals, item, "retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "dead-letter-not-whole")
    assert (await act(goals, item, "discard")).json()["state"] == "discarded"


async def test_a_letter_is_returned_to_its_sender_or_discarded_and_then_it_is_not_held(
    goals: Goals,
) -> None:
    given, other = agree(content={}), agree(content={})
    for one in (given, other):
        await goals.bench.command(one, "ZZC01")
    item = await letter_of(goals, given)
    (first,) = await goals.receipts.about(given["contribution_id"])
    assert (await act(goals, item, "return")).json()["state"] == "returned"
    _, second = await goals.receipts.about(given["contribution_id"], 2)
    assert second == first | {"plan_id": str(PLAN)}
    assert (await audited(goals, item, "dead-letter-return"))["operation"] == "admin"
    discarded = await letter_of(goals, other)
    assert (await act(goals, discarded, "discard")).json()["state"] == "discarded"
    for letter, what in ((item, "discard"), (discarded, "retry"), (discarded, "return")):
        answer = await act(goals, letter, what)
        assert (answer.status_code, answer.json()["code"]) == (409, "dead-letter-not-held")
    held = (await ask(goals, "?state=held&organisation=zzc01&limit=200")).json()["items"]
    named = {one["dead_letter_id"] for one in held}
    assert not named & {item["dead_letter_id"], discarded["dead_letter_id"]}
    assert {one["organisation"] for one in held} <= {"ZZC01"}


async def test_whom_nobody_knows_nothing_is_returned(goals: Goals) -> None:
    item = await letter_of(goals, await unheard(goals, "zzl78"))
    answer = await act(goals, item, "return")
    assert (answer.status_code, answer.json()["code"]) == (409, "dead-letter-without-sender")


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": " "}, {"reason": 1}, {"why": "x"}])
async def test_an_act_has_a_reason(goals: Goals, body: dict[str, Any]) -> None:
    unknown = {"dead_letter_id": str(uuid4())}
    answer = await act(goals, unknown, "discard", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "content-invalid")
    answer = await act(goals, unknown, "discard")
    assert (answer.status_code, answer.json()["code"]) == (404, "dead-letter-unknown")


async def test_what_is_consumed_is_accounted_for(goals: Goals) -> None:
    """By consumer: applied, duplicates and dead letters together."""

    def counted() -> dict[str, float]:
        told = {}
        for name in (Count.CONSUMED, Count.APPLIED, Count.DUPLICATES, Count.DEAD_LETTERS):
            for one in counter(name).observe(CallbackOptions()):
                if (one.attributes or {}).get("consumer") == "goals":
                    told[name.value.removeprefix("careplan.")] = float(one.value)
        return told

    before = counted()
    good, odd = agree(), agree(content={})
    for given in (good, good, odd):
        await goals.bench.command(given, "ZZC01")
    await goals.told(good, 2)
    await goals.told(odd)
    grown = await eventually(
        lambda: {name: number - before.get(name, 0) for name, number in counted().items()},
        "three records counted",
        holds=lambda told: told["consumed"] == 3,
    )
    assert grown == {"consumed": 3, "applied": 1, "duplicates": 1, "dead_letters": 1}
    told = {labels["consumer"]: missing for missing, labels in unaccounted()}
    assert told["goals"] == 0
