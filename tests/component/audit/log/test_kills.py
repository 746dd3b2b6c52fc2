"""Killed again and again while records come in, the audit seals each of them and never forks."""

import asyncio
import os
import signal
import sys

import pytest

from services.audit.log.fsck import fsck
from services.audit.log.signer import Signer
from shared.testing.eventually import eventually
from shared.tlog.merkle import check_consistency
from shared.tlog.notes import Note
from tests.component.audit.bench import ROOT
from tests.component.audit.log.sealed import Log

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_log_when_the_process_is_killed_again_and_again_then_every_checkpoint_fits(
    log: Log,
) -> None:
    environment = {
        **os.environ,
        "CAREPLAN_DATABASE_URL": log.bench.made.url,
        "CAREPLAN_KAFKA_SERVERS": log.bench.servers,
        "CAREPLAN_TOPIC_PREFIX": log.bench.prefix,
        "CAREPLAN_PORT": "0",
        "CAREPLAN_ISSUER": "https://issuer.example",
        "CAREPLAN_JWKS": "https://issuer.example/jwks.json",
        "CAREPLAN_LOG_KEY": str(log.key),
    }

    async def signed() -> int:
        rows = await log.checkpoints()
        return int(rows[-1]["size"]) if rows else 0

    for turn in range(4):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shared.chassis.run", "audit"),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        before = await signed()
        await log.record(40)
        try:
            await eventually(signed, "another checkpoint", holds=before.__lt__)
            await log.record(400 + turn)
            # A moment of the sealer's own choosing: somewhere in what it does every second.
            await asyncio.sleep(0.3 * turn)
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    # The key may have signed what nobody has heard of: whoever goes on signs the same.
    last = Signer.of(str(log.key)).look()
    await log.seal()
    checkpoints = await log.checkpoints()
    assert checkpoints[-1]["size"] == log.recorded == 4 * 440 + 6
    assert last is not None
    assert (last.size, last.root) in {(row["size"], row["root"]) for row in checkpoints}
    key, tree = Signer.of(str(log.key)).verifier, log.tree
    for row in checkpoints:
        assert Note.read(row["note"].encode()).checked([key]) == {key: None}
        proof = await tree.consistency(row["size"], log.recorded)
        roots = row["root"], checkpoints[-1]["root"]
        check_consistency(row["size"], log.recorded, proof, *roots)
    assert await fsck(log.bench.database) == log.recorded
