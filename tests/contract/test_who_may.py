"""Every route of every service, asked as each kind of caller: who may is what a table says.

The table, ``who_may.toml``, is written by hand and knows nothing of the rules. Each application is
the one that runs, but for its database: whoever is let in meets ``Beyond``, which answers for it.
"""

import tomllib
from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from fastapi import FastAPI

from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.decisions import Decisions
from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.contribute.receipts import Reply
from shared.chassis.contribute.rights import Rights
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.http.overload import PerCaller
from shared.chassis.http.tokens.claims import contributor_of
from shared.chassis.kafka.commands import contributor_of as contributor_of_message
from shared.chassis.policy.access import Access, Doing, Objection, Proxy, Relationship, Scope
from shared.chassis.policy.access_copy import AccessCopy, access_copy
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore
from shared.chassis.wire.problem import Problem
from shared.contracts import discover
from shared.ledger import Contribution, Contributor, Section
from tests.contract.test_policy_of_routes import routes_of, services

TABLE: Final = tomllib.loads(Path(__file__).with_name("who_may.toml").read_text("utf-8"))
STATES: Final[list[str]] = TABLE["states"]
WHO: Final[Mapping[str, Mapping[str, Any]]] = TABLE["who"]
DOES: Final = {route: does for does, routes in TABLE["routes"].items() for route in routes}
PURPOSES: Final = ("", "direct-care", "review", "emergency", "audit", "support")
CODES: Final = {
    "-": "no-live-relationship",
    "p": "proxy-not-live",
    "N": "not-permitted",
    "R": "role-may-not-contribute",
}
PLAN, OTHER, PROXY = UUID(int=1), UUID(int=2), UUID(int=3)
NOW = datetime.now(UTC)
AGO, SOON = NOW - timedelta(days=30), NOW + timedelta(days=30)
ELSEWHERE: Final = frozenset({"nowhere"})

Asked = tuple[str, str, str, str]
"""A route, a caller, a state and a purpose."""


def access_in(state: str) -> Access:
    """What the copy of a service knows of the plan in a state."""
    if state == "none":
        return Access()
    begins, ends = {"over": (AGO, NOW), "ahead": (SOON, None)}.get(state, (AGO, SOON))
    sections = ELSEWHERE if state == "elsewhere" else None
    relationship = Relationship(
        UUID(int=4),
        "ZZC01",
        begins,
        ends,
        Scope(sections, contribute=state != "looking"),
        (Objection(),) if state == "objected" else (),
        self_claimed=state == "claimed",
        kind="caseload",
    )
    may = frozenset({Doing.VIEW} if state == "looking" else Doing)
    named = frozenset({("sub", "somebody")})
    suspended = state == "objected"
    proxy = Proxy(PROXY, "Ruth", named, may, begins, ends, sections, suspended)
    return Access((relationship,), (proxy,))


@cache
def contributor(who: str) -> Contributor:
    """The caller, as their token says who they are."""
    ours = orjson.loads(
        orjson.dumps(WHO[who]["claims"]).replace(b"PLAN", str(PLAN).encode())
        .replace(b"OTHER", str(OTHER).encode())
    )  # fmt: skip
    return contributor_of({"sub": "somebody", "jti": "t", "careplan": ours})


def commands_of(section: Section) -> Iterator[tuple[str, dict[str, Any]]]:
    """What everybody may contribute there, and what gains access, each with a content."""
    seen: set[str] = set()
    examples = import_module(f"services.{section.name}.examples").EXAMPLES
    for one in examples:
        command = section.commands[one.command]
        is_for_all = {"person", "proxy", "professional"} <= {*command.who}
        does = "gain" if command.gains_access else "contribute"
        if one.refused is None and command.creates and is_for_all and does not in seen:
            seen.add(does)
            yield does, {"command": one.command, "content": dict(one.content)}


class Beyond:
    """Stands for a database: who asks it anything was let in."""

    def __getattr__(self, name: str) -> Any:
        raise Problem("unavailable", f"beyond the decision: {name}")


class Known:
    """What the service knows while something is asked, and who asks."""

    state = "none"
    who = "a nurse"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> type[Known]:
    async def told(*_: Any, **__: Any) -> Any:
        return None

    async def beyond(*_: Any, **__: Any) -> Any:
        raise Problem("unavailable", "beyond the decision")

    async def proven(*_: Any, **__: Any) -> Contributor:
        return contributor(Known.who)

    async def at_once(_: Any, plan_id: UUID, *__: Any) -> Access:
        return access_in(Known.state) if plan_id == PLAN else Access()

    async def is_open(*_: Any, **__: Any) -> str:
        return "open"

    monkeypatch.setattr(Identity, "contributor", proven)
    monkeypatch.setattr(Database, "pool", Beyond())
    monkeypatch.setattr(AccessCopy, "_until", at_once)
    monkeypatch.setattr(AccessRecords, "store", told)
    monkeypatch.setattr(EventStore, "receipt", told)
    monkeypatch.setattr(EventStore, "publish", told)
    monkeypatch.setattr(EventStore, "load", beyond)
    monkeypatch.setattr(Decisions, "decide", beyond)
    monkeypatch.setattr(PlanStates, "of", is_open)
    monkeypatch.setattr(PerCaller, "count", lambda *_: {})
    return Known


