"""The HTTP door of operators to dead letters: every look and every act is recorded."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NotRequired
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from typing_extensions import TypedDict

from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.accesses.recording import ACCESS_ID, AccessRecords
from shared.chassis.http.body import read_body
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_PAGE,
    OF_A_READ,
    PRIVATE,
    PURPOSES,
    cursor_of,
    described,
    described_names,
    judge_parameters,
    judge_purpose,
    one_header,
    page_of,
    parameter_invalid,
)
from shared.chassis.letters.held import STATES, item_of
from shared.chassis.letters.masking import Level, headers_shown, value_shown
from shared.chassis.letters.tending import Done, Tending
from shared.chassis.policy.decide import Action, Facts, Roles, decide
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import Contributor, Organisation, id_in, titled

_LONGEST: Final = 2_000
_LONGEST_CODE: Final = 64
_LIST: Final = "dead-letters"
_ASKED: Final = (ACCESS_ID, "Ledger-Policy")


class DeadLetter(TypedDict):
    """What is known of a dead letter; nothing that somebody wrote but ids and a type."""

    dead_letter_id: Annotated[UUID, titled("Dead letter", "What it is known by.")]
    consumer: Annotated[str, titled("Consumer", "Which consumer could not read or apply it.")]
    topic: Annotated[str, titled("Topic", "Where it came from.")]
    partition: Annotated[int, titled("Partition", "Its partition there.")]
    offset: Annotated[int, titled("Offset", "Its place in that.")]
    at: Annotated[datetime, titled("At", "When it was put aside, in UTC.")]
    organisation: Annotated[
        str | None, titled("Organisation", "The code of the one that sent it, where that is known.")
    ]
    plan_id: Annotated[
        UUID | None, titled("Plan", "The plan that it names, where it could be read.")
    ]
    contribution_id: Annotated[
        UUID | None, titled("Contribution", "The contribution that it is, or comes of.")
    ]
    type: Annotated[str | None, titled("Type", "Its `ce_type`, where that is one of ours.")]
    code: Annotated[str, titled("Code", "Why it could not be read or applied.")]
    reason: Annotated[str, titled("Reason", "The same in words.")]
    size: Annotated[int, titled("Size", "Bytes of its value.")]
    state: Annotated[
        Literal["held", "retried", "returned", "discarded"],
        titled("State", "What has become of it; one that could not be retried is held."),
    ]
    settled_at: Annotated[datetime | None, titled("Settled", "Since when it is not held, in UTC.")]


class HeaderShown(TypedDict):
    """A header as it came."""

    name: Annotated[
        str | int, titled("Name", "Its name; masked, the length of one that is not ours.")
    ]
    value: Annotated[Any, titled("Value", "Its text, or how long that is.")]


class ValueShown(TypedDict):
    """A value, so much of it as was asked for."""

    bytes: Annotated[int, titled("Bytes", "How many it had.")]
    json: NotRequired[Annotated[Any, titled("JSON", "Its form: each text as its length.")]]
    text: NotRequired[Annotated[str, titled("Text", "All of it.")]]
    base64: NotRequired[Annotated[str, titled("Base64", "All of it, where it is no text.")]]


class DeadLetterShown(DeadLetter):
    """A dead letter with what came, masked."""

    level: Annotated[
        Literal["none", "masked", "limited", "full"], titled("Level", "How much is shown.")
    ]
    headers: Annotated[list[HeaderShown], titled("Headers", "Its headers, in their order.")]
    value: Annotated[ValueShown | None, titled("Value", "Its value; null where it had none.")]


class DeadLetters(TypedDict):
    """A page of dead letters, the oldest first."""

    items: Annotated[list[DeadLetter], titled("Items", "The dead letters.")]
    next: Annotated[str | None, titled("Next", "The `cursor` of the next page.")]


_STATE: Final = described("state", "Only those in this state.", type="string", enum=[*STATES])
_ORGANISATION: Final = described(
    "organisation", "Only those that this organisation sent, by its code.", type="string"
)
_LEVEL: Final = described(
    "level",
    "How much of it is shown: nothing, each text as its length, also ids and what is no text, or "
    "all. What goes beyond `masked` is recorded as such.",
    type="string",
    enum=[*Level],
    default=Level.MASKED.value,
)
_OF_THE_LIST: Final = (_STATE, _ORGANISATION, *OF_A_PAGE)
_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"reason": {"type": "string", "minLength": 1, "maxLength": _LONGEST}},
                "required": ["reason"],
                "additionalProperties": False,
            }
        }
    },
}
_LISTED: Final[Answers] = {200: answered("A page of dead letters.", DeadLetters, *_ASKED)}
_SHOWN: Final[Answers] = {200: answered("The dead letter.", DeadLetterShown, *_ASKED)}
_ACTED: Final[Answers] = {200: answered("What has become of it.", DeadLetter, *_ASKED)}


def dead_letter_routes(
    tending: Tending, accesses: AccessRecords, identity: Identity, roles: Roles
) -> APIRouter:
    """``/v1/ops/dead-letters``, for operators of the ledger with the purpose ``support``."""
    router = APIRouter(tags=["operations"])

    async def permitted(
        what: What, request: Request, contributor: Contributor, names: Collection[str] = ()
    ) -> Asked:
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        decision = decide(contributor, Action.TEND_DEAD_LETTERS, Facts(roles), known)
        asked = Asked(contributor, decision, what, purpose=known or "support")
        if not decision.allowed:
            raise await accesses.denied(asked)
        judge_purpose(request, purpose)
        judge_parameters(request, names)
        return asked

    async def shown(asked: Asked, body: bytes) -> Response:
        kept = await accesses.keep(asked, Shown.of(body))
        return _response(body, asked, kept.access_id)

    @router.get(
        "/v1/ops/dead-letters",
        openapi_extra={"parameters": [*_OF_THE_LIST, *OF_A_READ]},
        responses=_LISTED,
    )
    async def dead_letters(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """What the consumers of this service could not read or apply, oldest first."""
        names = described_names(*_OF_THE_LIST)
        asked = await permitted(What.DEAD_LETTERS, request, contributor, names)
        state = _one_of("state", request.query_params.get("state"), STATES)
        organisation = _code_in(request.query_params.get("organisation"))
        of = (_LIST, state or "", organisation or "")
        limit, after = page_of(request, *of)
        rows = await tending.held.page(state, organisation, after or 0, limit + 1)
        page = rows[:limit]
        more = cursor_of(page[-1]["position"], *of) if rows[limit:] else None
        told = {"items": [item_of(row) for row in page], "next": more}
        return await shown(asked, orjson.dumps(told))

    @router.get(
        "/v1/ops/dead-letters/{dead_letter_id}",
        openapi_extra={"parameters": [_LEVEL, *OF_A_READ]},
        responses=_SHOWN,
    )
    async def dead_letter(
        dead_letter_id: str,
        request: Request,
        contributor: Annotated[Contributor, Depends(identity)],
    ) -> Response:
        """One of them, masked unless more is asked for."""
        given = request.query_params.get("level")
        is_more = given in (Level.LIMITED, Level.FULL)
        what = What.DEAD_LETTER_UNMASKED if is_more else What.DEAD_LETTER
        asked = await permitted(what, request, contributor, described_names(_LEVEL))
        level = Level(_one_of("level", given, [*Level]) or Level.MASKED)
        held = await tending.must_find(id_in(dead_letter_id))
        told = {
            **item_of(held.row),
            "level": level,
            "headers": headers_shown(held.headers, level),
            "value": value_shown(held.value, held.row["size"], level),
        }
        return await shown(_of(asked, held.row), orjson.dumps(told))

    def act(name: str, what: What, do: Any) -> None:
        """One of the acts, as a route."""

        async def acting(
            dead_letter_id: str,
            request: Request,
            contributor: Annotated[Contributor, Depends(identity)],
        ) -> Response:
            asked = await permitted(what, request, contributor)
            reason = _reason_in(read(await read_body(request)))
            held = await tending.must_find(id_in(dead_letter_id))
            about = _of(asked, held.row)
            done: Done = await do(held, about, reason)
            return _response(done.body, about, done.access_id)

        router.add_api_route(
            f"/v1/ops/dead-letters/{{dead_letter_id}}:{name}",
            acting,
            methods=["POST"],
            name=f"{name}_dead_letter",
            description=do.__doc__.partition("\n")[0],
            openapi_extra={"requestBody": _BODY, "parameters": [*OF_A_READ]},
            responses=_ACTED,
        )

    act("retry", What.DEAD_LETTER_RETRY, tending.retry)
    act("return", What.DEAD_LETTER_RETURN, tending.give_back)
    act("discard", What.DEAD_LETTER_DISCARD, tending.discard)
    return router


def _of(asked: Asked, row: Any) -> Asked:
    return replace(
        asked, plan_id=row["plan_id"], more={"dead_letter_id": str(row["dead_letter_id"])}
    )


def _response(body: bytes, asked: Asked, access_id: UUID) -> Response:
    headers = {
        **PRIVATE,
        "Ledger-Policy": asked.decision.policy_version,
        ACCESS_ID: str(access_id),
    }
    return Response(body, media_type="application/json", headers=headers)


def _one_of(name: str, given: str | None, known: Collection[str]) -> str | None:
    if given is not None and given not in known:
        raise parameter_invalid(name, f"`{name}` is one of {', '.join(known)}.", "one-of")
    return given


def _code_in(given: str | None) -> str | None:
    if given is not None and not 0 < len(given) <= _LONGEST_CODE:
        detail = "`organisation` must be the code of an organisation."
        raise parameter_invalid("organisation", detail)
    return None if given is None else Organisation.of(given).code


def _reason_in(given: Any) -> str:
    if not isinstance(given, dict):
        raise Problem("content-invalid", "Send an object with `reason`.")
    reason = given.get("reason")
    errors = [
        error_at(pointer(key), "unknown-key", "This is not known here.")
        for key in sorted(given.keys() - {"reason"})
    ]
    if not isinstance(reason, str) or not reason.strip() or len(reason) > _LONGEST:
        message = f"This must be a text of 1 to {_LONGEST} characters."
        errors.append(error_at("/reason", "text", message))
    if errors:
        raise Problem("content-invalid", errors=errors)
    return str(reason)
