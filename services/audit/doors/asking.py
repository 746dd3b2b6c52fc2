"""Who asks the audit something: judged first, and recorded before they are answered."""

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import Depends, Request, Response

from services.audit.store.organisations import PlanOrganisations
from shared.chassis.accesses.record import Asked, Did, Shown, What
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    PRIVATE,
    PURPOSES,
    judge_parameters,
    judge_purpose,
    one_header,
)
from shared.chassis.policy.decide import Action, Facts, Roles, decide
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, id_in

ASKED: Final = ("Ledger-Access-Id", "Ledger-Policy")
"""The headers of an answer of the audit."""

_JSON: Final = "application/json"
_OF_ONESELF: Final = "An officer cannot ask the audit about themselves."
_OF_OTHERS: Final = (
    "You see what your own organisation did. Name a plan of somebody whom it looks after to see "
    "what others did there."
)


class Questions:
    """Judges questions to the audit, and lets answers out when the question is recorded."""

    def __init__(
        self, accesses: AccessRecords, roles: Roles, organisations: PlanOrganisations
    ) -> None:
        self._accesses = accesses
        self._roles = roles
        self._organisations = organisations

    def reader(
        self, identity: Identity, what: What, names: Collection[str]
    ) -> Callable[..., Coroutine[Any, Any, Asked]]:
        """Whether the caller may read the audit, for ``Depends``; raises ``Problem``.

        ``names`` are the parameters that the address takes.
        """

        async def reader(
            request: Request, contributor: Annotated[Contributor, Depends(identity)]
        ) -> Asked:
            plan_id = id_in(request.query_params.get("plan_id"))
            return await self.permitted(
                Action.READ_AUDIT, what, request, contributor, names, plan_id
            )

        return reader

    async def permitted(
        self,
        action: Action,
        what: What,
        request: Request,
        contributor: Contributor,
        parameters: Collection[str],
        plan_id: UUID | None = None,
    ) -> Asked:
        """What the record of a question begins with; who may not ask is told so, recorded."""
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        decision = decide(contributor, action, Facts(self._roles, plan_id=plan_id), known)
        asked = Asked(contributor, decision, what, plan_id, known or "audit")
        if not decision.allowed:
            raise await self._accesses.denied(asked)
        judge_purpose(request, purpose)
        judge_parameters(request, parameters)
        return asked

    async def within(self, asked: Asked, organisation: str | None, sub: str | None) -> str | None:
        """The organisation of which alone they are told what it did; ``None`` for all of them.

        ``organisation`` and ``sub`` are whose doings they ask for. Raises ``Problem`` where they
        ask for those of another organisation, or for their own.
        """
        plans = () if asked.plan_id is None else (asked.plan_id,)
        named = () if organisation is None else (organisation,)
        own = await self.within_all(asked, plans, named, () if sub is None else (sub,))
        return organisation if own is None else own

    async def within_all(
        self,
        asked: Asked,
        plans: Collection[UUID],
        organisations: Collection[str],
        subs: Collection[str],
    ) -> str | None:
        """The same where several plans, organisations or people may be asked for at once.

        They are told what others did where their organisation looks after the person of each plan.
        """
        if asked.contributor.sub in subs:
            raise await self.denied(asked, "conflict-of-interest", _OF_ONESELF)
        own = asked.decision.within
        if own is None:
            return None
        if plans and all([await self._looks_after(plan_id, own) for plan_id in plans]):
            return None
        if any(one != own for one in organisations):
            raise await self.denied(asked, "not-permitted", _OF_OTHERS)
        return own

    async def shows(self, asked: Asked, plan_id: UUID | None, organisation: str | None) -> bool:
        """Whether they are shown a record of this plan, of what this organisation did."""
        own = asked.decision.within
        return own is None or organisation == own or await self._looks_after(plan_id, own)

    async def begun(self, asked: Asked) -> dict[str, str]:
        """The head of an answer that is given piece by piece, once its question is recorded.

        The record has no hash: nobody has the bytes yet.
        """
        told = replace(asked, more={"status": HTTPStatus.OK, **asked.more})
        kept = await self._accesses.keep_before(told, Did.QUERY)
        return {**PRIVATE, "Ledger-Policy": asked.decision.policy_version, **kept.headers}

    async def _looks_after(self, plan_id: UUID | None, organisation: str) -> bool:
        if plan_id is None:
            return False
        return await self._organisations.are_related(plan_id, organisation)

    async def denied(self, asked: Asked, code: str, detail: str) -> Problem:
        """A no beyond that of the rules, when it is recorded."""
        no = replace(asked.decision, allowed=False, code=code, detail=detail)
        return await self._accesses.denied(replace(asked, decision=no))

    async def answer(self, asked: Asked, told: dict[str, Any]) -> Response:
        """A page of items, once it is recorded who asked for it."""
        body = orjson.dumps(told)
        headers = await self.recorded(asked, Shown.of(body))
        return Response(body, media_type=_JSON, headers=headers)

    async def recorded(
        self,
        asked: Asked,
        shown: Shown,
        access_id: UUID | None = None,
        did: Did = Did.QUERY,
    ) -> dict[str, str]:
        """The head of an answer whose question is recorded, under this id where it has one."""
        kept = await self._accesses.keep(asked, shown, did, access_id)
        return {
            **PRIVATE,
            "Ledger-Policy": asked.decision.policy_version,
            **kept.headers,
        }

    async def exported(
        self, asked: Asked, shown: Shown, access_id: UUID, plans: Mapping[UUID, int]
    ) -> dict[str, str]:
        """The head of a file of records, once it is recorded for each plan that they are of.

        ``plans`` says how many records are of which: each person is told that a copy was taken.
        """
        if len(plans) == 1:
            asked = replace(asked, plan_id=next(iter(plans)))
        elif plans:
            # What was sought is kept once, with the record of all of it.
            each = [
                replace(asked, plan_id=plan_id, sought=None, more={"result_count": count})
                for plan_id, count in sorted(plans.items())
            ]
            await self._accesses.keep_beside(access_id, each, shown, Did.EXPORT)
        return await self.recorded(asked, shown, access_id, Did.EXPORT)
