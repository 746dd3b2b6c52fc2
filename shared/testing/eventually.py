"""Waits until something holds, with a deadline and a message that says what did not."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

Found = TypeVar("Found")

_EVERY = 0.02
LONG_ENOUGH = 60.0
"""Seconds: only a wait without an end lasts so long, on however slow and busy a machine."""


@overload
async def eventually(
    ask: Callable[[], Awaitable[Found]],
    what: str,
    *,
    within: float = LONG_ENOUGH,
    holds: Callable[[Found], bool] = bool,
) -> Found: ...


@overload
async def eventually(
    ask: Callable[[], Found],
    what: str,
    *,
    within: float = LONG_ENOUGH,
    holds: Callable[[Found], bool] = bool,
) -> Found: ...


async def eventually(
    ask: Callable[[], Any],
    what: str,
    *,
    within: float = LONG_ENOUGH,
    holds: Callable[[Any], bool] = bool,
) -> Any:
    """The answer, as soon as it holds; ``AssertionError`` with the last answer when time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        answer = ask()
        found = await answer if isawaitable(answer) else answer
        if holds(found):
            return found
        if loop.time() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {found!r}")
        await asyncio.sleep(_EVERY)
