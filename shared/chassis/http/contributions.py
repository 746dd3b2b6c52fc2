"""The HTTP door of a section: contributions in, receipts out."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response

from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.contribute.receipts import Reply
from shared.chassis.contribute.validate import Validations
from shared.chassis.database.database import TRANSIENT
from shared.chassis.http.answers import correlation_id_of
from shared.chassis.http.body import read_body
from shared.chassis.http.identity import Identity
from shared.chassis.http.overload import PerCallerAndOrganisation
from shared.chassis.http.parameters import (
    IF_MATCH,
    PRIVATE,
    judge_parameters,
    parameter_invalid,
)
from shared.chassis.http.plain_requests import Plain
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.telemetry import log
from shared.chassis.wire.problem import Problem, problem_body, status_of_refusal
from shared.chassis.wire.strict_json import FaultyItem, read, read_each
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import Contributor, id_in
from shared.ledger.names import is_id

CONTRIBUTIONS: Final = "/v1/contributions"

_MAY_BE_TOO_OFTEN: Final[dict[int | str, dict[str, Any]]] = {
    429: {
        "description": "This caller, or all of its organisation together, has asked too often: "
        "`Retry-After` says in how many seconds it may ask again. A caller is a `sub` of an "
        "organisation.",
        "headers": {
            name: {"description": said, "schema": {"type": "string"}}
            for name, said in (
                ("Retry-After", "Seconds until this caller may ask once more."),
                ("RateLimit-Policy", "How often a caller may ask (`q`) in so many seconds (`w`)."),
                (
                    "RateLimit",
                    "How often it may now (`r`), and when as often as before (`t`).",
                ),
            )
        },
    }
}
_MAY_NAME_A_VERSION: Final = {"parameters": [IF_MATCH]}
_VERSION_TAG = re.compile(r'"([1-9][0-9]{0,15})"')
_BATCH_LIMIT = 100
Head = Sequence[tuple[bytes, bytes]]
_PRIVATE: Final = tuple((name.lower().encode(), of.encode()) for name, of in PRIVATE.items())
_LENGTH: Final = b"content-length"
_IS_JSON: Final = (b"content-type", b"application/json")
_BESIDE_THE_CONTENT: Final = ("provenance", "visibility", "based_on")


def contribution_routes(
    contributions: Contributions,
    validations: Validations,
    identity: Identity,
    often: PerCallerAndOrganisation,
    write_seconds: float,
) -> APIRouter:
    """``POST /v1/contributions``, ``…:validate`` and ``GET /v1/contributions/{id}``.

    A contribution is answered within ``write_seconds`` of when it has come, ``unavailable`` where
    its outcome is not known then; so is a batch.

    ``:validate`` is a look into plans that leaves no contribution: ``often`` limits it.
    """
    router = APIRouter(tags=["contributions"])

    @router.post(CONTRIBUTIONS, status_code=201, openapi_extra=_MAY_NAME_A_VERSION)
    async def contribute(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """Take one contribution, or a batch of up to 100, and answer after the commit."""
        judge_parameters(request)
        given = _one_or_many(await read_body(request))
        until = _from_now(write_seconds)
        if isinstance(given, dict) and "contributions" in given:
            return await _batch(contributions, given, contributor, request, until)
        reply = await receive(contributions, _with_if_match(given, request), contributor, until)
        return _receipt_response(reply)

    @router.post(
        "/v1/contributions:validate",
        responses=_MAY_BE_TOO_OFTEN,
        openapi_extra=_MAY_NAME_A_VERSION,
    )
    async def validate(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The receipt that a contribution would get: a look, which is recorded, and no more."""
        left = often.count(contributor)
        judge_parameters(request)
        given = _with_if_match(read(await read_body(request)), request)
        with _troubles_as_problems():
            validated = await validations.validate(contribution_from_json(given), contributor)
        return Response(
            validated.body,
            media_type="application/json",
            headers={**PRIVATE, **left, "Ledger-Access-Id": str(validated.access_id)},
        )

    @router.get("/v1/contributions/{contribution_id}")
    async def receipt(
        contribution_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """The kept receipt, for whoever contributed it."""
        judge_parameters(request)
        asked = id_in(contribution_id)
        found = None if asked is None else await contributions.receipt(asked, contributor)
        if found is None:
            raise Problem("contribution-unknown")
        return _json(found)

    return router


def plain_contribution(
    contributions: Contributions, identity: Identity, write_seconds: float
) -> Plain:
    """A short way for ``POST /v1/contributions`` with one contribution."""

    async def contribute(request: Request, body: bytes, _: Mapping[str, str]) -> Response | None:
        contributor = await identity(request)
        given = _one_or_many(body)
        if isinstance(given, dict) and "contributions" in given:
            return None
        until = _from_now(write_seconds)
        return _receipt_response(await receive(contributions, given, contributor, until))

    return Plain("POST", CONTRIBUTIONS, contribute)


def _one_or_many(body: bytes) -> Any:
    """What was sent; of a batch each item is judged by itself."""
    return read_each(body, "contributions", _BATCH_LIMIT)


def _from_now(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def receive(
    contributions: Contributions, given: Any, contributor: Contributor, until: float
) -> Reply:
    """One contribution through the use case; ``unavailable`` at that time of the event loop.

    What is at the database then may still be stored: sent again, it gets that receipt.
    """
    with _troubles_as_problems():
        async with asyncio.timeout_at(until):
            return await contributions.receive(contribution_from_json(given), contributor)


@contextmanager
def _troubles_as_problems() -> Iterator[None]:
    """The machinery's troubles become problems; in a batch, the answer to one of them."""
    try:
        yield
    except QueueFull:
        raise Problem("overloaded", "Too much is waiting here. Send the same again.") from None
    except (Unavailable, *TRANSIENT):
        raise Problem(
            "unavailable",
            "The outcome is not known. Send the same contribution again: it is recorded once.",
        ) from None


def refusal(reply: Reply) -> Problem:
    """The problem that a refused contribution is answered with."""
    receipt = reply.receipt
    code = str(reply.code)
    members: dict[str, Any] = {"contribution_id": receipt["contribution_id"]}
    members.update({name: of for name, of in receipt.items() if name.startswith("existing_")})
    status = status_of_refusal(code)
    if status == HTTPStatus.FORBIDDEN:
        members["policy_version"] = reply.policy_version
    errors = []
    if "field" in receipt:
        path = str(receipt["field"]).split(".")
        within = () if path[0] in _BESIDE_THE_CONTENT else ("content",)
        errors.append(error_at(pointer(*within, *path), code, receipt["detail"]))
    return Problem(
        code,
        receipt["detail"],
        status=status,
        errors=errors,
        receipt=receipt if reply.kept else None,
        retryable=reply.retryable,
        **members,
    )


def _receipt_response(reply: Reply) -> Response:
    receipt = reply.receipt
    if reply.outcome == "refused" and not reply.repeated:
        raise refusal(reply)
    location: str = receipt["contribution_id"]
    headers: list[tuple[bytes, bytes]] = [(b"location", b"/v1/contributions/" + location.encode())]
    if reply.outcome == "accepted":
        position: str = receipt["ledger_position"]
        headers.append((b"etag", b'"%d"' % receipt["entry_version"]))
        headers.append((b"ledger-position", position.encode()))
    return _json(receipt, status=200 if reply.repeated else 201, headers=headers)


async def _batch(
    contributions: Contributions,
    given: dict[str, Any],
    contributor: Contributor,
    request: Request,
    until: float,
) -> Response:
    items = given["contributions"]
    errors = []
    if "if-match" in request.headers:
        raise parameter_invalid("If-Match", "A batch takes no `If-Match`.")
    for key in given:
        if key != "contributions":
            message = "This is not known here."
            errors.append(error_at(pointer(key), "unknown-key", message))
    if not isinstance(items, list) or not 1 <= len(items) <= _BATCH_LIMIT:
        message = f"This must be a list of 1 to {_BATCH_LIMIT} contributions."
        errors.append(error_at("/contributions", "batch-size", message))
    if errors:
        raise Problem("content-invalid", errors=errors)
    answers: list[dict[str, Any]] = [{}] * len(items)
    by_plan: dict[Any, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        plan = item.get("plan_id") if isinstance(item, dict) else None
        by_plan[plan if isinstance(plan, str) else index].append(index)

    async def in_order(indexes: list[int]) -> None:
        for index in indexes:
            answers[index] = await _item(contributions, items[index], contributor, request, until)

    await asyncio.gather(*(in_order(indexes) for indexes in by_plan.values()))
    return _json({"receipts": answers})


async def _item(
    contributions: Contributions,
    item: Any,
    contributor: Contributor,
    request: Request,
    until: float,
) -> dict[str, Any]:
    correlation_id = correlation_id_of(request)
    faulty = item if isinstance(item, FaultyItem) else None
    try:
        if faulty is not None:
            raise faulty.problem
        reply = await receive(contributions, item, contributor, until)
        if reply.kept:
            return reply.receipt
        problem = refusal(reply)
    except Problem as found:
        problem = found
    except Exception as error:  # noqa: BLE001 - the others of the batch are committed already
        log.error("request.failed", error=error, correlation_id=correlation_id)
        problem = Problem("internal-error")
    told = problem_body(problem, request.url.path, correlation_id)
    given = item if faulty is None else faulty.item
    named = given.get("contribution_id") if isinstance(given, dict) else None
    # Of what cannot be read only an id is told again: any other text may be what cannot be told.
    if isinstance(named, str) and (faulty is None or is_id(named)):
        told["contribution_id"] = named[:64]
    return told


def _with_if_match(given: Any, request: Request) -> Any:
    tags = request.headers.getlist("if-match")
    if not tags or not isinstance(given, dict):
        return given
    found = _VERSION_TAG.fullmatch(tags[0].strip())
    if found is None or len(tags) > 1:
        detail = '`If-Match` must be one entry version in quotes, as "3".'
        raise parameter_invalid("If-Match", detail)
    version = int(found[1])
    based_on = given.get("based_on")
    if based_on is not None and type(based_on) is not int:
        return given  # which is content that cannot be read
    if based_on not in (None, version):
        raise parameter_invalid("If-Match", "`If-Match` and `based_on` name different versions.")
    return {**given, "based_on": version}


def _json(body: Mapping[str, Any], *, status: int = 200, headers: Head = ()) -> Response:
    content = orjson.dumps(body)
    length = b"%d" % len(content)
    return ReadyAnswer(status, content, (*_PRIVATE, *headers, (_LENGTH, length), _IS_JSON))


class ReadyAnswer(Response):
    """An answer whose head is bytes already, as the framework would have made them."""

    def __init__(self, status: int, content: bytes, head: Head) -> None:
        self.status_code = status
        self.body = content
        self.background = None
        self.raw_headers = list(head)
