"""Every route of every service has its rule: one that nobody has thought of fails here."""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import httpx
import orjson
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.plan.store.people.identifiers import Identifier
from shared.chassis.policy.rules import RULES, Action
from shared.chassis.section_app import create_app
from shared.chassis.settings import Settings
from shared.contracts import discover
from shared.contracts.generate import CONTRACTS

OPEN: Final[frozenset[Action]] = frozenset()
"""What shows nothing of anybody: health, contracts, and the files of the log."""

_WRITES: Final = frozenset({Action.CONTRIBUTE, Action.GAIN_ACCESS})
_PLAN: Final = frozenset({Action.READ_PLAN})
_AUDIT: Final = frozenset({Action.READ_AUDIT})

_OPERATING: Final = frozenset({Action.TEND_DEAD_LETTERS})

RULED_BY: Final = {
    "GET /v1/ops/dead-letters": _OPERATING,
    "GET /v1/ops/dead-letters/{dead_letter_id}": _OPERATING,
    "POST /v1/ops/dead-letters/{dead_letter_id}:retry": _OPERATING,
    "POST /v1/ops/dead-letters/{dead_letter_id}:return": _OPERATING,
    "POST /v1/ops/dead-letters/{dead_letter_id}:discard": _OPERATING,
    "POST /v1/contributions": _WRITES,
    "POST /v1/contributions:validate": _WRITES,
    "GET /v1/contributions/{contribution_id}": frozenset({Action.READ_RECEIPT}),
    "POST /v1/media": frozenset({Action.STORE_MEDIA}),
    "GET /v1/media/{sha256}": _PLAN,
    "GET /v1/plans/{plan_id}": _PLAN,
    "GET /v1/plans/{plan_id}/versions": _PLAN,
    "GET /v1/plans/{plan_id}/versions/{version}": _PLAN,
    "GET /v1/plans/{plan_id}/history": _PLAN,
    "GET /v1/plans/{plan_id}/contributions": _PLAN,
    "GET /v1/plans/{plan_id}/findings": _PLAN,
    # Whoever used an override says why, and nobody else.
    "POST /v1/accesses/{access_id}:justify": frozenset({Action.READ_EMERGENCY}),
    "GET /v1/audit/plans/{plan_id}/accesses": _AUDIT,
    "GET /v1/audit/me/accesses": frozenset({Action.READ_OWN_ACCESSES}),
    "GET /v1/plans/{plan_id}/emergency": frozenset({Action.READ_EMERGENCY}),
    "GET /v1/plans/{plan_id}/diff": _PLAN,
    "GET /v1/plans/{plan_id}/entries/{entry_id}": _PLAN,
    "GET /v1/plans/{plan_id}/entries/{entry_id}/history": _PLAN,
    "POST /v1/people:search": frozenset({Action.SEARCH_PEOPLE}),
    # Each plan of the list is judged as if it were opened.
    "GET /v1/reviews": frozenset({Action.LIST_PLANS, Action.READ_PLAN}),
    "GET /v1/audit/overrides": _AUDIT,
    "GET /v1/audit/queries": _AUDIT,
    "POST /v1/audit/queries/{query_id}": _AUDIT,
    "POST /v1/audit/overrides/{override_id}:review": frozenset({Action.REVIEW_OVERRIDE}),
    "GET /v1/plans/{plan_id}/contributions/{contribution_id}": _PLAN,
    "GET /v1/audit/contributions/{contribution_id}": frozenset({Action.READ_RECEIPT}),
    "GET /v1/audit/records": _AUDIT,
    "GET /v1/audit/records/{idx}": _AUDIT,
    "GET /v1/audit/records/{idx}/proof": _AUDIT,
    "GET /v1/audit/checkpoints": _AUDIT,
    "GET /v1/audit/proofs/inclusion": _AUDIT,
    "GET /v1/audit/proofs/consistency": _AUDIT,
    "GET /log/checkpoint": OPEN,
    "GET /log/policy": OPEN,
    "GET /log/tile/{path}": OPEN,
    **dict.fromkeys(
        (
            *("GET /livez", "GET /readyz", "GET /metrics", "GET /docs"),
            *("GET /openapi.json", "GET /asyncapi.json", "GET /careplan.{name}/{version}.json"),
            *("GET /docs/start.js", "GET /docs/{name}"),
        ),
        OPEN,
    ),
}
"""By which rules each route is judged; a route that is new is added here with the rule it needs."""


def services() -> Iterator[tuple[str, FastAPI]]:
    settings: dict[str, Any] = {"issuer": "https://issuer.example", "jwks": "not-there.json"}
    for section in discover.sections():
        yield section.name, create_app(section, Settings(service=section.name, **settings))
    # The viewer has nothing of its own: it asks the plan and the audit in the name of who looks.
    for name in sorted(set(discover.readers()) - {"viewer"}):
        made: Any = import_module(f"services.{name}.app")
        yield name, made.create_app(Settings(service=name, **settings))


def routes_of(router: Any) -> set[str]:
    """Each way in, as `GET /v1/plans/{plan_id}`; how a parameter is read says nothing of rights."""
    found: set[str] = set()
    for route in router.routes:
        within = getattr(route, "original_router", None)
        if within is not None:
            found |= routes_of(within)
            continue
        assert isinstance(route, APIRoute), f"a way in that nobody knows: {route}"
        found |= {f"{method} {route.path.replace(':path}', '}')}" for method in route.methods or ()}
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "app"), [pytest.param(*one, id=one[0]) for one in services()])
async def test_every_route_is_ruled_and_asks_for_a_token(name: str, app: FastAPI) -> None:
    routes = routes_of(app)
    assert routes
    unruled = routes - RULED_BY.keys()
    assert not unruled, f"{name} has routes without a rule: {sorted(unruled)}"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route in sorted(routes):
            method, path = route.split(" ")
            if RULED_BY[route] is not OPEN:
                answer = await client.request(method, path.replace("{", "").replace("}", ""))
                told = answer.status_code, answer.json()["code"]
                assert told == (401, "token-missing"), route


def test_each_rule_that_a_route_needs_is_there_and_no_route_is_made_up() -> None:
    ruled = {rule.action for rule in RULES}
    assert all(actions <= ruled for actions in RULED_BY.values())
    there = set[str]().union(*(routes_of(app) for _, app in services()))
    assert RULED_BY.keys() - there == set()


def test_no_address_takes_what_names_a_person() -> None:
    """Kind: an NHS number in a URL, and so in every log on the way."""
    looked_at = 0
    for path in sorted((CONTRACTS / "openapi").glob("*.json")):
        for address, operations in orjson.loads(path.read_bytes())["paths"].items():
            for operation in operations.values():
                for given in operation.get("parameters", ()):
                    looked_at += 1
                    told = f"{address} {orjson.dumps(given).decode()}"
                    assert not re.search(r"\b999[0-9]{7}\b", told), told
                    assert given["name"] not in {*Identifier, "nhs", "name", "person"}, told
    assert looked_at
