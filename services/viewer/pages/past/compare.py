"""What differs between two versions of a plan, or between two days, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.viewer.clients import ENTRIES, LAST_LOOK, Answer
from services.viewer.pages.past.days import instant_in, number_in
from services.viewer.pages.plan import PlanScreens, plan_in
from services.viewer.sessions import Session
from services.viewer.shown.entries import titles_of
from services.viewer.shown.past.differences import compared
from services.viewer.shown.times import Clock
from shared.chassis.wire.problem import Problem

_CHOICES: Final = tuple(f"{side}{of}" for side in ("from", "to") for of in ("", "_day", "_at"))


@dataclass(frozen=True)
class _Point:
    """One of the two plans: of a version, of an instant, or as its reader last saw it.

    Of none of these it is not chosen.
    """

    version: int | None = None
    at: datetime | None = None
    last_look: bool = False

    @property
    def is_chosen(self) -> bool:
        return self != _Point()

    @property
    def asked(self) -> str:
        """As the API is asked for it."""
        if self.last_look:
            return LAST_LOOK
        if self.at is not None:
            return self.at.isoformat()
        return "" if self.version is None else str(self.version)


def compare_routes(of: PlanScreens) -> APIRouter:
    """``/plans/{plan_id}/compare``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/plans/{plan_id}/compare")
    async def compare(request: Request, plan_id: str) -> Response:
        """What differs between the two that are chosen; with none, what there is to choose."""
        session, asked = of.screens.session(request), plan_in(plan_id)
        given = {name: request.query_params.get(name, "") for name in _CHOICES}
        since, until = (_point(given, side, of.clock()) for side in ("from", "to"))
        no = _no_of(since, until)
        later = await _later(of, session, asked, _Point() if no else until)
        difference = None
        if later.is_good and since.is_chosen and not no:
            difference = await of.apis.difference(session.token, asked, since.asked, until.asked)
        for answer in (later, difference):
            if answer is not None and not answer.is_good:
                return of.screens.problem(request, answer)
        plan, clock = of.laid_out(later), of.clock()
        titles = titles_of(later.body.get("sections") or {}, of.words, clock)
        asked_for = {"from": since.asked, **({"to": until.asked} if until.is_chosen else {})}
        return of.page(
            request,
            "compare.html",
            plan,
            "versions",
            status=400 if no else 200,
            found=compared(difference.body, of.words, titles, clock) if difference else None,
            given=given,
            no=no,
            today=clock.now.astimezone(clock.zone).date().isoformat(),
            access_id=later.headers.get("ledger-access-id", ""),
            request_shown=of.request_shown(f"/v1/plans/{asked}/diff?{urlencode(asked_for)}"),
        )

    return router


async def _later(of: PlanScreens, session: Session, plan_id: UUID, until: _Point) -> Answer:
    """The later plan: whose it is, and what its entries are called."""
    if until.version is not None:
        return await of.apis.version(session.token, plan_id, until.version, ENTRIES)
    if until.at is not None:
        return await of.apis.entries_at(session.token, plan_id, until.at)
    answer, _ = await of.current(session, plan_id, ENTRIES)
    return answer


def _point(given: Mapping[str, str], side: str, clock: Clock) -> _Point:
    version, day, at = (given[f"{side}{of}"].strip() for of in ("", "_day", "_at"))
    if day:
        return _Point(at=instant_in(day, at, clock))
    if not version:
        return _Point()
    if version == LAST_LOOK and side == "from":
        return _Point(last_look=True)
    number = number_in(version)
    if number is None:
        raise Problem("parameter-invalid", "A version is a whole number, such as 12.")
    return _Point(version=number)


def _no_of(since: _Point, until: _Point) -> str:
    """Why these two cannot be compared; empty where they can."""
    if not until.is_chosen:
        return ""
    if not since.is_chosen:
        return "Choose the earlier one as well."
    if (since.at is None) != (until.at is None):
        return "Choose two versions, or two days."
    if until.version == 0:
        return "The later one must be a version from 1."
    if since.last_look:
        return ""
    is_earlier = (
        since.at <= until.at
        if since.at is not None and until.at is not None
        else (since.version or 0) <= (until.version or 0)
    )
    return "" if is_earlier else "The earlier one must not come after the later one."
