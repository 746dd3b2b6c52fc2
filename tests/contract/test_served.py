"""A running service gives the committed contracts, and a page that needs no other server."""

import re
from functools import cache

import httpx
import pytest

from shared.chassis.run import app_of
from shared.chassis.settings import Settings
from shared.contracts import discover
from shared.contracts.generate import CONTRACTS
from shared.ledger.names import kebab

pytestmark = pytest.mark.asyncio

SERVICES = discover.apis()


@cache
def client_of(service: str) -> httpx.AsyncClient:
    """The service's door as it starts, before there is a database: contracts need none."""
    settings = Settings(service=service, issuer="https://issuer.example", jwks="jwks.json")
    transport = httpx.ASGITransport(app_of(service, settings))
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.mark.parametrize("service", SERVICES)
async def test_its_documents_are_the_committed_files(service: str) -> None:
    client = client_of(service)
    for address, file in (
        ("/openapi.json", f"openapi/{kebab(service)}.json"),
        ("/asyncapi.json", "asyncapi.json"),
    ):
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.content == (CONTRACTS / file).read_bytes()


async def test_a_schema_that_they_refer_to_is_there_and_nothing_beside_the_contracts() -> None:
    client = client_of("goals")
    answer = await client.get("/careplan.goals.agreed/1.0.json")
    assert answer.content == (CONTRACTS / "careplan.goals.agreed/1.0.json").read_bytes()
    for address in (
        "/careplan.goals.agreed/9.9.json",
        "/careplan.goals.agreed/..%2f1.0.json",
        "/careplan.goals.agreed/released.json",
        "/careplan../1.0.json",
        "/docs/main.py",
        "/docs/..%2fmain.py",
    ):
        answer = await client.get(address)
        assert answer.status_code == 404, address
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("service", SERVICES)
async def test_the_page_loads_only_from_its_own_service(service: str) -> None:
    client = client_of(service)
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(loaded) == 4
    for address in loaded:
        answer = await client.get(f"/{address}")
        assert answer.status_code == 200, address
        assert answer.content
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert 'url: "openapi.json"' in (await client.get("/docs/start.js")).text
