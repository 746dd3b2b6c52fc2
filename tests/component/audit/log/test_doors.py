"""The log over HTTP: files for anybody, proofs for a token, and a record with its evidence."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.audit.log.signer import Signer
from services.audit.record.commitment import GROUPS, commitment, group_bytes, group_hash
from shared.cli import verify
from shared.cli.token import system
from shared.ledger.topics import dead_letters_topic
from shared.testing.eventually import eventually
from shared.testing.stack import create_topics
from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import check_consistency, check_inclusion, leaf_hash
from shared.tlog.notes import Note
from shared.tlog.policy import Policy
from shared.tlog.proof_file import ProofFile
from tests.component.audit.bench import Bench, access, event
from tests.component.audit.door import Door, fill, open_door
from tests.component.audit.log.sealed import Log
from tests.unit.tlog import naive

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def sealed(bench: Bench, log: Log, tmp_path: Path) -> AsyncIterator[Door]:
    """An audit whose log has five records and a checkpoint over them."""
    await bench.topics("goals", "needs")
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])
    async with open_door(bench, tmp_path / "issuer", log_key=str(log.key)) as door:
        await fill(door)

        async def size() -> int:
            answer = await door.client.get("/log/checkpoint")
            return int(answer.text.split("\n")[1]) if answer.status_code == 200 else 0

        await eventually(size, "a checkpoint over five records", holds=lambda n: n == 5)
        yield door


async def got(door: Door, path: str, role: str = "auditor") -> Any:
    answer = await door.client.get(path, headers=door.token(role))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_files_when_read_by_anybody_then_the_log_can_be_computed_again(
    sealed: Door, log: Log
) -> None:
    client = sealed.client
    key = Signer.of(str(log.key)).verifier
    answer = await client.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=5"
    note = Note.read(answer.content)
    assert note.checked([key]) == {key: None}
    head = Checkpoint.read(note.text)
    policy = Policy.read((await client.get("/log/policy")).text)
    assert policy.logs == [key]
    tile = await client.get("/log/tile/0/000.p/5")
    assert tile.headers["content-type"] == "application/octet-stream"
    assert "immutable" in tile.headers["cache-control"]
    leaves = await log.leaves()
    assert tile.content == b"".join(map(leaf_hash, leaves))
    assert head.root == naive.root(leaves)
    assert (await client.get("/log/tile/0/000.p/3")).content == tile.content[:96]
    for path in ("0/000", "0/000.p/6", "1/000.p/1", "0/001.p/1", "0/0", "x"):
        assert (await client.get(f"/log/tile/{path}")).status_code == 404, path


async def test_leaves_when_asked_for_then_only_an_auditor_or_a_monitor_has_them(
    sealed: Door, log: Log
) -> None:
    path = "/log/tile/entries/000.p/5"
    assert (await sealed.client.get(path)).status_code == 401
    refused = await sealed.client.get(path, headers=sealed.token("privacy-officer"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    for role in ("auditor", "monitor"):
        answer = await sealed.client.get(path, headers=sealed.token(role))
        assert answer.content == b"".join(b"\x00\x2c" + leaf for leaf in await log.leaves())


async def test_proofs_when_asked_for_with_any_token_then_they_hold(sealed: Door, log: Log) -> None:
    leaves = await log.leaves()
    proof = await got(sealed, "/v1/audit/proofs/inclusion?idx=2&size=4", role="gp")
    assert proof["checkpoint"] is None or proof["checkpoint"].split("\n")[1] == "4"
    check_inclusion(
        *(2, 4, b64decode(proof["leaf_hash"])),
        *([*map(b64decode, proof["hashes"])], b64decode(proof["root"])),
    )
    assert b64decode(proof["leaf_hash"]) == leaf_hash(leaves[2])
    newest = await got(sealed, "/v1/audit/proofs/inclusion?idx=4")
    assert (
        Checkpoint.read(Note.read(newest["checkpoint"].encode()).text).size == newest["size"] == 5
    )
    between = await got(sealed, "/v1/audit/proofs/consistency?from=3")
    assert (between["from"], between["to"]) == (3, 5)
    check_consistency(
        *(3, 5, [*map(b64decode, between["hashes"])]),
        *(b64decode(between["from_root"]), b64decode(between["to_root"])),
    )
    assert (await sealed.client.get("/v1/audit/proofs/consistency?from=3")).status_code == 401
    listed = await got(sealed, "/v1/audit/checkpoints?limit=1", role="gp")
    [item] = listed["items"]
    assert item["size"] == 5
    assert item["note"] == (await sealed.client.get("/log/checkpoint")).text
    assert item["witnesses"] == []


ASKED_WRONGLY = [
    ("proofs/inclusion", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=5", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=-1", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=01", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=3&size=3", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=3&size=0", 400, "parameter-invalid"),
    ("proofs/inclusion?idx=3&size=6", 404, "tree-size-unknown"),
    ("proofs/inclusion?idx=3&sizes=5", 400, "parameter-invalid"),
    ("proofs/consistency", 400, "parameter-invalid"),
    ("proofs/consistency?from=0", 400, "parameter-invalid"),
    ("proofs/consistency?from=4&to=3", 400, "parameter-invalid"),
    ("proofs/consistency?from=4&to=6", 404, "tree-size-unknown"),
    ("proofs/consistency?from=4&from=4", 400, "parameter-invalid"),
    ("checkpoints?cursor=x", 400, "parameter-invalid"),
    ("records/5", 404, "record-unknown"),
    ("records/x", 404, "record-unknown"),
    ("records/1?proof=2", 400, "parameter-invalid"),
    ("records/1?groups=", 400, "parameter-invalid"),
    ("records/1?groups=hdr,hdr", 400, "parameter-invalid"),
    ("records/1?groups=everything", 400, "parameter-invalid"),
    ("records/1/proof?size=9", 404, "tree-size-unknown"),
]


async def test_proofs_when_what_is_asked_for_is_wrong_then_the_answer_says_what(
    sealed: Door,
) -> None:
    for path, status, code in ASKED_WRONGLY:
        answer = await sealed.client.get(f"/v1/audit/{path}", headers=sealed.token())
        assert (answer.status_code, answer.json()["code"]) == (status, code), path


def committed(told: dict[str, Any]) -> bytes:
    assert [group["name"] for group in told["groups"]] == [*GROUPS]
    return commitment(
        [
            b64decode(group["hash"])
            if "hash" in group
            else group_hash(
                b64decode(group["salt"]), group_bytes(group["name"], group["value"] or None)
            )
            for group in told["groups"]
        ]
    )


async def test_record_when_asked_for_with_its_proof_then_all_of_it_can_be_checked(
    sealed: Door,
) -> None:
    for idx in range(5):
        told = await got(sealed, f"/v1/audit/records/{idx}?proof=1")
        assert told["idx"] == told["record"]["idx"] == idx
        assert committed(told) == b64decode(told["commitment"]) == b64decode(told["leaf"])[12:]
        assert not any("withheld" in group for group in told["groups"])
        proof = told["proof"]
        check_inclusion(
            *(idx, proof["size"], leaf_hash(b64decode(told["leaf"]))),
            *([*map(b64decode, proof["hashes"])], b64decode(proof["root"])),
        )
        assert Checkpoint.read(Note.read(proof["checkpoint"].encode()).text).size == proof["size"]
    assert "proof" not in await got(sealed, "/v1/audit/records/0")


async def test_record_when_its_answer_is_given_to_the_verifier_then_it_is_ok(
    sealed: Door, log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(Signer.of(str(log.key)).verifier)
    for idx in range(5):
        for role, groups in (("auditor", ""), ("privacy-officer", ""), ("auditor", "&groups=hdr")):
            if role != "auditor" and idx in (1, 4):
                continue  # another organisation did it, or nobody can tell who
            path = f"/v1/audit/records/{idx}?proof=1{groups}"
            answer = await sealed.client.get(path, headers=sealed.token(role))
            file = tmp_path / "record.json"
            file.write_bytes(answer.content)
            assert verify.main(["record", str(file), "--key", key]) == 0, capsys.readouterr().out
    file.write_bytes((await sealed.client.get("/log/checkpoint")).content)
    assert verify.main(["checkpoint", str(file), "--key", key]) == 0
    assert capsys.readouterr().out.splitlines()[-2].startswith("ok record idx=4 size=5 revealed=1")


async def test_record_when_only_some_groups_are_asked_for_then_the_others_are_hashes(
    sealed: Door,
) -> None:
    told = await got(sealed, "/v1/audit/records/0?groups=hdr,time&proof=1")
    assert told["record"] is None
    shown = [group["name"] for group in told["groups"] if "salt" in group]
    assert shown == ["hdr", "time"]
    assert {group.get("withheld") for group in told["groups"][2:]} == {"not-asked"}
    assert committed(told) == b64decode(told["commitment"])
    text = str(told)
    assert "Quill" not in text


async def test_record_when_an_officer_asks_then_how_somebody_was_authenticated_is_a_hash(
    sealed: Door,
) -> None:
    told = await got(sealed, "/v1/audit/records/0?proof=1", role="privacy-officer")
    withheld = {group["name"]: group["withheld"] for group in told["groups"] if "hash" in group}
    assert withheld == {"authn": "role"}
    assert told["record"]["authn"] is None
    assert committed(told) == b64decode(told["commitment"])
    asked = await got(sealed, "/v1/audit/records/0?groups=authn", role="privacy-officer")
    assert all("hash" in group for group in asked["groups"])
    for role in ("gp", "monitor"):
        answer = await sealed.client.get("/v1/audit/records/0", headers=sealed.token(role))
        assert answer.status_code == 403


async def test_record_when_it_says_what_was_sought_or_why_it_is_withheld_then_that_is_a_hash(
    sealed: Door, log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sought = access(5, operation="search", type="query.search", what="people-search",
                    query_raw="OTk5MDAwMDAxOA==", result_count=1)  # fmt: skip
    hidden = {"visibility": {"labels": ["address"], "reason": "She hides there"}}
    restricted = event(position=3, entry=3, content=hidden, fields=["visibility"])
    await sealed.bench.publish(sought, restricted)

    async def size() -> int:
        checkpoint = (await sealed.client.get("/log/checkpoint")).text
        return int(checkpoint.split("\n")[1])

    await eventually(size, "a checkpoint over seven records", holds=lambda n: n == 7)
    key = str(Signer.of(str(log.key)).verifier)
    shown: list[dict[str, Any]] = []
    for idx in (5, 6):
        path = f"/v1/audit/records/{idx}?proof=1"
        answer = await sealed.client.get(path, headers=sealed.token("privacy-officer"))
        assert answer.status_code == 200, answer.text
        assert not [one for one in ("OTk5", "She hides") if one in answer.text]
        file = tmp_path / "record.json"
        file.write_bytes(answer.content)
        assert verify.main(["record", str(file), "--key", key]) == 0, capsys.readouterr().out
        shown += [one for one in answer.json()["groups"] if one["name"] == "change"]
    assert {one["withheld"] for one in shown} == {"sought", "restriction"}


async def test_proof_file_when_downloaded_then_it_proves_the_record_alone(
    sealed: Door, log: Log
) -> None:
    answer = await sealed.client.get("/v1/audit/records/3/proof", headers=sealed.token())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    proof = ProofFile.read(answer.content)
    key = Signer.of(str(log.key)).verifier
    assert proof.checkpoint.checked([key]) == {key: None}
    head = Checkpoint.read(proof.checkpoint.text)
    leaf = (await log.leaves())[3]
    check_inclusion(3, head.size, leaf_hash(leaf), proof.hashes, head.root)


async def test_record_when_all_of_it_was_erased_then_its_leaf_is_proved_and_nothing_else(
    sealed: Door, log: Log
) -> None:
    await log.tampered(
        *(f"SELECT erase_group(1, {number}, 'the time is over')" for number in range(1, 13))
    )
    answer = await sealed.client.get("/v1/audit/records/1", headers=sealed.token())
    told = answer.json()
    assert (answer.status_code, told["code"]) == (410, "record-erased")
    check_inclusion(
        *(1, told["proof"]["size"], leaf_hash(b64decode(told["leaf"]))),
        *([*map(b64decode, told["proof"]["hashes"])], b64decode(told["proof"]["root"])),
    )


async def test_readiness_when_the_log_is_sealed_then_it_says_so(sealed: Door) -> None:
    parts = (await sealed.client.get("/readyz")).json()["parts"]
    assert parts["log"] == {"ready": True, "detail": "sealing"}


async def test_whoever_contributed_sees_where_it_stands_in_the_log_and_nobody_else(
    sealed: Door,
) -> None:
    address = f"/v1/audit/contributions/{UUID(int=1)}"
    theirs = sealed.bearer(system("ZZG01", "Quill EPR"))
    answer = await sealed.client.get(address, headers=theirs)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    assert (item["section"], item["operation"], item["idx"]) == ("goals", "refusal", 3)
    assert item["code"] == "base-version-stale"
    assert item["sealed"]["size"] > item["idx"]
    assert answer.headers["Ledger-Access-Id"]
    for bearer in (sealed.bearer(system("ZZC01", "EPR")), sealed.token("auditor", "ZZG02")):
        no = await sealed.client.get(address, headers=bearer)
        assert (no.status_code, no.json()["code"]) == (404, "contribution-unknown")
    for wrong in (UUID(int=9), "x"):
        no = await sealed.client.get(f"/v1/audit/contributions/{wrong}", headers=theirs)
        assert (no.status_code, no.json()["code"]) == (404, "contribution-unknown")