def address(route: str) -> tuple[str, str]:
    """The method and a path; what a route asks for beside it."""
    method, path = route.split(" ")
    filled = path.format(
        plan_id=PLAN, version=1, entry_id=UUID(int=9), sha256="0" * 64, idx=0,
        access_id=UUID(int=8), contribution_id=UUID(int=7), override_id=UUID(int=6),
        dead_letter_id=UUID(int=5), query_id="health",
        path="0/000", name="x",
    )  # fmt: skip
    query = {"POST /v1/media": f"plan_id={PLAN}", "GET /v1/media/{sha256}": f"plan_id={PLAN}",
             "GET /v1/plans/{plan_id}/diff": "from=1&to=1"}.get(route, "")  # fmt: skip
    return method, f"{filled}?{query}"


BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "POST /v1/people:search": {"nhs_number": "9990000018", "date_of_birth": "1938-03-14"},
    "POST /v1/audit/queries/{query_id}": {"params": {}},
    "POST /v1/audit/overrides/{override_id}:review": {"outcome": "appropriate", "text": "Called"},
    **{
        f"POST /v1/ops/dead-letters/{{dead_letter_id}}:{act}": {"reason": "Repaired at its source"}
        for act in ("retry", "return", "discard")
    },
}
"""What is sent where a route takes something else than a contribution or a file."""


OF_ITSELF: Final = frozenset({"GET /v1/audit/queries"})
"""Routes whose answer needs no database, but for the record of it."""


async def answer_to(
    client: httpx.AsyncClient, asked: Asked, body: Mapping[str, Any] | None = None
) -> str:
    """``+`` where they were let in, or the code of the no."""
    route, Known.who, Known.state, purpose = asked
    method, path = address(route)
    headers = {"Authorization": "Bearer x", "Prefer": "wait=0"}
    if purpose:
        headers["Ledger-Purpose"] = purpose
    if purpose == "emergency":
        headers["Ledger-Reason"] = "cannot-ask"
    content: bytes | None = None
    if body is not None or route in BODIES:
        more = {} if body is None else {"contribution_id": str(uuid4())}
        content = orjson.dumps({**(body or BODIES[route]), **more})
        headers["Content-Type"] = "application/json"
    elif method == "POST":
        content, headers["Content-Type"] = b"x", "image/png"
        headers["Content-Digest"] = "sha-256=:LXEWQrcmsEQBYnyp++wy9chTD7GQPMTbAiWHF5IaSIE=:"
    answer = await client.request(method, path, headers=headers, content=content)
    told: dict[str, Any] = answer.json() if answer.content else {}
    code = str(told.get("code"))
    # What is beyond the decision answers 503; what cannot be read was let in to be read.
    if code in CODES.values():
        assert answer.status_code == (200 if route.endswith(":validate") else 403), (asked, told)
        return code
    beyond = (200,) if route in OF_ITSELF else (400, 503)
    assert answer.status_code in beyond, (asked, answer.status_code, told)
    return "+"


def expected(asked: Asked, does: str, section: str = "") -> str:
    """What the table says."""
    route, who, state, purpose = asked
    elsewhere = TABLE["of_sections"].get(section, {}).get(does, {})
    signs: list[str] = elsewhere.get(who, WHO[who][does]).split()
    sign = signs[STATES.index(state)] if len(signs) > 1 else signs[0]
    if route in TABLE["break_glass"]["routes"] and purpose == "emergency":
        sign = "+" if who in TABLE["break_glass"]["callers"] else sign
    purposes = TABLE["purposes"].get(does)
    if purposes is not None and purpose not in purposes and sign != "R":
        return CODES["N"]
    return CODES.get(sign, sign)


def told(wrong: list[str]) -> str:
    return "\n".join([f"{len(wrong)} are wrong, among them:", *wrong[:20]])


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


APPS: Final = dict(services())


@pytest.mark.parametrize("name", APPS)
def test_every_route_stands_in_the_table(name: str) -> None:
    assert routes_of(APPS[name]) - DOES.keys() == set()


