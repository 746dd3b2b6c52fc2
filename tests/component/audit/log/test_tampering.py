"""Whatever is done to what is stored is found, each with its own words, and nothing is signed."""

from collections.abc import Sequence

import pytest

from services.audit.log.fsck import FsckForEver, fsck
from services.audit.log.rehash import Damaged
from shared.testing.eventually import eventually
from tests.component.audit.log.sealed import Log

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

BEFORE = (
    "UPDATE audit_payload SET groups = convert_to(replace(convert_from(groups, 'UTF8'),"
    " 'Quill-Synth', 'Other-Synth'), 'UTF8') WHERE idx = {}"
)
TURNED = """
UPDATE audit_payload SET salts = set_byte(salts, 40, 255 - get_byte(salts, 40)) WHERE idx = {}
"""
EXCHANGED = (
    "UPDATE audit_record SET idx = CASE idx WHEN {0} THEN -1 ELSE {0} END WHERE idx IN ({0}, {1})",
    "UPDATE audit_record SET idx = {1} WHERE idx = -1",
)

TAMPERED: list[tuple[str, Sequence[str], str]] = [
    ("a name", [BEFORE], "the groups of record {} are not those that were committed to"),
    (
        "a salt",
        [TURNED],
        "the groups of record {} are not those that were committed to",
    ),
    (
        "the organisation in a row",
        ["UPDATE audit_record SET organisation = 'ZZG02' WHERE idx = {}"],
        "the column organisation of record {} does not say what its groups say",
    ),
    (
        "the plan in a row",
        ["UPDATE audit_record SET plan_id = NULL WHERE idx = {}"],
        "the column plan_id of record {} does not say what its groups say",
    ),
    (
        "the code in a row",
        ["UPDATE audit_record SET code = 'plan-not-open' WHERE idx = {}"],
        "the column code of record {} does not say what its groups say",
    ),
    (
        "the kind of a row",
        ["UPDATE audit_record SET kind = 2 WHERE idx = {}"],
        "the leaf of record {} is not that of its row",
    ),
    (
        "what was done in a row",
        ["UPDATE audit_record SET operation = 'unreadable' WHERE idx = {}"],
        "the column operation of record {} does not say what its groups say",
    ),
    (
        "when it was logged",
        ["UPDATE audit_record SET logged_at = logged_at - interval '1 day' WHERE idx = {}"],
        "the leaf of record {} is not that of its row",
    ),
    (
        "a payload that is gone",
        ["DELETE FROM audit_payload WHERE idx = {}"],
        "record {} has no payload",
    ),
    (
        "a record that is gone",
        ["DELETE FROM audit_payload WHERE idx = {}", "DELETE FROM audit_record WHERE idx = {}"],
        "record {} is missing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("statements", "says"), [one[1:] for one in TAMPERED], ids=[one[0] for one in TAMPERED]
)
async def test_record_when_tampered_with_then_it_is_found_before_and_after_it_is_signed(
    log: Log, statements: Sequence[str], says: str
) -> None:
    await log.record(300)
    await log.seal()
    await log.record(300)
    for idx in (420, 17):
        await log.tampered(*(one.format(idx) for one in statements))
        if idx == 420:
            with pytest.raises(Damaged, match=says.format(idx)):
                await log.seal()
            assert [row["size"] for row in await log.checkpoints()] == [300]
    # What was signed long ago is found by whoever reads everything again.
    with pytest.raises(Damaged, match=says.format(17)):
        await fsck(log.bench.database)


async def test_records_when_two_are_exchanged_then_it_is_found(log: Log) -> None:
    await log.record(300)
    await log.seal()
    await log.tampered(*(one.format(20, 30) for one in EXCHANGED))
    with pytest.raises(Damaged, match="the groups of record 20 are not those"):
        await fsck(log.bench.database)


async def test_record_when_written_anew_with_a_leaf_of_its_own_then_the_tree_does_not_fit(
    log: Log,
) -> None:
    """Somebody who computes commitment and leaf again, and leaves only the tree as it was."""
    await log.record(300)
    await log.seal()
    await log.write_anew(280, "Dr B. Other-Synth")
    for check in (fsck(log.bench.database), log.seal()):
        with pytest.raises(Damaged, match="the first 300 records are not those that were signed"):
            await check
    await log.write_anew(17, "Dr B. Other-Synth")
    with pytest.raises(Damaged, match="the tile 0/000 is not what its records give"):
        await fsck(log.bench.database)


async def test_tile_when_one_bit_is_turned_over_then_it_is_found(log: Log) -> None:
    await log.record(600)
    await log.seal()
    turned = "UPDATE log_tile SET {0} = set_byte({0}, 9, 255 - get_byte({0}, 9)) WHERE number = 1"
    for column in ("hashes", "inner_", "root"):
        await log.tampered(turned.format(column))
        with pytest.raises(Damaged, match="the tile 0/001 is not what its records give"):
            await fsck(log.bench.database)
        await log.tampered(turned.format(column))  # as it was
    await log.tampered(turned.format("root"))
    with pytest.raises(Damaged, match="the first 600 records are not those that were signed"):
        await log.seal()
    await log.tampered(turned.format("root"), "DELETE FROM log_tile WHERE number = 1")
    with pytest.raises(Damaged, match="the tile 0/001 is missing"):
        await fsck(log.bench.database)
    with pytest.raises(Damaged, match="is missing"):
        await log.seal()


async def test_log_when_its_tail_is_cut_off_then_nothing_is_signed_any_more(log: Log) -> None:
    await log.record(300)
    await log.seal()
    await log.cut_off(290)
    with pytest.raises(Damaged, match="there are 290 records, and 300 were signed"):
        await log.seal()
    with pytest.raises(Damaged, match="there are 290 records, and 300 were signed"):
        await fsck(log.bench.database)
    # Filled up again with others, it is another history.
    log.recorded = 1_000
    await log.record(10)
    with pytest.raises(Damaged, match="the first 300 records are not those that were signed"):
        await log.seal()


async def test_log_when_an_earlier_day_is_put_back_then_the_signers_file_tells(log: Log) -> None:
    await log.record(5)
    await log.seal()
    await log.record(5)
    await log.seal()
    await log.put_back_to(5)
    with pytest.raises(Damaged, match="there are 5 records, and 10 were signed"):
        await log.seal()


async def test_checkpoint_when_forged_in_the_database_then_it_is_not_ours(log: Log) -> None:
    await log.record(5)
    await log.seal()
    await log.tampered("UPDATE log_checkpoint SET note = replace(note, E'\\n5\\n', E'\\n4\\n')")
    with pytest.raises(Damaged, match="a checkpoint that was kept is not ours"):
        await log.seal()


async def test_fsck_when_the_log_is_honest_then_it_reads_all_of_it(log: Log) -> None:
    assert await fsck(log.bench.database) == 0
    for count in (1, 255, 256, 300):
        await log.record(count)
        await log.seal()
    await log.record(7)  # not signed yet, and hashed all the same
    await log.tampered("SELECT erase_group(3, 4, 'the time is over')")
    assert await fsck(log.bench.database) == 819


async def test_log_when_damaged_long_after_it_was_signed_then_it_is_found_without_being_asked(
    log: Log,
) -> None:
    await log.record(300)
    await log.seal()
    async with FsckForEver(log.bench.database, pause_seconds=0.01) as checks:
        await eventually(lambda: checks.rounds, "a whole round")
        assert (await checks.part()).ready
        await log.tampered(BEFORE.format(17))
        await eventually(lambda: checks.failure, "the damage is found")
        told = await checks.part()
    assert not told.ready
    assert told.detail.startswith("damaged: the groups of record 17 are not those")
