"""The audit's HTTP door, and records in a known order behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.local.stack.issuer import ISS, Issuer
from services.audit.app import create_app
from shared.chassis.kafka.relay import LOCK
from shared.cli.token import professional
from shared.ledger.topics import events_topic
from shared.testing.contracts.holding import holding_to
from tests.component.audit.bench import Bench, Message, event, refusal


@dataclass
class Door:
    """The audit's application with everything it needs, and tokens for it."""

    bench: Bench
    client: httpx.AsyncClient
    issuer: Issuer

    def token(self, role: str = "auditor", org: str = "ZZG01") -> dict[str, str]:
        return self.bearer(professional(org, role, "Vera Auditor-Synth"))

    def bearer(self, claims: dict[str, Any]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.signer.sign(claims)}"}

    async def get(self, query: str = "", **others: Any) -> httpx.Response:
        headers = others.pop("headers", None) or self.token()
        return await self.client.get(f"/v1/audit/records{query}", headers=headers)

    async def ids(self, query: str) -> list[str]:
        answer = await self.get(query)
        assert answer.status_code == 200, answer.text
        return [item["record_id"] for item in answer.json()["items"]]


@asynccontextmanager
async def open_door(
    bench: Bench, folder: Path, *, publishes: bool = False, **others: Any
) -> AsyncIterator[Door]:
    """The door of an audit, at which an auditor sees everything, unless ``roles`` say otherwise.

    That it was asked stays unpublished, unless that is what is tested.
    """
    holder = await asyncpg.connect(bench.made.owner_url)
    if not publishes:
        await holder.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        async with _running(bench, folder, **others) as door:
            yield door
    finally:
        await holder.close()


@asynccontextmanager
async def _running(bench: Bench, folder: Path, **others: Any) -> AsyncIterator[Door]:
    issuer = Issuer(folder)
    issuer.prepare()
    others.setdefault("roles", {"audit_everywhere": ("auditor",)})
    app = create_app(bench.settings(jwks=str(issuer.jwks), issuer=ISS, **others))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://audit", event_hooks=holding_to("audit")
        ) as client,
    ):
        yield Door(bench, client, issuer)


async def fill(door: Door) -> None:
    """Five records in a known order; what nobody could read happened when it was logged."""
    messages = [
        event(position=1, entry=1, at="2024-11-20T08:00:00Z"),
        event(position=2, entry=2, plan=2, at="2024-11-21T08:00:00Z", org="ZZG02", sub="other"),
        event("needs", position=1, entry=3, at="2024-11-22T08:00:00Z"),
        refusal(1, recorded_at="2024-11-24T08:00:00.5Z", authn={"jti": "t-1"}),
        Message(events_topic("goals"), b"k", b"odd", [("odd", b"\xff")]),
    ]
    for count, message in enumerate(messages, 1):
        await door.bench.publish(message)
        await door.bench.until_recorded(count)
