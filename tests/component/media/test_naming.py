"""Contributions name files that are stored, and no others."""

from uuid import uuid4

import pytest

from shared.testing import files
from shared.testing.service import contribution
from tests.component.media.running import BEGIN, NURSE, ON_THEIR_WORD, AboutMe, problem

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_contribution_names_what_is_stored_and_nothing_else(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    file = files.PICTURE
    unknown = await about_me.shown(file, plan_id)
    told = problem(unknown, 404, "media-unknown")
    assert told["retryable"]
    assert "receipt" not in told
    assert [error["pointer"] for error in told["errors"]] == [
        "/content/responses/how_i_communicate/media/0"
    ]
    assert (await about_me.door.store(file, plan_id, NURSE)).status_code == 201
    for wrong, code, member in (
        ({"media_id": str(uuid4())}, "media-unknown", ""),
        ({"size": 1}, "media-differ", "/size"),
        ({"mime": "image/jpeg"}, "media-differ", "/mime"),
    ):
        told = (await about_me.shown(file, plan_id, **wrong)).json()
        assert (told["code"], told["errors"][0]["pointer"]) == (
            code, f"/content/responses/how_i_communicate/media/0{member}",
        )  # fmt: skip
    other = await about_me.plan()
    problem(await about_me.shown(file, other), 404, "media-unknown")
    assert (await about_me.shown(file, plan_id)).status_code == 201


async def test_the_very_contribution_that_came_too_early_is_taken_later(about_me: AboutMe) -> None:
    plan_id = await about_me.plan()
    content = {"responses": {"my_wellness": {"media": [files.PICTURE.named]}}}
    given = contribution(BEGIN, content, plan_id, provenance=ON_THEIR_WORD)
    problem(await about_me.door.contribute(given, NURSE), 404, "media-unknown")
    foreseen = await about_me.door.validate(given, NURSE)
    assert (foreseen.status_code, foreseen.json()["code"]) == (200, "media-unknown")
    assert (await about_me.door.store(files.PICTURE, plan_id, NURSE)).status_code == 201
    assert (await about_me.door.contribute(given, NURSE)).status_code == 201
    assert (await about_me.door.contribute(given, NURSE)).status_code == 200
