"""Searches of the audit: a page in JSON, or all that was found, piece by piece, with its proof."""

import asyncio
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson
from fastapi import Request, Response
from starlette.responses import StreamingResponse
from uuid_utils.compat import uuid7

from services.audit.doors.asking import Questions
from services.audit.doors.evidence import groups_of
from services.audit.doors.log import damaged_problem
from services.audit.doors.searching.formats import (
    COLUMNS,
    CSV,
    JSON,
    ZIP,
    form_of,
    head_of,
    lines_of,
    rows_of,
)
from services.audit.log.rehash import Damaged
from services.audit.queries.bundle import MOST_RECORDS, packed
from services.audit.queries.evidence import AsOf, LogReads
from services.audit.queries.search.finding import Searches, Sought
from services.audit.queries.search.language import QueryInvalid, Term, terms_in
from services.audit.record.commitment import GROUPS
from shared.chassis.accesses.record import Asked, Shown
from shared.chassis.http.parameters import cursor_of, parameter_invalid, place_in
from shared.chassis.policy.decide import AUTHN
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.validation_errors import error_at, pointer

MOST_AT_ONCE: Final = 2
"""How many answers of many records, piece by piece or as a bundle, are made at a time."""

_LIST: Final = "search"


class Shape(NamedTuple):
    """What a row of an answer is made of a record as, and its columns in a table."""

    columns: Sequence[str]
    row_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]


OF_A_RECORD: Final = Shape(COLUMNS, lambda item: item)
"""A record as lists give it."""


