"""Which plan a reader asks for: as it stands, in a version, or at an instant by a clock."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from fastapi import Request

from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.past.clocks import Clock
from services.plan.reads.past.then import PlanThen
from shared.chassis.http.parameters import (
    described,
    has_parameters,
    must_be_a_section,
    parameter_invalid,
    whole_number,
)
from shared.chassis.wire.problem import Problem
from shared.ledger.times import INSTANT

VERSION: Final = described(
    "version",
    "The plan of that version; the same as `…/versions/{version}`.",
    type="integer",
    minimum=1,
)
AS_AT: Final = described(
    "as_at",
    "The plan at this instant: RFC 3339 with an offset, as `2026-11-14T15:05:00Z` (a `+` is "
    "written `%2B`). An event at exactly this instant counts. Up to a minute ahead means now.",
    type="string",
    format="date-time",
)
BASIS: Final = described(
    "basis",
    "By which clock an event counts at the instant: `recorded` (the ledger had been told), "
    "`visible` (a reader could have seen it), `effective` (it applied, as known now).",
    type="string",
    enum=[one.value for one in Clock],
    default=Clock.RECORDED.value,
)
SECTION: Final = described(
    "section",
    "Only these sections, one or several with commas between them.",
    type="array",
    items={"type": "string"},
)
WHICH_PLAN: Final = (VERSION, AS_AT, BASIS)
"""The parameters that ask for a past plan."""

_INSTANT: Final = re.compile(INSTANT, re.IGNORECASE)
_AHEAD: Final = timedelta(minutes=1)
_MOST_SECTIONS: Final = 50


@dataclass(frozen=True)
class Which:
    """A version, an instant by a clock, or neither: the plan as it stands.

    ``at`` is the instant that counts, ``requested`` the one that was asked for.
    """

    version: int | None = None
    clock: Clock = Clock.RECORDED
    at: datetime | None = None
    requested: datetime | None = None

    @property
    def is_past(self) -> bool:
        """True where it is not the plan as it stands."""
        return self.version is not None or self.at is not None


_NOW: Final = Which()


def which_of(request: Request, now: datetime | None = None) -> Which:
    """What the address says; raises ``parameter-invalid`` and ``as-at-in-the-future``."""
    if not has_parameters(request):
        return _NOW
    given = request.query_params
    version, at, basis = given.get("version"), given.get("as_at"), given.get("basis")
    if version is not None and at is not None:
        detail = "Ask for a `version` or for an instant (`as_at`), not for both."
        raise parameter_invalid("version", detail)
    if basis is not None and at is None:
        raise parameter_invalid("basis", "`basis` is the clock of an instant: it needs `as_at`.")
    if version is not None:
        number = whole_number(version)
        if number is None:
            raise parameter_invalid("version", "`version` must be a whole number from 1.")
        return Which(version=number)
    if at is None:
        return Which()
    if basis is not None and basis not in list(Clock):
        raise parameter_invalid("basis", f"`basis` must be one of {', '.join(Clock)}.")
    requested = instant_of("as_at", at)
    counts = not_ahead(requested, now or datetime.now(UTC))
    return Which(clock=Clock(basis or Clock.RECORDED), at=counts, requested=requested)


def instant_of(name: str, text: str) -> datetime:
    """An instant in UTC from a parameter of this name; raises ``parameter-invalid``."""
    if not _INSTANT.fullmatch(text):
        detail = (
            f"`{name}` must be an instant with its offset, as 2026-11-14T15:05:00Z; "
            "a `+` in an address is written %2B."
        )
        raise parameter_invalid(name, detail)
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def not_ahead(requested: datetime, now: datetime) -> datetime:
    """The instant that counts: clocks differ, and up to a minute ahead is now."""
    if requested > now + _AHEAD:
        raise Problem("as-at-in-the-future", "A plan can be shown as it was, and as it is now.")
    return min(requested, now)


def sections_of(request: Request) -> frozenset[str] | None:
    """The sections that are wanted; ``None`` for all of them."""
    given = request.query_params.getlist("section")
    if not given:
        return None
    names = frozenset(name.strip() for part in given for name in part.split(","))
    if len(names) > _MOST_SECTIONS:
        raise parameter_invalid("section", f"At most {_MOST_SECTIONS} sections may be named.")
    for name in names:
        must_be_a_section(name)
    return names


async def plan_then(
    past: PastPlans,
    plans: CurrentPlans,
    plan_id: UUID,
    which: Which,
    *,
    with_leaves: bool = False,
) -> PlanThen:
    """The past plan that is asked for.

    Raises ``plan-unknown``, ``version-unknown`` and ``as-at-before-the-plan``.
    """
    if which.version is not None:
        then = await past.of_version(plan_id, which.version, with_leaves=with_leaves)
        if then is None:
            raise await no_such_version(plans, plan_id)
        return then
    if which.at is None:
        raise ValueError("the plan as it stands is not a past one")
    then = await past.of_instant(
        plan_id, which.clock, which.at, requested=which.requested, with_leaves=with_leaves
    )
    if then is None:
        await must_be_known(plans, plan_id)
        raise Problem("as-at-before-the-plan", "Nothing of the plan counts by that instant.")
    return then


async def no_such_version(plans: CurrentPlans, plan_id: UUID) -> Problem:
    """The answer for a version that a plan does not have; a plan that is not there is told so."""
    newest = await must_be_known(plans, plan_id)
    return Problem("version-unknown", f"There is no such version; the plan is at version {newest}.")


async def must_be_known(plans: CurrentPlans, plan_id: UUID) -> int:
    """The plan's version; raises ``plan-unknown``."""
    newest = await plans.newest_version(plan_id)
    if newest is None:
        raise Problem("plan-unknown")
    return newest


def names_in(request: Request, name: str, known: Collection[str]) -> tuple[str, ...]:
    """What a parameter lists, once each and in its order; raises ``parameter-invalid``."""
    given = request.query_params.getlist(name)
    names = tuple(dict.fromkeys(one.strip() for part in given for one in part.split(",")))
    if not set(names) <= set(known):
        raise parameter_invalid(name, f"`{name}` may name {', '.join(sorted(known))}.")
    return names
