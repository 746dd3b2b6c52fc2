"""The five stories, loaded by `make run`: every element read back, with who said it and when."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.examples.load import Loaded
from deploy.examples.story import Said, Somebody, Story, stories
from shared.cli import verify
from shared.testing.eventually import eventually
from tests.e2e.conditions import Condition, lit
from tests.e2e.stack_process import ROOT, StackProcess, stack_process
from tests.e2e.told import HERE, Told, read, scalars
from tests.faults.judge.evidence import Evidence, Surroundings
from tests.faults.judge.published import Published

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(600)]

STORIES = stories()
MOVING = ("in_days", "shown")
every_story = pytest.mark.parametrize("person", [story.person for story in STORIES])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackProcess]:
    async with stack_process(tmp_path_factory.mktemp("examples") / "stack") as running:
        await running.start()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(stack: StackProcess) -> dict[str, Told]:
    """Of each story what its reader is told, and what was published of it."""
    published: dict[str, dict[str, list[Published]]] = {}
    for record in await evidence(stack).published():
        about = record.told["contribution_id"]
        published.setdefault(record.told["plan_id"], {}).setdefault(about, []).append(record)
    return {
        story.person: Told(
            story,
            stack,
            await plan(stack, story),
            await history(stack, story),
            published[story.plan_id],
        )
        for story in STORIES
    }


async def test_the_run_says_what_it_loaded_and_what_still_waits(stack: StackProcess) -> None:
    """What is declared is loaded, whatever that is today; nothing failed."""
    for story in STORIES:
        assert str(Loaded(story, len(story.lit(HERE)), waiting(story))) in stack.told
    assert "not loaded" not in stack.told


async def test_every_record_is_proved_by_files_alone_and_both_witnesses_have_signed(
    stack: StackProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = stack.file["log"]
    auditor = stack.professional("ZZG01", "auditor")

    async def size() -> int:
        answer = await stack.get("audit", "/log/checkpoint")
        return int(answer.text.split("\n")[1]) if answer.status_code == 200 else 0

    async def recorded() -> int:
        newest = await stack.get("audit", "/v1/audit/records?limit=200", auditor)
        return 1 + max(int(item["idx"]) for item in newest.json()["items"])

    await eventually(size, "the newest checkpoint", holds=lambda found: found > 0)
    count = await recorded()
    await eventually(size, f"{count} records are signed", holds=lambda n: n >= count)
    checkpoint = await stack.get("audit", "/log/checkpoint")
    sealed = int(checkpoint.text.split("\n")[1])  # that it was asked is a record too
    (tmp_path / "checkpoint").write_bytes(checkpoint.content)
    assert verify.main(["checkpoint", str(tmp_path / "checkpoint"), "--policy", log["policy"]]) == 0
    assert f"ok checkpoint size={sealed} witnesses=2" in capsys.readouterr().out
    for idx in range(0, count, 7):
        answer = await stack.get("audit", f"/v1/audit/records/{idx}?proof=1", auditor)
        (tmp_path / "record.json").write_bytes(answer.content)
        words = ["record", str(tmp_path / "record.json"), "--policy", log["policy"]]
        assert verify.main(words) == 0, capsys.readouterr().out


@every_story
async def test_each_contribution_is_in_the_history_once_by_whoever_made_it(
    told: Mapping[str, Told], person: str
) -> None:
    one = told[person]
    names = Counter(item["contribution_id"] for item in one.history)
    assert names == Counter(said.id for said in one.said)
    items = {item["contribution_id"]: item for item in one.history}
    for said in one.said:
        item = items[said.id]
        assert item["section"] == said.section, said
        assert item["entry_id"] == one.story.entry_id(said.entry), said
        assert item["stated_at"] == said.stated_at, said
        is_them(item["by"], said.by)
        is_them(item["stated_by"], speaker(one.story, said))


@every_story
async def test_each_event_carries_the_whole_provenance_of_its_contribution(
    told: Mapping[str, Told], person: str
) -> None:
    """Speaker, supporter, proxy, place, system and its reference: as they were sent."""
    one = told[person]
    for said in one.said:
        sent = one.sent(said)["provenance"]
        for record in one.published[said.id]:
            kept = record.told["provenance"]
            is_them(kept["recorded_by"], said.by)
            for name, given in sent.items():
                assert kept[name] == given, f"{said.command} of {said.entry}: {name}"


@every_story
async def test_every_element_of_each_contribution_is_read_back(
    told: Mapping[str, Told], person: str
) -> None:
    one = told[person]
    for said in one.said:
        content = one.sent(said)["content"]
        kept = [record.told["content"] for record in one.published[said.id]]
        missing = elements(content, said) - elements(kept, said)
        assert not missing, f"{said.command} of {said.entry} lost {missing}"


@every_story
async def test_the_plan_says_each_element_as_it_was_said_last(
    told: Mapping[str, Told], person: str
) -> None:
    one = told[person]
    last: dict[tuple[str, str], Said] = {}
    for said in one.said:
        for leaf in leaves_set_by(one.published[said.id]):
            last.pop((said.entry, leaf), None)
            if leaf in said.content:
                last[said.entry, leaf] = said
    for (label, name), said in last.items():
        entry = one.entry(label)
        sent = one.sent(said)["content"][name]
        there = {name: entry["content"][name]}
        assert elements({name: sent}, said) <= elements(there, said), (label, name)
        authors = {
            author["contribution_id"]: author
            for leaf, author in entry["authorship"].items()
            if leaf == name or leaf.startswith(f"{name}.")
        }
        assert said.id in authors, (label, name)
        author = authors[said.id]
        is_them(author["recorded_by"], said.by)
        is_them(author["stated_by"], speaker(one.story, said))
        assert author["stated_at"] == said.stated_at
    assert len(last) > len({said.entry for said in one.said})


@pytest.mark.parametrize("condition", lit(), ids=str)
async def test_condition(told: Mapping[str, Told], condition: Condition) -> None:
    await condition.check(told[condition.person])


@every_story
async def test_the_plan_finds_what_its_story_expects(told: Mapping[str, Told], person: str) -> None:
    """Every finding that a rule of the plan tells, about entries of sections that are there."""
    story, found = told[person].story, await told[person].findings()
    for finding in story.findings:
        sections = {story.section_of(label) for label in finding["about"]}
        if sections <= HERE and is_told(finding["code"]):
            for label in finding["about"]:
                about = (finding["code"], story.section_of(label), story.entry_id(label))
                assert about in found, finding


async def test_a_second_load_adds_nothing_and_says_the_same(stack: StackProcess) -> None:
    before = [await plan(stack, story) for story in STORIES]

    again = await asyncio.to_thread(stack.run_to_its_end, stack.folder, "deploy.local.seed")

    assert again.returncode == 0, again.stderr
    lines = {str(Loaded(story, len(story.lit(HERE)), waiting(story))) for story in STORIES}
    assert set(again.stdout.splitlines()) == lines
    after = [await plan(stack, story) for story in STORIES]
    assert [one["plan_version"] for one in after] == [one["plan_version"] for one in before]
    assert [one["sections"] for one in after] == [one["sections"] for one in before]


def waiting(story: Story) -> tuple[str, ...]:
    """The sections that the story asks for and that are not declared."""
    asked = {section for said in story.dark(HERE) for section in story.asks(said)}
    return tuple(sorted(asked - HERE))


def is_told(code: str) -> bool:
    """True where a rule of the plan tells this finding, by the words of the rules."""
    rules = (ROOT / "services/plan/fold/findings").glob("*.py")
    return any(f'"{code}"' in rule.read_text() for rule in rules if rule.name != "rules.py")


def speaker(story: Story, said: Said) -> Somebody:
    return story.people[said.provenance["stated_by"]] if "stated_by" in said.provenance else said.by


def is_them(party: Mapping[str, Any], somebody: Somebody) -> None:
    """The party is they: by kind, name, role, relationship and organisation."""
    assert (party["kind"], party["name"]) == (somebody.kind, somebody.name)
    organisation = party.get("organisation") or {}
    assert (organisation.get("ods") or organisation.get("local_id") or "") == somebody.code
    if somebody.kind in ("professional", "system"):
        assert party.get("role", somebody.role) == somebody.role


def elements(given: Any, said: Said) -> Counter[tuple[str, str]]:
    """Every value in it with its key, but for what depends on the day, and what is a claim."""
    left_out = {"verification", *moving(said.content)}
    return Counter((key, str(one)) for key, one in scalars(given) if key not in left_out)


def leaves_set_by(records: list[Published]) -> Iterator[str]:
    """The fields of the entry that these events set; what is left over belongs to the change."""
    for record in records:
        for path in record.told.get("fields", record.told["content"]):
            yield path.partition(".")[0]


def moving(given: Any) -> Iterator[str]:
    """The keys whose value follows from the day, or from what was shown then."""
    if isinstance(given, Mapping):
        for name, one in given.items():
            if isinstance(one, Mapping) and set(one) & set(MOVING):
                yield name
            yield from moving(one)
    elif isinstance(given, list):
        for one in given:
            yield from moving(one)


def evidence(stack: StackProcess) -> Evidence:
    services = stack.file["services"]
    return Evidence(
        Surroundings(
            database=stack.database,
            broker=stack.broker(),
            plan_url=services["plan"]["url"],
            audit_url=services["audit"]["url"],
            reader=lambda _: "",
            auditor="",
        )
    )


async def plan(stack: StackProcess, story: Story) -> Mapping[str, Any]:
    return await read(stack, story, f"/v1/plans/{story.plan_id}?include=authorship,derived")


async def history(stack: StackProcess, story: Story) -> list[Mapping[str, Any]]:
    page = await read(stack, story, f"/v1/plans/{story.plan_id}/history?limit=200")
    assert page["next"] is None, "a story has less than a page"
    items: list[Mapping[str, Any]] = page["items"]
    return items
