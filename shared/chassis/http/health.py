"""Health: whether the door is open, what every part of the process says, and its figures."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from shared.chassis.telemetry import AskPart, Part, log, metrics_response
from shared.chassis.wire.build import BUILD

READY_WITHIN_SECONDS: Final = 2.5
ALIVE_WITHIN_SECONDS: Final = 0.5


def health_routes(
    parts: Mapping[str, AskPart],
    service: str,
    *,
    door: Sequence[str] = ("database",),
) -> APIRouter:
    """``/livez``, ``/readyz`` and ``/metrics``.

    ``/readyz`` fails for the parts in ``door`` alone: a broker that is away must not take a
    service away as well. What the other parts say stands in its body.
    """
    unknown = set(door) - set(parts)
    if unknown:
        raise ValueError(f"the door needs parts that are not there: {sorted(unknown)}")
    router = APIRouter(include_in_schema=False)

    @router.get("/readyz")
    async def readyz() -> Response:
        said = await _ask(parts, READY_WITHIN_SECONDS)
        is_open = all(said[name].ready for name in door)
        body = {
            "ready": is_open,
            "service": service,
            "version": BUILD,
            "parts": {name: part.as_json() for name, part in said.items()},
        }
        return _answer(body, is_open)

    @router.get("/livez")
    async def livez() -> Response:
        said = await _ask(parts, ALIVE_WITHIN_SECONDS)
        dead = [name for name, part in said.items() if not part.alive]
        return _answer({"alive": not dead, "service": service, "dead": dead}, not dead)

    @router.get("/metrics")
    async def metrics() -> Response:
        return metrics_response()

    return router


async def _ask(parts: Mapping[str, AskPart], seconds: float) -> dict[str, Part]:
    said = await asyncio.gather(*(_ask_one(name, ask, seconds) for name, ask in parts.items()))
    return dict(zip(parts, said, strict=True))


async def _ask_one(name: str, ask: AskPart, seconds: float) -> Part:
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return Part(ready=False, detail="does not answer")
    except Exception as error:  # noqa: BLE001 - one broken part must not silence the others
        log.warning("health.part-failed", part=name, error=error)
        return Part(ready=False, detail=f"failed ({type(error).__name__})")


def _answer(body: dict[str, Any], is_well: bool) -> Response:
    return Response(
        orjson.dumps(body),
        200 if is_well else 503,
        {"Cache-Control": "no-store"},
        "application/json",
    )
