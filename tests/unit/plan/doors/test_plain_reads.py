"""Every read of a plan is answered the short way as by its declared route, byte for byte."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import Message

from services.plan.doors.api import plan_routes
from services.plan.doors.readers import Readers
from services.plan.doors.release import Release
from shared.chassis.http.answers import CorrelationIds, HeadLikeGet, problem_handlers
from shared.chassis.http.overload import InHand, Overload
from shared.chassis.http.plain_requests import PlainRequests, plain_reads
from shared.chassis.http.spans import HttpSpans
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.settings import Settings
from shared.chassis.wire.position import Position
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation
from tests.unit.listed_accesses import ListedAccesses

KNOWN, UNKNOWN = UUID(int=1), UUID(int=2)
DOCUMENT = b'{"sections":{},"parked":[]}'
ETAG = f'"3-{sha256(DOCUMENT).hexdigest()[:16]}"'
NOW = {"plan_id": KNOWN, "version": 3, "revision": 3, "positions": b'{"goals":7}',
       "document": DOCUMENT, "rest": b"[]", "merged_from": None, "answered": None}  # fmt: skip
THEN = {"plan_id": KNOWN, "asked_for": 2, "version": 2, "newest": 3,
        "positions": b'{"goals":6}', "revision": 3,
        "head": b'{"state":"open","opened_at":null,"last_updated":null,"complete":true,'
                b'"merged_into":null}',
        "projected_at": datetime(2026, 11, 30, tzinfo=UTC), "policy_version": "1",
        "sections": ["goals"], "entry_ids": [UUID(int=3)], "current": [True],
        "bodies": [b'{"current":true}'],
        "leaves": [b"{}"], "answered": None}  # fmt: skip
PAGE = {"revision": 3, "versions": [2], "sections": ["goals"], "entry_ids": [UUID(int=3)],
        "items": [b'{"plan_versions":[2]}'], "going_on": None}  # fmt: skip
RELATED = {
    "plan_id": KNOWN,
    "revision": 1,
    "entry_id": UUID(int=4),
    "kind": "relationship",
    "leaves": b'{"organisation":[1,"ZZC01"],"kind":[1,"referral"],'
    b'"live_from":[1,"2026-01-01T00:00:00Z"]}',
}
Head = list[tuple[bytes, bytes]]


class OnePlan:
    """A database with one plan of three versions, as far as the reads ask for it here."""

    @property
    def pool(self) -> "OnePlan":
        return self

    async def fetch(self, sql: str, *asked: Any) -> Sequence[Mapping[str, Any]]:
        if "asked.revision" in sql:
            return [NOW] if KNOWN in asked[0] else []
        if "access_entry" in sql:
            nothing = {"revision": 0, "entry_id": None}
            return [RELATED if one == KNOWN else {**nothing, "plan_id": one} for one in asked[0]]
        if "asked.with_leaves" in sql:
            keys = zip(*asked, strict=True)
            return [{**THEN, "with_leaves": key[2]} for key in keys if key[:2] == (KNOWN, 2)]
        return []

    async def fetchrow(self, sql: str, plan_id: UUID, *_: Any) -> Any:
        if "newest_first" in sql:
            return PAGE if plan_id == KNOWN else None
        return NOW if "revision" in sql and plan_id == KNOWN else None

    async def fetchval(self, sql: str, plan_id: UUID) -> Any:
        if plan_id != KNOWN:
            return None
        return b'{"goals":7}' if "positions" in sql else 3


class Proving:
    """Believes one token."""

    async def __call__(self, request: Request) -> Contributor:
        told = request.headers.getlist("authorization")
        if told != ["Bearer good"]:
            raise Problem("token-missing" if not told else "token-invalid")
        return Contributor("professional", "a", "A", "nurse", Organisation("ZZC01"))


async def nothing_to_wait_for(*_: Any) -> bool:
    return False


def service(*, short: bool) -> Any:
    proving = cast("Any", Proving())
    release = Release(ListedAccesses(), lambda: 0.5)
    database = cast("Any", OnePlan())
    readers = Readers(AccessCopy(database, wait_seconds=0), Settings(), release)
    routes = plan_routes(database, proving, readers, cast("Any", nothing_to_wait_for), release)
    in_hand = InHand(100, 5.0)
    chain = [
        Middleware(CorrelationIds),
        Middleware(HeadLikeGet),
        Middleware(HttpSpans),
        Middleware(Overload, in_hand=in_hand),
    ]
    app = FastAPI(middleware=chain, exception_handlers=problem_handlers(), redirect_slashes=False)
    app.include_router(routes)
    return PlainRequests(app, [*plain_reads(routes, proving)], in_hand) if short else app


def ask(door: Any, method: str, path: str, query: bytes, head: Head) -> list[Message]:
    """The messages of the answer."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        told.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": query, "root_path": "",
        "scheme": "http", "headers": head, "client": ("1.2.3.4", 5), "server": ("x", 80),
        "state": {},
    }  # fmt: skip
    asyncio.run(door(scope, receive, send))
    return told