def test_every_caller_has_a_sign_for_every_state() -> None:
    for who, row in WHO.items():
        for does in ("see", "emergency", "contribute", "gain", "store"):
            assert len(row[does].split()) == len(STATES), (who, does)
    there = set[str]().union(*(routes_of(app) for app in APPS.values()))
    assert DOES.keys() - there == set()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", APPS)
async def test_who_may_is_what_the_table_says(name: str, known: type[Known]) -> None:
    assert known
    wrong: list[str] = []
    tried: Counter[str] = Counter()
    async with client_of(APPS[name]) as client:
        for route in sorted(routes_of(APPS[name])):
            does = DOES[route]
            if does in ("open", "contribute", "receipt", "justify", "proofs"):
                continue
            depends = does in ("see", "emergency", "store")
            states = STATES if depends else STATES[:1]
            purposes = PURPOSES if does in TABLE["purposes"] else ("",)
            for who, state, purpose in product(WHO, states, purposes):
                # A purpose forbids by itself: it is tried where it could open something.
                if purpose not in ("", "emergency") and state not in ("none", "live"):
                    continue
                asked = route, who, state, purpose
                found, wanted = await answer_to(client, asked), expected(asked, does, name)
                tried[found] += 1
                if found != wanted:
                    wrong.append(f"{asked}: {found}, and not {wanted}")
    assert not wrong, told(wrong)
    assert not tried or len(tried) > 1


SECTIONS: Final = {section.name: section for section in discover.sections()}


def body_of(given: Mapping[str, Any], who: str) -> dict[str, Any]:
    """A contribution: a system says who said it, somebody close under which Proxy."""
    provenance: dict[str, Any] = {}
    kind = contributor(who).kind
    if kind == "system":
        provenance["stated_by"] = {"kind": "professional", "name": "Tom", "role": "nurse"}
    if kind == "related-person":
        named = {"section": "care-team", "entry_id": str(PROXY)}
        provenance["on_behalf_of"] = {"kind": "person", "proxy": named}
    return {**given, "plan_id": str(PLAN), "provenance": provenance}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SECTIONS)
async def test_who_may_contribute_is_what_the_table_says(name: str, known: type[Known]) -> None:
    assert known
    wrong: list[str] = []
    async with client_of(APPS[name]) as client:
        for (does, given), who, state, route in product(
            commands_of(SECTIONS[name]), WHO, STATES, TABLE["routes"]["contribute"]
        ):
            asked = route, who, state, ""
            found = await answer_to(client, asked, body_of(given, who))
            wanted = expected(asked, does)
            if found != wanted:
                wrong.append(f"{given['command']}, {asked}: {found}, and not {wanted}")
    assert not wrong, told(wrong)


def message(organisation: str, roles: str = "") -> ConsumerRecord[bytes, bytes]:
    """The head of a message that intake has passed on."""
    headers = [("ce_source", f"urn:careplan:org:{organisation}".encode())]
    headers += [("ce_roles", roles.encode())] if roles else []
    return cast("Any", SimpleNamespace(headers=headers))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SECTIONS)
async def test_the_door_of_kafka_lets_in_whom_that_of_http_does(
    name: str, known: type[Known]
) -> None:
    """An inbox is its organisation's system; a role that is granted to it comes on top."""
    assert known
    section, settings = SECTIONS[name], Settings(copy_wait_seconds=0)
    database = cast("Any", SimpleNamespace(pool=Beyond()))
    store = EventStore(database, cast("Any", None), section)
    rights = Rights(
        section, PlanStates(database, wait_seconds=0), access_copy(database, settings), settings
    )
    contributions = Contributions(section, store, rights, settings)
    wrong: list[str] = []
    for (does, given), state, roles in product(
        commands_of(section), STATES, ("", "registration-service", "privacy-officer", "gp")
    ):
        Known.state = state
        by = contributor_of_message(message("ZZC01", roles))
        body = body_of(given, "a system")
        said = Contribution(
            uuid4(), body["command"], PLAN, content=body["content"], provenance=claim_of(body)
        )
        found = await code_of(contributions.receive(said, by, wait=False))
        wanted = expected(("", "a system", state, ""), does)
        if found != wanted:
            wrong.append(f"{given['command']}, {state}, {roles}: {found}, and not {wanted}")
    assert not wrong, told(wrong)


async def code_of(receiving: Awaitable[Reply]) -> str:
    """``+`` where they were let in, or the code of the no."""
    try:
        return str((await receiving).code)
    except Problem as problem:
        return "+" if problem.code == "unavailable" else problem.code


def claim_of(body: Mapping[str, Any]) -> Any:
    return contribution_from_json({**body, "contribution_id": str(uuid4())}).provenance
