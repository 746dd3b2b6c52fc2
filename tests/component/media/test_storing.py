"""Files come in: what they are said to be, from who may contribute, or not at all."""

import asyncio
from uuid import uuid4

import pytest

from services.about_me.section import SECTION
from shared.ledger import Contributor
from shared.testing import files
from shared.testing.files import File
from tests.component.media.running import (
    BIG,
    COMMANDS,
    NURSE,
    AboutMe,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_file_is_stored_once_and_answered_alike_again(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    first = await about_me.door.store(BIG, plan_id, NURSE)
    again = await about_me.door.store(BIG, plan_id, NURSE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == {**BIG.named, "state": "available"}
    assert first.headers["location"] == f"/v1/media/{BIG.sha256}?plan_id={plan_id}"
    assert (await about_me.blob(plan_id)).read_bytes() == BIG.content


async def test_the_same_file_at_once_is_stored_once(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    answers = await asyncio.gather(
        *(about_me.door.store(files.PICTURE, plan_id, NURSE) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    ("file", "headers", "status", "code"),
    [
        (files.PICTURE, {"Content-Type": "image/jpeg"}, 415, "unsupported-media-type"),
        (files.PICTURE, {"Content-Type": "image/svg+xml"}, 415, "unsupported-media-type"),
        (files.PICTURE, {"Content-Encoding": "gzip"}, 415, "unsupported-media-type"),
        (File("image/png", b"<svg onload='x'/>"), {}, 415, "unsupported-media-type"),
        (File("image/png", b""), {}, 415, "unsupported-media-type"),
        (files.PICTURE, files.FILM.headers | {"Content-Type": "image/png"}, 400, "digest-mismatch"),
        (files.PICTURE, {"Content-Digest": "sha-512=:x:"}, 400, "parameter-invalid"),
        (files.PICTURE, {"Content-Digest": ""}, 400, "parameter-invalid"),
    ],
)
async def test_what_is_not_what_it_is_said_to_be_is_refused_and_leaves_nothing(
    about_me: AboutMe, file: File, headers: dict[str, str], status: int, code: str
) -> None:
    plan_id = await about_me.plan()
    door = about_me.door
    answer = await door.client.post(
        "/v1/media",
        params={"plan_id": str(plan_id)},
        content=file.content,
        headers={**door.issuer.bearer(NURSE), **file.headers, **headers},
    )
    problem(answer, status, code)
    assert not list((about_me.bench.folder / "media" / SECTION.name / "incoming").iterdir())
    assert not (about_me.bench.folder / "media" / SECTION.name / str(plan_id)).exists()
    problem(await door.fetch(file.sha256, plan_id, NURSE), 404, "media-unknown")


async def test_who_may_not_contribute_may_not_store(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    file, door = files.PICTURE, about_me.door
    somebody_else = Contributor(kind="person", sub="somebody", name="B", plan_id=uuid4())
    close = Contributor(kind="related-person", sub="close", name="C", plan_id=plan_id)
    problem(await door.store(file, plan_id, COMMANDS), 403, "role-may-not-contribute")
    problem(await door.store(file, plan_id, somebody_else), 403, "not-permitted")
    problem(await door.store(file, plan_id, close), 403, "proxy-not-live")
    told = problem(await door.store(file, uuid4(), NURSE), 404, "plan-unknown")
    assert told["retryable"]
    for query in ({}, {"plan_id": "P"}, {"plan_id": str(plan_id), "name": "x"}):
        answer = await door.client.post(
            "/v1/media", params=query, headers={**door.issuer.bearer(NURSE), **file.headers}
        )
        problem(answer, 400, "parameter-invalid")
    assert (await door.client.post("/v1/media")).status_code == 401


async def test_a_person_and_a_system_store_files_too(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    person = Contributor(kind="person", sub="the-person", name="Edith", plan_id=plan_id)
    system = Contributor(kind="system", sub="epr", name="EPR", organisation=NURSE.organisation)
    assert (await about_me.door.store(files.PICTURE, plan_id, person)).status_code == 201
    assert (await about_me.door.store(files.DOCUMENT, plan_id, system)).status_code == 201
