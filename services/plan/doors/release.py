"""The only place from which the bytes of a plan leave: after the record of it is durable.

Whoever is answered here was let in by a decision. Where their access cannot be recorded, the
answer is a problem and nothing leaves.
"""

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from fastapi import Request, Response

from services.plan.reads.view import ListView, PlanView
from shared.chassis.accesses.record import Asked, Did, Shown
from shared.chassis.accesses.recording import AccessRecords, Kept
from shared.chassis.http.parameters import PRIVATE, list_header
from shared.chassis.wire.problem import Problem

Lag = Callable[[], float | None]
"""How far the plan is behind, in seconds; ``None`` where nobody knows."""

_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_JSON: Final = "application/json"
_HASHED: Final = 16


class Release:
    """Lets bytes of plans out, each answer with its access record; says no with one, too."""

    def __init__(self, accesses: AccessRecords, lag: Lag) -> None:
        self._accesses = accesses
        self.lag = lag

    async def plan(
        self, request: Request, asked: Asked, view: PlanView, *, waited: bool = False
    ) -> Response:
        """A plan, current or past; 304 where the caller has these very bytes."""
        has_it = _has(request, view.etag)
        kept = await self._accesses.keep(asked, _shown(view, has_it=has_it))
        return self._given(asked, view, kept, has_it=has_it, waited=waited)

    async def current(
        self,
        request: Request,
        asked: Asked,
        last: PlanView | None,
        read: Callable[[], Awaitable[PlanView]],
        *,
        waited: bool = False,
    ) -> Response:
        """The plan as it stands: as it was given ``last``, or else as it is now ``read``.

        One statement sees whether the plan is still at the revision of ``last``, and if so keeps
        the record.
        """
        if last is not None and last.revision is not None and asked.decision.override is None:
            has_it = _has(request, last.etag)
            shown = _shown(last, has_it=has_it)
            kept = await self._accesses.keep_if_it_stands(asked, shown, last.revision)
            if kept is not None:
                return self._given(asked, last, kept, has_it=has_it, waited=waited)
        return await self.plan(request, asked, await read(), waited=waited)

    def _given(
        self, asked: Asked, view: PlanView, kept: Kept, *, has_it: bool, waited: bool = False
    ) -> Response:
        headers = {**view.headers, **self._head(asked, kept)}
        if waited:
            headers["Preference-Applied"] = "wait"
        if has_it:
            return Response(status_code=304, headers=headers)
        return Response(view.body, headers=headers, media_type=view.media_type)

    async def list(self, asked: Asked, view: ListView) -> Response:
        """A page of a plan's versions, of the contributions to it, or of what it finds."""
        shown = Shown.of(view.body, redactions=view.redactions)
        kept = await self._accesses.keep(asked, shown)
        return Response(view.body, headers=self._head(asked, kept), media_type=_JSON)

    async def each(
        self,
        request: Request,
        asked: Asked,
        body: bytes,
        shown: Sequence[tuple[Asked, Shown]],
    ) -> Response:
        """A list over several plans, with the record of each; 304 where the caller has it."""
        etag = f'"{sha256(body).hexdigest()[:_HASHED]}"'
        has_it = _has(request, etag)
        if has_it:
            shown = [(one, replace(told, status=304, told={})) for one, told in shown]
        kept = await self._accesses.keep_each(asked, shown, 304 if has_it else 200)
        headers = {**self._head(asked, kept), "ETag": etag}
        if has_it:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=_JSON)

    async def found(
        self, asked: Asked, body: bytes, sought: bytes, number: int, left: Mapping[str, str]
    ) -> Response:
        """What a search found, with the record of what was sought and how many that were."""
        recorded = replace(asked, sought=b64encode(sought).decode(), more={"result_count": number})
        kept = await self._accesses.keep(recorded, Shown.of(body), Did.SEARCH)
        headers = {**PRIVATE, **left, **kept.headers}
        headers["Ledger-Policy"] = asked.decision.policy_version
        return Response(body, headers=headers, media_type=_JSON)

    async def denied(self, asked: Asked) -> Problem:
        """The no of a decision, when it is recorded."""
        return await self._accesses.denied(asked)

    async def withheld(self, asked: Asked) -> Problem:
        """That what is asked for by its name is withheld from the caller, when it is recorded."""
        detail = "It is on the plan, and you are not shown it."
        no = replace(asked.decision, allowed=False, code="withheld", detail=detail, override=None)
        return await self.denied(replace(asked, decision=no))

    async def plan_unknown(self, asked: Asked) -> Problem:
        """That there is no such plan; to whoever breaks the glass for it, when it is recorded."""
        decision = asked.decision
        if decision.override is None:
            return Problem("plan-unknown")
        no = replace(decision, allowed=False, code="plan-unknown", override=None)
        return await self.denied(replace(asked, decision=no, more={"status": 404}))

    def _head(self, asked: Asked, kept: Kept) -> dict[str, str]:
        """Head of an answer whose access is durable."""
        behind = self.lag()
        told = "unknown" if behind is None else f"{behind:.1f}"
        return {
            **PRIVATE,
            "Ledger-Policy": asked.decision.policy_version,
            "Ledger-Lag": "0" if told == "0.0" else told,
            **kept.headers,
        }


def _has(request: Request, etag: str) -> bool:
    """True where the caller says that they have these very bytes."""
    held = list_header(request, "If-None-Match")
    return bool(held) and (held.strip() == "*" or etag in _ENTITY_TAG.findall(held))


def _shown(view: PlanView, *, has_it: bool) -> Shown:
    return replace(view.shown, status=304, told={}) if has_it else view.shown
