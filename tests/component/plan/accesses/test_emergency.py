"""In an emergency a plan shows what is marked for one, also to whoever breaks the glass."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from shared.cli.token import person, professional
from shared.ledger.topics import AUDIT_RECORDS
from shared.testing.events import History
from shared.testing.topic_reader import TopicReader, value_of
from tests.component.plan.bench import Bench, codes, fold_directly, plan_store
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

URGENT: Final = {"Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask"}
AT_ONCE: Final = {"Prefer": "wait=0"}
WHY: Final = {"basis": "vital-interest", "text": "Unconscious at the door"}
LABELLED: Final = {
    "fields": ["responses.how_i_communicate"],
    "labels": ["mental-health"],
    "reason": "Only for those who treat it",
}


@dataclass
class Told:
    """A plan of which an emergency needs a part, and who asks for it."""

    bench: Bench
    client: httpx.AsyncClient
    history: History = field(default_factory=History)

    @property
    def path(self) -> str:
        return f"/v1/plans/{self.history.plan_id}"

    def token(self, claims: dict[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.bench.issuer.signer.sign(claims)}"}

    @property
    def crew(self) -> dict[str, str]:
        """Of an organisation that has no relationship with anybody."""
        return self.token(professional("ZZA01", "paramedic", "Pat Ambler-Synth"))

    async def emergency(
        self, headers: Mapping[str, str], plan: UUID | str | None = None
    ) -> httpx.Response:
        path = f"/v1/plans/{plan or self.history.plan_id}/emergency"
        return await self.client.get(path, headers={**AT_ONCE, **headers})

    async def add(
        self, section: str, entry_type: str, content: Mapping[str, Any], **others: Any
    ) -> UUID:
        entry_id = uuid4()
        made = (section, f"{entry_type}-made", entry_id, "created", content)
        event = self.history.event(*made, entry_type=entry_type, **others)
        await fold_directly(self.bench, plan_store("one"), [event])
        return entry_id

    async def take_out(self, section: str, entry_type: str, entry_id: UUID, how: str) -> None:
        made = (section, how, entry_id, "withdrawn", {"reason": "Settled for two years"})
        event = self.history.event(*made, entry_type=entry_type)
        await fold_directly(self.bench, plan_store("one"), [event])

    async def record_of(self, answer: httpx.Response) -> dict[str, Any]:
        told = {one["record_id"]: one for one in await self.bench.accesses()}
        return told[answer.headers["ledger-access-id"]]


@asynccontextmanager
async def opened(bench: Bench) -> AsyncIterator[Told]:
    async with bench.service() as client:
        told = Told(bench, client)
        made = told.history
        named = {"family": "Marlow-Synth", "first": "Edith"}
        content = {"name": named, "nhs_number": "9990000018", "marital_status": "Widowed"}
        first = made.event("person", "plan-opened", made.plan_id, "created", content)
        await fold_directly(bench, plan_store("one"), [first])
        said = {"what_is_most_important": "My cat", "how_i_communicate": "Slowly", "other": "Tea"}
        await told.add(
            *("about-me", "about-me", {"responses": said, "visibility": LABELLED}),
            fields=[*(f"responses.{name}" for name in said), "visibility"],
        )
        await told.add("contingency-plans", "contingency-plan", {"triggers": ["A fall"]})
        await told.add("goals", "goal", {"aim": {"text": "Walk"}})
        document = {"title": "A form", "held_at": "The kitchen"}
        for kind in ("respect", "letter"):
            await told.add("stewardship", "linked-document", {"kind": kind, "document": document})
        await let_in(bench.database, [related(made.plan_id)])
        yield told


@pytest_asyncio.fixture(loop_scope="session")
async def told(bench: Bench) -> AsyncIterator[Told]:
    async with opened(bench) as told:
        yield told


def content_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [entry["content"] for entry in entries]
        for name, entries in plan["sections"].items()
        if entries
    }


async def test_it_shows_what_is_marked_and_nothing_else_to_those_who_read_the_plan(
    told: Told,
) -> None:
    answer = await told.emergency({})
    assert answer.status_code == 200
    assert "ledger-override-ends" not in answer.headers
    plan = answer.json()
    assert plan["view"] == "emergency"
    assert plan["plan_version"] == 6
    shown = content_of(plan)
    person_ = shown["person"][0]
    assert (person_["name"]["family"], person_["nhs_number"]) == ("Marlow-Synth", "9990000018")
    assert "marital_status" not in person_
    (about_me,) = plan["sections"]["about-me"]
    assert about_me["content"]["responses"] == {
        "what_is_most_important": "My cat",
        "how_i_communicate": "Slowly",
    }
    assert set(about_me["authorship"]) == {
        "responses.what_is_most_important",
        "responses.how_i_communicate",
    }
    assert shown["contingency-plans"] == [{"triggers": ["A fall"]}]
    assert [one["kind"] for one in shown["stewardship"]] == ["respect"]
    assert "goals" not in shown
    record = await told.record_of(answer)
    assert (record["what"], record["purpose_of_use"]) == ("emergency", "TREAT")
    assert record["body_sha256"] == sha256(answer.content).hexdigest()
    assert record["plan_version"] == 6
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await told.emergency(known)).status_code == 304
    own = told.token(person(str(told.history.plan_id), "Edith Marlow-Synth"))
    assert content_of((await told.emergency(own)).json()) == shown


async def test_what_is_withheld_stays_so_in_an_emergency(told: Told) -> None:
    answer = await told.emergency({**told.crew, **URGENT})
    (about_me,) = answer.json()["sections"]["about-me"]
    assert about_me["withheld"] == ["responses.how_i_communicate"]
    assert about_me["content"]["responses"] == {"what_is_most_important": "My cat"}
    assert b"Slowly" not in answer.content
    record = await told.record_of(answer)
    (left_out,) = [one for one in record["redactions"] if one["section"] == "about-me"]
    assert (left_out["field"], left_out["rule"]) == ("responses.how_i_communicate", "label")


async def test_what_was_dangerous_stays_in_sight_apart_from_the_plan_when_it_is_taken_out(
    told: Told,
) -> None:
    risk = {"labels": ["risk"], "reason": "A history of risk is kept in sight"}
    hidden = {"labels": ["risk", "mental-health"], "reason": "Only for those who treat it"}
    fire = {"what": {"text": "Has set fires"}, "kind": "problem", "raised_by": "carer"}
    burnt = await told.add("needs", "need", {**fire, "visibility": risk})
    await told.add("needs", "need", {"what": {"text": "Leaves the gas on"}, "visibility": risk})
    tablets = {"what": {"text": "Hides tablets"}, "visibility": hidden}
    secret = await told.add("needs", "need", tablets)
    plain = await told.add("needs", "need", {"what": {"text": "Sleeps badly"}})
    wanders = {"triggers": ["Out at night"], "early_warning_signs": ["Hums"]}
    ended = await told.add("contingency-plans", "contingency-plan", wanders)
    wrong = await told.add("contingency-plans", "contingency-plan", {"triggers": ["Another's"]})
    assert "history" not in (await told.emergency({})).json()
    for entry_id in (burnt, secret, plain):
        await told.take_out("needs", "need", entry_id, "set-aside")
    await told.take_out("contingency-plans", "contingency-plan", ended, "ended")
    await told.take_out("contingency-plans", "contingency-plan", wrong, "entered-in-error")
    answer = await told.emergency({**told.crew, **URGENT})
    plan = answer.json()
    (current,) = plan["sections"]["needs"]
    assert current["content"] == {"what": {"text": "Leaves the gas on"}}
    (need,), (contingency,) = plan["history"]["needs"], plan["history"]["contingency-plans"]
    assert need["content"] == {"what": {"text": "Has set fires"}, "kind": "problem"}
    assert (need["current"], need["state"]) == (False, "withdrawn")
    assert need["taken_out"]["reason"] == "Settled for two years"
    assert need["taken_out"]["recorded_at"] > need["recorded_at"]
    assert set(need["authorship"]) == {"what", "kind"}
    assert contingency["content"] == wanders
    assert contingency["taken_out"]["reason"] == "Settled for two years"
    assert [one["content"] for one in plan["sections"]["contingency-plans"]] == [
        {"triggers": ["A fall"]}
    ]
    assert plan["withheld"] == [{"section": "needs", "entries": 1}]
    for word in (b"Hides tablets", b"Sleeps badly", b"Another's"):
        assert word not in answer.content
    record = await told.record_of(answer)
    assert {"needs", "contingency-plans"} <= set(record["sections"])


async def test_whoever_breaks_the_glass_is_shown_it_under_an_alert_and_says_why(
    told: Told,
) -> None:
    crew, topic = told.crew, told.bench.prefix + AUDIT_RECORDS
    assert codes([await told.emergency(crew)]) == [(403, "no-live-relationship")]
    first = await told.emergency({**crew, **URGENT})
    assert (first.status_code, first.json()["view"]) == (200, "emergency")
    again = await told.emergency({**crew, **URGENT})
    assert first.headers["ledger-override-ends"] == again.headers["ledger-override-ends"]
    others = [
        await told.client.get(f"{told.path}{end}", headers={**crew, **URGENT, **AT_ONCE})
        for end in ("", "/versions", "/versions/1", "/history", "/findings")
    ]
    assert codes(others) == [(403, "no-live-relationship")] * 5
    access_id = first.headers["ledger-access-id"]
    path = f"/v1/accesses/{access_id}:justify"
    said = await told.client.post(path, json=WHY, headers=crew)
    assert said.status_code == 201
    async with TopicReader(told.bench.servers, topic) as audit:
        records = await audit.until(
            lambda told_: said.headers["ledger-access-id"] in _by_id(told_), "it is justified"
        )
    by_id = _by_id(records)
    alerts = [one for one in by_id.values() if one["operation"] == "alert"]
    assert [one["code"] for one in alerts] == ["break-glass"]
    reads = [by_id[one.headers["ledger-access-id"]] for one in (first, again)]
    for one in (*reads, *alerts):
        assert one["override"]["reason"] == "cannot-ask"
        assert one["override"]["override_id"] == alerts[0]["override"]["override_id"]
        assert one["actor"]["name"] == "Pat Ambler-Synth"
    assert [(one["what"], one["purpose_of_use"]) for one in reads] == [("emergency", "BTG")] * 2
    assert reads[0]["body_sha256"] == sha256(first.content).hexdigest()


async def test_an_objection_is_set_aside_for_the_emergency_view_alone(told: Told) -> None:
    plan_id = told.history.plan_id
    objected = History(plan_id).event(
        *("care-team", "relationship-objected-to", uuid4(), "created"),
        {
            "organisation": {"ods": "ZZA01"},
            "kind": "registration",
            "live_from": "2026-01-01T00:00:00Z",
            "objection": {"scope": None},
        },
        entry_type="relationship",
    )
    await let_in(told.bench.database, [objected])
    crew = told.crew
    answer = await told.emergency({**crew, **URGENT})
    assert answer.status_code == 200
    assert answer.headers["ledger-override-ends"]
    record = await told.record_of(answer)
    assert (record["purpose_of_use"], record["relationship"]["kind"]) == ("BTG", "registration")
    kinds = await told.bench.database.pool.fetch("SELECT kind FROM ledger.access_override")
    assert [row["kind"] for row in kinds] == ["objection"]
    whole = await told.client.get(told.path, headers={**crew, **URGENT, **AT_ONCE})
    assert whole.status_code == 403


async def test_an_emergency_needs_one_of_its_reasons_and_opens_nothing_without(
    told: Told,
) -> None:
    before = len(await told.bench.accesses())
    for reason in ({}, {"Ledger-Reason": "curious"}, {"Ledger-Reason": "Found unwell"}):
        for who in (told.crew, {}):
            answer = await told.emergency({**who, "Ledger-Purpose": "emergency", **reason})
            assert codes([answer]) == [(400, "parameter-invalid")]
            assert answer.json()["parameter"] == "Ledger-Reason"
    assert len(await told.bench.accesses()) == before
    calm = {"Ledger-Purpose": "direct-care", "Ledger-Reason": "Found unwell"}
    assert (await told.emergency(calm)).status_code == 200
    known = await told.emergency(URGENT)
    assert known.status_code == 200
    assert "ledger-override-ends" not in known.headers
    assert (await told.record_of(known))["purpose_of_use"] == "ETREAT"


async def test_a_plan_that_is_not_there_is_unknown_to_whoever_breaks_the_glass_and_recorded(
    told: Told,
) -> None:
    nowhere = uuid4()
    answer = await told.emergency({**told.crew, **URGENT}, nowhere)
    assert codes([answer]) == [(404, "plan-unknown")]
    record = await told.record_of(answer)
    assert (record["operation"], record["code"]) == ("denial", "plan-unknown")
    assert (record["status"], record["plan_id"]) == (404, str(nowhere))
    unreadable = await told.emergency({**told.crew, **URGENT}, "not-an-id")
    assert codes([unreadable]) == [(404, "plan-unknown")]
    assert codes([await told.emergency(told.crew, nowhere)]) == [(403, "no-live-relationship")]
    overrides = "SELECT count(*) FROM ledger.access_override"
    assert await told.bench.database.pool.fetchval(overrides) == 0


def _by_id(records: Any) -> dict[str, dict[str, Any]]:
    return {one["record_id"]: one for one in map(value_of, records)}
