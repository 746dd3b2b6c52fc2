"""The HTTP door to what differs between two plans of one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.readers import OF_A_READER, Readers
from services.plan.doors.release import Release
from services.plan.doors.remembered import Difference, Patch
from services.plan.doors.which import Which, instant_of, must_be_known, not_ahead, plan_then
from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.differences.between import entries_between
from services.plan.reads.differences.last_look import Look, last_look
from services.plan.reads.differences.patch import patch_between
from services.plan.reads.past.clocks import Clock
from services.plan.reads.past.then import PlanThen
from services.plan.reads.redaction import MarksOfToday, WhoSaid
from services.plan.reads.view import PlanView
from services.plan.store.values import dumps
from shared.chassis.accesses.record import What
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    described,
    described_names,
    list_header,
    parameter_invalid,
    whole_number,
)
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.wire.described import Answers, answered, unchanged
from shared.chassis.wire.position import Position
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

JSON_PATCH: Final = "application/json-patch+json"
_LAST_LOOK: Final = "last-look"

_JUST_NOW: Final = timedelta(minutes=30)
"""What somebody was shown no longer ago is one look: they are still at it."""

_FROM: Final = described(
    "from",
    "The earlier plan: a version (0 is before the first), or an instant of what was recorded; or "
    f"`{_LAST_LOOK}`: the version in which you were last shown the plan as it stood, all of it.",
)
_TO: Final = described("to", "The later plan, of the same kind; left out, the plan as it is now.")
_BEFORE: Final = described(
    "looked_before",
    f"With `from={_LAST_LOOK}`: your last look before this instant; left out, 30 minutes ago.",
    type="string",
    format="date-time",
)
_OF_A_DIFFERENCE: Final = {"parameters": [_FROM, _TO, _BEFORE, *OF_A_READER]}
_BETWEEN: Final = described_names(_FROM, _TO, _BEFORE)

_HEADERS: Final = (
    *("ETag", "Ledger-Position", "Ledger-Version"),
    *("Ledger-Access-Id", "Ledger-Lag", "Ledger-Policy"),
)
_ANSWERED: Final[Answers] = {
    200: answered(
        "What differs, by entry and field.", Difference, *_HEADERS, also={JSON_PATCH: Patch}
    ),
    304: unchanged(*_HEADERS),
}


class _Point(NamedTuple):
    """One side of a difference: a version, or an instant of what was recorded."""

    version: int | None = None
    at: datetime | None = None


def difference_routes(
    database: Database, identity: Identity, readers: Readers, release: Release
) -> APIRouter:
    """``GET …/diff``."""
    marks, plans = MarksOfToday(database), CurrentPlans(database)
    past, who = PastPlans(database, marks), WhoSaid(database)
    router = APIRouter(tags=["plans"])

    @router.get("/v1/plans/{plan_id}/diff", openapi_extra=_OF_A_DIFFERENCE, responses=_ANSWERED)
    async def difference(
        plan_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """What differs between two versions, or between two instants of what was recorded.

        With `Accept: application/json-patch+json` the RFC 6902 patch that makes of the one plan
        the other, both as `version=` or `as_at=` give them.
        """
        reading = await readers.permitted(
            What.DIFF, plan_id, request, contributor, _BETWEEN, repeatable=()
        )
        async with readers.answering(reading):
            as_patch = _wants_a_patch(request)
            look = await _look_of(request, database, reading.plan_id, contributor)
            newest = await must_be_known(plans, reading.plan_id)  # which is no older than a look
            one, other = _points_of(request, newest, look)
            before = await _side(past, plans, reading.plan_id, one, is_from=True)
            after = await _side(past, plans, reading.plan_id, other)
            if after is None:
                detail = "Nothing of the plan counts by that instant."
                raise Problem("as-at-before-the-plan", detail)
            redaction = (await marks.today(reading.plan_id)).withheld_from(reading.sees)
            shown, seen = await after.redacted(who, redaction)
            if as_patch:
                body = await _patch(who, before, after, redaction)
            else:
                told = await _differences(who, before, one, shown, other, redaction)
                if look is not None:
                    told["from"] = {**told["from"], **look.told}
                body = dumps({**told, **seen.more})
            view = PlanView(
                reading.plan_id,
                after.version,
                body,
                Position(reading.plan_id, after.positions),
                redaction,
                seen.left_out,
                media_type=JSON_PATCH if as_patch else "application/json",
                of_sections=tuple(sorted({entry.section for entry in shown.entries})),
            )
            return await release.plan(request, reading.asked, view)

    return router


@dataclass(frozen=True)
class _LookedAt:
    """What ``last-look`` stands for; without a look the plan before its first version."""

    look: Look | None

    @property
    def point(self) -> _Point:
        return _Point(version=self.look.version if self.look else 0)

    @property
    def told(self) -> dict[str, Any]:
        """What the answer says of it."""
        look = self.look
        return {"access_id": look and look.access_id, "at": look and look.at}


async def _look_of(
    request: Request, database: Database, plan_id: UUID, reader: Contributor
) -> _LookedAt | None:
    """The last look that is asked for; ``None`` where ``from`` asks for something else."""
    before, now = request.query_params.get("looked_before"), datetime.now(UTC)
    if request.query_params.get("from") != _LAST_LOOK:
        if before is not None:
            detail = f"`looked_before` needs `from={_LAST_LOOK}`."
            raise parameter_invalid("looked_before", detail)
        return None
    until = now - _JUST_NOW
    if before is not None:
        until = not_ahead(instant_of("looked_before", before), now)
    return _LookedAt(await last_look(database, plan_id, reader, until))


def _points_of(request: Request, newest: int, look: _LookedAt | None) -> tuple[_Point, _Point]:
    given, until = request.query_params.get("from"), request.query_params.get("to")
    if given is None:
        detail = "`from` is needed: a version from 0, or an instant as 2026-11-14T15:05:00Z."
        raise parameter_invalid("from", detail)
    one = _point("from", given, lowest=0) if look is None else look.point
    now = datetime.now(UTC)
    if until is not None:
        other = _point("to", until, lowest=1)
    else:
        other = _Point(version=newest) if one.at is None else _Point(at=now)
    if (one.at is None) != (other.at is None):
        raise parameter_invalid("to", "`from` and `to` must be two versions or two instants.")
    if one.at is not None and other.at is not None:
        one, other = _Point(at=not_ahead(one.at, now)), _Point(at=not_ahead(other.at, now))
    if one > other:  # both have what the other has
        raise parameter_invalid("from", "`from` must not come after `to`.")
    return one, other


def _point(name: str, text: str, *, lowest: int) -> _Point:
    if text == "0" and lowest == 0:
        return _Point(version=0)
    number = whole_number(text)
    return _Point(at=instant_of(name, text)) if number is None else _Point(version=number)


async def _side(
    past: PastPlans, plans: CurrentPlans, plan_id: UUID, point: _Point, *, is_from: bool = False
) -> PlanThen | None:
    """A plan with the leaves of its entries; ``None`` where there was nothing of it yet."""
    if point.at is not None:
        return await past.of_instant(plan_id, Clock.RECORDED, point.at, with_leaves=True)
    if point.version == 0 and is_from:
        return None
    return await plan_then(past, plans, plan_id, Which(version=point.version), with_leaves=True)


async def _differences(
    who: WhoSaid,
    before: PlanThen | None,
    one: _Point,
    after: PlanThen,
    other: _Point,
    redaction: Redaction,
) -> dict[str, Any]:
    if before is not None:
        before, _ = await before.redacted(who, redaction)
    return {
        "plan_id": after.plan_id,
        "from": _told(before, one),
        "to": _told(after, other),
        "entries": await entries_between(who.database, before, after, redaction),
    }


def _told(then: PlanThen | None, point: _Point) -> dict[str, Any]:
    at = point.at if point.at is not None else None if then is None else then.at
    return {"plan_version": then.version if then else 0, "at": at}


async def _patch(
    who: WhoSaid, before: PlanThen | None, after: PlanThen, redaction: Redaction
) -> bytes:
    was: Any = {}
    if before is not None:
        was = orjson.loads((await before.view(who, redaction)).body)
    now = orjson.loads((await after.view(who, redaction)).body)
    operations: Sequence[Any] = list(patch_between(was, now))
    return dumps(operations)


def _wants_a_patch(request: Request) -> bool:
    """By ``Accept`` (RFC 9110): JSON where it is taken, else a patch, else nothing that is here."""
    accepted: dict[str, float] = {}
    for part in list_header(request, "Accept").lower().split(","):
        name, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        try:
            accepted[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            accepted[name.strip()] = 1.0
    if set(accepted) <= {""}:
        return False
    json, patch = (
        next((accepted[name] for name in (kind, "application/*", "*/*") if name in accepted), 0.0)
        for kind in ("application/json", JSON_PATCH)
    )
    if max(json, patch) <= 0:
        detail = f"A difference is given as application/json or {JSON_PATCH}."
        raise Problem("not-acceptable", detail)
    return patch > json or (patch == json and JSON_PATCH in accepted)
