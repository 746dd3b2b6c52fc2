"""Who may read what of a plan: judged before everything else that could be said."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from fastapi import Request

from services.plan.doors.release import Release
from shared.chassis.accesses.record import Asked, What
from shared.chassis.http.parameters import (
    LONGEST_WAIT,
    OF_A_READ,
    PURPOSES,
    described,
    judge_parameters,
    judge_purpose,
    one_header,
    reason_of,
    seconds_to_wait,
)
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts, decide
from shared.chassis.policy.sees import Sees
from shared.chassis.settings import Settings
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in

OF_A_READER: Final = (
    *OF_A_READ,
    described(
        "Prefer",
        f"`wait=5` waits so many seconds, at most {LONGEST_WAIT:.0f}, for a relationship that has "
        "not reached this service yet, and for `Ledger-Min-Position`.",
        place="header",
    ),
)
"""What every read of a plan may say of itself."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A plan that somebody may read, what they see of it, and what the access record begins with.

    ``otherwise`` decides what they are told where there is no such plan.
    """

    plan_id: UUID
    asked: Asked
    sees: Sees
    otherwise: Callable[[], Decision]


class Readers:
    """Judges who asks for something of a plan, on the service's own copy of relationships."""

    def __init__(self, access: AccessCopy, settings: Settings, release: Release) -> None:
        self._access = access
        self._roles = settings.roles
        self._restricting = frozenset(settings.restricting_labels)
        self._release = release

    async def permitted(
        self,
        what: What,
        plan_id: str,
        request: Request,
        contributor: Contributor,
        parameters: Collection[str] = (),
        *,
        action: Action = Action.READ_PLAN,
        repeatable: Collection[str] = ("include",),
    ) -> Reading:
        """What may be read; whoever may not is told so when that is recorded."""
        plan = id_in(plan_id)
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        facts = Facts(self._roles, plan_id=plan, restricting=self._restricting)
        decision = await self._access.decide(
            contributor, action, facts, known, patience=seconds_to_wait(request)
        )
        reason = reason_of(request, known)
        asked = Asked(contributor, decision, what, plan, known, None, reason, _query_of(request))
        if not decision.allowed or decision.sees is None:
            raise await self._release.denied(asked)

        def otherwise() -> Decision:
            return decide(contributor, action, facts, known)

        if plan is None:
            raise await self._no_such(asked, otherwise())
        judge_purpose(request, purpose)
        judge_parameters(request, parameters, repeatable=repeatable)
        return Reading(plan, asked, decision.sees, otherwise)

    def answering(self, reading: Reading) -> "_Answering":
        """While it is answered, ``plan-unknown`` is said as to somebody who may not read it.

        Whoever needs a relationship is told that they lack it, and so learns nothing by guessing
        which plans there are.
        """
        return _Answering(lambda: self._no_such(reading.asked, reading.otherwise()))

    async def _no_such(self, asked: Asked, otherwise: Decision) -> Problem:
        asked = replace(asked, decision=otherwise)
        if otherwise.allowed:
            return await self._release.plan_unknown(asked)
        return await self._release.denied(asked)


class _Answering:
    def __init__(self, no_such_plan: Callable[[], Awaitable[Problem]]) -> None:
        self._no_such_plan = no_such_plan

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Problem) and error.code == "plan-unknown":
            raise await self._no_such_plan() from None


def _query_of(request: Request) -> str:
    """What was asked for, so that it can be answered again."""
    query = request.scope["query_string"].decode("ascii", "replace")
    path: str = request.scope["path"]
    return f"{path}?{query}" if query else path
