"""What a process says of itself: only the door decides whether it is asked."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI

from shared.chassis.http import health
from shared.chassis.http.health import health_routes
from shared.chassis.telemetry import AskPart, Part


def says(part: Part) -> AskPart:
    async def ask() -> Part:
        return part

    return ask


async def fails() -> Part:
    raise ConnectionResetError("Edith's plan")


async def hangs() -> Part:
    await asyncio.Event().wait()
    raise AssertionError


async def answer(
    path: str, parts: Mapping[str, AskPart], door: tuple[str, ...] = ("database",)
) -> httpx.Response:
    app = FastAPI()
    app.include_router(health_routes(parts, "goals", door=door))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


WELL = {"database": says(Part(ready=True, detail="answers"))}


@pytest.mark.asyncio
async def test_a_door_is_open_whatever_else_is_away() -> None:
    parts = WELL | {"relay": says(Part(ready=False, detail="no broker", lag=7)), "commands": fails}

    response = await answer("/readyz", parts)

    assert response.status_code == 200
    body = response.json()
    assert isinstance(body.pop("version"), str)
    assert body == {
        "ready": True,
        "service": "goals",
        "parts": {
            "database": {"ready": True, "detail": "answers"},
            "relay": {"ready": False, "detail": "no broker", "lag": 7},
            "commands": {"ready": False, "detail": "failed (ConnectionResetError)"},
        },
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("database", [says(Part(ready=False)), fails, hangs])
async def test_a_door_is_shut_while_the_database_does_not_answer(
    database: AskPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_WITHIN_SECONDS", 0.02)

    response = await answer("/readyz", {"database": database})

    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert "Edith" not in response.text


@pytest.mark.asyncio
async def test_a_process_is_alive_until_only_a_new_one_helps() -> None:
    hurt = WELL | {"relay": says(Part(ready=False)), "commands": fails}
    dead = hurt | {"writer": says(Part(ready=False, alive=False))}

    assert (await answer("/livez", hurt)).status_code == 200
    response = await answer("/livez", dead)
    assert (response.status_code, response.json()["dead"]) == (503, ["writer"])


@pytest.mark.asyncio
async def test_parts_are_asked_at_the_same_time() -> None:
    met = asyncio.Barrier(3)

    async def waits() -> Part:
        await met.wait()
        return Part(ready=True)

    response = await answer("/readyz", {"database": waits, "relay": waits, "commands": waits})

    assert response.json()["parts"] == {
        key: {"ready": True} for key in ("database", "relay", "commands")
    }


@pytest.mark.asyncio
async def test_figures_are_given_as_text() -> None:
    response = await answer("/metrics", WELL)

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")


def test_a_door_of_parts_that_are_not_there_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="writer"):
        health_routes(WELL, "goals", door=("database", "writer"))
