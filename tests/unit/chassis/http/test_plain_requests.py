"""Every answer of the short way is byte for byte that of the declared route."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, cast
from urllib.parse import quote
from uuid import UUID

import orjson
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import Message

from shared.chassis.contribute.receipts import Reply
from shared.chassis.http.answers import CorrelationIds, HeadLikeGet, problem_handlers
from shared.chassis.http.contributions import (
    CONTRIBUTIONS,
    contribution_routes,
    plain_contribution,
)
from shared.chassis.http.overload import InHand, Overload, PerCallerAndOrganisation
from shared.chassis.http.parameters import PRIVATE, judge_parameters, one_header
from shared.chassis.http.plain_requests import PlainRequests, plain_reads
from shared.chassis.http.spans import HttpSpans
from shared.chassis.store.group_commit import QueueFull
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import BODY_LIMIT
from shared.ledger import Contribution, Contributor

ID = "0199c0de-0000-7000-8000-000000000001"
Head = list[tuple[bytes, bytes]]
Said = tuple[int, Head, bytes]


class Deciding:
    """Answers by what a command is called; ``number`` of them came here."""

    def __init__(self) -> None:
        self.number = 0

    async def receive(self, given: Contribution, _: Contributor) -> Reply:
        self.number += 1
        told: dict[str, Any] = {"contribution_id": str(given.contribution_id), "section": "x"}
        accepted = {"outcome": "accepted", "entry_version": 3, "ledger_position": "p"}
        no = {"outcome": "refused", "detail": "No."}
        match given.command:
            case "accept":
                return Reply({**told, **accepted}, kept=True)
            case "repeat":
                return Reply({**told, **accepted}, kept=True, repeated=True)
            case "refuse":
                code = "goal-needs-a-need"
                return Reply({**told, **no, "code": code, "field": "need_ids"}, kept=True)
            case "refuse-again":
                code = "goal-needs-a-need"
                return Reply({**told, **no, "code": code}, kept=True, repeated=True)
            case "forbid":
                return Reply({**told, **no, "code": "not-permitted"}, kept=False)
            case "unknown":
                raise Problem("command-unknown", "There is no such command.")
            case "full":
                raise QueueFull
            case "away":
                raise ConnectionRefusedError
            case "late":
                raise TimeoutError
        raise RuntimeError(given.command)


class Proving:
    """An identity that believes one token."""

    async def __call__(self, request: Request) -> Contributor:
        told = request.headers.getlist("authorization")
        if len(told) > 1:
            raise Problem("token-invalid", "There is more than one.")
        return await self.contributor(told[0] if told else None)

    async def contributor(self, authorization: str | None) -> Contributor:
        if authorization is None:
            raise Problem("token-missing")
        if authorization != "Bearer good":
            raise Problem("token-invalid", "It does not hold.")
        return Contributor("system", "them")


def reads(proving: Any) -> APIRouter:
    """Reads that do what those of a service do with a request."""
    router = APIRouter()
    Caller = Annotated[Contributor, Depends(proving)]  # noqa: N806 - a type

    @router.get("/v1/plans/{plan_id}")
    async def plan(plan_id: str, request: Request, contributor: Caller) -> Response:
        judge_parameters(request, {"include"}, repeatable={"include"})
        told = [plan_id, contributor.sub, one_header(request, "Ledger-Purpose")]
        match plan_id:
            case "none":
                raise Problem("plan-unknown")
            case "late":
                raise TimeoutError
            case "break":
                raise RuntimeError
            case "same":
                return Response(status_code=304, headers=PRIVATE)
        given = request.query_params.getlist("include")
        return Response(orjson.dumps([*told, given]), headers=PRIVATE, media_type="text/x")

    @router.get("/v1/plans/{plan_id}/versions/{version}")
    async def past(plan_id: str, version: str, request: Request, contributor: Caller) -> Response:
        judge_parameters(request)
        return Response(orjson.dumps([plan_id, version, contributor.sub]))

    return router


class Service:
    """The same service with and without its short way."""

    def __init__(self, *, short: bool, limit: int = 100) -> None:
        self.deciding = Deciding()
        deciding, proving = cast("Any", self.deciding), cast("Any", Proving())
        reading = reads(proving)
        in_hand = InHand(limit, 5.0)
        chain = [
            Middleware(CorrelationIds),
            Middleware(HeadLikeGet),
            Middleware(HttpSpans),
            Middleware(Overload, in_hand=in_hand),
        ]
        self.app = FastAPI(
            middleware=chain, exception_handlers=problem_handlers(), redirect_slashes=False
        )
        often = PerCallerAndOrganisation(1_000_000, 1_000_000)
        self.app.include_router(contribution_routes(deciding, deciding, proving, often, 10.0))
        self.app.include_router(reading)
        self.door: Any = self.app
        if short:
            routes = [plain_contribution(deciding, proving, 10.0), *plain_reads(reading, proving)]
            self.door = PlainRequests(self.app, routes, in_hand)

    def ask(self, method: str, path: str, query: bytes, head: Head, parts: list[bytes]) -> Said:
        """Send a request in these parts; the answer whole."""
        messages: list[Message] = [
            {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
            for at, part in enumerate(parts)
        ]
        told: list[Message] = []

        async def receive() -> Message:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            told.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "path": path, "raw_path": quote(path).encode(), "query_string": query, "root_path": "",
            "scheme": "http", "headers": head, "client": ("1.2.3.4", 5), "server": ("x", 80),
            "state": {},
        }  # fmt: skip

        async def asked() -> None:
            try:
                await self.door(scope, receive, send)
            except Exception:  # noqa: BLE001 - the framework tells the server of what it answered
                assert told

        asyncio.run(asked())
        return (
            told[0]["status"],
            list(told[0]["headers"]),
            b"".join(message.get("body", b"") for message in told[1:]),
        )


@pytest.fixture(autouse=True, scope="module")
def one_correlation_id() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("shared.chassis.http.answers.uuid4", lambda: UUID(int=7))
        yield


READS = ["/v1/plans/a", "/v1/plans/none", "/v1/plans/late", "/v1/plans/break", "/v1/plans/same",
         "/v1/plans/", "/v1/plans/a/", "/v1/plans/\xe9 b\n", "/v1/plans/a/versions/3",
         "/v1/plans/a/versions/", "/v1/plans//versions/3"]  # fmt: skip
COMMANDS = ("accept", "repeat", "refuse", "refuse-again", "forbid", "unknown", "full", "away",
            "late", "break")  # fmt: skip
ORDINARY: Head = [(b"host", b"x"), (b"authorization", b"Bearer good"),
                  (b"content-type", b"application/json")]  # fmt: skip


def one(command: str, **more: Any) -> bytes:
    return orjson.dumps({"contribution_id": ID, "command": command, **more})


BODIES = st.one_of(
    st.sampled_from(COMMANDS).map(one),
    st.sampled_from(COMMANDS).map(lambda command: one(command, mood=None, plan_id="x")),
    st.lists(st.sampled_from(COMMANDS).map(lambda name: orjson.loads(one(name))), max_size=3).map(
        lambda items: orjson.dumps({"contributions": items})
    ),
    st.sampled_from([b"", b"{", b"[]", b"null", b'{"a": 1, "a": 2}', b'{"contributions": 1}',
                     b"[" * 70, b'{"command": "\\u0000"}', b" " * (BODY_LIMIT + 1),
                     one("accept") + b" " * BODY_LIMIT]),
    st.binary(max_size=40),
)  # fmt: skip
FURTHER = st.sampled_from([
    (b"content-type", b"application/json; charset=utf-8"), (b"content-type", b"text/plain"),
    (b"content-type", b"application/json"), (b"content-type", b"APPLICATION/JSON"),
    (b"content-encoding", b"gzip"), (b"content-encoding", b""), (b"if-match", b'"3"'),
    (b"if-match", b"x"), (b"authorization", b"Bearer good"), (b"authorization", b"Bearer \xe9"),
    (b"x-correlation-id", b"mine"), (b"x-correlation-id", b"\xff"), (b"x-request-id", b"r-1"),
    (b"content-length", b"5"), (b"content-length", b"9999999"), (b"expect", b"100-continue"),
    (b"transfer-encoding", b"chunked"), (b"accept", b"text/html"), (b"traceparent", b"00-x"),
    (b"ledger-purpose", b"review"), (b"accept-encoding", b"gzip"),
    (b"connection", b"keep-alive"), (b"origin", b"https://x"), (b"authorization", b"bearer  good "),
    (b"authorization", b""), (b"x-correlation-id", b""), (b"x-correlation-id", b"b" * 65),
    (b"dpop", b"x"), (b"prefer", b"wait=1"), (b"user-agent", b"\x00\xff"),
])  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, Head, list[bytes]]:
    method = draw(st.sampled_from(["POST"] * 3 + ["GET"] * 3 + ["HEAD", "PUT", "OPTIONS"]))
    often = [CONTRIBUTIONS] if method == "POST" else READS
    path = draw(
        st.sampled_from([*often * 5, f"{CONTRIBUTIONS}/", f"{CONTRIBUTIONS}:odd", "/v1", *READS])
    )
    head = [pair for pair in ORDINARY if draw(st.integers(0, 9))]
    head += draw(st.lists(FURTHER, max_size=2))
    body = draw(BODIES)
    cut = draw(st.integers(0, len(body)))
    parts = draw(st.sampled_from([[body], [body], [body[:cut], body[cut:]], [body, b""]]))
    queries = [b"", b"", b"", b"dry=1", b"include=a&include=%C3%A9", b"include", b"%ff=&="]
    return method, path, draw(st.sampled_from(queries)), head, parts


SHORT, DECLARED = Service(short=True), Service(short=False)


@settings(max_examples=2 * settings().max_examples)
@given(requests())
def test_the_short_way_answers_as_the_declared_route(
    asked: tuple[str, str, bytes, Head, list[bytes]],
) -> None:
    method, path, query, head, parts = asked
    assert SHORT.ask(method, path, query, head, parts) == DECLARED.ask(
        method, path, query, head, parts
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_an_ordinary_contribution_takes_the_short_way_and_gets_the_same_answer(
    command: str,
) -> None:
    short, declared = Service(short=True), Service(short=False)
    asked = ("POST", CONTRIBUTIONS, b"", ORDINARY, [one(command)])
    wanted = declared.ask(*asked)
    short.app.middleware_stack = None
    short.app.router.routes.clear()  # nothing is left but the short way

    assert short.ask(*asked) == wanted
    assert short.deciding.number == 1


@pytest.mark.parametrize("path", ["/v1/plans/a", "/v1/plans/none", "/v1/plans/a/versions/3"])
def test_an_ordinary_read_takes_the_short_way_and_gets_the_same_answer(path: str) -> None:
    short, declared = Service(short=True), Service(short=False)
    asked = ("GET", path, b"", ORDINARY[:2], [b""])
    wanted = declared.ask(*asked)
    short.app.middleware_stack = None
    short.app.router.routes.clear()

    assert short.ask(*asked) == wanted


@pytest.mark.parametrize("twice", [b"Bearer good", b"Bearer bad"])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", CONTRIBUTIONS, one("accept")), ("GET", "/v1/plans/a", b"")],
)
def test_two_tokens_are_refused(
    method: str, path: str, body: bytes, is_first: bool, twice: bytes
) -> None:
    """The kind: what comes first proves it, and what counts is the last."""
    another = (b"authorization", twice)
    head = [another, *ORDINARY] if is_first else [*ORDINARY, another]
    short, declared = Service(short=True), Service(short=False)
    asked = (method, path, b"", head, [body])
    status, _, told = short.ask(*asked)
    assert (status, orjson.loads(told)["code"]) == (401, "token-invalid")
    assert short.ask(*asked) == declared.ask(*asked)
    assert short.deciding.number == 0


def test_a_read_that_needs_the_framework_has_no_short_way() -> None:
    router = APIRouter()

    @router.get("/v1/things/{number}")
    async def thing(number: int, request: Request, contributor: Any) -> None: ...

    with pytest.raises(TypeError, match="/v1/things/"):
        list(plain_reads(router, cast("Any", Proving())))


def test_what_is_passed_on_is_whole() -> None:
    short = Service(short=True)
    body = orjson.dumps({"contributions": [orjson.loads(one("accept"))] * 3})
    status, _, told = short.ask("POST", CONTRIBUTIONS, b"", ORDINARY, [body])
    assert (status, len(orjson.loads(told)["receipts"])) == (200, 3)


def test_the_short_way_has_the_same_bound_of_requests_in_hand() -> None:
    full, declared = Service(short=True, limit=0), Service(short=False, limit=0)
    for asked in (
        ("POST", CONTRIBUTIONS, b"", ORDINARY, [one("accept")]),
        ("GET", "/v1/plans/a", b"", ORDINARY[:2], [b""]),
    ):
        assert full.ask(*asked) == declared.ask(*asked)
        assert full.ask(*asked)[0] == 503
