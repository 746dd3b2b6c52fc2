"""What keeps files: the scanner, the sweep, and a disk that a process is killed on."""

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256

import pytest

from services.about_me.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.media.disk import Disk
from shared.chassis.media.keeping import MediaKeeping, Upload
from shared.chassis.media.spool import BLOCK
from shared.chassis.wire.problem import Problem
from shared.testing import files
from shared.testing.eventually import eventually
from tests.component.media.running import (
    NURSE,
    AboutMe,
    Scripted,
    keeping_of,
    pieces_of,
    problem,
    upload,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_what_the_scanner_has_not_spoken_of_is_neither_named_nor_given(
    about_me: AboutMe, database: Database
) -> None:
    plan_id = await about_me.plan()
    scanner = Scripted(None, None, "clean")
    keeping = keeping_of(about_me, database, scanner)
    media, is_new = await keeping.take(upload(files.PICTURE, plan_id))
    assert (media.state, is_new) == ("quarantined", True)
    again = await about_me.door.store(files.PICTURE, plan_id, NURSE)
    assert (again.status_code, again.json()["state"]) == (200, "quarantined")
    told = problem(await about_me.shown(files.PICTURE, plan_id), 409, "media-quarantined")
    assert told["retryable"]
    kept = problem(
        await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE), 409, "media-quarantined"
    )
    assert kept["retryable"]
    assert await keeping.ask_again() == 0  # it still does not answer
    assert await keeping.ask_again() == 1
    assert set(scanner.asked) == {files.PICTURE.sha256}
    assert (await about_me.shown(files.PICTURE, plan_id)).status_code == 201
    assert (await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE)).status_code == 200


async def test_what_is_harmful_is_never_given_and_not_kept(
    about_me: AboutMe, database: Database
) -> None:
    plan_id = await about_me.plan()
    keeping = keeping_of(about_me, database, Scripted(None, "infected", "infected"))
    await keeping.take(upload(files.PICTURE, plan_id))
    path = await about_me.blob(plan_id)
    assert await keeping.ask_again() == 1
    assert not path.exists()
    door, sha = about_me.door, files.PICTURE.sha256
    problem(await door.fetch(sha, plan_id, NURSE), 409, "media-infected")
    problem(await door.store(files.PICTURE, plan_id, NURSE), 409, "media-infected")
    refused = problem(await about_me.shown(files.PICTURE, plan_id), 409, "media-infected")
    assert refused["receipt"]["code"] == "media-infected"
    other = await about_me.plan()
    with pytest.raises(Problem) as at_once:
        await keeping.take(upload(files.PICTURE, other))
    assert at_once.value.code == "media-infected"
    assert await about_me.bench.pool.fetchval(
        "SELECT count(*) FROM media WHERE plan_id = $1", other
    ) == 0  # fmt: skip


async def test_what_nobody_names_is_swept_and_what_somebody_names_is_not(
    about_me: AboutMe, database: Database
) -> None:
    named = await about_me.with_file(files.PICTURE)
    unnamed = await about_me.plan()
    await about_me.door.store(files.PICTURE, unnamed, NURSE)
    swept, kept = await about_me.blob(unnamed), await about_me.blob(named)
    keeping = keeping_of(about_me, database, Scripted())
    assert await keeping.sweep(3_600) == 0
    assert swept.exists()
    await keeping.sweep(0)
    assert (swept.exists(), kept.exists()) == (False, True)
    problem(await about_me.door.fetch(files.PICTURE.sha256, unnamed, NURSE), 404, "media-unknown")
    assert (await about_me.door.fetch(files.PICTURE.sha256, named, NURSE)).status_code == 200
    left = await about_me.bench.pool.fetch(
        "SELECT name FROM media_blob b WHERE NOT EXISTS (SELECT FROM media m WHERE m.blob = b.name)"
    )
    assert [row["name"] for row in left] == []


async def test_sweeping_never_takes_what_is_being_named(
    about_me: AboutMe, database: Database
) -> None:
    """Whoever comes first wins: the contribution is taken and its file stays, or neither."""
    keeping = keeping_of(about_me, database, Scripted())
    is_over = asyncio.Event()

    async def sweep() -> None:
        while not is_over.is_set():
            await keeping.sweep(0)

    async def name_it() -> bool:
        plan_id = await about_me.plan()
        await about_me.door.store(files.PICTURE, plan_id, NURSE)
        answer = await about_me.shown(files.PICTURE, plan_id)
        if answer.status_code == 404:
            problem(answer, 404, "media-unknown")
            return False
        assert answer.status_code == 201, answer.text
        given = await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE)
        assert (given.status_code, given.content) == (200, files.PICTURE.content)
        return True

    sweeping = asyncio.create_task(sweep())
    outcomes = [await asyncio.gather(*(name_it() for _ in range(8))) for _ in range(8)]
    is_over.set()
    await sweeping
    assert sum(map(len, outcomes)) == 64


