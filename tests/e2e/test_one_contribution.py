"""`make run`, from the first contribution to every reader, stopped, killed and started again."""

import asyncio
import json
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from deploy.examples.story import Said, stories
from shared.contracts import discover
from shared.ledger import Organisation
from shared.testing import people
from shared.testing.eventually import eventually
from tests.e2e.stack_process import ROOT, SERVICES, StackProcess, stack_process
from tests.faults.judge.checker import Checker
from tests.faults.judge.evidence import Evidence, Surroundings
from tests.faults.judge.findings import Findings
from tests.faults.judge.plans import judge_changes, judge_ledger
from tests.faults.judge.shown import judge_doors

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(600)]

SECTIONS = {section.name: section.wire_name for section in discover.sections()}
STORIES = stories()
EDITH = STORIES[0]
PLAN_ID = EDITH.plan_id
SAID = EDITH.lit(set(SECTIONS.values()))
STOPPED_WITHIN = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackProcess]:
    folder = tmp_path_factory.mktemp("e2e")
    traces = str(folder / "traces.jsonl")
    async with stack_process(folder / "stack", CAREPLAN_TRACES_FILE=traces) as stack:
        await stack.start()
        yield stack


@pytest_asyncio.fixture(loop_scope="session")
async def stack(started: StackProcess) -> StackProcess:
    if started.has_ended:
        await started.start()
    return started


async def test_the_plan_says_who_contributed_what(stack: StackProcess) -> None:
    answer = await plan(stack, "?include=authorship")

    assert answer["state"] == "open"
    assert answer["complete"] is True
    entries = {entry["entry_id"]: entry for entry in entries_of(answer)}
    assert len(entries) == len({said.entry for said in SAID})
    recorders: set[str] = set()
    for entry in entries.values():
        leaves = {path.partition(".")[0] for path in entry["authorship"]}
        assert leaves == set(entry["content"])
        recorders |= {who(author["recorded_by"]) for author in entry["authorship"].values()}
    assert recorders == {recorder(said) for said in SAID}


async def test_the_plan_its_versions_and_its_history_are_what_the_published_events_say(
    stack: StackProcess,
) -> None:
    where, found = surroundings(stack), Findings()
    assert await Checker(where, settled_within=120).settled()
    evidence = Evidence(where)
    published = await evidence.published()
    keys = {record.natural_key for record in published}
    ledger = await judge_ledger(evidence, keys, published, found)
    await judge_changes(evidence, ledger, found)
    async with evidence.doors() as doors:
        await judge_doors(doors, ledger, found)

    assert found.lines() == []
    assert len(ledger[PLAN_ID]) == len(await events(stack)) >= len(SAID)


async def test_the_history_has_every_contribution_once_with_its_author(
    stack: StackProcess,
) -> None:
    items = await history(stack)

    told = {item["contribution_id"]: (who(item["by"]), item["stated_at"]) for item in items}
    assert told == {said.id: (recorder(said), said.stated_at) for said in SAID}
    assert len(items) == len(SAID)
    versions = [version for item in reversed(items) for version in item["plan_versions"]]
    assert sorted(versions) == list(range(1, len(versions) + 1))


async def test_the_audit_has_a_record_of_every_change_once(stack: StackProcess) -> None:
    records = await audit_records(stack)

    changes = [record for record in records if record["operation"] == "change"]
    assert Counter(record["record_id"] for record in changes).most_common(1)[0][1] == 1
    stored = await events(stack)
    assert {record["record_id"] for record in changes} == {
        f"{section.replace('_', '-')}/{row['originator_id']}.{row['originator_version']}"
        for section, row in stored
    }
    assert {record["contribution_id"] for record in changes} == {said.id for said in SAID}
    told = {record["contribution_id"]: who(record["actor"]) for record in changes}
    assert told == {said.id: recorder(said) for said in SAID}


