"""The composition root of the viewer: the one place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.viewer.clients import Answer, Apis
from services.viewer.pages.about_me import about_me_routes
from services.viewer.pages.accesses import access_routes
from services.viewer.pages.comment import comment_routes
from services.viewer.pages.emergency import emergency_routes
from services.viewer.pages.files import file_routes
from services.viewer.pages.past.compare import compare_routes
from services.viewer.pages.past.history import history_routes
from services.viewer.pages.past.over_time import over_time_routes
from services.viewer.pages.past.versions import past_routes
from services.viewer.pages.plan import PlanScreens, plan_routes
from services.viewer.pages.screens import Screens, SignInFirst
from services.viewer.pages.start import start_routes
from services.viewer.pages.worklists.people import people_routes
from services.viewer.pages.worklists.reviews import review_routes
from services.viewer.people import examples_in
from services.viewer.sessions import Sessions
from services.viewer.settings import ViewerSettings
from services.viewer.shown.words import Words
from shared.chassis.http.answers import CorrelationIds, HeadLikeGet, correlation_id_of
from shared.chassis.http.health import health_routes
from shared.chassis.http.overload import InHand, Overload
from shared.chassis.http.spans import HttpSpans
from shared.chassis.settings import Settings, from_environment
from shared.chassis.telemetry import Part, log
from shared.chassis.wire.problem import Problem, detail_of, title_of
from shared.contracts.discover import sections


def create_app(
    settings: Settings,
    told: ViewerSettings | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The pages over the two APIs and the sections' doors; ``transport`` stands in for these."""
    told = told or from_environment(ViewerSettings)
    client = httpx.AsyncClient(timeout=told.api_seconds, trust_env=False, transport=transport)
    apis = Apis(client, told.plan_address, told.audit_address, told.section_addresses)
    sessions = Sessions(told.sessions, told.session_minutes * 60)
    screens = Screens(sessions, secure_cookies=told.secure_cookies)
    plans = PlanScreens(screens, apis, _declared_words(), ZoneInfo(settings.time_zone))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(title="Viewer", lifespan=lifespan, redirect_slashes=False, openapi_url=None)
    app.include_router(start_routes(screens, examples_in(told.example_people)))
    app.include_router(plan_routes(plans))
    app.include_router(emergency_routes(plans))
    app.include_router(access_routes(plans))
    app.include_router(past_routes(plans))
    app.include_router(compare_routes(plans))
    app.include_router(about_me_routes(plans))
    app.include_router(comment_routes(plans))
    app.include_router(history_routes(plans))
    app.include_router(over_time_routes(plans))
    app.include_router(review_routes(plans))
    app.include_router(people_routes(plans))
    app.include_router(file_routes(plans))
    app.include_router(health_routes({"pages": _pages}, settings.service, door=("pages",)))
    app.exception_handlers.update(_handlers(screens))
    app.add_middleware(Overload, in_hand=InHand(settings.request_limit, settings.read_seconds))
    app.add_middleware(HttpSpans)
    app.add_middleware(HeadLikeGet)
    app.add_middleware(CorrelationIds)
    return app


@cache
def _declared_words() -> Words:
    return Words(sections())


async def _pages() -> Part:
    """The viewer keeps nothing, so that it is ready as soon as it is there."""
    return Part(ready=True)


def _handlers(screens: Screens) -> dict[Any, Any]:
    """What is shown where something is not there, not permitted, or has failed: always a page."""

    async def sign_in_first(request: Request, _: SignInFirst) -> Response:
        is_read = request.method in ("GET", "HEAD") and request.url.path != "/"
        to = f"?to={quote(request.url.path)}" if is_read else ""
        return screens.see(f"/sign-in{to}")

    def page(request: Request, problem: Problem) -> Response:
        said = {"code": problem.code, "title": title_of(problem.code), "detail": detail_of(problem)}
        said["correlation_id"] = correlation_id_of(request)
        # A page of ours signs nobody out, as a 401 of an API would.
        is_401 = problem.status == HTTPStatus.UNAUTHORIZED
        status = HTTPStatus.FORBIDDEN if is_401 else problem.status
        return screens.problem(request, Answer(status, said, {}))

    async def problem(request: Request, error: Problem) -> Response:
        return page(request, error)

    async def framework(request: Request, error: HTTPException) -> Response:
        is_405 = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        code = "method-not-allowed" if is_405 else "not-found"
        return page(request, Problem(code, "There is no such page."))

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request.failed", error=error, correlation_id=correlation_id_of(request))
        return page(request, Problem("internal-error", "This page could not be made."))

    return {
        SignInFirst: sign_in_first,
        Problem: problem,
        HTTPException: framework,
        Exception: unexpected,
    }
