"""Files go out to whoever may see what names them, and never a wrong byte."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.chassis.media.spool import BLOCK
from shared.ledger import Contributor
from shared.ledger.topics import AUDIT_RECORDS
from shared.testing import files
from shared.testing.topic_reader import value_of
from tests.component.media.running import (
    ADD,
    BIG,
    COMMANDS,
    COUNCIL,
    IN_ERROR,
    NURSE,
    REMOVE,
    RESTRICT,
    AboutMe,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_file_is_given_whole_with_its_headers_and_recorded(about_me: AboutMe) -> None:
    plan_id = await about_me.with_file(BIG)
    async with about_me.bench.reader(AUDIT_RECORDS) as audit:
        answer = await about_me.door.fetch(BIG.sha256, plan_id, COUNCIL)
        access_id = answer.headers["ledger-access-id"]

        records = await audit.until(
            lambda told: access_id in {value_of(one)["record_id"] for one in told},
            "the access is recorded",
        )
    record = next(told for told in map(value_of, records) if told["record_id"] == access_id)
    assert (answer.status_code, answer.content) == (200, BIG.content)
    told = {name: answer.headers.get(name) for name in (
        "content-type", "content-length", "etag", "accept-ranges", "x-content-type-options",
        "cache-control", "content-disposition", "content-security-policy",
    )}  # fmt: skip
    assert told == {
        "content-type": "video/mp4",
        "content-length": str(len(BIG.content)),
        "etag": f'"{BIG.sha256}"',
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "content-disposition": f'inline; filename="{BIG.named["media_id"]}.mp4"',
        "content-security-policy": "default-src 'none'; sandbox",
    }
    wanted = {
        "operation": "read", "what": "media", "status": 200, "plan_id": str(plan_id),
        "section": "about-me", "body_sha256": BIG.sha256, "body_length": len(BIG.content),
        "media_type": "video/mp4",
    }  # fmt: skip
    assert {name: record[name] for name in wanted} == wanted
    assert record["actor"]["organisation"]["ods"] == "ZZL01"


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, None),
        (f"bytes={BLOCK - 1}-{BLOCK}", BLOCK - 1, BLOCK + 1),
        (f"bytes={3 * BLOCK}-{5 * BLOCK - 1}", 3 * BLOCK, 5 * BLOCK),
        ("bytes=-100", -100, None),
        ("bytes=100-99999999999", 100, None),
    ],
)
async def test_a_part_of_a_file_is_given_to_who_plays_it(
    about_me: AboutMe, asked: str, begin: int, end: int | None
) -> None:
    plan_id = await about_me.with_file(BIG)
    answer = await about_me.door.fetch(BIG.sha256, plan_id, NURSE, Range=asked)
    size = len(BIG.content)
    first, last = slice(begin, end).indices(size)[:2]
    assert answer.status_code == 206
    assert answer.content == BIG.content[begin:end]
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{size}"


async def test_ranges_that_make_no_sense_and_a_copy_that_the_caller_has(about_me: AboutMe) -> None:
    plan_id = await about_me.with_file(BIG)

    async def asked(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await about_me.door.fetch(BIG.sha256, plan_id, NURSE, **named)

    beyond = await asked(Range=f"bytes={len(BIG.content)}-")
    problem(beyond, 416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{len(BIG.content)}"
    for whole in ("lines=1-2", "bytes=5-3", "bytes=0-1,5-6", "bytes=x"):
        assert (await asked(Range=whole)).status_code == 200
    assert (await asked(Range="bytes=0-1", If_Range='"other"')).status_code == 200
    assert (await asked(Range="bytes=0-1", If_Range=f'"{BIG.sha256}"')).status_code == 206
    same = await asked(If_None_Match=f'W/"x", "{BIG.sha256}"')
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == f'"{BIG.sha256}"'
    head = await about_me.door.client.head(
        f"/v1/media/{BIG.sha256}",
        params={"plan_id": str(plan_id)},
        headers=about_me.door.issuer.bearer(NURSE),
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(BIG.content))


async def test_a_file_is_given_to_who_may_see_what_names_it(about_me: AboutMe) -> None:
    plan_id = await about_me.with_file(files.PICTURE)
    door, picture = about_me.door, files.PICTURE
    person = Contributor(kind="person", sub="the-person", name="Edith", plan_id=plan_id)
    close = Contributor(kind="related-person", sub="close", name="Ruth", plan_id=plan_id)
    other = Contributor(kind="person", sub="somebody", name="B", plan_id=uuid4())

    async def seen_by(*readers: Contributor) -> list[int]:
        return [(await door.fetch(picture.sha256, plan_id, by)).status_code for by in readers]

    assert await seen_by(NURSE, COUNCIL, person, other, COMMANDS) == [200, 200, 200, 403, 403]
    # The restriction of another leaf leaves this one as it is.
    restrictions: tuple[tuple[dict[str, Any], list[int]], ...] = (
            ({"labels": ["address"], "fields": ["responses.my_wellness"]}, [200, 200, 200]),
            ({"labels": ["address"], "fields": ["responses.how_i_communicate"]}, [200, 404, 200]),
            ({"labels": ["address"], "withheld_from_person": True, "approved_by": "Dr A"},
             [200, 404, 404]),
    )  # fmt: skip
    for number, (restriction, wanted) in enumerate(restrictions, 1):
        answer = await about_me.contribute(
            RESTRICT, {**restriction, "reason": "Safety"}, plan_id, based_on=number, provenance={}
        )
        assert answer.status_code == 201, answer.text
        assert await seen_by(NURSE, COUNCIL, person) == wanted, restriction
    # Who acts for the person sees what the person sees, and only by a Proxy.
    assert await seen_by(close) == [403]
    await about_me.bench.appoint(plan_id, "close")
    assert await seen_by(close) == [404]


async def test_a_file_whose_entry_was_marked_in_error_is_given_to_nobody(
    about_me: AboutMe,
) -> None:
    plan_id = await about_me.with_file(files.PICTURE)
    answer = await about_me.contribute(IN_ERROR, {"reason": "Wrong plan"}, plan_id, based_on=1)
    assert answer.status_code == 201, answer.text
    problem(await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE), 404, "media-unknown")


async def test_what_was_taken_away_again_is_still_there_for_the_past(about_me: AboutMe) -> None:
    plan_id = await about_me.with_file(files.PICTURE)
    media_id = files.PICTURE.named["media_id"]
    added = await about_me.contribute(
        ADD, {"heading": "my_wellness", "media": files.PICTURE.named}, plan_id, based_on=1
    )
    assert added.status_code == 201, added.text
    content = {"media_id": media_id, "reason": "No longer"}
    answer = await about_me.contribute(REMOVE, content, plan_id, based_on=2)
    assert answer.status_code == 201, answer.text
    assert (await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE)).status_code == 200


async def test_before_an_entry_names_it_only_who_stored_it_sees_it(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    await about_me.door.store(files.PICTURE, plan_id, NURSE)
    assert (await about_me.door.fetch(files.PICTURE.sha256, plan_id, NURSE)).status_code == 200
    problem(await about_me.door.fetch(files.PICTURE.sha256, plan_id, COUNCIL), 404, "media-unknown")


async def test_a_flipped_byte_leaves_not_and_neither_does_a_lost_file(about_me: AboutMe) -> None:
    plan_id = await about_me.with_file(BIG)
    path = await about_me.blob(plan_id)
    spoilt = bytearray(BIG.content)
    spoilt[7 * BLOCK + 5] ^= 1
    path.write_bytes(spoilt)
    received = bytearray()
    # As it is deployed: the connection is cut off, which nobody takes for the end of a file.
    async with about_me.bench.in_a_process("other") as process:
        streaming = process.door.client.stream(
            "GET",
            f"/v1/media/{BIG.sha256}",
            params={"plan_id": str(plan_id)},
            headers=process.door.issuer.bearer(NURSE),
        )
        async with streaming as answer:
            assert answer.headers["content-length"] == str(len(BIG.content))
            with pytest.raises(httpx.RemoteProtocolError):
                await _receive(answer, received)
        told = [line for line in process.lines if '"media.damaged"' in line]
        metrics = (await process.door.client.get("/metrics")).text
    assert bytes(received) == BIG.content[: len(received)]
    assert len(received) <= 7 * BLOCK
    assert len(told) == 1
    assert re.search(r"^careplan_media_damaged_total\{[^}]*\} 1\.0$", metrics, re.MULTILINE)
    part = await about_me.door.fetch(BIG.sha256, plan_id, NURSE, Range=f"bytes={7 * BLOCK}-")
    problem(part, 500, "internal-error")
    sound = await about_me.door.fetch(BIG.sha256, plan_id, NURSE, Range=f"bytes={8 * BLOCK}-")
    assert sound.content == BIG.content[8 * BLOCK :]
    path.unlink()
    problem(await about_me.door.fetch(BIG.sha256, plan_id, NURSE), 500, "internal-error")


async def _receive(answer: httpx.Response, received: bytearray) -> None:
    async for some in answer.aiter_bytes():
        received += some
