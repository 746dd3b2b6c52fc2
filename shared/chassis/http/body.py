"""The body of a request: bounded in bytes and in time, of the right type, then strict JSON."""

import asyncio
from typing import Final

from starlette.requests import Request

from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import BODY_LIMIT

BODY_PATIENCE: Final = 30.0


async def read_body(
    request: Request,
    limit: int = BODY_LIMIT,
    media_type: str = "application/json",
    patience: float = BODY_PATIENCE,
) -> bytes:
    """The body of a request, refused as soon as it is longer than ``limit`` or late.

    Raises ``Problem``: ``unsupported-media-type``, ``body-too-large``, and ``bad-request`` where it
    takes more than ``patience`` seconds to come.
    """
    _judge_type(request, media_type)
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and _is_more(announced, limit):
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise Problem("bad-request", f"The body did not come within {patience:g} s.") from None
    return b"".join(chunks)


def _is_more(digits: str, limit: int) -> bool:
    significant = digits.lstrip("0")
    return len(significant) > len(str(limit)) or int(significant or "0") > limit


def _judge_type(request: Request, media_type: str) -> None:
    given = request.headers.getlist("content-type")
    name, *parameters = given[0].split(";") if len(given) == 1 else ("",)
    if name.strip().lower() != media_type:
        raise Problem("unsupported-media-type", f"Send it as {media_type}.")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        is_charset = key.strip().lower() == "charset"
        if is_charset and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise Problem("unsupported-media-type", "Send it in UTF-8.")
    if "content-encoding" in request.headers:
        raise Problem("unsupported-media-type", "Send it without a Content-Encoding.")


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"A body may have at most {limit} bytes.")
