"""The clients that organisations copy, each as it stands, and the commands, on a whole stack."""

import asyncio
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.settings import StackSettings
from shared.cli import running_stack
from shared.cli.token import system
from shared.testing.eventually import eventually
from tests.e2e.stack_process import ROOT, StackProcess, stack_process

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(1_200)]

CLIENTS = ROOT / "contracts" / "clients"
ORG = "zzg01"
SAID = {
    "stated_by": {"kind": "professional", "name": "Dr A. Quill-Synth", "role": "gp"},
    "system": {"name": "Larkfield EPR", "version": "4.2"},
}
WILF = {
    "name": {"first": "Wilf", "family": "Tarn-Synth"},
    "date_of_birth": "1971-05-02",
    "nhs_number": {"verification": "none-with-reason", "reason": "Came from abroad last week"},
    "source": {"system": "other"},
}
"""Who is invented."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackProcess]:
    async with stack_process(tmp_path_factory.mktemp("clients") / "stack") as stack:
        await stack.start()
        yield stack


def contribution(plan_id: UUID, command: str, content: Any, **others: Any) -> dict[str, Any]:
    return {
        "contribution_id": str(uuid4()),
        "plan_id": str(plan_id),
        "command": f"careplan.{command}.v1",
        "content": content,
        "provenance": SAID,
        **others,
    }


def opened(plan_id: UUID) -> dict[str, Any]:
    return contribution(plan_id, "person.commands.open-plan", WILF)


def of_a_need(plan_id: UUID, words: str) -> list[dict[str, Any]]:
    """A need that is then said better: the second rests on the first."""
    need = str(uuid4())
    what, better = {"what": {"text": words}}, {"what": {"text": f"{words} on the stairs"}}
    change: dict[str, Any] = {"entry_id": need, "based_on": 1}
    return [
        contribution(plan_id, "needs.commands.identify", what, entry_id=need),
        contribution(plan_id, "needs.commands.reword", better, **change),
    ]


def java() -> str:
    """A Java that runs a single source file; the stack's own has no compiler."""
    found = shutil.which("java")
    if found is None or shutil.which("javac") is None:
        pytest.skip(
            "THE JAVA CLIENT WAS NOT RUN: there is no JDK here. Install one of version 17 or "
            "newer (Debian and Ubuntu: apt-get install default-jdk-headless)."
        )
    return found


