"""The HTTP door to a person's plan for whoever knows who the person is, and not which plan."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.plan.doors.answers import PeopleFound
from services.plan.doors.release import Release
from services.plan.reads.redaction import MarksOfToday
from services.plan.store.people.identifiers import (
    HELD_BY,
    LONGEST,
    Identifier,
    PlanFound,
    key,
    person_key,
    plans_with,
)
from shared.chassis.accesses.record import Asked, What
from shared.chassis.database.database import Database
from shared.chassis.http.body import read_body
from shared.chassis.http.identity import Identity
from shared.chassis.http.overload import PerCallerAndOrganisation
from shared.chassis.http.parameters import (
    OF_A_READ,
    PURPOSES,
    judge_parameters,
    judge_purpose,
    one_header,
    reason_of,
)
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Facts, decide
from shared.chassis.policy.sees import Sees
from shared.chassis.settings import Settings
from shared.chassis.wire.described import Answers, answered, headers_described
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer
from shared.ledger import Contributor
from shared.ledger.values.identifiers import CHECKED, CHI_NUMBER, NHS_NUMBER

_BODY_BYTES: Final = 2_048
_MOST: Final = 10
"""So many plans are told at most: where more have these identifiers, they identify nobody."""

_LOOKED_AT: Final = 50
"""Plans with these identifiers, shown or withheld, beyond which nobody looks."""

_TOO_MANY: Final = f"More than {_MOST} plans have all of these. Send another identifier as well."
_TOO_FEW: Final = (
    "Send `nhs_number` or `other_identifier` with `date_of_birth` or `family`; or `family`, "
    "`first`, `date_of_birth` and `postcode`."
)
_NUMBERS: Final = (Identifier.NHS_NUMBER, Identifier.OTHER)
_ENOUGH: Final = (
    *({number, other} for number in _NUMBERS for other in (Identifier.BORN, Identifier.FAMILY)),
    {Identifier.FAMILY, Identifier.FIRST, Identifier.BORN, Identifier.POSTCODE},
)
_WORDS: Final[Mapping[Identifier, tuple[str, str]]] = {
    Identifier.NHS_NUMBER: (CHECKED[NHS_NUMBER].written, "9990000018"),
    Identifier.BORN: ("A day, as 1938-03-14.", "1938-03-14"),
    Identifier.FAMILY: ("The family name, whole.", "Example-Synth"),
    Identifier.FIRST: ("The first name, whole.", "Exa"),
    Identifier.POSTCODE: ("The postcode of an address, whole.", "ZZ99 3VZ"),
}
_OTHER: Final = "An object with `kind` and `value`: an identifier, and which scheme it belongs to."
_TAKEN: Final = {
    "type": "object",
    "properties": {
        **{
            name.value: {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST[name],
                "description": words,
                "examples": [example],
            }
            for name, (words, example) in _WORDS.items()
        },
        Identifier.OTHER.value: {
            "type": "object",
            "description": _OTHER,
            "properties": {
                name: {"type": "string", "minLength": 1, "maxLength": LONGEST[Identifier.OTHER]}
                for name in ("kind", "value")
            },
            "required": ["kind", "value"],
            "additionalProperties": False,
            "examples": [{"kind": CHI_NUMBER, "value": "1403380007"}],
        },
    },
    "anyOf": [{"required": sorted(names)} for names in _ENOUGH],
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

    def __init__(self, database: Database, access: AccessCopy) -> None:
        self._database = database
        self._access = access
        self._marks = MarksOfToday(database)

    async def find(
        self, sought: Mapping[Identifier, str], by: Contributor, sees: Sees
    ) -> list[Any]:
        """The plans whose person has all of these identifiers, none of them withheld, as JSON.

        What is withheld from the searcher is as if it were not there, so that no guess at it is
        confirmed. Beyond ``_MOST`` there is one more, which stands for the rest.
        """
        rows = await plans_with(self._database, sought.values(), _LOOKED_AT)
        leaves = {HELD_BY[identifier] for identifier in sought}
        found: list[Any] = []
        for row in rows:
            marks = await self._marks.of(row.plan_id, row.revision)
            withheld = marks.withheld_from(sees).of(*person_key(row.plan_id))
            if not any(map(withheld.hides, leaves)) and len(found) <= _MOST:
                found.append(await self._told(row, by))
        return found

    async def _told(self, row: PlanFound, by: Contributor) -> dict[str, Any]:
        into = {} if row.merged_into is None else {"merged_into": str(row.merged_into)}
        relationship = await self._relationship(row.plan_id, by)
        return {
            "plan_id": str(row.plan_id),
            "state": row.state,
            **into,
            "relationship": relationship,
        }

    async def _relationship(self, plan_id: UUID, by: Contributor) -> str:
        access = await self._access.of(plan_id, lambda _: True, wait=False)
        now, code = datetime.now(UTC), by.organisation and by.organisation.code
        begun = [
            one for one in access.relationships if one.organisation == code and one.live_from <= now
        ]
        if not begun:
            return "none"
        return "live" if any(one.is_in_time(now) for one in begun) else "ended"


def people_routes(
    people: People, release: Release, identity: Identity, settings: Settings
) -> APIRouter:
    """``POST /v1/people:search``."""
    router = APIRouter(tags=["plans"])
    limit = PerCallerAndOrganisation(
        settings.searches_a_minute, settings.searches_a_minute_together
    )
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
        """Find the plan of a person by a number with a birthday or a name, or by all but a number.

        All that is sent has to be right: where something is not, the answer is that of a person
        who has no plan. It names plans and nobody, and opens none. Each search is recorded.
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
        left = limit.count(contributor)
        body = await read_body(request, _BODY_BYTES)
        sought = _sought_in(read(body))
        found = await people.find(sought, contributor, decision.sees)
        if len(found) > _MOST:
            await release.found(asked, b"", body, len(found), left)  # for its record alone
            raise Problem("content-invalid", errors=[error_at("", "too-many", _TOO_MANY)])
        told = orjson.dumps({"items": found})
        return await release.found(asked, told, body, len(found), left)

    return router