@pytest.fixture(autouse=True, scope="module")
def one_correlation_id() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("shared.chassis.http.answers.uuid4", lambda: UUID(int=7))
        patched.setattr("shared.chassis.accesses.recording.uuid7", lambda: UUID(int=8))
        yield


SHORT, DECLARED = service(short=True), service(short=False)
GOOD = (b"authorization", b"Bearer good")
PATHS = [
    f"/v1/plans/{plan}{end}"
    for plan in (KNOWN, UNKNOWN, "odd", str(KNOWN).upper())
    for end in (
        "",
        "/versions",
        "/versions/2",
        "/versions/9",
        "/versions/0",
        "/history",
        "/",
        "/versions/",
    )
]
QUERIES = [b"", b"", b"", b"include=authorship", b"include=none", b"include=", b"limit=0",
           b"limit=5&limit=6", b"cursor=x", b"dry=1"]  # fmt: skip
REACHED = Position(KNOWN, {"goals": 7}).encode().encode()
AHEAD = Position(KNOWN, {"goals": 8}).encode().encode()
FURTHER = st.sampled_from(
    [
        GOOD,
        (b"authorization", b"Bearer bad"),
        (b"if-none-match", ETAG.encode()),
        (b"if-none-match", b"*"),
        (b"if-none-match", b"\xff"),
        (b"ledger-min-position", REACHED),
        (b"ledger-min-position", AHEAD),
        (b"ledger-min-position", b"x"),
        (b"prefer", b"wait=0"),
        (b"ledger-purpose", b"emergency"),
        (b"ledger-purpose", b"review"),
        (b"ledger-purpose", b"fun"),
        (b"ledger-reason", b"because"),
        (b"x-correlation-id", b"mine"),
        (b"x-request-id", b"r-1"),
        (b"traceparent", b"00-x"),
        (b"accept", b"text/html"),
    ]
)


@settings(max_examples=2 * settings().max_examples)
@given(
    st.sampled_from(["GET"] * 6 + ["HEAD", "POST"]),
    st.sampled_from([PATHS[0]] * len(PATHS) + PATHS),
    st.sampled_from(QUERIES),
    st.lists(FURTHER, max_size=3),
    st.integers(0, 9),
)
def test_a_read_is_answered_the_short_way_as_by_its_declared_route(
    method: str, path: str, query: bytes, further: Head, has_token: int
) -> None:
    head = [*([GOOD] if has_token else []), *further]
    assert ask(SHORT, method, path, query, head) == ask(DECLARED, method, path, query, head)


def test_what_is_compared_is_an_answer() -> None:
    started, given_ = ask(SHORT, "GET", PATHS[0], b"", [GOOD])
    assert (started["status"], given_["body"]) == (200, DOCUMENT)
    started, given_ = ask(SHORT, "GET", f"{PATHS[0]}/versions/2", b"", [GOOD])
    assert (started["status"], b'"goals":[{"current":true}]' in given_["body"]) == (200, True)
    unchanged = [GOOD, (b"if-none-match", ETAG.encode())]
    assert ask(SHORT, "GET", PATHS[0], b"", unchanged)[0]["status"] == 304
