"""What is kept and shown of a decision has the version of the rules that made it.

Kind: a version that is taken from a constant beside the decision, and would be another one's.
"""

from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest

from services.goals.section import SECTION
from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.contribute.rights import Rights
from shared.chassis.contribute.validate import Validations
from shared.chassis.database.database import Database
from shared.chassis.http.contributions import refusal
from shared.chassis.policy import access_copy
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Decision
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore
from shared.chassis.store.rows import Append, Appended
from shared.ledger import Contribution, Contributor, Organisation
from tests.unit.listed_accesses import ListedAccesses

TOM = Contributor("professional", "tom", "Tom Okafor-Synth", "nurse", Organisation("ZZC01"))
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-00000000000c"}
THEN = "the rules of that day"


class Kept:
    """Commits that are remembered here, over a database in which nothing is."""

    def __init__(self) -> None:
        self.commits: list[Append] = []
        self.pool = self

    async def fetchrow(self, *_: Any) -> None:
        return None

    async def fetch(self, *_: Any) -> list[Any]:
        return []

    async def append(self, request: Append) -> Appended:
        self.commits.append(request)
        return Appended("stored", datetime.now(UTC), 1)

    async def of(self, *_: Any, **__: Any) -> str:
        return "open"

    @property
    def records(self) -> list[dict[str, Any]]:
        sent = (message for commit in self.commits for message in commit.outgoing)
        return [orjson.loads(message.value) for message in sent]


def agree(*needs: Any) -> Contribution:
    return contribution_from_json(
        {
            "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
            "plan_id": "0199c0de-0000-7000-8000-00000000000a",
            "command": "careplan.goals.commands.agree.v1",
            "content": {"aim": {"text": "To walk to the shop"}, "need_ids": list(needs)},
        }
    )


def decided_then(monkeypatch: pytest.MonkeyPatch, code: str | None) -> None:
    def of_that_day(*_: Any) -> Decision:
        return Decision(code is None, code, "No.", policy_version=THEN)

    monkeypatch.setattr(access_copy, "decide", of_that_day)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def made(of: type[Any], kept: Kept, *others: Any) -> Any:
    anything, settings = cast("Any", kept), Settings()
    access = AccessCopy(Database(""), wait_seconds=0)
    rights = Rights(SECTION, anything, access, settings)
    return of(SECTION, EventStore(anything, anything, SECTION), rights, settings, *others)


@pytest.mark.asyncio
async def test_with_what_is_accepted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    decided_then(monkeypatch, None)
    reply = await made(Contributions, kept).receive(agree(NEED), TOM)
    assert reply.outcome == "accepted"
    (commit,) = kept.commits
    assert commit.receipt is not None
    assert commit.receipt.policy_version == THEN
    assert [event.policy_version for event in commit.events] == [THEN]
    assert commit.receipt.inputs_sha256 is not None
    assert [event.inputs_sha256 for event in commit.events] == [commit.receipt.inputs_sha256]


@pytest.mark.asyncio
async def test_with_what_a_rule_refuses(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    decided_then(monkeypatch, None)
    await made(Contributions, kept).receive(agree(), TOM)
    assert [record["policy_version"] for record in kept.records] == [THEN]


@pytest.mark.asyncio
async def test_with_who_may_not_and_in_the_answer(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided_then(monkeypatch, "not-permitted")
    reply = await made(Contributions, kept).receive(agree(NEED), TOM)
    assert [record["policy_version"] for record in kept.records] == [THEN]
    assert refusal(reply).members["policy_version"] == THEN


@pytest.mark.asyncio
@pytest.mark.parametrize("code", [None, "not-permitted"])
async def test_with_a_look_and_with_one_that_is_denied(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, code: str | None
) -> None:
    decided_then(monkeypatch, code)
    accesses = ListedAccesses()
    await made(Validations, kept, accesses).validate(agree(NEED), TOM)
    (row,) = accesses.rows
    told = orjson.loads(row.record)
    assert (told["policy_version"], told["code"] if code else None) == (THEN, code)
