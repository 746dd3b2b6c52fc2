"""Nothing that is withheld from a reader shows in any answer, and nothing follows from it."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any, Final
from uuid import UUID

import httpx
import orjson
import pytest

from services.plan.doors.api import INCLUDES
from services.plan.doors.differences import JSON_PATCH
from shared.chassis.database.database import Database
from shared.cli.token import person, professional, related_person
from shared.testing.stack import EVERY_SERVICE, fresh_database
from tests.component.plan.bench import OWN, Bench, codes, fold_directly, plan_store
from tests.component.plan.withheld.plans import ADDRESS, POSTCODES, Planted, PlantedPlan
from tests.component.plan.withheld.readers import let_in, proxy, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

NARROW: Final = frozenset({"goals", "stewardship"})
JSON: Final = "application/json"
SOUGHT: Final = {"family": "Marlow-Synth", "first": "Edith", "date_of_birth": "1938-03-14"}
_CLOCK: Final = ("projected_at", "resolved_at", "Memento-Datetime", "at", "correlation_id")
_OF_ONE_ANSWER: Final = frozenset(
    {"ledger-access-id", "ledger-lag", "date", "traceresponse", "x-correlation-id",
     "correlation-id", "memento-datetime", "last-modified", "ratelimit"}
)  # fmt: skip
_WITH_CLOCK: Final = (
    *("/versions/", "versions?", "?version=", "/diff", "/history?", "/contributions/"),
)
"""Addresses whose answers say when a version could first be seen."""


@dataclass(frozen=True)
class Asking:
    """A reader: who they are, and which restrictions keep something from them."""

    name: str
    organisation: str | None
    kept_by: frozenset[str]
    sections: frozenset[str] | None = None
    role: str = "nurse"

    def sees(self, one: Planted) -> bool:
        """True where the rules show it; written here once more, from the words of the standard."""
        if self.sections is not None and one.section not in self.sections:
            return False
        return not any(self._is_kept_by(kind, one.origin) for kind in one.kinds)

    def _is_kept_by(self, kind: str, origin: str) -> bool:
        name, _, rest = kind.partition("@")
        of, _, section = rest.partition("@")
        if name == "scope":
            return self.sections is not None and section not in self.sections
        is_label = name in ("label", "other-label")
        return name in self.kept_by and not (is_label and (of or origin) == self.organisation)

    def token(self, bench: Bench, plan_id: UUID) -> dict[str, str]:
        """How they prove who they are."""
        if self.name == "person":
            claims = person(str(plan_id), "Edith Marlow-Synth")
        elif self.name == "proxy":
            claims = related_person(str(plan_id), "Ruth Marlow-Synth")
        else:
            claims = professional(str(self.organisation), self.role, "Reader-Synth")
        return {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}


@dataclass(frozen=True)
class Told:
    """A plan that was folded: how many versions it has, and of each entry which fields were set."""

    plan_id: UUID
    versions: int
    entries: Mapping[str, list[str]]
    contributions: Sequence[UUID]


LABELS: Final = frozenset({"label", "other-label"})
SEX: Final = frozenset({"sex"})
READERS: Final = (
    Asking("origin", "ZZG01", LABELS, role="gp"),
    Asking("nurse", "ZZC01", LABELS | SEX),
    Asking("cleared", "ZZM02", frozenset({"other-label"}) | SEX),
    Asking("narrow", "ZZL09", LABELS | SEX, NARROW),
    Asking("person", None, frozenset({"from-person", "not-shared"})),
    Asking("proxy", None, LABELS | SEX | {"from-person", "not-shared", "third-party"}),
)


def addresses(plan_id: UUID, versions: int) -> Iterator[str]:
    """Everything that can be asked of a plan."""
    base = f"/v1/plans/{plan_id}"
    asked = ["", *(f"?include={one}" for one in sorted(INCLUDES))]
    asked += [f"?include={','.join(pair)}" for pair in combinations(sorted(INCLUDES), 2)]
    asked.append(f"?include={','.join(sorted(INCLUDES))}")
    for query in asked:
        yield base + query
        yield f"{base}/versions/{versions}{query}"
    for version in range(1, versions):
        yield f"{base}/versions/{version}?include={('authorship', 'withdrawn')[version % 2]}"
    for end in ("/versions?limit=200", "/history?limit=200", "/versions?limit=3", "/findings"):
        yield base + end
    yield f"{base}/emergency"
    for number in (1, 2, 3):
        for by in permutations(("organisation", "month", "section"), number):
            yield f"{base}/contributions?group_by={','.join(by)}"
    yield f"{base}/contributions?group_by=section,organisation&limit=2"
    for version in range(1, versions + 1, 7):
        yield f"{base}/findings?version={version}"
    for version in range(0, versions, 5):
        yield f"{base}/diff?from={version}"
        yield f"{base}/diff?from={version}&to={min(version + 7, versions)}"


async def answers(
    bench: Bench, client: httpx.AsyncClient, reader: Asking, plan: Told
) -> Mapping[str, httpx.Response]:
    token = reader.token(bench, plan.plan_id)
    given = {}
    for address in addresses(plan.plan_id, plan.versions):
        kinds = (JSON, JSON_PATCH) if "/diff" in address else (JSON,)
        for kind in kinds:
            answer = await client.get(address, headers={**token, "Accept": kind})
            assert answer.status_code == 200, (reader.name, address, answer.text)
            given[f"{address} {kind}"] = answer
    whole = orjson.loads(given[f"/v1/plans/{plan.plan_id}?include=withdrawn {JSON}"].content)
    shown = {one["entry_id"] for entries in whole["sections"].values() for one in entries}
    for entry_id, fields in plan.entries.items():
        for end in (
            "",
            "?version=20",
            "/history?limit=200",
            *(f"/history?field={f}" for f in fields),
        ):
            address = f"/v1/plans/{plan.plan_id}/entries/{entry_id}{end}"
            answer = await client.get(address, headers=token)
            given[f"{address} {JSON}"] = answer
            if entry_id not in shown:
                assert codes([answer]) == [(403, "withheld")], (reader.name, address)
            elif "=" not in end or "limit" in end:
                assert answer.status_code == 200, (reader.name, address, answer.text)
    for contribution_id in plan.contributions:
        address = f"/v1/plans/{plan.plan_id}/contributions/{contribution_id}"
        given[f"{address} {JSON}"] = await client.get(address, headers=token)
    for postcode in POSTCODES if reader.organisation else ():
        sought = {**SOUGHT, "postcode": postcode}
        answer = await client.post("/v1/people:search", json=sought, headers=token)
        given[f"somebody in {postcode}"] = answer
        found = [item["plan_id"] for item in answer.json()["items"]]
        assert found in ([], [str(plan.plan_id)])
    return given


async def told(bench: Bench, planted: PlantedPlan) -> Told:
    """Fold the plan, and let all readers in."""
    events = planted.events()
    plan_id = events[0].plan_id
    await fold_directly(bench, plan_store("one"), events)
    sub = str(related_person(str(plan_id), "Ruth Marlow-Synth")["sub"])
    labelled = {"labels": ["address"]}
    narrow = {"sections": sorted(NARROW)}
    known = [related(plan_id, ods) for ods in ("ZZG01", "ZZC01")]
    known += [related(plan_id, "ZZM02", labelled), related(plan_id, "ZZL09", narrow)]
    await let_in(bench.database, [*known, proxy(plan_id, sub)])
    fields: dict[str, set[str]] = {}
    for event in events:
        fields.setdefault(str(event.entry_id), set()).update(event.fields)
    entries = {entry_id: sorted(names) for entry_id, names in fields.items()}
    return Told(plan_id, len(events), entries, [event.contribution_id for event in events])


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_withheld_stands_in_no_answer_and_all_else_in_some(
    bench: Bench, seed: int
) -> None:
    planted = PlantedPlan(seed, "left")
    plan = await told(bench, planted)
    async with bench.service() as client:
        for reader in READERS:
            given = await answers(bench, client, reader, plan)
            everything = b"".join(
                one.content + repr(one.headers).encode() for one in given.values()
            )
            for one in planted.planted:
                is_there = one.text.encode() in everything
                assert is_there == reader.sees(one), (reader.name, one)
            if reader.organisation is not None:
                # A search rests on no relationship, so none of its labels opens anything there.
                found = given[f"somebody in {planted.postcode}"].json()["items"]
                assert bool(found) == (reader.organisation == planted.planted[ADDRESS].origin)
            if not all(map(reader.sees, planted.planted)):
                assert b'"withheld"' in given[f"/v1/plans/{plan.plan_id} {JSON}"].content
                await must_be_recorded(bench, given.values())


@pytest.mark.parametrize("seed", [7])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
async def test_plans_that_differ_in_what_is_withheld_are_answered_alike(
    bench: Bench, postgres_url: str, seed: int, reader: Asking
) -> None:
    one = PlantedPlan(seed, "left")
    one.events()
    seen = frozenset(number for number, it in enumerate(one.planted) if reader.sees(it))
    assert len(seen) < len(one.planted)
    both = [PlantedPlan(seed, tag, seen) for tag in ("left", "right-and-longer-")]
    given = []
    async with another(bench, postgres_url) as other:
        for planted, place in zip(both, (bench, other), strict=True):
            plan = await told(place, planted)
            async with place.service() as client:
                given.append(await answers(place, client, reader, plan))
    left, right = given
    assert left.keys() == right.keys()
    for address, answer in left.items():
        assert comparable(answer) == comparable(right[address]), (reader.name, address)
        assert answer.status_code == right[address].status_code, (reader.name, address)
        assert headers_of(answer) == headers_of(right[address]), (reader.name, address)
        if answer.is_success and not any(one in address for one in _WITH_CLOCK):
            assert answer.content == right[address].content
            assert answer.headers.get("etag") == right[address].headers.get("etag")


async def must_be_recorded(bench: Bench, answers: Iterable[httpx.Response]) -> None:
    """Whoever is told that an entry is withheld is recorded as somebody who was told no."""
    records = {one["record_id"]: one for one in await bench.accesses()}
    refused = [one for one in answers if one.status_code == 403]
    for answer in refused:
        record = records[answer.headers["ledger-access-id"]]
        assert (record["operation"], record["code"]) == ("denial", "withheld")


def headers_of(answer: httpx.Response) -> dict[str, str]:
    """Every header but those that differ between two answers to the same question.

    An ETag is of the bytes, and so of the clock where they have one.
    """
    told = {name: of for name, of in answer.headers.items() if name not in _OF_ONE_ANSWER}
    if any(one in str(answer.request.url) for one in _WITH_CLOCK):
        told.pop("etag", None)
    return told


def comparable(answer: httpx.Response) -> Any:
    """What was said, without when it could first be seen: the two were not folded at once."""
    body = _without_clock(orjson.loads(answer.content))
    return body, len(answer.content)


def _without_clock(given: Any) -> Any:
    if isinstance(given, dict):
        if str(given.get("path")).rpartition("/")[2] in _CLOCK:
            return {**given, "value": None}
        return {key: _without_clock(one) for key, one in given.items() if key not in _CLOCK}
    return [_without_clock(one) for one in given] if isinstance(given, list) else given


@asynccontextmanager
async def another(bench: Bench, postgres_url: str) -> AsyncIterator[Bench]:
    """A second service on a database of its own."""
    async with (
        fresh_database(postgres_url, "plan", EVERY_SERVICE, OWN) as made,
        Database(made.url, size=12) as database,
    ):
        other = Bench(made, database, bench.servers, bench.issuer)
        other.prefix = bench.prefix
        yield other
