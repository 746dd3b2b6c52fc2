"""The HTTP door of a section as it is deployed: a process, a real database, a real broker."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson

from shared.ledger import Contributor
from shared.testing.service import Bench, Door, Process, contribution, works_for

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
SET_ASIDE = "careplan.goals.commands.set-aside.v1"
RESUME = "careplan.goals.commands.resume.v1"
WEIGH = "careplan.goals.commands.weigh.v1"

# Said in every content and in every token here, and never to be found in a log line.
WORDS = "Zephyrine wants her marigolds watered"
NAME = "Tom Okafor-Synth"
NEED = {"section": "needs", "entry_id": str(UUID(int=1))}
GOAL = {"aim": {"text": WORDS}, "need_ids": [NEED]}
PLAN = uuid4()
UNKNOWN_PLAN = uuid4()
NURSE = works_for("ZZC01")
COLLEAGUE = works_for("ZZC01", role="gp")
COUNCIL = works_for("ZZL01")
PERSON = Contributor(kind="person", sub="the-person", name=NAME, plan_id=PLAN)


@dataclass(frozen=True)
class Goals:
    """The section of goals with one plan, and a process that answers."""

    bench: Bench
    process: Process

    @property
    def door(self) -> Door:
        return self.process.door

    async def agreed(self, by: Contributor = NURSE) -> dict[str, Any]:
        """The receipt of a new goal."""
        answer = await self.door.contribute(contribution(AGREE, GOAL, PLAN), by)
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def must_have_logged_nothing_of_what_was_said(self) -> None:
        """Neither words nor tokens nor errors, from the beginning until now."""
        lines = [json.loads(line) for line in self.process.lines]
        assert {line["service"] for line in lines} == {"goals"}
        assert not [line for line in lines if line["level"] in ("error", "critical")]
        text = "\n".join(self.process.lines).replace("synth-zzc01", "")
        token = self.door.issuer.bearer(NURSE)["Authorization"].removeprefix("Bearer ")
        for word in (*WORDS.split(), "marigold", NAME, "Okafor", token, "xxxxxx"):
            assert word not in text, word
        assert token.split(".")[1] not in text

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send bytes as they are."""
        return await self.door.client.post(
            "/v1/contributions",
            content=body,
            headers={
                "Content-Type": "application/json",
                **self.door.issuer.bearer(NURSE),
                **headers,
            },
        )


def problem(answer: httpx.Response, status: int, code: str, *pointers: str) -> dict[str, Any]:
    """The answer is this problem, whole, and repeats nothing that was sent."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["status"] == status
    assert told["type"].endswith(f"/problems/{code}")
    assert told["title"]
    assert told["detail"]
    assert told["instance"].startswith("/v1/contributions")
    assert told["correlation_id"] == answer.headers["x-correlation-id"]
    assert isinstance(told["retryable"], bool)
    for where in pointers:
        assert where in {error["pointer"] for error in told["errors"]}, told["errors"]
    for error in told["errors"]:
        assert error["rule"]
        assert error["message"]
    assert "marigolds" not in answer.text
    assert NAME not in json.dumps({**told, "receipt": None})
    return told


def changed(**others: Any) -> bytes:
    """A contribution that is right but for one thing."""
    return orjson.dumps({**contribution(AGREE, GOAL, PLAN), **others})


def in_content(text: str) -> bytes:
    """A contribution whose content has a piece of JSON that no library would write."""
    return changed(content="@").replace(b'"@"', text.encode("utf-8", "surrogatepass"))
