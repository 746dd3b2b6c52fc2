"""The door of named questions: their list with help, and each answered in one envelope."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response
from uuid_utils.compat import uuid7

from services.audit.doors.asking import ASKED, Questions
from services.audit.doors.log import damaged_problem
from services.audit.doors.searching.answers import Answered, Catalogue
from services.audit.doors.searching.formats import (
    CSV,
    JSON,
    NDJSON,
    form_of,
    head_of,
    lines_of,
    rows_of,
)
from services.audit.doors.searching.putting import TAKEN, Put, content_invalid, put_in
from services.audit.doors.searching.search import (
    SearchDoor,
    Shape,
    completeness_of,
    place_of,
    shows_authn,
)
from services.audit.log.rehash import Damaged
from services.audit.queries.evidence import AsOf, LogReads
from services.audit.queries.questions.catalogue import QUESTIONS
from services.audit.queries.questions.finding import MOST_ROWS, Bounds, Findings, NotThere
from services.audit.queries.records import RecordList
from services.audit.queries.search.finding import Searches, Sought, says_when
from services.audit.queries.search.language import term, written
from services.audit.queries.search.qualifiers import QUALIFIERS
from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.http.identity import Identity
from shared.chassis.http.parameters import (
    OF_A_READ,
    cursor_of,
)
from shared.chassis.policy.decide import Action
from shared.chassis.wire.described import Answers, answered
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor

_NO_RECORD: Final = "The audit has no record at this place."
_PROVES_ITSELF: Final = frozenset({"Q6", "Q7"})
_OF_ONE_RECORD: Final[Mapping[str, tuple[str, ...]]] = {
    "Q7": ("idx",),
    "Q19": ("idx",),
    "Q31": ("a", "b"),
}
_EVER: Final = term("created", ">=0001-01-01")
_CATALOGUE: Final[Answers] = {200: answered("What may be asked.", Catalogue, *ASKED)}
_ANSWERED: Final[Answers] = {
    200: answered(
        "The answer; in lines or as a table, all rows of it.",
        Answered,
        *ASKED,
        "Ledger-Log-Size",
        "Ledger-Result-Count",
        also={NDJSON: dict[str, Any], CSV: str},
    )
}


@dataclass(frozen=True)
class _Found:
    """The rows of an answer, how many there are, and what comes next."""

    rows: list[dict[str, Any]]
    total: int
    completeness: Mapping[str, Any]
    as_of: AsOf
    next: str | None = None
    truncated: bool = False
    query: str | None = None


class QuestionDoor:
    """Answers named questions for whoever may read the audit, once they are recorded."""

    def __init__(
        self,
        search: SearchDoor,
        searches: Searches,
        findings: Findings,
        records: RecordList,
        log: LogReads,
        questions: Questions,
    ) -> None:
        self._search = search
        self._searches = searches
        self._findings = findings
        self._records = records
        self._log = log
        self._questions = questions

    async def answer(self, request: Request, asked: Asked, query_id: str) -> Response:
        """The answer to one question; raises ``Problem``."""
        form = form_of(request)
        put = await put_in(request, query_id)
        more = {} if put.case is None else {"case": put.case}
        asked = replace(asked, sought=put.told, more=more)
        if put.question.terms is not None:
            asked, sought = await self._search.scoped(asked, put.question.terms(put.given))
            since = sought.since if put.question.is_recent else None
            sought = replace(sought, since=since, asked=put.question.asked)
            if form != JSON:
                shape = Shape(put.question.names_of_columns, put.question.row_of)
                return await self._search.given(asked, sought, form, shape)
            return await self._told(asked, put, await self._found(asked, put, sought))
        asked, bounds = await self._bounds(asked, put)
        found = await self._found_otherwise(asked, put, bounds)
        if form != JSON:
            return await self._in_one_piece(asked, put, found, form)
        return await self._told(asked, put, found)

    async def _found(self, asked: Asked, put: Put, sought: Sought) -> _Found:
        as_of = await self._log.as_of()
        bounded = replace(sought, below=as_of.size)
        total = await self._searches.count(bounded)
        after = place_of(put.cursor, put.of)
        shows = shows_authn(asked)
        items = await self._searches.page(bounded, put.limit + 1, after, shows_authn=shows)
        page = items[: put.limit]
        return _Found(
            [put.question.row_of(item) for item in page],
            total,
            completeness_of(bounded, as_of, total),
            as_of,
            cursor_of(page[-1]["idx"], *put.of) if items[put.limit :] else None,
            query=_query_of(sought),
        )

    async def _bounds(self, asked: Asked, put: Put) -> tuple[Asked, Bounds]:
        """What may be told of; whoever may not see a record is told that it is not there."""
        given = put.given
        for name in _OF_ONE_RECORD.get(put.question.id, ()):
            about = await self._records.about(given[name])
            if about is None or not await self._questions.shows(asked, *about):
                raise Problem("record-unknown", _NO_RECORD)
        within = None
        if "plan_id" in given or "organisation" in given:
            plans = [UUID(given["plan_id"])] if "plan_id" in given else []
            asked = replace(asked, plan_id=plans[0] if plans else None)
            named = [given["organisation"]] if "organisation" in given else []
            within = await self._questions.within_all(asked, plans, named, ())
        return asked, Bounds(await self._log.as_of(), within)

    async def _found_otherwise(self, asked: Asked, put: Put, bounds: Bounds) -> _Found:
        question = put.question
        if put.cursor is not None:
            raise content_invalid("cursor", "The answer to this question has one page.")
        try:
            if question.id == "Q19":
                item = await self._records.at(put.given["idx"], shows_authn=shows_authn(asked))
                rows = [{name: (item or {}).get(name) for name in question.columns}]
            else:
                rows = await self._findings.rows(question.id, put.given, bounds)
        except NotThere as missing:
            code = "tree-size-unknown" if question.id == "Q6" else "record-unknown"
            raise Problem(code, str(missing)) from None
        except Damaged as damaged:
            raise damaged_problem(damaged) from None
        told = rows[:MOST_ROWS]
        sought = Sought((), bounds.within)
        completeness = completeness_of(sought, bounds.as_of, len(told))
        if question.id in _PROVES_ITSELF:
            is_proved = all(row.get("inclusion_ok", True) for row in told)
            completeness["kind"] = "proved" if is_proved else "best-effort"
        is_cut = len(rows) > MOST_ROWS
        if is_cut:
            completeness["kind"] = "best-effort"
        return _Found(told, len(told), completeness, bounds.as_of, truncated=is_cut)

    async def _told(self, asked: Asked, put: Put, found: _Found) -> Response:
        """The envelope, which names the record of the question."""
        access_id = uuid7()
        contributor = asked.contributor
        organisation = contributor.organisation
        envelope = {
            "query_id": put.question.id,
            "name": put.question.name,
            "asked_by": {
                "id": contributor.sub,
                "role": contributor.role,
                "organisation": organisation.code if organisation else None,
            },
            "purpose": asked.purpose,
            "case_ref": put.case,
            "record": {"idx": None, "record_id": str(access_id)},
            "as_of": {
                "size": found.as_of.size,
                "root": found.as_of.root,
                "checkpoint": found.as_of.checkpoint,
            },
            "params": dict(put.given),
            "q": found.query,
            "rows": found.rows,
            "next": found.next,
            "total": found.total,
            "truncated": found.truncated,
            "redactions": [*asked.decision.redactions],
            "completeness": found.completeness,
            "proofs_url": "/v1/audit/records/{idx}?proof=1",
        }
        body = orjson.dumps(envelope)
        asked = replace(asked, more={**asked.more, "result_count": found.total})
        headers = await self._questions.recorded(asked, Shown.of(body), access_id)
        return Response(body, media_type=JSON, headers=headers)

    async def _in_one_piece(self, asked: Asked, put: Put, found: _Found, form: str) -> Response:
        """All rows, in lines or as a table: nothing there says where some are missing."""
        if found.truncated:
            detail = f"A file of this question has at most {MOST_ROWS:,} rows, and it has more."
            raise Problem("too-many-records", detail)
        if form == CSV:
            columns = put.question.names_of_columns
            body = head_of(columns) + rows_of(found.rows, columns)
        else:
            lines = lines_of(found.rows)
            told = {**found.completeness}
            told["evidence"] = {
                **told["evidence"],
                "rows_sha256": sha256(lines).hexdigest(),
            }
            body = lines + orjson.dumps({"completeness": told}) + b"\n"
        asked = replace(asked, more={**asked.more, "result_count": found.total})
        headers = await self._questions.recorded(asked, Shown.of(body, media_type=form))
        headers["Ledger-Log-Size"] = str(found.as_of.size)
        headers["Ledger-Result-Count"] = str(found.total)
        return Response(body, media_type=form, headers=headers)


def _query_of(sought: Sought) -> str | None:
    """The search that finds the same; none where a condition of our own stands beside its terms.

    Somebody may ask it again, so it says so where the question looks further back than a search.
    """
    if sought.asked is not None:
        return None
    is_of_all_times = sought.since is None and not says_when(sought.terms)
    return written([*sought.terms, *([_EVER] if is_of_all_times else [])]) or None


def question_routes(door: QuestionDoor, identity: Identity, questions: Questions) -> APIRouter:
    """``GET /v1/audit/queries`` and ``POST /v1/audit/queries/{query_id}``."""
    router = APIRouter(prefix="/v1/audit/queries", tags=["audit"])
    reader = questions.reader(identity, What.QUESTION, ())

    @router.get("", openapi_extra={"parameters": [*OF_A_READ]}, responses=_CATALOGUE)
    async def catalogue(asked: Annotated[Asked, Depends(reader)]) -> Response:
        """The named questions with their parameters, and the qualifiers of searches."""
        return await questions.answer(asked, _catalogue())

    @router.post(
        "/{query_id}",
        openapi_extra={"parameters": [*OF_A_READ], "requestBody": TAKEN},
        responses=_ANSWERED,
    )
    async def answered_question(
        query_id: str, request: Request, contributor: Annotated[Contributor, Depends(identity)]
    ) -> Response:
        """The answer to a named question, by its id or name, with what it was made of."""
        asked = await questions.permitted(
            Action.READ_AUDIT, What.QUESTION, request, contributor, ()
        )
        return await door.answer(request, asked, query_id)

    return router


def _catalogue() -> dict[str, Any]:
    return {
        "questions": [
            {
                "query_id": one.id,
                "name": one.name,
                "asks": one.asks,
                "params": [
                    {
                        "name": param.name,
                        "words": param.words,
                        "form": str(param.form),
                        "required": param.is_required,
                    }
                    for param in one.params
                ],
                "columns": list(one.names_of_columns),
            }
            for one in QUESTIONS
        ],
        "qualifiers": [
            {"name": name, "words": one.words, "example": one.example}
            for name, one in QUALIFIERS.items()
        ],
    }
