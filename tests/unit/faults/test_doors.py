"""A contributor who hangs up stops waiting, and cuts off nothing that the client is closing."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.faults.load.doors import HttpDoor
from tests.faults.load.sent import Party, Sent

ALWAYS = 2.0  # whoever may abandon hangs up half as often


@pytest.mark.asyncio
async def test_whoever_hangs_up_is_told_so_by_the_client_and_never_cancels_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[dict[str, Any]] = []

    async def never_answers(request: httpx.Request) -> httpx.Response:
        waited.append(request.extensions["timeout"])
        await asyncio.sleep(2 * waited[-1]["read"])
        raise httpx.ReadTimeout("nobody answered", request=request)

    sent = Sent("goals", {"contribution_id": "one"}, Party("professional", "ZZG01"), "http", "word")
    async with HttpDoor(lambda _: ["http://goals"], "issuer", Path("key.json")) as door:
        monkeypatch.setattr(door, "token", lambda _: "token")
        await door._client.aclose()
        door._client = httpx.AsyncClient(transport=httpx.MockTransport(never_answers))
        await door.send(sent, Random("a few"), may_abandon=ALWAYS)  # noqa: S311 - no secret

    (how_long,) = waited
    assert (how_long["read"], how_long["write"]) <= (0.03, 0.03)
    assert how_long["connect"] > 1
    assert (sent.is_abandoned, sent.unanswered, sent.trouble) == (True, 1, ["ReadTimeout"])
