"""Contributions through an inbox of the stack: each is answered; sent again, nothing moves."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from joserfc.jwk import OKPKey

from shared.broker.rights import ADMIN
from shared.cli.token import professional
from shared.contracts import discover
from shared.ledger.topics import inbox_topic, receipts_topic
from shared.testing.eventually import eventually
from shared.testing.service import headers_of
from shared.testing.topic_reader import TopicReader
from tests.e2e.stack_process import ROOT, StackProcess, stack_process

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(3_000)]

ORG = "zzg01"
COUNT = int(os.environ.get("CAREPLAN_INBOX_CONTRIBUTIONS", "240"))
OF_A_PLAN = 60
SAID = {
    "stated_by": {"kind": "professional", "name": "Dr A. Quill-Synth", "role": "gp"},
    "system": {"name": "Larkfield EPR", "version": "4.2"},
}
RECORDS = ROOT / "contracts" / "inbox"
WILF = {
    "name": {"first": "Wilf", "family": "Tarn-Synth"},
    "date_of_birth": "1971-05-02",
    "nhs_number": {"verification": "none-with-reason", "reason": "Came from abroad last week"},
    "source": {"system": "other"},
}
OPEN, IDENTIFY = "careplan.person.commands.open-plan.v1", "careplan.needs.commands.identify.v1"
REWORD = "careplan.needs.commands.reword.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackProcess]:
    async with stack_process(tmp_path_factory.mktemp("inbox") / "stack") as stack:
        await stack.start()
        yield stack


class Organisation:
    """One that contributes through its inbox, and reads its receipts."""

    def __init__(self, producer: AIOKafkaProducer, receipts: TopicReader, code: str = ORG) -> None:
        self._producer = producer
        self.receipts = receipts
        self._code = code

    async def send(self, given: Iterable[dict[str, Any]], claims: str = "") -> None:
        """In this order."""
        sent = [
            await self._producer.send(
                inbox_topic(self._code),
                orjson.dumps(item),
                item["plan_id"].encode(),
                headers=headers_of(item, claims or self._code),
            )
            for item in given
        ]
        await asyncio.gather(*sent)

    async def put(self, record: dict[str, Any]) -> None:
        """A whole record, as a file of the contracts has it."""
        await self._producer.send_and_wait(
            record["topic"],
            orjson.dumps(record["value"]),
            record["key"].encode(),
            headers=[(name, text.encode()) for name, text in record["headers"].items()],
        )

    async def answered(self, item: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
        """So many answers to it."""
        return await self.receipts.about(item["contribution_id"], count)

    async def until_accepted(self, items: Sequence[dict[str, Any]]) -> None:
        """Each is sent again for as long as a section has not heard of its plan."""
        waiting = list(items)
        asked = 0
        while waiting:
            await self.send(waiting)
            asked += 1
            told = [(item, (await self.answered(item, asked))[-1]) for item in waiting]
            waiting = [item for item, receipt in told if receipt.get("retryable")]
            for _, receipt in told:
                assert receipt["outcome"] == "accepted" or receipt.get("retryable"), receipt


@pytest_asyncio.fixture(loop_scope="session")
async def organisation(stack: StackProcess) -> AsyncIterator[Organisation]:
    async with connected(stack, ORG, ORG) as organisation:
        yield organisation


@asynccontextmanager
async def connected(stack: StackProcess, user: str, code: str) -> AsyncIterator[Organisation]:
    """An organisation's inbox and receipts, for a user of the broker."""
    access = stack.broker(user)
    async with (
        AIOKafkaProducer(**access.options, acks="all", enable_idempotence=True) as producer,
        TopicReader(access, receipts_topic(code)) as receipts,
    ):
        yield Organisation(producer, receipts, code)


