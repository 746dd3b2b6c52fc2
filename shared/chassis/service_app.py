"""What the composition roots of sections, of readers and of intake have in common."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from shared.chassis.database.database import Database
from shared.chassis.http.answers import CorrelationIds, HeadLikeGet, problem_handlers
from shared.chassis.http.documents import document_routes
from shared.chassis.http.health import health_routes
from shared.chassis.http.overload import InHand, Overload
from shared.chassis.http.plain_requests import Plain, PlainRequests
from shared.chassis.http.spans import HttpSpans
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.running import running
from shared.chassis.settings import Settings
from shared.chassis.telemetry import AskPart, Gauge, Label, Part, Reading, gauge, unaccounted


def service_app(
    title: str,
    settings: Settings,
    *,
    database: Database,
    relay: Relay,
    routes: Sequence[APIRouter],
    plain: Sequence[Plain] = (),
    consumers: Mapping[str, BatchConsumer],
    opens: Sequence[AbstractAsyncContextManager[Any]] = (),
    parts: Mapping[str, AskPart] | None = None,
    gauges: Mapping[Gauge, Callable[[], Reading]] | None = None,
    stops: Mapping[str, Callable[[], bool]] | None = None,
    door: Sequence[str] = ("database",),
) -> FastAPI:
    """One process: its doors, its health, its figures, and what is opened and closed with it.

    Opened in this order and closed in reverse: the database, ``opens``, the relay, the consumers.
    ``parts`` are asked for their health beside those three; the service is ready when the parts
    named in ``door`` are. ``stops`` tell of other parts whether they have stopped for good.
    ``plain`` are the routes with a short way.
    """

    def stopped() -> Reading:
        """1 for each part that goes on only when somebody has looked; its door stays open."""
        told = {"relay": relay.has_stopped}
        told |= {name: consumer.failure is not None for name, consumer in consumers.items()}
        told |= {name: has_stopped() for name, has_stopped in (stops or {}).items()}
        return [(float(has), {Label.PART: name}) for name, has in told.items()]

    figures: dict[Gauge, Callable[[], Reading]] = {
        Gauge.RELAY_LAG: lambda: float(relay.lag),
        Gauge.RELAY_OLDEST: lambda: relay.oldest_seconds,
        Gauge.STOPPED: stopped,
        Gauge.UNACCOUNTED: unaccounted,
        **(gauges or {}),
    }

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        together: Sequence[AbstractAsyncContextManager[Any]]
        together = (database, *opens, relay, running(consumers.values()))
        async with AsyncExitStack() as opened:
            for part in together:
                await opened.enter_async_context(part)
            for name, read in figures.items():
                opened.callback(gauge(name, read))
            yield

    async def database_part() -> Part:
        return Part(await database.is_answering())

    asked: dict[str, AskPart] = {
        "database": database_part,
        **(parts or {}),
        "relay": relay.part,
        **{name: consumer.part for name, consumer in consumers.items()},
    }
    in_hand = InHand(settings.request_limit, settings.read_seconds)
    app = _Application(
        plain,
        in_hand,
        title=title,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # the committed contract is given, and no other
    )
    for router in routes:
        app.include_router(router)
    app.include_router(health_routes(asked, settings.service, door=door))
    app.include_router(document_routes(settings.service, title))
    app.exception_handlers.update(problem_handlers())
    app.add_middleware(Overload, in_hand=in_hand)
    app.add_middleware(HttpSpans)
    app.add_middleware(HeadLikeGet)
    app.add_middleware(CorrelationIds)
    return app


class _Application(FastAPI):
    """An application that plain requests are answered before: the framework sees the others."""

    def __init__(self, plain: Sequence[Plain], in_hand: InHand, **others: Any) -> None:
        super().__init__(**others)
        self._first = PlainRequests(super().__call__, plain, in_hand)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._first(scope, receive, send)
