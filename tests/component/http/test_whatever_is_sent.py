"""No body makes the service fail, and nothing of what was said is logged."""

import asyncio
import json
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.goals.section import SECTION
from shared.testing.eventually import eventually
from shared.testing.service import contribution
from tests.component.http.goals import AGREE, GOAL, NURSE, PLAN, WORDS, Goals, in_content

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


def _json_values() -> st.SearchStrategy[Any]:
    texts = st.text(max_size=20) | st.sampled_from(
        [WORDS, "", " ", str(PLAN), AGREE, "2026-03-10T14:00:00Z", "2026-03", "P1D", "person"]
    )
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )


COMMANDS = sorted(SECTION.commands)
PARAMETERS = sorted({name for one in SECTION.commands.values() for name in one.parameters})
OF_A_CLAIM = ["stated_at", "stated_by", "on_behalf_of", "supported_by", "location", "reason",
              "system"]  # fmt: skip


@st.composite
def _contributions(draw: st.DrawFn) -> Any:
    values = _json_values()
    made: dict[str, Any] = {
        "contribution_id": str(UUID(int=draw(st.integers(0, 2**128 - 1)))),
        "plan_id": str(PLAN),
        "command": draw(st.sampled_from(COMMANDS)),
        "content": draw(st.dictionaries(st.sampled_from(PARAMETERS), values, max_size=5)),
        "provenance": draw(st.dictionaries(st.sampled_from(OF_A_CLAIM), values, max_size=3)),
    }
    made.update(draw(st.dictionaries(st.sampled_from(sorted(made)), values, max_size=2)))
    if draw(st.booleans()):
        made["entry_id"], made["based_on"] = str(uuid4()), draw(st.integers(-1, 2**70))
    return made


def _written(value: Any, how: random.Random) -> bytes:
    """As JSON, now and then damaged."""
    body = bytearray(json.dumps(value, ensure_ascii=how.random() < 0.5).encode("utf-8", "replace"))
    for _ in range(how.choice((0, 0, 0, 1, 3))):
        body[how.randrange(len(body))] = how.randrange(256)
    return bytes(body)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(made=_contributions() | _json_values(), seed=st.integers(0, 2**32), path=st.booleans())
def _never_a_failure(send: Callable[[str, bytes], httpx.Response], made: Any, seed: int,
                     path: bool) -> None:  # fmt: skip
    body = _written(made, random.Random(seed))  # noqa: S311 - nothing is kept secret by it
    answer = send("/v1/contributions:validate" if path else "/v1/contributions", body)
    assert answer.status_code < 500, (body, answer.text)
    if answer.status_code >= 400:
        told = answer.json()
        assert told["status"] == answer.status_code
        assert told["code"]


def _all_of_it(url: str, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        _never_a_failure(lambda path, body: client.post(path, content=body))


async def test_no_body_whatever_makes_it_fail(goals: Goals) -> None:
    headers = {**goals.door.issuer.bearer(NURSE), "Content-Type": "application/json"}
    # In a process of its own: Hypothesis will not have anybody else draw in its process, and the
    # clients of Kafka here do.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        asking = apart.submit(_all_of_it, goals.door.url, headers)
        await asyncio.wrap_future(asking)


async def test_the_service_is_still_up_and_has_logged_nothing_of_what_was_said(
    goals: Goals,
) -> None:
    before = len(goals.process.lines)
    await goals.agreed()
    no_need = contribution(AGREE, {**GOAL, "need_ids": []}, PLAN)
    assert (await goals.door.contribute(no_need, NURSE)).status_code == 409
    for body in (in_content(f'"why": "{WORDS}", "x": 1'), b'{"' + WORDS.encode(), b"x" * 2**21):
        assert (await goals.post(body)).status_code >= 400
    assert (await goals.post(b"", Authorization=f"Bearer {WORDS}")).status_code == 401
    await goals.door.until_ready()
    await eventually(lambda: len(goals.process.lines) - before >= 2, "two lines of the log")
    goals.must_have_logged_nothing_of_what_was_said()