def kcat(*, by_password: bool) -> str:
    """kcat, and jq beside it; by a password only where its library is new enough for Kafka 4."""
    found = shutil.which("kcat")
    if found is None or shutil.which("jq") is None:
        pytest.skip(
            "THE CLIENT WITH KCAT WAS NOT RUN: kcat and jq are not both here (Debian and Ubuntu: "
            "apt-get install kcat jq)."
        )
    told = subprocess.run([found, "-V"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - looked for above
    (version,) = re.findall(r"librdkafka (\d+)\.(\d+)\.(\d+)", told)
    if by_password and tuple(map(int, version)) < (2, 6, 1):
        pytest.skip(
            f"KCAT WAS NOT RUN WITH A PASSWORD: its librdkafka {'.'.join(version)} cannot log in "
            "to Kafka 4 by SCRAM; 2.6.1 can. It is run with a certificate."
        )
    return str(CLIENTS / "kcat" / "contribute.sh")


def command_of(client: str, *, by_password: bool = True) -> list[str]:
    if client == "kcat":
        return [kcat(by_password=by_password)]
    if client == "java":
        return [
            java(),
            "-cp",
            f"{StackSettings().cache_folder / 'jars'}/*",
            str(CLIENTS / "java" / "Contribute.java"),
        ]
    return [sys.executable, str(CLIENTS / "python" / "contribute_kafka.py")]


async def run(*command: str | Path, given: Any = None, **environment: str) -> tuple[int, str, str]:
    """What a program answered: its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(json.dumps(given).encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def connection(stack: StackProcess, tmp_path: Path) -> Path:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(running_stack.connection(stack.file, ORG)))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def by_certificate(stack: StackProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("by-certificate") / "connection.json"
    status, said = await careplan(stack, "org", "certificate", ORG.upper(), "--json")
    assert status == 0, said
    path.write_text(said)
    return path


@pytest.mark.parametrize("client", ["python", "java", "kcat"])
@pytest.mark.parametrize("shown", ["password", "certificate"])
async def test_a_client_opens_a_plan_adds_to_it_and_is_told_of_a_stale_change(
    connection: Path, by_certificate: Path, client: str, shown: str
) -> None:
    command, plan_id = command_of(client, by_password=shown == "password"), uuid4()
    connection = by_certificate if shown == "certificate" else connection
    given = [opened(plan_id), *of_a_need(plan_id, "Out of breath")]
    status, out, err = await run(*command, connection, "-", given=given)
    receipts = [json.loads(line) for line in out.splitlines()]
    assert status == 0, err
    assert [one["outcome"] for one in receipts] == ["accepted"] * 3
    assert {one["contribution_id"] for one in receipts} == {one["contribution_id"] for one in given}
    stale = {**given[-1], "contribution_id": str(uuid4())}
    status, out, err = await run(*command, connection, "-", given=stale)
    assert status == 1, err
    assert json.loads(out)["code"] == "base-version-stale"
    status, again, err = await run(*command, connection, "-", given=given[-1])
    assert status == 0, err
    told = {one["contribution_id"]: one for one in receipts}
    assert json.loads(again) == told[given[-1]["contribution_id"]], "the first receipt again"


async def test_a_sandbox_is_all_that_a_client_needs_until_it_ends(
    stack: StackProcess, tmp_path: Path
) -> None:
    status, said = await careplan(stack, "sandbox", "--json")
    assert status == 0, said
    made = json.loads(said)
    path = tmp_path / "sandbox.json"
    path.write_text(said)
    client, plan_id = command_of("python"), UUID(made["plans"][0])
    status, out, err = await run(*client, path, "-", given=of_a_need(plan_id, "Out of breath"))
    assert status == 0, (out, err)
    need = contribution(plan_id, "needs.commands.identify", {"what": {"text": "A rail"}})
    (tmp_path / "need.json").write_text(json.dumps(need))
    over_http = (sys.executable, CLIENTS / "python" / "contribute_http.py", stack.urls["needs"])
    status, out, err = await run(*over_http, tmp_path / "need.json", CAREPLAN_TOKEN=made["token"])
    assert status == 0, (out, err)
    status, said = await careplan(stack, "sandbox", "end", made["org"])
    assert status == 0, said
    status, out, err = await run(*client, path, "-", given=of_a_need(plan_id, "Out of breath"))
    assert (status, out) == (2, ""), err


async def test_nobody_else_can_read_a_secret_of_the_stack(
    stack: StackProcess, by_certificate: Path
) -> None:
    files = list((stack.folder / "credentials").rglob("*.json"))
    passwords = [json.loads(path.read_bytes())["password"].encode() for path in files]
    assert len(passwords) > len(stack.urls)
    kinds = [b"PRIVATE KEY", b"PRIVATE+KEY", b'"d":', b'"d": ']
    secret = [
        path
        for path in stack.folder.rglob("*")
        if path.is_file() and path.stat().st_size < 5_000_000
        for held in [path.read_bytes()]
        if any(one in held for one in (*passwords, *kinds))
    ]
    certificate = stack.folder / "credentials" / f"{ORG}.pem"
    assert json.loads(await asyncio.to_thread(by_certificate.read_text))["certificate"] == str(
        certificate
    )
    assert {certificate, *files}.issubset(secret)
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in secret}
    assert {name: oct(mode) for name, mode in modes.items() if mode != 0o600} == {}
    for folder in (stack.folder / "credentials", stack.folder / "tls"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_the_client_over_http_contributes_and_sends_again(
    stack: StackProcess, tmp_path: Path
) -> None:
    token = stack.signer.sign(system("ZZG01", "Larkfield EPR"))
    client = CLIENTS / "python" / "contribute_http.py"
    plan_id = uuid4()
    for service, given in (
        ("person", [opened(plan_id)]),
        ("needs", of_a_need(plan_id, "Out of breath")),
    ):
        path = tmp_path / f"{service}.json"
        path.write_text(json.dumps(given))
        answers = [
            await run(sys.executable, client, stack.urls[service], path, CAREPLAN_TOKEN=token)
            for _ in range(2)
        ]
        assert [status for status, _, _ in answers] == [0, 0], answers
        assert answers[0][1] == answers[1][1], "the first receipts again"
        assert len(answers[0][1].splitlines()) == len(given)


def garbage(rng: random.Random) -> tuple[bytes | None, bytes | None, list[tuple[str, Any]]]:
    """What no contract knows, and some of it looks nearly right."""
    value: bytes | None = rng.choice(
        [b"{", b"\xff\xfe", b"[1]", b"null", None, b"{}" * 50, b'{"contribution_id": 1}',
         b"[" * 5_000]
    )  # fmt: skip
    keys = [b"", b"\xff", b"not a plan"] + [None] * (value is not None)
    key = rng.choice(keys)
    headers: list[tuple[str, Any]] = rng.choice(
        [[], [("ce_id", None)], [("ce_type", b"\xff")], [("content-type", b"text/plain")],
         [("ce_source", b"urn:careplan:org:zzc01")]]
    )  # fmt: skip
    return value, key, headers


async def test_two_libraries_contribute_to_one_plan_while_a_third_sends_garbage(
    stack: StackProcess, connection: Path
) -> None:
    plan_id, rng = uuid4(), random.Random(12)  # noqa: S311 - the same garbage in every run
    told, options = running_stack.connection(stack.file, ORG), stack.broker(ORG).options
    status, _, err = await run(*command_of("python"), connection, "-", given=opened(plan_id))
    assert status == 0, err
    given = {
        client: [one for n in range(10) for one in of_a_need(plan_id, f"{client} {n}")]
        for client in ("python", "java")
    }
    named: list[dict[str, Any]] = []

    async def send_named(producer: AIOKafkaProducer, wrong: dict[str, Any]) -> None:
        await producer.send_and_wait(
            told["inbox"],
            json.dumps(wrong).encode(),
            str(plan_id).encode(),
            headers=[
                ("content-type", b"application/json"),
                ("ce_specversion", b"1.0"),
                ("ce_id", wrong["contribution_id"].encode()),
                ("ce_source", f"urn:careplan:org:{ORG}".encode()),
                ("ce_type", wrong["command"].encode()),
            ],
        )

    async def send_garbage(producer: AIOKafkaProducer, until: asyncio.Event) -> int:
        count = 0
        while not until.is_set() or count < 50:
            value, key, headers = garbage(rng)
            await producer.send_and_wait(told["inbox"], value, key, headers=headers)
            count += 1
            if count % 10 == 0:  # one that says who asks, and what is no command
                wrong = contribution(plan_id, "needs.commands.ponder", {"nothing": None})
                named.append(wrong)
                await send_named(producer, wrong)
        return count

    # The third has a library's default settings, and the organisation's own rights.
    receipts = AIOKafkaConsumer(told["receipts"], auto_offset_reset="earliest", **options)
    async with receipts, AIOKafkaProducer(**options) as producer:
        done = asyncio.Event()
        sending = asyncio.create_task(send_garbage(producer, done))
        try:
            answers = await asyncio.gather(
                *(
                    run(*command_of(client), connection, "-", given=items)
                    for client, items in given.items()
                )
            )
        finally:
            done.set()
        assert await sending >= 50
        assert [status for status, _, _ in answers] == [0, 0], answers
        # Section and intake each answer about one plan in order: behind these comes no second
        # answer to what was sent before.
        last = of_a_need(plan_id, "last")
        status, _, err = await run(*command_of("python"), connection, "-", given=last)
        assert status == 0, err
        wrong = contribution(plan_id, "needs.commands.ponder", {"nothing": None})
        await send_named(producer, wrong)
        asked = [*given["python"], *given["java"], *named, *last, wrong]
        finals: Counter[str] = Counter()

        async def answered() -> int:
            found = await receipts.getmany(timeout_ms=200)
            for record in (record for records in found.values() for record in records):
                receipt = json.loads(record.value)
                finals[receipt["contribution_id"]] += not receipt.get("retryable")
            return sum(finals[one["contribution_id"]] > 0 for one in asked)

        await eventually(answered, "each is answered", holds=lambda count: count == len(asked))
        await answered()
    assert {finals[one["contribution_id"]] for one in asked} == {1}
    gp = stack.professional("ZZG01", "gp", "Dr A. Quill-Synth")

    async def needs() -> list[str]:
        answer = await stack.get("plan", f"/v1/plans/{plan_id}", gp)
        return [one["content"]["what"]["text"] for one in answer.json()["sections"]["needs"]]

    said = sorted(f"{client} {n} on the stairs" for client in given for n in range(10))
    said = sorted([*said, "last on the stairs"])
    await eventually(needs, "the plan holds what both said", holds=lambda x: sorted(x) == said)


async def careplan(stack: StackProcess, *typed: str, given: Any = None) -> tuple[int, str]:
    status, out, err = await run(
        sys.executable, "-m", "shared.cli.main", *typed, given=given,
        CAREPLAN_STACK_DIR=str(stack.folder),
    )  # fmt: skip
    return status, out + err


async def test_the_commands_contribute_show_and_list_what_curl_can(stack: StackProcess) -> None:
    plan_id = uuid4()
    need, better = of_a_need(plan_id, "Out of breath")
    for one in (opened(plan_id), need):
        told = {name: value for name, value in one.items() if name != "provenance"}
        for words in (("--check",), ("--json",)):
            # A section that has not heard of the plan yet says so: the very same is sent again.
            _, said = await eventually(
                partial(careplan, stack, "contribute", "-", *words, given=told),
                f"contribute {words} is answered with yes",
                holds=lambda answer: answer[0] == 0,
            )
            assert "accepted" in said
        assert json.loads(said)["outcome"] == "accepted"
    better = {**better, "provenance": {}}
    batch = {"contributions": [better, {**better, "contribution_id": str(uuid4())}]}
    status, said = await careplan(stack, "contribute", "-", given=batch)
    assert status == 1
    assert "accepted: needs" in said
    assert "refused: base-version-stale: It was based on version 1" in said
    status, said = await careplan(stack, "contribute", "-", given={"content": {}})
    assert (status, "names no command" in said) == (2, True)

    async def shown() -> str:
        return (await careplan(stack, "plan", "show", str(plan_id), "--who"))[1]

    text = await eventually(
        shown, "the plan shows the change", holds=lambda text: "on the stairs" in text
    )
    assert "stated by Dr A. Quill-Synth, gp, ZZG01" in text
    status, said = await careplan(stack, "plan", "show", str(plan_id), "--version", "1", "--json")
    assert (status, json.loads(said)["plan_version"]) == (0, 1)
    status, said = await careplan(stack, "plan", "history", str(plan_id), "--json")
    events = [event["type"] for item in json.loads(said) for event in item["events"]]
    assert events == [
        "careplan.needs.reworded.v1",
        "careplan.needs.identified.v1",
        "careplan.person.plan-opened.v1",
    ]
    status, said = await careplan(stack, "plan", "history", str(plan_id), "--limit", "1")
    assert (status, len(said.splitlines())) == (0, 2)
    stranger = ("--org", "ZZL01", "--role", "nurse")
    status, said = await careplan(stack, "plan", "show", str(plan_id), *stranger)
    assert (status, "no-live-relationship" in said) == (1, True)


async def test_a_client_passes_conformance_when_it_has_shown_everything(
    stack: StackProcess, tmp_path: Path
) -> None:
    org = "zzc01"  # whose inbox nothing else in this module uses
    path = tmp_path / "connection.json"
    told = running_stack.connection(stack.file, org)
    path.write_text(json.dumps(told))
    client, plan_id = command_of("python"), uuid4()
    given = [opened(plan_id), *of_a_need(plan_id, "Out of breath")]
    assert (await run(*client, path, "-", given=given))[0] == 0
    status, said = await careplan(stack, "conformance", org)
    assert status == 4, said
    assert "not shown" in said
    stale = {**given[-1], "contribution_id": str(uuid4()), "content": {"what": {"text": "Other"}}}
    assert (await run(*client, path, "-", given=[stale, given[0]]))[0] == 1
    right = {**stale, "contribution_id": str(uuid4()), "based_on": 2}
    assert (await run(*client, path, "-", given=right))[0] == 0
    report = tmp_path / "report.xml"
    status, said = await careplan(stack, "conformance", org, "--junit", str(report))
    assert status == 0, said
    assert 'failures="0" skipped="0"' in report.read_text()
    async with AIOKafkaProducer(**stack.broker(org).options) as producer:
        await producer.send_and_wait(told["inbox"], b"garbage")
    status, said = await careplan(stack, "conformance", org, "--json")
    judged = json.loads(said)
    assert (status, judged["result"]) == (1, "failed")
    wrong = {check["name"] for check in judged["checks"] if check["result"] == "failed"}
    assert wrong == {"form", "source"}