async def test_the_requests_it_prints_work_as_they_stand(stack: StackProcess) -> None:
    told = stack.told.splitlines()
    pasted = [line for line in told if line.startswith(("export ", "curl "))]
    assert f"export PLAN={PLAN_ID}" in pasted
    requests = [f"{line} --fail; echo" if line.startswith("curl ") else line for line in pasted]
    shell = await asyncio.create_subprocess_shell(
        "set -e\n" + "\n".join(requests),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await shell.communicate()
    assert shell.returncode == 0, error
    the_plan, its_history, its_records, *others = map(json.loads, output.splitlines())
    assert the_plan["plan_id"] == PLAN_ID
    assert {item["contribution_id"] for item in its_history["items"]} <= {said.id for said in SAID}
    assert its_records["items"]
    assert len(others) == len(STORIES) - 1
    assert all(other.get("items") or other["sections"] for other in others)


async def test_stack_json_says_what_runs_where(stack: StackProcess) -> None:
    told = stack.file

    assert set(told) >= {"started_at", "kafka", "postgres", "supervisor", "issuer", "services"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["started_at"])
    assert stack.process is not None
    assert told["supervisor"]["pid"] == stack.process.pid
    assert set(told["services"]) == set(SERVICES)
    assert told["services"]["person"]["url"] == f"http://127.0.0.1:{8101 + stack.port_offset}"
    assert told["services"]["audit"]["url"] == f"http://127.0.0.1:{8130 + stack.port_offset}"
    assert told["kafka"]["bootstrap"] == f"127.0.0.1:{19092 + stack.port_offset}"
    assert f":{15432 + stack.port_offset}/" in told["postgres"]["url"]
    keys = json.loads(read(told["issuer"]["jwks"]))["keys"]
    assert keys[0]["kid"] == json.loads(read(told["issuer"]["private_key"]))["kid"]
    pids = [told["kafka"]["pid"], told["postgres"]["pid"]]
    for service in told["services"].values():
        assert service["ready"] is True
        pids.append(service["pid"])
    for pid in pids:
        os.kill(pid, 0)
    assert len(set(pids)) == len(SERVICES) + 2
    postmaster = (stack.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
    assert told["postgres"]["pid"] == int(postmaster)


async def test_a_trace_leads_from_the_request_to_every_reader(stack: StackProcess) -> None:
    stored = await events(stack)
    assert stored
    wanted = [(section, trace_of(row["traceparent"])) for section, row in stored]

    def missing() -> list[tuple[str, str, str]]:
        told = Spans(stack)
        lost = []
        for section, trace in wanted:
            topic = f"careplan.{section.replace('_', '-')}.events.v1"
            for service, name, found in (
                (section, "POST /v1/contributions", told.of(section, "POST /v1/contributions")),
                (section, f"publish {topic}", told.linked(section, f"publish {topic}")),
                ("plan", "fold plan", told.linked("plan", "fold plan")),
                ("audit", "record audit", told.linked("audit", "record audit")),
            ):
                if trace not in found:
                    lost.append((service, name, trace))
        return lost

    await eventually(missing, "every trace is connected", holds=lambda lost: not lost, within=120)


async def test_nothing_of_the_people_is_in_a_log_a_metric_or_a_trace(stack: StackProcess) -> None:
    await eventually(traces_file(stack).exists, "spans have been written", within=120)
    places: dict[str, str] = {
        path.name: path.read_text("utf-8", "replace")
        for path in [*(stack.folder / "logs").iterdir(), traces_file(stack)]
    }
    for service in SERVICES:
        answer = await stack.get(service, "/metrics")
        assert answer.is_success
        places[f"{service} /metrics"] = answer.text
    assert set(places) >= {f"{service}.log" for service in SERVICES}

    texts = {text.casefold() for text in personal_texts() if len(text) > 3}
    words = personal_words()
    assert {"edith", "marlow-synth", "9994100017", "bramble", "northmoor"} <= words
    # Every line has the time at which it was written, which may be in the month of a plan's date.
    today = datetime.now(UTC).date()
    days = (today, today - timedelta(days=1))
    for place, content in places.items():
        assert content, place
        folded = content.casefold()
        for day in days:
            folded = folded.replace(day.isoformat(), "")
        for code in CODES:
            folded = folded.replace(code.casefold(), "")
        assert not [text for text in texts if text in folded and not is_of_the_code(text)], place
        assert not words & set(words_in(folded)), place


async def test_a_second_run_in_the_folder_says_so_in_one_line(stack: StackProcess) -> None:
    second = await asyncio.to_thread(stack.run_to_its_end, stack.folder)

    assert second.returncode != 0
    assert second.stdout == ""
    assert len(second.stderr.splitlines()) == 1
    assert "already runs" in second.stderr
    assert str(stack.process and stack.process.pid) in second.stderr


async def test_a_port_in_use_is_said_in_one_line(stack: StackProcess, tmp_path: Path) -> None:
    second = await asyncio.to_thread(stack.run_to_its_end, tmp_path / "other")

    assert second.returncode != 0
    assert second.stdout == ""
    assert len(second.stderr.splitlines()) == 1
    assert re.search(r"port \d+ \(\w+\) is in use", second.stderr)
    assert "CAREPLAN_PORT_OFFSET" in second.stderr


async def test_sigterm_stops_all_of_it_and_the_next_start_has_the_same_plan(
    stack: StackProcess,
) -> None:
    before = await stack.get("plan", f"/v1/plans/{PLAN_ID}?include=authorship", reader(stack))
    history_before = await history(stack)

    took = await stack.stop(signal.SIGTERM)

    assert took < STOPPED_WITHIN
    assert stack.left() == {}
    assert stack.process is not None
    assert stack.process.returncode == 0
    assert not (stack.folder / "stack.json").exists()
    await stack.start()
    after = await stack.get("plan", f"/v1/plans/{PLAN_ID}?include=authorship", reader(stack))
    assert after.headers["etag"] == before.headers["etag"]
    assert after.content == before.content
    assert await history(stack) == history_before
    assert len(await events(stack)) == sum(len(item["events"]) for item in history_before)


async def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(
    stack: StackProcess,
) -> None:
    before = await stack.get("plan", f"/v1/plans/{PLAN_ID}", reader(stack))

    await stack.stop(signal.SIGKILL)
    await stack.until_nothing_is_left(within=120)

    await stack.start()
    after = await stack.get("plan", f"/v1/plans/{PLAN_ID}", reader(stack))
    assert after.headers["etag"] == before.headers["etag"]


async def test_a_port_taken_by_somebody_else_stops_the_start_before_anything_runs(
    stack: StackProcess,
) -> None:
    await stack.stop(signal.SIGTERM)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 19092 + stack.port_offset))
        other.listen()

        failed = await asyncio.to_thread(stack.run_to_its_end, stack.folder)

    assert failed.returncode != 0
    assert len(failed.stderr.splitlines()) == 1
    assert "(Kafka) is in use" in failed.stderr
    assert stack.left() == {}


