"""Every kind of caller asks the whole stack for everything, and is told what they may be told."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.testing.eventually import eventually
from tests.e2e.stack_process import StackProcess, stack_process
from tests.generated.stack.callers import A, B, callers
from tests.generated.stack.planted import Planting
from tests.generated.stack.rights import Rights
from tests.generated.stack.run import StackRun

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

IS_LONG = os.environ.get("CAREPLAN_GENERATED") == "long"
SEED = int(os.environ.get("CAREPLAN_SEED", "20261201"))
CASES = int(os.environ.get("CAREPLAN_CASES", "50000" if IS_LONG else "400"))
EXAMPLES = 40 if IS_LONG else 3
"""Of each operation, as the contract allows and as it does not."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackProcess]:
    """Nobody waits for a copy that may be behind: most callers have no right, now or later."""
    folder = tmp_path_factory.mktemp("callers") / "stack"
    settings = {
        "COPY_WAIT_SECONDS": "0",
        "VALIDATIONS_A_MINUTE": "1000000",
        "VALIDATIONS_A_MINUTE_TOGETHER": "1000000",
    }
    environment = {f"CAREPLAN_{name}": value for name, value in settings.items()}
    async with stack_process(folder, **environment) as running:
        await running.start()
        yield running


@pytest.mark.timeout(14_400 if IS_LONG else 600)
async def test_no_caller_is_told_or_does_more_than_they_may(
    stack: StackProcess, tmp_path: Path
) -> None:
    plans = {A: uuid4(), B: uuid4()}
    everybody = tuple(callers(stack.signer, plans, tmp_path))
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        by_name = {caller.name: caller for caller in everybody}
        planting = Planting(stack.urls, client, by_name, plans)
        await planting.whole()
        sent = {one: {by} for one, by in planting.contributions.items()}
        rights = Rights(plans, everybody, planting.words, contributions=sent)
        random = Random(SEED)  # noqa: S311 - nothing is kept secret
        run = StackRun(stack.urls, client, everybody, rights, planting.entries, random)

        async def missed() -> list[str]:
            """The words that somebody may see and has not been shown."""
            await run.look()
            return [
                f"{word.where}: {sorted(missing)}"
                for word in planting.words
                if (missing := word.seen_by - rights.told.get(word.text, set()))
            ]

        await eventually(missed, "everybody sees what they may", holds=lambda left: not left)
        await run.whole(run.draw(EXAMPLES), CASES)
    said = f"{run.statuses.total()} answers to {len(everybody)} callers: {dict(run.statuses)}"
    print(f"\n{said}")  # noqa: T201 - shown with -s
    for name, statuses in run.statuses_of.items():
        print(f"  {name}: {dict(statuses)}")  # noqa: T201 - shown with -s
    assert run.all_faults == [], f"seed {SEED}: {len(run.all_faults)} answers"
    assert run.statuses.keys() >= {200, 400, 401, 403, 404, 422}