def _sought_in(given: Any) -> dict[Identifier, str]:
    if not isinstance(given, dict):
        raise Problem("content-invalid", _TOO_FEW)
    errors = [
        error_at(pointer(name), "unknown-key", "This is not known here.")
        for name in sorted(given.keys() - {*Identifier})
    ]
    sought: dict[Identifier, str] = {}
    for identifier, (words, _) in _WORDS.items():
        if identifier in given:
            text = given[identifier]
            if _is_one(identifier, text):
                sought[identifier] = key(identifier, text)
            else:
                errors.append(error_at(pointer(identifier), "identifier", words))
    if Identifier.OTHER in given:
        other = given[Identifier.OTHER]
        wrong = _wrong_with(other)
        if wrong is None:
            sought[Identifier.OTHER] = key(Identifier.OTHER, other["value"], other["kind"])
        else:
            errors.append(error_at(pointer(Identifier.OTHER), "identifier", wrong))
    if errors:
        raise Problem("content-invalid", errors=errors)
    if not any(names <= sought.keys() for names in _ENOUGH):
        raise Problem("content-invalid", _TOO_FEW)
    return sought


def _is_one(identifier: Identifier, given: Any) -> bool:
    """Whether somebody can have it: a number by its check digit, a birthday by the calendar."""
    if not isinstance(given, str) or not given.strip() or len(given) > LONGEST[identifier]:
        return False
    if identifier is Identifier.NHS_NUMBER:
        return CHECKED[NHS_NUMBER].holds(given)
    return identifier is not Identifier.BORN or _is_day(given)


def _wrong_with(other: Any) -> str | None:
    if not isinstance(other, dict) or other.keys() != {"kind", "value"}:
        return _OTHER
    if not all(_is_one(Identifier.OTHER, text) for text in other.values()):
        return _OTHER
    checked = CHECKED.get(other["kind"])
    return None if checked is None or checked.holds(other["value"]) else checked.written


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text  # which reads 19380314 as well
    except ValueError:
        return False