class Spans:
    """What the services have written of their spans so far."""

    def __init__(self, stack: StackProcess) -> None:
        self.all: list[dict[str, Any]] = []
        # Spans leave a process every few seconds: a stack that has just started has told none.
        text = traces_file(stack).read_text() if traces_file(stack).exists() else ""
        for line in text[: text.rfind("\n") + 1].splitlines():
            self.all.append(json.loads(line))

    def of(self, service: str, name: str) -> set[str]:
        return {span["trace_id"] for span in self._named(service, name)}

    def linked(self, service: str, name: str) -> set[str]:
        return {link["trace_id"] for span in self._named(service, name) for link in span["links"]}

    def _named(self, service: str, name: str) -> list[dict[str, Any]]:
        return [s for s in self.all if s["service"] == service and s["name"] == name]


def traces_file(stack: StackProcess) -> Path:
    return Path(stack.environment["CAREPLAN_TRACES_FILE"])


def read(path: str) -> str:
    return Path(path).read_text()


def trace_of(traceparent: str) -> str:
    return traceparent.split("-")[1]


def surroundings(stack: StackProcess) -> Surroundings:
    services = stack.file["services"]
    return Surroundings(
        database=stack.database,
        broker=stack.broker(),
        plan_url=services["plan"]["url"],
        audit_url=services["audit"]["url"],
        reader=stack.person,
        auditor=stack.professional("ZZG01", "auditor"),
    )


