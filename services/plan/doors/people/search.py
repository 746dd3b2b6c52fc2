"""The HTTP door to a person's plan for whoever knows who the person is, and not which plan."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.answers import PeopleFound
from services.plan.doors.release import Release
from services.plan.reads.redaction import MarksOfToday
from services.plan.store.people.identifiers import (
    HELD_BY,
    Identifier,
    person_key,
    plans_with,
    read_identifier,
)
from shared.chassis.accesses.record import Asked, What
from shared.chassis.database.database import Database
from shared.chassis.http.body import read_body
from shared.chassis.http.identity import Identity
from shared.chassis.http.overload import PerCaller
from shared.chassis.http.parameters import (
    OF_A_READ,
    PURPOSES,
    judge_parameters,
    judge_purpose,
    one_header,
    reason_of,
)
from shared.chassis.policy.decide import Action, Facts, decide
from shared.chassis.policy.sees import Sees
from shared.chassis.settings import Settings
from shared.chassis.wire.described import Answers, answered, headers_described
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import Contributor

_BODY_BYTES: Final = 2_048
_NEEDED: Final = 2
_MOST: Final = 5
"""So many plans are told at most: where more have these identifiers, they identify nobody."""

_WORDS: Final[Mapping[Identifier, tuple[str, str]]] = {
    Identifier.NUMBER: ("An NHS, CHI or Health and Care number.", "9990000018"),
    Identifier.BORN: ("A day, as 1938-03-14.", "1938-03-14"),
    Identifier.FAMILY: ("The family name, whole.", "Example-Synth"),
    Identifier.POSTCODE: ("The postcode of an address, whole.", "ZZ99 3VZ"),
}
_TAKEN: Final = {
    "type": "object",
    "properties": {
        name.value: {"type": "string", "minLength": 1, "description": words, "examples": [example]}
        for name, (words, example) in _WORDS.items()
    },
    "minProperties": _NEEDED,
    "anyOf": [{"required": [Identifier.NUMBER]}, {"required": [Identifier.BORN]}],
    "additionalProperties": False,
}
_LIMITED: Final = ("RateLimit-Policy", "RateLimit")
_ANSWERED: Final[Answers] = {
    200: answered(
        "The plans of whoever has all of these; empty where nobody has.",
        PeopleFound,
        *("Ledger-Access-Id", "Ledger-Policy", *_LIMITED),
    ),
    429: {
        "description": "Asked too often.",
        "headers": headers_described("Retry-After", *_LIMITED),
    },
}


class People:
    """Searches among the persons of all plans."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._marks = MarksOfToday(database)

    async def find(self, sought: Mapping[Identifier, str], sees: Sees) -> list[UUID]:
        """The plans whose person has all of these identifiers, none of them withheld.

        What is withheld from the searcher is as if it were not there, so that no guess at it is
        confirmed.
        """
        rows = await plans_with(self._database, sought.values(), _MOST + 1)
        if len(rows) > _MOST:
            return []
        leaves = [leaf for kind in sought for leaf in HELD_BY[kind]]
        found: list[UUID] = []
        for plan_id, revision in rows:
            marks = await self._marks.of(plan_id, revision)
            withheld = marks.withheld_from(sees).of(*person_key(plan_id))
            if not any(map(withheld.hides, leaves)):
                found.append(plan_id)
        return found


def people_routes(
    people: People, release: Release, identity: Identity, settings: Settings
) -> APIRouter:
    """``POST /v1/people:search``."""
    router = APIRouter(tags=["plans"])
    each = PerCaller(settings.searches_a_minute)
    together = PerCaller(settings.searches_a_minute_together, together=True)
    restricting = frozenset(settings.restricting_labels)

    @router.post(
        "/v1/people:search",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": _TAKEN}}},
            "parameters": [*OF_A_READ],
        },
        responses=_ANSWERED,
    )
    async def search(
        request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """Find the plan of a person by two identifiers or more, one of them a number or a birthday.

        All of them have to be right: where one is not, the answer is that of a person who has no
        plan. It names plans and nobody, and opens none. Each search is recorded.
        """
        purpose = one_header(request, "Ledger-Purpose")
        known = purpose if purpose in PURPOSES else None
        facts = Facts(settings.roles, restricting=restricting)
        decision = decide(contributor, Action.SEARCH_PEOPLE, facts, known)
        reason = reason_of(request, known)
        asked = Asked(contributor, decision, What.PEOPLE_SEARCH, purpose=known, reason=reason)
        if not decision.allowed or decision.sees is None:
            raise await release.denied(asked)
        judge_purpose(request, purpose)
        judge_parameters(request)
        left = each.count(contributor)
        together.count(contributor)
        body = await read_body(request, _BODY_BYTES)
        sought = _sought_in(read(body))
        found = await people.find(sought, decision.sees)
        told = orjson.dumps({"items": [{"plan_id": str(one)} for one in found], "next": None})
        return await release.found(asked, told, body, len(found), left)

    return router


def _sought_in(given: Any) -> dict[Identifier, str]:
    if not isinstance(given, dict):
        raise Problem("content-invalid", "Send an object with two identifiers or more.")
    names = {name.value for name in Identifier}
    errors = [
        error_at(pointer(name), "unknown-key", "This is not known here.")
        for name in sorted(given.keys() - names)
    ]
    sought: dict[Identifier, str] = {}
    for kind, (words, _) in _WORDS.items():
        if kind.value not in given:
            continue
        made = read_identifier(kind, given[kind.value])
        if made is None:
            errors.append(error_at(pointer(kind.value), "identifier", words))
        else:
            sought[kind] = made
    if errors:
        raise Problem("content-invalid", errors=errors)
    if len(sought) < _NEEDED or not sought.keys() & {Identifier.NUMBER, Identifier.BORN}:
        detail = (
            "Send two identifiers or more, one of them `number` or `date_of_birth`: of one alone "
            "many could be meant."
        )
        raise Problem("content-invalid", detail)
    return sought
