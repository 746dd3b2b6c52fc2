"""Contributing from a page: what is written is asked about first, sent by the front door, kept."""

import re
from collections.abc import Container, Mapping
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response
from uuid_utils import uuid7

from services.viewer.clients import Answer
from services.viewer.pages.plan import PlanScreens
from services.viewer.sessions import Session
from services.viewer.shown.contributions import Draft
from shared.chassis.wire.exact import TEXT_LIMIT
from shared.chassis.wire.problem import Problem
from shared.ledger.names import id_in

_VERSION: Final = re.compile(r"[0-9]{1,9}")


async def answered(
    of: PlanScreens, session: Session, plan_id: UUID, section: str, sent: dict[str, Any], step: str
) -> Response | Answer:
    """What a section says of a contribution that is to be sent, or looked at before.

    Whoever has sent what was taken goes on to the plan, which is then at least that new.
    """
    if step != "send":
        return await of.apis.validate(session.token, section, sent)
    answer = await of.apis.contribute(session.token, section, sent)
    if not answer.is_good:
        return answer
    session.contributed(str(plan_id), str(answer.body.get("ledger_position") or ""))
    return of.screens.see(f"/plans/{plan_id}?sent={section}")


def new_id() -> str:
    """The id of a contribution that is written now; the same one may be sent twice."""
    return str(uuid7())


def draft_of(written: Mapping[str, str], names: Container[str]) -> Draft:
    """What came from a form of ours; ``Problem`` where it was tampered with."""
    entry_id, based_on = written.get("entry_id", ""), written.get("based_on", "0")
    name, text = written.get("name", ""), written.get("text", "").replace("\r\n", "\n").strip()
    is_whole = (
        name in names
        and id_in(written.get("contribution_id", "")) is not None
        and (not entry_id or id_in(entry_id) is not None)
        and _VERSION.fullmatch(based_on) is not None
        and len(text) <= TEXT_LIMIT
    )
    if not is_whole:
        raise Problem("bad-request", "The form cannot be read. Open the page again.")
    return Draft(
        contribution_id=written["contribution_id"],
        name=name,
        text=text,
        entry_id=entry_id,
        based_on=int(based_on),
        section=written.get("section", ""),
    )


def no_of(answer: Answer) -> tuple[str, str]:
    """The code and the words of a no: of a problem, or of a receipt that refuses."""
    if answer.is_good and answer.body.get("outcome") != "refused":
        return "", ""
    code = str(answer.body.get("code") or "unavailable")
    return code, str(answer.body.get("detail") or "It was not taken. Try again in a moment.")
