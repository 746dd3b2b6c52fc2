"""The bound of requests in hand: whoever comes beyond it is told at once to come again."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.chassis.http.answers import problem_response
from shared.chassis.wire.problem import Problem


class Overload:
    """Middleware: at most ``limit`` requests are worked on; the next one is answered 503.

    A request counts from when it is whole: a body that is still on its way costs little, and slow
    senders must not shut the door for others. Health and metrics always pass.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say that there are too many."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self._app(scope, receive, send)
            return
        is_counted = False

        def count() -> None:
            nonlocal is_counted
            if is_counted:
                return
            if self._in_hand >= self._limit:
                raise Problem(
                    "overloaded", "Too many requests are waiting here. Send the same again."
                )
            self._in_hand += 1
            is_counted = True

        async def receive_and_count() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                count()
            return message

        try:
            if scope["method"] in ("GET", "HEAD"):
                count()
            await self._app(scope, receive_and_count, send)
        except Problem as problem:
            await problem_response(Request(scope), problem)(scope, receive, send)
        finally:
            self._in_hand -= is_counted
