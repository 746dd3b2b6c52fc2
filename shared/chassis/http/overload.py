"""The bound of requests in hand: whoever comes beyond it is told at once to come again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.http.answers import problem_response
from shared.chassis.wire.problem import Problem


class InHand:
    """Counts the requests that a service works on, up to ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._number = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, while it lasts; ``overloaded`` where that would be too many."""
        if self._number >= self._limit:
            raise Problem("overloaded", "Too many requests are waiting here. Send the same again.")
        self._number += 1
        try:
            yield
        finally:
            self._number -= 1


class Overload:
    """Middleware: beyond the limit of requests in hand the next one is answered 503.

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
                counted.enter_context(self._in_hand.one())
                is_counted = True

        async def receive_and_count() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                count()
            return message

        with ExitStack() as counted:
            if scope["method"] in ("GET", "HEAD"):
                try:
                    count()
                except Problem as problem:
                    await problem_response(Request(scope), problem)(scope, receive, send)
                    return
            await self._app(scope, receive_and_count, send)