def reader(stack: StackProcess) -> str:
    return stack.professional("ZZG01", "care-coordinator")


async def plan(stack: StackProcess, query: str = "") -> dict[str, Any]:
    answer = await stack.get("plan", f"/v1/plans/{PLAN_ID}{query}", reader(stack))
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def history(stack: StackProcess) -> list[dict[str, Any]]:
    answer = await stack.get("plan", f"/v1/plans/{PLAN_ID}/history?limit=200", reader(stack))
    assert answer.is_success, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def audit_records(stack: StackProcess) -> list[dict[str, Any]]:
    officer = stack.professional("ZZG01", "privacy-officer")
    path = f"/v1/audit/records?plan_id={PLAN_ID}&limit=200"
    answer = await stack.get("audit", path, officer)
    assert answer.is_success, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def events(stack: StackProcess) -> list[tuple[str, Mapping[str, Any]]]:
    """Every stored event of Edith's plan in every section, read where it is stored."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for section in SECTIONS:
        connection = await asyncpg.connect(stack.database(section))
        try:
            rows = await connection.fetch("SELECT * FROM stored_events ORDER BY notification_id")
        finally:
            await connection.close()
        found += [(section, row) for row in rows if plan_of(row) == PLAN_ID]
    return found


def entries_of(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for entries in answer["sections"].values():
        yield from entries


def plan_of(row: Mapping[str, Any]) -> str:
    return str(json.loads(row["state"])["provenance"]["plan_id"])


def recorder(said: Said) -> str:
    """The organisation's code, or what kind of contributor it was, as the story has it."""
    return said.by.code or said.by.kind


def who(by: Mapping[str, Any]) -> str:
    """The same, as an answer has it."""
    return str((by.get("organisation") or {}).get("ods") or by["kind"])


def personal_texts() -> set[str]:
    """Every text that was contributed, and every name."""
    told: set[str] = set()
    for story in STORIES:
        told |= {somebody.name for somebody in story.people.values()}
        for said in story.lit(set(SECTIONS.values())):
            told |= set(strings_in(said.content))
            told |= set(strings_in(said.provenance.get("place", {})))
    for one in vars(people).values():
        if isinstance(one, people.SyntheticPerson):
            told |= {one.full_name, one.nhs_number, one.line1, one.postcode, one.phone or ""}
        elif isinstance(one, people.Relative):
            told |= {one.name, one.contact or ""}
        elif isinstance(one, people.Professional):
            told.add(one.name)
    return told - set(CODES)


def personal_words() -> set[str]:
    """Their words, but for those that the code itself uses: these give nobody away."""
    words = {word for text in personal_texts() for word in words_in(text.casefold())}
    return {word for word in words if len(word) > 2 and not is_of_the_code(word)}


# An organisation's code gives no person away; one without an ODS code has words in it.
CODES = {org.code for org in vars(people).values() if isinstance(org, Organisation) and org.code}
CODES |= {somebody.code for story in STORIES for somebody in story.people.values()} - {""}
CODES |= {"ZZG01", "ZZG02", "ZZG03", "ZZG04", "ZZG05"}
_ROOMS = ("shared/chassis", "shared/ledger", "services", "shared/broker")
_PEOPLE = ("examples.py", "people.py", "example.py")
_CODE = "\n".join(
    path.read_text().casefold()
    for room in _ROOMS
    for path in (ROOT / room).rglob("*.py")
    if path.name not in _PEOPLE
)
_WORDS_OF_THE_CODE = set(re.findall(r"[a-z0-9]+", _CODE))


def is_of_the_code(text: str) -> bool:
    return text in _WORDS_OF_THE_CODE or (" " not in text and text in _CODE)


def words_in(text: str) -> list[str]:
    return re.findall(r"\w[\w'-]*\w", text)


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if not is_uuid(value):
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from strings_in(one)
    elif isinstance(value, Iterable):
        for one in value:
            yield from strings_in(one)


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
