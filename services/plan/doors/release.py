"""The only place from which the bytes of a plan leave: with what they were decided on beside them.

Whoever is answered here was let in by a decision; its access record is to be durable before the
response is made, and joins here.
"""

import re
from collections.abc import Callable
from typing import Final

from fastapi import Request, Response

from services.plan.reads.view import PlanView
from shared.chassis.http.parameters import PRIVATE, list_header
from shared.chassis.policy.decide import Decision

Lag = Callable[[], float | None]
"""How far the plan is behind, in seconds; ``None`` where nobody knows."""

_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_JSON: Final = "application/json"


def release_plan(
    request: Request, decision: Decision, view: PlanView, lag: Lag, *, waited: bool
) -> Response:
    """A plan, current or past; 304 where the caller has these very bytes."""
    headers = {**view.headers, **_headers(decision, lag)}
    if waited:
        headers["Preference-Applied"] = "wait"
    held = list_header(request, "If-None-Match")
    if held.strip() == "*" or view.etag in _ENTITY_TAG.findall(held):
        return Response(status_code=304, headers=headers)
    return Response(view.body, headers=headers, media_type=_JSON)


def release_list(decision: Decision, body: bytes, lag: Lag) -> Response:
    """A page of a plan's versions or of the contributions to it."""
    return Response(body, headers=_headers(decision, lag), media_type=_JSON)


def _headers(decision: Decision, lag: Lag) -> dict[str, str]:
    if not decision.allowed:
        raise PermissionError("nothing of a plan leaves on a decision that does not allow it")
    behind = lag()
    told = "unknown" if behind is None else f"{behind:.1f}"
    return {
        **PRIVATE,
        "Ledger-Policy": decision.policy_version,
        "Ledger-Lag": "0" if told == "0.0" else told,
    }
