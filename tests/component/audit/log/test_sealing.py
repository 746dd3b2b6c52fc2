"""What is sealed is the tree over all records, and a sealing that dies anywhere loses nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from services.audit.log.rehash import Damaged
from services.audit.log.sealing import Sealing, Superseded
from services.audit.log.signer import Signer
from shared.chassis.settings import SettingUnusable
from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import check_consistency, check_inclusion, leaf_hash
from shared.tlog.notes import Note
from shared.tlog.tiles import Tile
from tests.component.audit.log.sealed import ORIGIN, Log
from tests.unit.tlog import naive

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_log_when_sealed_as_it_grows_then_it_is_the_naive_tree_and_every_proof_holds(
    log: Log,
) -> None:
    async with log.sealing() as sealing:
        await sealing.begin()
        assert await sealing.seal() is None
        for count in (1, 2, 250, 3, 256, 1, 700):
            await log.record(count)
            note = await sealing.seal()
            assert note is not None
            await sealing.show(note)
            assert await sealing.seal() is None
    leaves = await log.leaves()
    checkpoints = await log.checkpoints()
    assert [row["size"] for row in checkpoints] == [1, 3, 253, 256, 512, 513, 1_213]
    key = Signer.of(str(log.key)).verifier
    for row in checkpoints:
        note = Note.read(row["note"].encode())
        assert note.checked([key]) == {key: None}
        head = Checkpoint.read(note.text)
        assert (head.origin, head.size, head.root) == (ORIGIN, row["size"], row["root"])
        assert head.root == naive.root(leaves[: head.size])
    tree, last = log.tree, checkpoints[-1]
    for idx in (0, 1, 252, 255, 256, 511, 512, 1_023, 1_024, 1_212):
        proof = await tree.inclusion(idx, last["size"])
        assert proof == naive.path(idx, leaves)
        check_inclusion(idx, last["size"], leaf_hash(leaves[idx]), proof, last["root"])
    for row in checkpoints:
        proof = await tree.consistency(row["size"], last["size"])
        assert proof == naive.proof(row["size"], leaves)
        check_consistency(row["size"], last["size"], proof, row["root"], last["root"])
    assert (await tree.tile(Tile(1, 0, 4)))[:32] == naive.root(leaves[:256])


class MortalSealing(Sealing):
    """Goes no further, once, at one step, as a process that is killed there."""

    step = ""

    async def _die_at(self, step: str) -> None:
        if step == self.step:
            raise Killed

    async def _hash_up_to(self, size: int) -> Any:
        await self._die_at("before hashing")
        return await super()._hash_up_to(size)

    async def _add_tiles(self, tiles: Sequence[Any]) -> None:
        await self._die_at("before the tiles")
        await super()._add_tiles(tiles)

    async def _sign(self, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Note:
        await self._die_at("before the signature")
        note = await super()._sign(checkpoint, proof)
        await self._die_at("after the signature")
        return note

    async def _add_checkpoint(self, checkpoint: Checkpoint, note: Note) -> None:
        await super()._add_checkpoint(checkpoint, note)
        await self._die_at("before the commit")

    async def show(self, note: Note) -> None:
        await self._die_at("before it is shown")
        await super().show(note)

    async def _add_witnessing(self, size: int, signatures: str) -> None:
        await self._die_at("after the witnesses")
        await super()._add_witnessing(size, signatures)


class Killed(BaseException):
    """The process ends here."""


STEPS = (
    *("before hashing", "before the tiles", "before the signature", "after the signature"),
    *("before the commit", "before it is shown", "after the witnesses"),
)


@pytest.mark.parametrize("step", STEPS)
async def test_log_when_the_sealer_dies_at_a_step_then_the_next_one_goes_on_without_a_fork(
    log: Log, step: str
) -> None:
    await log.record(300)
    assert await log.seal() == 300
    await log.record(600)
    signed_before = Signer.of(str(log.key)).look()
    async with log.sealing(MortalSealing) as sealing:
        await sealing.begin()
        sealing.step = step  # type: ignore[attr-defined]
        with pytest.raises(Killed):
            await sealing.show(await sealing.seal())  # type: ignore[arg-type]
    signed = Signer.of(str(log.key)).look()
    await log.record(50)
    assert await log.seal() == 950
    sizes = [row["size"] for row in await log.checkpoints()]
    # Whatever was signed is there, also where nobody got to hear of it.
    assert signed is not None
    assert signed.size in sizes
    assert (signed == signed_before) == (step in STEPS[:3])
    leaves = await log.leaves()
    for row in await log.checkpoints():
        assert row["root"] == naive.root(leaves[: row["size"]])
    shown = await log.bench.rows("SELECT DISTINCT size FROM log_witnessing ORDER BY size")
    assert [row["size"] for row in shown][-1] == 950


async def test_log_when_two_seal_then_only_the_later_one_adds_anything(log: Log) -> None:
    await log.record(10)
    async with log.sealing() as first, log.sealing() as second:
        await first.begin()
        await second.begin()
        with pytest.raises(Superseded):
            await first.seal()
        assert await second.seal() is not None
        with pytest.raises(Superseded):
            await first.show(second.newest)  # type: ignore[arg-type]
    assert [row["size"] for row in await log.checkpoints()] == [10]


async def test_log_when_records_come_while_it_is_sealed_then_each_checkpoint_is_a_whole_tree(
    log: Log,
) -> None:
    async def write() -> None:
        for _ in range(40):
            await log.record(17)

    async with log.sealing() as sealing:
        await sealing.begin()
        writing = asyncio.create_task(write())
        while not writing.done():
            note = await sealing.seal()
            if note is not None:
                await sealing.show(note)
        await writing
        await sealing.seal()
    leaves = await log.leaves()
    checkpoints = await log.checkpoints()
    assert checkpoints[-1]["size"] == 680
    assert len(checkpoints) > 1
    for row in checkpoints:
        assert row["root"] == naive.root(leaves[: row["size"]])


async def test_log_when_the_signers_file_is_lost_then_it_goes_on_from_the_database(
    log: Log,
) -> None:
    await log.record(5)
    await log.seal()
    log.key.with_name("log.key.signed").unlink()
    await log.record(5)
    assert await log.seal() == 10


async def test_log_when_the_signers_file_is_of_another_key_then_nothing_is_signed(
    log: Log,
) -> None:
    await log.record(5)
    await log.seal()
    kept = log.key.with_name("log.key.signed")
    kept.write_text(kept.read_text().replace("\n5\n", "\n4\n"))
    with pytest.raises(Damaged, match="a checkpoint that was kept is not ours"):
        await log.seal()


async def test_signer_when_its_key_is_open_to_others_or_none_then_it_says_so(log: Log) -> None:
    log.key.chmod(0o640)
    with pytest.raises(SettingUnusable, match="others can read"):
        Signer.of(str(log.key))
    log.key.chmod(0o600)
    log.key.write_text("no key")
    with pytest.raises(SettingUnusable, match="holds no key"):
        Signer.of(str(log.key))
    with pytest.raises(SettingUnusable, match="cannot be read"):
        Signer.of(str(log.key) + "x")


async def test_log_when_the_service_tries_to_change_what_was_sealed_then_it_may_not(
    log: Log,
) -> None:
    await log.record(256)
    await log.seal()
    for table in ("log_tile", "log_checkpoint", "log_witnessing"):
        for statement in ("DELETE FROM {}", "TRUNCATE {} CASCADE", "DROP TABLE {}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await log.bench.rows(statement.format(table))
    owner = await asyncpg.connect(log.bench.made.owner_url)
    try:
        with pytest.raises(asyncpg.PostgresError, match="of audit records is refused"):
            await owner.execute("UPDATE log_tile SET root = root")
    finally:
        await owner.close()
