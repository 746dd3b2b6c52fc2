"""What asks services with generated requests finds an answer that is not as it must be."""

from typing import Any

import httpx
import pytest

from shared.testing.contracts.asking import Asking
from tests.contract.test_answers import PROBLEM

pytestmark = pytest.mark.asyncio

FAILED = {
    **PROBLEM,
    "status": 500,
    "code": "internal-error",
    "type": "https://careplan.example/problems/internal-error",
}
RECEIPT = {
    "contribution_id": "0199c0de-0000-7000-8000-000000000001",
    "outcome": "accepted",
    "plan_id": "0199c0de-0000-7000-8000-0000000000a1",
    "section": "goals",
    "entry_id": "0199c0de-0000-7000-8000-0000000000c1",
    "entry_version": 1,
    "events": [{"type": "careplan.goals.agreed.v1", "entry_version": 1}],
    "recorded_at": "2026-03-10T14:00:00Z",
}
AS_PROBLEM = "application/problem+json"


async def asked_of(status: int, body: Any, kind: str = "application/json") -> Asking:
    """One contribution, sent to a service that answers everything with this."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(body, str):
            return httpx.Response(status, text=body, request=request)
        return httpx.Response(status, json=body, headers={"content-type": kind}, request=request)

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://section") as client:
        asking = Asking("goals", client)
        await asking.post({"content": {}}, {}, "planted")
    return asking


async def test_what_is_as_declared_is_no_fault() -> None:
    accepted = await asked_of(201, RECEIPT)
    assert accepted.faults == []
    assert accepted.statuses == {201: 1}
    refused = await asked_of(404, PROBLEM, AS_PROBLEM)
    assert refused.faults == []
    assert refused.codes == {"plan-unknown": 1}


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (500, FAILED, AS_PROBLEM, "500"),
        (500, "Internal Server Error", "", "text/plain is not declared"),
        (201, {**RECEIPT, "colour": "red"}, "application/json", "colour"),
        (202, RECEIPT, "application/json", "202 is not declared"),
        (404, {**PROBLEM, "code": "lost"}, AS_PROBLEM, "lost"),
    ],
)
async def test_what_is_not_is_found(status: int, body: Any, kind: str, said: str) -> None:
    (fault,) = (await asked_of(status, body, kind)).faults
    assert said in fault
