"""Whatever is made of a section's contract and sent to it, each answer is as the contract says."""

import os
from pathlib import Path
from random import Random

import pytest

from shared.contracts import discover
from shared.contracts.examples.playing import plan_of
from shared.ledger import Section
from shared.testing.contracts.section_run import LONG, SHORT, SectionRun
from shared.testing.service import bench_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

IS_LONG = os.environ.get("CAREPLAN_GENERATED") == "long"
SEED = int(os.environ.get("CAREPLAN_SEED", "20261201"))


@pytest.mark.timeout(7_200 if IS_LONG else 300)
@pytest.mark.parametrize("section", discover.sections(), ids=lambda section: section.name)
async def test_each_answer_to_what_is_generated_is_as_declared(
    section: Section, postgres_url: str, kafka_servers: str, tmp_path: Path
) -> None:
    history = discover.examples(section.name) or ()
    organisations = sorted({one.organisation.lower() for one in history if one.organisation})
    plans = {plan_of(example) for example in history}
    async with (
        bench_of(
            section, postgres_url, kafka_servers, tmp_path, organisations=organisations
        ) as bench,
        bench.running(
            validations_a_minute=1_000_000, validations_a_minute_together=1_000_000
        ) as door,
    ):
        if any(entry.opens_plan for entry in section.entries):
            for organisation in organisations:
                await bench.relate(plans, organisation)
        else:
            await bench.know_plans(plans, known_to=organisations)
        run = SectionRun(section, door, history, Random(SEED))  # noqa: S311 - nothing is kept secret
        await run.whole(LONG if IS_LONG else SHORT)
        await door.until_ready()
    asking = run.asking
    assert asking.faults == [], f"seed {SEED}: {len(asking.faults)} answers"
    # Otherwise nothing was tried: every kind of answer came, and entries were changed.
    assert run.changed
    assert asking.statuses[201] > run.changed
    assert asking.statuses[200]
    came = {*asking.codes}
    assert {"content-invalid", "unreadable-json", "token-missing", "token-expired"} <= came
    assert {"base-version-stale", "contribution-unknown"} <= came
    said = f"{asking.statuses.total()} answers, {run.changed} changes of what receipts told of"
    print(f"\n{section.name}: {said}; {dict(asking.statuses)}; {dict(asking.codes)}")  # noqa: T201 - shown with -s
