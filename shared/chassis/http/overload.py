"""The bounds of requests: how many are in hand, for how long, and how often one caller asks."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from time import monotonic
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.http.answers import problem_handlers, problem_response
from shared.chassis.http.parameters import seconds_to_wait
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

_READS = ("GET", "HEAD")
_LATE = problem_handlers()[TimeoutError]


class InHand:
    """Counts the requests that a service works on, up to ``limit``.

    Inside ``with`` there is one more; ``overloaded`` where that would be too many. A reader
    has an answer within ``read_seconds``, besides what it asks to be waited for.
    """

    def __init__(self, limit: int, read_seconds: float) -> None:
        self._limit = limit
        self._read_seconds = read_seconds
        self._number = 0

    def __enter__(self) -> None:
        if self._number >= self._limit:
            raise Problem("overloaded", "Too many requests are waiting here. Send the same again.")
        self._number += 1

    def __exit__(self, *_: object) -> None:
        self._number -= 1

    def in_time(self, request: Request) -> asyncio.Timeout:
        """Ends what is done within it when the time of a reader is over, with ``TimeoutError``.

        Who writes is not cut off: a commit may be on its way.
        """
        if request.method not in _READS:
            return asyncio.timeout(None)
        return asyncio.timeout(self._read_seconds + (seconds_to_wait(request) or 0.0))


_A_MINUTE: Final = 60.0
_CALLERS: Final = 10_000


class PerCaller:
    """How often one caller may ask, in one process: so many times a minute, also all at once.

    A caller is a ``sub`` of an organisation, or with ``together`` all of that organisation. The
    ``callers`` who asked last are remembered.
    """

    def __init__(
        self,
        a_minute: int,
        *,
        together: bool = False,
        callers: int = _CALLERS,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._a_minute = a_minute
        self._together = together
        self._each = _A_MINUTE / a_minute
        self._callers = callers
        self._now = now
        # When what each has asked is made up for; by a hash, since a name may have any length.
        self._made_up: OrderedDict[bytes, float] = OrderedDict()

    def count(self, caller: Contributor) -> dict[str, str]:
        """Once more: the headers that say how often again; ``too-many-requests`` beyond it."""
        who = "" if self._together else caller.sub
        key = sha256(f"{caller.key}\n{who}".encode()).digest()
        now = self._now()
        owed = max(self._made_up.get(key, now) - now, 0.0) + self._each
        if owed > _A_MINUTE + 1e-6:  # times are sums of fractions
            wait = math.ceil(owed - _A_MINUTE)
            who = "All of an organisation together" if self._together else "Everybody"
            raise Problem(
                "too-many-requests",
                f"{who} may ask this {self._a_minute} times a minute. Send the same again in "
                f"{wait} s.",
                headers={**self._told(0, wait), "Retry-After": str(wait)},
            )
        self._made_up[key] = now + owed
        self._made_up.move_to_end(key)
        if len(self._made_up) > self._callers:
            self._made_up.popitem(last=False)
        return self._told(int((_A_MINUTE - owed + 1e-6) / self._each), math.ceil(owed))

    def _told(self, left: int, seconds: int) -> dict[str, str]:
        """The fields of the IETF's draft: how many are left, and when all of them are again."""
        whose = "organisation" if self._together else "caller"
        return {
            "RateLimit-Policy": f'"{whose}";q={self._a_minute};w={_A_MINUTE:.0f}',
            "RateLimit": f'"{whose}";r={left};t={seconds}',
        }


class PerCallerAndOrganisation:
    """How often one caller may ask, and how often all callers of one organisation.

    Whoever asks too often is told so before it counts for the others of their organisation.
    """

    def __init__(
        self, a_minute: int, together: int, *, now: Callable[[], float] = monotonic
    ) -> None:
        self._each = PerCaller(a_minute, now=now)
        self._all = PerCaller(together, together=True, now=now)

    def count(self, caller: Contributor) -> dict[str, str]:
        """As ``PerCaller.count``; the headers are those of the caller."""
        left = self._each.count(caller)
        self._all.count(caller)
        return left


class Overload:
    """Middleware: beyond the limit of requests in hand the next one is answered 503.

    So is a reader whose answer has not begun in time: one bound from the door to the answer.

    A request counts from when it is whole: a body that is still on its way costs little, and slow
    senders must not shut the door for others. Health and metrics always pass.
    """

    def __init__(self, app: ASGIApp, in_hand: InHand) -> None:
        self._app = app
        self._in_hand = in_hand

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say that there are too many."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self._app(scope, receive, send)
            return
        is_counted = False

        def count() -> None:
            nonlocal is_counted
            if not is_counted:
                counted.enter_context(self._in_hand)
                is_counted = True

        async def receive_and_count() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                count()
            return message

        with ExitStack() as counted:
            if scope["method"] in _READS:
                try:
                    count()
                except Problem as problem:
                    await problem_response(Request(scope), problem)(scope, receive, send)
                    return
            await self._in_time(scope, receive_and_count, send)

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)

        has_begun = False

        async def send_in_time(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                if not time.expired():
                    time.reschedule(None)  # however long the rest of it takes
            await send(message)

        try:
            async with self._in_hand.in_time(request) as time:
                await self._app(scope, receive, send_in_time)
        except TimeoutError as error:
            if has_begun:
                raise
            response = await _LATE(request, error)
            await response(scope, receive, send)