async def careplan(stack: StackProcess, *words: str) -> Any:
    """What the command says as JSON."""
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.cli.main", *words),
        *("--json", "--stack-dir", str(stack.folder)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await asyncio.wait_for(asked.communicate(), 120)
    assert asked.returncode == 0, error.decode()
    return json.loads(output)


def contribution(plan_id: UUID, command: str, content: Any, **others: Any) -> dict[str, Any]:
    return {
        "contribution_id": str(uuid4()),
        "plan_id": str(plan_id),
        "command": command,
        "content": content,
        "provenance": SAID,
        **others,
    }


def reworded(plan_id: UUID, need: str, version: int) -> dict[str, Any]:
    words = {"what": {"text": f"Gets out of breath on {version} stairs"}}
    return contribution(plan_id, REWORD, words, entry_id=need, based_on=version)


def of_a_plan(plan_id: UUID, count: int) -> list[dict[str, Any]]:
    """Needs, each of which is then reworded twice: an order that a version depends on."""
    given = []
    for number in range(0, count, 3):
        need = str(uuid4())
        words = {"what": {"text": f"Gets out of breath, {number}"}}
        given += [
            contribution(plan_id, IDENTIFY, words, entry_id=need),
            reworded(plan_id, need, 1),
            reworded(plan_id, need, 2),
        ]
    return given[:count]


async def test_sent_again_whole_the_plans_are_the_same_byte_for_byte(
    stack: StackProcess, organisation: Organisation
) -> None:
    plans = [uuid4() for _ in range(max(4, COUNT // OF_A_PLAN))]
    opened = [contribution(plan_id, OPEN, WILF) for plan_id in plans]
    await organisation.until_accepted(opened)
    first = [of_a_plan(plan_id, 1) for plan_id in plans]
    for of_one in first:
        await organisation.until_accepted(of_one)
    rest = [of_a_plan(plan_id, COUNT // len(plans)) for plan_id in plans]
    in_turns = [item for turn in zip(*rest, strict=True) for item in turn]
    await organisation.send(in_turns)
    receipts: dict[str, dict[str, Any]] = {}
    for item in in_turns:
        (receipt,) = await organisation.answered(item)
        assert receipt["outcome"] == "accepted", receipt
        receipts[item["contribution_id"]] = receipt
    shown = await shown_with(stack, plans, receipts.values())

    everything = [*opened, *(item for of_one in first for item in of_one), *in_turns]
    answers = {
        item["contribution_id"]: len(await organisation.answered(item)) for item in everything
    }
    await organisation.send(everything)
    for item in everything:
        named = item["contribution_id"]
        told = await organisation.answered(item, answers[named] + 1)
        kept = [one for one in told if one.get("kept", True)]
        assert all(one == kept[0] for one in kept)
        assert len(kept) == 2
    again = await shown_with(stack, plans, receipts.values())
    assert again == shown


async def shown_with(
    stack: StackProcess, plans: Sequence[UUID], receipts: Iterable[dict[str, Any]]
) -> dict[UUID, bytes]:
    """Each plan with all that was accepted."""
    wanted: dict[str, int] = defaultdict(int)
    for receipt in receipts:
        wanted[receipt["plan_id"]] += len(receipt["events"])
    token = stack.signer.sign(professional(ORG.upper(), "gp", "Dr A. Quill-Synth"))
    shown: dict[UUID, bytes] = {}
    async with httpx.AsyncClient(
        base_url=stack.urls["plan"],
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=30,
    ) as client:
        for plan_id in plans:

            async def ask(plan_id: UUID = plan_id) -> httpx.Response:
                return await client.get(f"/v1/plans/{plan_id}")

            def holds(answer: httpx.Response, plan_id: UUID = plan_id) -> bool:
                # Opened, and the first need, are not among the receipts.
                return (
                    answer.status_code == 200
                    and answer.json()["plan_version"] == wanted[str(plan_id)] + 2
                )

            answer = await eventually(ask, f"all of {plan_id} is shown", holds=holds)
            assert answer.json()["complete"]
            shown[plan_id] = answer.content
    return shown


async def test_the_records_in_the_contracts_can_be_sent_as_they_stand(
    organisation: Organisation,
) -> None:
    records = {path.stem: json.loads(path.read_bytes()) for path in RECORDS.glob("*.json")}
    assert len(records) == len(discover.sections())
    for name in ("person", *sorted(records.keys() - {"person"})):
        record = records[name]
        receipt: dict[str, Any] = {"retryable": True}
        asked = 0
        while receipt.get("retryable"):
            await organisation.put(record)
            asked += 1
            receipt = (await organisation.answered(record["value"], asked))[-1]
        assert (receipt["outcome"], receipt["section"]) == ("accepted", name), receipt


async def test_a_sandbox_contributes_is_cut_off_and_goes(
    stack: StackProcess, tmp_path: Path
) -> None:
    made = await careplan(stack, "sandbox")
    code, plan_id = made["org"], UUID(made["plans"][0])
    assert len(set(made["plans"])) == 3
    shown = await stack.get("plan", f"/v1/plans/{plan_id}", made["token"])
    assert shown.status_code == httpx.codes.OK, shown.text
    need = contribution(plan_id, IDENTIFY, {"what": {"text": "Steps to the front door"}})
    async with connected(stack, code, code) as own:
        await own.until_accepted([need])
        claimed = {**need, "contribution_id": str(uuid4())}
        await own.send([claimed], claims=ORG)
        (receipt,) = await own.answered(claimed)
        assert (receipt["outcome"], receipt["code"]) == ("refused", "organisation-claim-differs")
        key = OKPKey.generate_key("Ed25519", {"kid": "2026-1"}).as_dict(private=False)
        (tmp_path / "key.jwk").write_text(json.dumps(key))
        told = await careplan(stack, "org", "key", code, str(tmp_path / "key.jwk"), "--signed")
        assert told["kid"] == "2026-1"
        unsigned = {**need, "contribution_id": str(uuid4())}
        await own.send([unsigned])
        (receipt,) = await own.answered(unsigned)
        assert (receipt["outcome"], receipt["code"]) == ("refused", "signature-missing")
    listed = await careplan(stack, "org", "list")
    assert [one["state"] for one in listed if one["code"] == code] == ["active"]

    assert (await careplan(stack, "org", "revoke", code))["revoked"]
    with pytest.raises(OSError, match=f"{code}.json"):
        stack.broker(code).password()  # it has none any more
    left = {**need, "contribution_id": str(uuid4())}
    async with connected(stack, ADMIN, code) as left_in_the_inbox:
        await left_in_the_inbox.send([left])
        (receipt,) = await left_in_the_inbox.answered(left)
    assert (receipt["outcome"], receipt["code"]) == ("refused", "organisation-suspended")

    assert (await careplan(stack, "sandbox", "end", code))["ended"]
    listed = await careplan(stack, "org", "list")
    assert code not in {one["code"] for one in listed}
    await eventually(
        lambda: acts(stack),
        "the audit has every act",
        holds=lambda found: found == ["added", "key", "cut-off", "removed"],
    )


async def acts(stack: StackProcess) -> list[str]:
    """What was done to organisations, as an auditor is told."""
    token = stack.professional("ZZG01", "auditor")
    answer = await stack.get("audit", "/v1/audit/records?operation=admin", token)
    types = [item["type"] for item in reversed(answer.json()["items"])]
    return [type_.removeprefix("organisation.") for type_ in types]


@pytest.mark.skipif(shutil.which("kcat") is None, reason="THE PAGE WAS NOT TRIED: kcat is not here")
async def test_what_the_page_shows_with_kcat_works_as_it_stands(
    stack: StackProcess, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "inbox.md").read_text("utf-8")
    (code,) = re.findall(r"## With kcat.*?```sh\n(.*?)```", page, re.DOTALL)
    here = {
        ".venv/bin/careplan": f"{sys.executable} -m shared.cli.main",
        ".stack/": f"{stack.folder}/",
        "127.0.0.1:19094": stack.file["kafka"]["mutual_tls"],
    }
    for shown, meant in here.items():
        assert shown in code
        code = code.replace(shown, meant)
    # The last line reads what is there; the answer to the one before it takes a moment.
    first, last = code.strip().rsplit("\n", 1)
    script = f"set -e\n{first}\nuntil {last} | grep $ID; do sleep 1; done\n"
    ran = await asyncio.create_subprocess_exec(
        *("sh", "-c", script),
        cwd=tmp_path,
        env={
            **os.environ,
            "CAREPLAN_STACK_DIR": str(stack.folder),
            "PYTHONPATH": str(ROOT),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await asyncio.wait_for(ran.communicate(), 120)
    assert ran.returncode == 0, error.decode()
    assert json.loads(output.splitlines()[-1])["outcome"] == "accepted"


async def test_what_the_page_shows_in_python_works_as_it_stands(stack: StackProcess) -> None:
    page = (ROOT / "docs" / "inbox.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shown = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        env={**os.environ, "STACK": str(stack.folder), "BROKER": stack.broker().servers},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await asyncio.wait_for(shown.communicate(), 120)
    assert shown.returncode == 0, error.decode()
    opened, identified = map(json.loads, output.splitlines())
    assert (opened["outcome"], opened["section"]) == ("accepted", "person")
    assert (identified["outcome"], identified["section"]) == ("accepted", "needs")
