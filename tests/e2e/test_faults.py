"""The short form of `python -m tests.faults`: one kill or cut of each kind, on one stack."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.catalogue import FAULTS
from tests.faults.trial import Bench, bench_in

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(600)]

SEED = "short"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("faults") / "stack"
    async with bench_in(folder) as running:
        yield running


@pytest.mark.parametrize(
    "fault",
    [
        "kill-goals",
        "kill-intake",
        "kill-plan",
        "kill-audit",
        "kill-kafka",
        "kill-postgres",
        "kafka-cut",
        "postgres-cut",
    ],
)
async def test_nothing_is_lost_when_a_process_is_killed_or_cut_off(
    bench: Bench, fault: str
) -> None:
    outcome = await bench.run(FAULTS[fault], f"{SEED}/{fault}")

    assert outcome.findings.lines() == []
    assert outcome.contributions > 80
