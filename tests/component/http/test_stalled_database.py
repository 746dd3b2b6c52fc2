"""A database that takes connections and answers nothing, as where its host is frozen.

Kind: bounds that each hold and add up, so that a reader or a contributor waits for their sum.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

import services.audit.app
import services.plan.app
from deploy.local.stack.issuer import ISS, Issuer
from shared.chassis.settings import Settings
from shared.cli.token import professional
from shared.ledger.topics import AUDIT_RECORDS, PLAN_CHANGES, dead_letters_topic
from shared.testing.eventually import eventually
from shared.testing.service import Door, contribution
from shared.testing.stack import EVERY_SERVICE, create_topics, fresh_database, fresh_prefix
from tests.component.http.goals import AGREE, GOAL, NURSE, PLAN, REWORD, WORDS, Goals, problem

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

NOBODYS = "0199c0de-0000-7000-8000-00000000ffff"
READERS = 12
CONTRIBUTORS = 6
FAR_TOO_LONG = 20.0
"""Seconds: many times the bound that the test sets, and less than the bounds of the driver."""
TOO_LONG_TO_WRITE = 9.0
"""Less than a group commit waits by itself, and than a contributor waits without a setting."""


class Way:
    """The way to a server, on which at times nothing moves."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._moves = asyncio.Event()
        self._moves.set()
        self._pipes: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Open it; the address of its near end."""
        server = await asyncio.start_server(self._pipe, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        who = self._parts.netloc.rpartition("@")[0]
        try:
            yield urlunsplit(self._parts._replace(netloc=f"{who}@127.0.0.1:{port}"))
        finally:
            server.close()
            pipes = tuple(self._pipes)
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
            await server.wait_closed()

    def stall(self) -> None:
        self._moves.clear()

    def go_on(self) -> None:
        self._moves.set()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._parts.hostname, self._parts.port
        far_reader, far_writer = await asyncio.open_connection(host, port)
        for one, other in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(one, other))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        try:
            while given := await source.read(65_536):
                await self._moves.wait()
                to.write(given)
                await to.drain()
        except OSError:
            pass  # whoever is at one end has gone
        finally:
            to.close()
            with suppress(OSError):
                await to.wait_closed()


@asynccontextmanager
async def by_the_way(_: Goals, way: Way) -> AsyncIterator[None]:
    """Nothing moves between the section and its database."""
    way.stall()
    yield
    way.go_on()


@asynccontextmanager
async def by_a_lock(goals: Goals, _: Way) -> AsyncIterator[None]:
    """Somebody holds the table of events."""
    async with goals.bench.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(
    ("service", "make", "path", "usual"),
    [
        ("plan", services.plan.app.create_app, f"/v1/plans/{NOBODYS}", 403),
        ("plan", services.plan.app.create_app, f"/v1/plans/{NOBODYS}/history", 403),
        ("audit", services.audit.app.create_app, "/v1/audit/records", 200),
    ],
)
async def test_nobody_waits_for_longer_than_one_bound(
    postgres_url: str,
    kafka_servers: str,
    tmp_path: Path,
    service: str,
    make: Callable[[Settings], FastAPI],
    path: str,
    usual: int,
) -> None:
    own = Path(import_module(f"services.{service}").__path__[0]) / "migrations"
    prefix = fresh_prefix()
    issuer = Issuer(tmp_path)
    issuer.prepare()
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, service, EVERY_SERVICE, own)
        )
        topics = [AUDIT_RECORDS, PLAN_CHANGES, dead_letters_topic(service)]
        await create_topics(kafka_servers, [prefix + topic for topic in topics])
        way = Way(made.url)
        app = make(
            Settings(
                service=service,
                database_url=await opened.enter_async_context(way.open()),
                kafka_servers=kafka_servers,
                topic_prefix=prefix,
                issuer=ISS,
                jwks=str(issuer.jwks),
                read_seconds=0.5,
                copy_wait_seconds=0,
            )
        )
        await opened.enter_async_context(app.router.lifespan_context(app))
        opened.callback(way.go_on)
        role = "gp" if service == "plan" else "auditor"
        token = issuer.signer.sign(professional("ZZG01", role, "Dr A. Quill-Synth"))
        client = await opened.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False),
                base_url="http://reader",
                headers={"Authorization": f"Bearer {token}"},
            )
        )

        async def asked() -> int:
            return (await client.get(path)).status_code

        def is_as_usual(status: int) -> bool:
            return status == usual

        await eventually(asked, "answered as usual", holds=is_as_usual)
        way.stall()
        # Twice: those who come later find the connections of the first in use.
        for _ in range(2):
            async with asyncio.timeout(FAR_TOO_LONG):
                answers = await asyncio.gather(*(client.get(path) for _ in range(READERS)))
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["retry-after"] == "1"
        way.go_on()
        await eventually(asked, "answered as usual again", holds=is_as_usual, within=60.0)


@pytest.mark.parametrize("stalls", [by_the_way, by_a_lock])
async def test_a_contributor_is_answered_within_one_bound_and_recorded_once(
    goals: Goals, stalls: Callable[[Goals, Way], AbstractAsyncContextManager[None]]
) -> None:
    known = (await goals.agreed())["entry_id"]
    aim = {"aim": {"text": f"{WORDS} twice a week"}}
    change = contribution(REWORD, aim, PLAN, entry_id=known, based_on=1)
    alone = [change, *(contribution(AGREE, GOAL, PLAN) for _ in range(CONTRIBUTORS))]
    together = [contribution(AGREE, GOAL, PLAN) for _ in range(CONTRIBUTORS)]
    way = Way(goals.bench.database.url)
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(way.open())
        opened.callback(way.go_on)
        replica = goals.bench.running("behind", database_url=url, write_seconds=0.5)
        door = await opened.enter_async_context(replica)
        async with stalls(goals, way):
            # Twice: those who come later find connections in use, and a full flush under way.
            for _ in range(2):
                async with asyncio.timeout(TOO_LONG_TO_WRITE):
                    answers = await asyncio.gather(
                        *(door.contribute(one, NURSE) for one in alone),
                        door.contribute({"contributions": together}, NURSE),
                    )
                for answer in answers[:-1]:
                    told = problem(answer, 503, "unavailable")
                    assert told["detail"].startswith("The outcome is not known.")
                    assert told["retryable"] is True
                    assert answer.headers["retry-after"] == "1"
                codes = [one["code"] for one in answers[-1].json()["receipts"]]
                assert codes == ["unavailable"] * CONTRIBUTORS
        for one in [*alone, *together]:
            receipts = [await sent_until_answered(door, one) for _ in range(2)]
            assert receipts[0] == receipts[1]
            assert receipts[0]["outcome"] == "accepted"
            assert receipts[0]["entry_version"] == (2 if one is change else 1)
            number = await goals.bench.pool.fetchval(
                "SELECT count(*) FROM stored_events WHERE originator_id = $1",
                UUID(receipts[0]["entry_id"]),
            )
            assert number == receipts[0]["entry_version"]


async def sent_until_answered(door: Door, given: dict[str, Any]) -> dict[str, Any]:
    def is_answered(answer: httpx.Response) -> bool:
        return answer.status_code != httpx.codes.SERVICE_UNAVAILABLE

    async def send() -> httpx.Response:
        return await door.contribute(given, NURSE)

    answer = await eventually(send, "answered again", holds=is_answered, within=60.0)
    receipt: dict[str, Any] = answer.json()
    return receipt