async def test_a_contribution_that_was_decided_before_the_sweep_is_not_stored_after_it(
    about_me: AboutMe, database: Database
) -> None:
    """The append itself judges what is there, in the transaction of the event."""
    plan_id = await about_me.plan()
    await about_me.door.store(files.PICTURE, plan_id, NURSE)
    async with AsyncExitStack() as opened:
        held = await opened.enter_async_context(about_me.bench.pool.acquire())
        # The service's one lock: the contribution is decided, and waits to be appended.
        await held.execute("SELECT pg_advisory_lock(7411)")
        opened.push_async_callback(held.execute, "SELECT pg_advisory_unlock_all()")
        waiting = asyncio.create_task(about_me.shown(files.PICTURE, plan_id))

        async def is_waiting() -> bool:
            return bool(
                await database.pool.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    " AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            )

        await eventually(is_waiting, "the append waits")
        assert await keeping_of(about_me, database, Scripted()).sweep(0) >= 1
        await held.execute("SELECT pg_advisory_unlock_all()")
        problem(await waiting, 404, "media-unknown")
    assert await about_me.bench.pool.fetchval(
        "SELECT count(*) FROM media_named WHERE plan_id = $1", plan_id
    ) == 0  # fmt: skip


async def test_a_process_killed_at_any_point_leaves_nothing_half(
    about_me: AboutMe, database: Database
) -> None:
    bench = about_me.bench
    folder = bench.folder / "killed"
    for trial in range(4):
        taking = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.component.media.taking",
            bench.database.url,
            str(folder),
            stdout=asyncio.subprocess.PIPE,
        )
        assert taking.stdout is not None
        for _ in range(3):
            assert await taking.stdout.readline()
        await asyncio.sleep(0.011 * trial)  # somewhere within the next
        taking.kill()
        await taking.wait()
    rows = await bench.pool.fetch("SELECT blob, sha256 FROM media WHERE contributor = 'killed'")
    assert len(rows) >= 12
    for row in rows:
        content = await asyncio.to_thread((folder / row["blob"]).read_bytes)
        assert sha256(content).hexdigest() == row["sha256"]
    noted = {row["name"] for row in await bench.pool.fetch("SELECT name FROM media_blob")}
    for path in [one for one in folder.glob("*/*") if one.parent.name != "incoming"]:
        name = str(path.relative_to(folder))
        assert name in noted, "something lies in the store that nobody knows of"
        assert sha256(path.read_bytes()).hexdigest() == path.name.partition(".")[0]
    settings = bench.settings()
    keeping = MediaKeeping(database, settings, store=Disk(folder), scanner=Scripted())
    await keeping.sweep(0)
    assert [one for one in folder.glob("*/*") if one.is_file()] == []


async def test_a_file_is_in_memory_a_few_blocks_at_a_time_both_ways(
    about_me: AboutMe, database: Database
) -> None:
    plan_id = await about_me.plan()
    file = files.mp4(40 * 1_048_576)
    path = about_me.bench.folder / "big"
    path.write_bytes(file.content)
    mime, length, sha = file.mime, len(file.content), file.sha256
    del file
    keeping = keeping_of(about_me, database, Scripted("clean"))

    async def from_disk() -> AsyncIterator[bytes]:
        with path.open("rb") as opened:
            while some := opened.read(65_536):
                yield some

    tracemalloc.start()
    try:
        media, _ = await keeping.take(Upload(plan_id, NURSE.key, mime, sha, from_disk()))
        _, highest_in = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        given, out = sha256(), 0
        async for some in keeping.blocks(media, 0, media.size):
            given.update(some)
            out += len(some)
        _, highest_out = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (out, given.hexdigest()) == (length, sha)
    assert highest_in < 16 * BLOCK
    assert highest_out < 16 * BLOCK


async def test_as_many_files_come_in_at_once_as_the_setting_says(
    about_me: AboutMe, database: Database
) -> None:
    plan_id = await about_me.plan()
    settings = about_me.bench.settings(media_uploads=1, media_bytes=1_000, media_seconds=0.2)
    folder = about_me.bench.folder / "media" / SECTION.name
    keeping = MediaKeeping(database, settings, store=Disk(folder), scanner=Scripted())
    has_begun = asyncio.Event()

    async def never_ending() -> AsyncIterator[bytes]:
        has_begun.set()
        yield b"x"
        await asyncio.Event().wait()

    async def code_of(pieces: AsyncIterator[bytes]) -> str:
        with pytest.raises(Problem) as refused:
            await keeping.take(Upload(plan_id, NURSE.key, "image/png", "0" * 64, pieces))
        return refused.value.code

    first = asyncio.create_task(code_of(never_ending()))
    await has_begun.wait()
    assert await code_of(pieces_of(b"x")) == "overloaded"
    assert await first == "bad-request"
    assert await code_of(pieces_of(bytes(1_001))) == "body-too-large"
