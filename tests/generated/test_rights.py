"""What judges answers finds one that tells or does too much."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.generated.stack.callers import A, B, Caller
from tests.generated.stack.planted import Word
from tests.generated.stack.rights import Asked, Rights

PLANS = {A: UUID(int=1), B: UUID(int=2)}
RELATED = Caller("related", {}, "q-related", "professional", "nurse", "ZZC01", A)
STRANGER = Caller("unrelated", {}, "q-stranger", "professional", "nurse", "ZZX01")
PERSON = Caller("person a", {}, "q-person", "person", plan=A)
AUDITOR = Caller("auditor", {}, "q-auditor", "professional", "auditor", "ZZG09")
GUARDIAN = Caller("guardian", {}, "q-guardian", "professional", "caldicott-guardian", "ZZX01")
NOBODY = Caller("no token", {}, is_proven=False)
WORDS = (
    Word("w-hidden", "what is withheld", frozenset({"related"})),
    Word("w-trigger", "a trigger", frozenset({"related", "person a"}), in_an_emergency=True),
)
EMERGENCY = {"Ledger-Purpose": "emergency"}


def beyond(
    caller: Caller,
    template: str,
    told: Any,
    status: int = 200,
    *,
    service: str = "plan",
    method: str = "GET",
    plan: str = A,
    headers: dict[str, str] | None = None,
    **of_the_answer: str,
) -> list[str]:
    path = template.replace("{plan_id}", str(PLANS[plan]))
    asked = Asked(service, method, template, path, headers or {})
    request = httpx.Request(method, f"http://stack{path}")
    answer = httpx.Response(status, json=told, request=request, headers=of_the_answer)
    rights = Rights(PLANS, (RELATED, STRANGER, PERSON, AUDITOR, NOBODY), WORDS)
    return list(rights.beyond(caller, asked, answer))


PLAN = "/v1/plans/{plan_id}"


def test_what_a_caller_may_be_told_is_no_fault() -> None:
    assert beyond(RELATED, PLAN, {"text": "w-hidden w-trigger"}) == []
    assert beyond(PERSON, PLAN, {"by": "q-related"}) == []
    assert beyond(STRANGER, PLAN, {}, 403) == []
    assert beyond(NOBODY, PLAN, {}, 401) == []
    assert beyond(NOBODY, PLAN, {"code": "bad-request"}, 400) == []
    assert beyond(STRANGER, f"{PLAN}/emergency", {"a": "w-trigger"}, headers=EMERGENCY) == []
    by = {"items": [{"record_id": "1", "actor": {"organisation": {"ods": "ZZX01"}}}]}
    assert beyond(GUARDIAN, "/v1/audit/records", by, service="audit") == []
    assert beyond(AUDITOR, "/v1/audit/records", {"by": "q-related"}, service="audit") == []
    assert beyond(RELATED, "/v1/reviews", {"items": [{"plan_id": str(PLANS[A])}]}) == []


@pytest.mark.parametrize(
    ("caller", "template", "told", "more", "said"),
    [
        (PERSON, PLAN, {"text": "w-hidden"}, {}, "tells what is withheld"),
        (PERSON, PLAN, {}, {"etag": '"w-hidden"'}, "tells what is withheld"),
        (RELATED, PLAN, {}, {"plan": B}, "is 200"),
        (STRANGER, PLAN, {}, {}, "is 200"),
        (STRANGER, PLAN, {}, {"status": 304}, "is 304"),
        (STRANGER, PLAN, {"detail": "w-trigger"}, {"status": 403}, "tells a trigger"),
        (STRANGER, PLAN, {"by": "q-related"}, {"status": 403}, "names related"),
        (STRANGER, f"{PLAN}/emergency", {}, {}, "is 200"),
        (STRANGER, f"{PLAN}/emergency", "w-hidden", {"headers": EMERGENCY}, "tells what"),
        (NOBODY, PLAN, {}, {"status": 403}, "is 403, not 401"),
        (NOBODY, PLAN, {"code": "parameter-invalid"}, {"status": 400}, "is 400, not 401"),
        (AUDITOR, PLAN, {}, {}, "is 200"),
        (AUDITOR, "/v1/audit/records", {"a": "w-trigger"}, {"service": "audit"}, "tells a trigger"),
        (RELATED, "/v1/audit/records", {}, {"service": "audit"}, "is 200"),
        (
            GUARDIAN,
            "/v1/audit/records",
            {"items": [{"record_id": "7", "plan_id": str(PLANS[A]), "actor": None}]},
            {"service": "audit"},
            "shows the record 7 of others",
        ),
        (STRANGER, "/v1/accesses/{access_id}:justify", {}, {"method": "POST"}, "is 200"),
        (PERSON, "/v1/reviews", {"items": []}, {}, "is 200"),
        (RELATED, "/v1/reviews", {"items": [{"plan_id": str(PLANS[B])}]}, {}, "is 200"),
        (
            STRANGER,
            "/v1/contributions",
            {"outcome": "accepted", "plan_id": str(PLANS[A])},
            {"service": "goals", "method": "POST", "status": 201},
            "is 201",
        ),
    ],
)
def test_what_goes_beyond_is_found(
    caller: Caller, template: str, told: Any, more: dict[str, Any], said: str
) -> None:
    found = beyond(caller, template, told, **more)
    assert any(said in one for one in found), found