class SearchDoor:
    """Answers searches for whoever may read the audit, once they are recorded."""

    def __init__(self, searches: Searches, log: LogReads, questions: Questions) -> None:
        self._searches = searches
        self._log = log
        self._questions = questions
        self._given = 0

    async def answer(
        self, request: Request, asked: Asked, text: str, limit: int, cursor: str | None
    ) -> Response:
        """What a search finds, newest first; raises ``Problem``."""
        form = form_of(request, ZIP)
        terms = read_terms(text)
        # Before it is judged: who is told no is recorded with what they asked, too.
        asked = replace(asked, sought=b64encode(text.encode()).decode())
        asked, sought = await self.scoped(asked, terms)
        groups = groups_of(request)
        if groups is not None and form != ZIP:
            raise parameter_invalid("groups", f"`groups` is for bundles ({ZIP}).")
        if form == ZIP:
            return await self._bundle(asked, sought, text, GROUPS if groups is None else groups)
        if form != JSON:
            if cursor is not None:
                detail = f"`cursor` is for pages of {JSON}: this form has all that was found."
                raise parameter_invalid("cursor", detail)
            return await self.given(asked, sought, form)
        of = (_LIST, sha256(text.encode()).hexdigest()[:16])
        after = place_of(cursor, of)
        found = await self._searches.page(sought, limit + 1, after, shows_authn=shows_authn(asked))
        more = cursor_of(found[limit - 1]["idx"], *of) if found[limit:] else None
        return await self._questions.answer(asked, {"items": found[:limit], "next": more})

    async def _bundle(
        self, asked: Asked, sought: Sought, text: str, groups: Sequence[str]
    ) -> Response:
        """The records with their proofs, in one file for somebody who trusts nobody here."""
        with self._turn():
            return await self._packed(asked, sought, text, groups)

    async def _packed(
        self, asked: Asked, sought: Sought, text: str, groups: Sequence[str]
    ) -> Response:
        as_of = await self._log.as_of()
        if as_of.checkpoint is None:
            raise Problem("tree-size-unknown", "No checkpoint has been signed here yet.")
        bounded = replace(sought, below=as_of.size)
        places = await self._searches.places(bounded, MOST_RECORDS + 1)
        if len(places) > MOST_RECORDS:
            detail = f"A bundle has at most {MOST_RECORDS:,} records, and this finds more."
            raise Problem("too-many-records", detail)
        forbids = {AUTHN} & {*asked.decision.redactions}
        try:
            records = [
                await self._log.proven(idx, as_of.size, shows=groups, forbids=forbids)
                for idx, _ in places
            ]
        except Damaged as damaged:
            raise damaged_problem(damaged) from None
        access_id = uuid7()
        told = {
            "q": text,
            "within": sought.within,
            "record_id": str(access_id),
            "size": as_of.size,
            "root": as_of.root,
        }
        # It takes as long as many other requests together, which go on meanwhile.
        body = await asyncio.to_thread(packed, records, as_of.checkpoint, told)
        asked = replace(asked, more={"result_count": len(records)})
        shown = Shown.of(body, media_type=ZIP)
        plans = Counter(plan_id for _, plan_id in places if plan_id is not None)
        headers = await self._questions.exported(asked, shown, access_id, plans)
        headers["Ledger-Log-Size"] = str(as_of.size)
        headers["Ledger-Result-Count"] = str(len(records))
        return Response(body, media_type=ZIP, headers=headers)

    async def scoped(self, asked: Asked, terms: Sequence[Term]) -> tuple[Asked, Sought]:
        """What may be looked for of what is asked for; raises ``Problem``."""
        with as_problem():
            sought = self._searches.read(terms)
        plans = sought.plans
        if len(plans) == 1:
            asked = replace(asked, plan_id=plans[0])
        within = await self._questions.within_all(
            asked, plans, sought.texts_of("actor.org"), sought.texts_of("actor")
        )
        return asked, replace(sought, within=within)

    async def given(
        self, asked: Asked, sought: Sought, form: str, shape: Shape | None = None
    ) -> Response:
        """All that is sought in a log of one size, piece by piece, in lines or as a table."""
        as_of = await self._log.as_of()
        bounded = replace(sought, below=as_of.size)
        pieces = self._pieces(bounded, form, shows_authn(asked), as_of, shape or OF_A_RECORD)
        # From here on it has its turn, and gives it back however it ends.
        await anext(pieces)
        try:
            count = await self._searches.count(bounded)
            told = {**asked.more, "result_count": count, "media_type": form}
            headers = await self._questions.begun(replace(asked, more=told))
        except BaseException:
            await pieces.aclose()
            raise
        headers |= {"Ledger-Log-Size": str(as_of.size), "Ledger-Result-Count": str(count)}
        return StreamingResponse(pieces, media_type=form, headers=headers)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the few answers of many records that are made at a time; raises ``Problem``."""
        if self._given >= MOST_AT_ONCE:
            detail = "So many answers are being given at once already. Ask again in a moment."
            raise Problem("overloaded", detail)
        self._given += 1
        try:
            yield
        finally:
            self._given -= 1

    async def _pieces(
        self, sought: Sought, form: str, shows: bool, as_of: AsOf, shape: Shape
    ) -> AsyncGenerator[bytes, None]:
        """The answer in pieces; lines end with what they were made of, and how many they are.

        The first is empty: whoever has taken it has begun. One that nobody takes any more of is
        ended by the event loop, and leaves nothing behind.
        """
        digest, count = sha256(), 0
        with self._turn():
            yield b""
            if form == CSV:
                yield head_of(shape.columns)
            async for found in self._searches.all(sought, shows_authn=shows):
                items = [shape.row_of(item) for item in found]
                piece = rows_of(items, shape.columns) if form == CSV else lines_of(items)
                digest.update(piece)
                count += len(items)
                yield piece
            if form != CSV:
                told = completeness_of(sought, as_of, count, digest.hexdigest())
                yield orjson.dumps({"completeness": told}) + b"\n"


def completeness_of(
    sought: Sought, as_of: AsOf, rows: int, rows_sha256: str | None = None
) -> dict[str, Any]:
    """What an answer was made of: every record of a log of this size, as far as it may be told."""
    evidence: dict[str, Any] = {
        "first_idx": 0,
        "size": as_of.size,
        "root": as_of.root,
        "checkpoint": as_of.checkpoint,
        "rows": rows,
        "within": sought.within,
    }
    if rows_sha256 is not None:
        evidence["rows_sha256"] = rows_sha256
    return {"kind": "full-scan" if as_of.checkpoint else "best-effort", "evidence": evidence}


def read_terms(text: str) -> list[Term]:
    """The terms of a search; raises ``Problem``."""
    with as_problem():
        return terms_in(text)


@contextmanager
def as_problem() -> Iterator[None]:
    """A search that cannot be read is told with the column at which it goes wrong."""
    try:
        yield
    except QueryInvalid as invalid:
        error = error_at(pointer("q"), "query", invalid.detail)
        raise Problem(
            "query-invalid", invalid.detail, errors=[error], column=invalid.column
        ) from None


def shows_authn(asked: Asked) -> bool:
    """Whether they are told how somebody was authenticated."""
    return AUTHN not in asked.decision.redactions


def place_of(cursor: str | None, of: tuple[str, ...]) -> int | None:
    """The place behind which a page begins; ``None`` for the first. Raises ``Problem``."""
    if cursor is None:
        return None
    try:
        return place_in(cursor, *of)
    except ValueError:
        detail = "`cursor` must be the `next` of an earlier page of the same search."
        raise parameter_invalid("cursor", detail) from None
