"""Loading a story: told once however often, and what fails is told by its name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.examples.load import Loaded, _Teller, load
from deploy.examples.story import stories
from deploy.examples.wire import depends_on_the_moment
from shared.testing.tokens import TestIssuer

EDITH = stories()[0]
SECTIONS = ("person", "care_team", "about_me", "needs", "goals", "contingency_plans",
            "support_plans", "stewardship")  # fmt: skip
URLS = {name: f"http://{name}" for name in (*SECTIONS, "plan", "audit")}


class Fake:
    """Sections, plan and audit in one: keeps receipts, and shows a newer version at every look."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.versions: dict[str, int] = {}
        self.looks = 0
        self.posted: list[str] = []
        self.refuses: Callable[[dict[str, Any]], httpx.Response | None] = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "plan":
            self.looks += 1
            return httpx.Response(200, headers={"Ledger-Version": str(self.looks)}, json={})
        if request.url.host == "audit":
            return httpx.Response(200, json={"items": [{}]})
        if request.method == "GET":
            kept = self.kept.get(request.url.path.rpartition("/")[2])
            unknown = httpx.Response(404, json={"code": "contribution-unknown"})
            return httpx.Response(200, json=kept[1]) if kept else unknown
        return self.take(request)

    def take(self, request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)
        id_, entry = given["contribution_id"], given["entry_id"]
        self.posted.append(id_)
        refused = self.refuses(given)
        if refused is not None:
            return refused
        if id_ in self.kept:
            before, receipt = self.kept[id_]
            if before != request.content:
                return httpx.Response(409, json={"code": "contribution-id-reused"})
            return httpx.Response(200, json=receipt)
        assert given.get("based_on") == self.versions.get(entry), given["command"]
        self.versions[entry] = self.versions.get(entry, 0) + 1
        receipt = {
            "outcome": "accepted",
            "entry_version": self.versions[entry],
            "ledger_position": f"{request.url.host}-{len(self.kept)}",
        }
        self.kept[id_] = (request.content, receipt)
        return httpx.Response(201, json=receipt)


async def told(fake: Fake, tmp_path: Path, urls: dict[str, str] | None = None) -> Loaded:
    client = httpx.AsyncClient(transport=httpx.MockTransport(fake))
    said: list[str] = []
    signer = TestIssuer(tmp_path).signer
    [loaded] = await load([EDITH], urls or URLS, signer, said.append, client)
    assert said == [str(loaded)]
    return loaded


@pytest.mark.asyncio
async def test_a_second_load_is_answered_with_the_first_receipts(tmp_path: Path) -> None:
    """What depends on the day stands as it was said first, and is not sent again."""
    fake = Fake()
    first = await told(fake, tmp_path)
    assert (first.failure, first.made, first.waits_for) == (None, len(EDITH.said), ())
    assert fake.posted == [said.id for said in EDITH.said]
    kept = dict(fake.kept)
    fake.posted.clear()

    second = await told(fake, tmp_path)

    assert str(second) == str(first) == f"Edith Marlow-Synth: {len(EDITH.said)} contributions"
    assert fake.kept == kept
    of_the_day = {said.id for said in EDITH.said if depends_on_the_moment(said)}
    assert of_the_day
    assert not of_the_day & set(fake.posted)


@pytest.mark.asyncio
async def test_what_no_section_here_takes_is_left_out_and_named(tmp_path: Path) -> None:
    fake = Fake()
    urls = {name: url for name, url in URLS.items() if name not in ("needs", "stewardship")}
    loaded = await told(fake, tmp_path, urls)
    assert loaded.waits_for == ("needs", "stewardship")
    assert loaded.made == len(fake.posted) < len(EDITH.said)
    assert str(loaded).endswith("more wait for needs, stewardship")
    # As soon as they are there, the rest is made.
    assert str(await told(fake, tmp_path)).endswith(f" {len(EDITH.said)} contributions")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (
            409,
            {"code": "goal-needs-a-need", "detail": "Name at least one need."},
            "409 goal-needs-a-need Name at least one need.",
        ),
        (
            422,
            {"code": "content-invalid", "errors": [{"pointer": "/content/aim", "message": "?"}]},
            "422 content-invalid /content/aim: ?",
        ),
        (
            409,
            {"code": "contribution-id-reused"},
            "the story has changed since it was loaded: `make reset` begins anew",
        ),
        (502, {}, "502"),
    ],
)
async def test_what_fails_is_told_by_person_step_command_and_reason(
    status: int, answer: dict[str, Any], words: str, tmp_path: Path
) -> None:
    fake = Fake()
    fake.refuses = lambda given: (
        httpx.Response(status, json=answer) if given["command"].endswith("goals.commands.agree.v1")
        else None
    )  # fmt: skip
    loaded = await told(fake, tmp_path)
    assert str(loaded) == (
        "Edith Marlow-Synth: not loaded. PCSP-EX-01 step 2, Tom Okafor-Synth, "
        f"careplan.goals.commands.agree.v1 of g1: {words}"
    )


@pytest.mark.asyncio
async def test_whoever_is_behind_is_asked_again(tmp_path: Path) -> None:
    """A section that has not heard of the plan yet says so; its answer allows another try."""
    fake = Fake()
    behind = iter([True, True])
    unknown = {"code": "plan-unknown", "retryable": True}
    fake.refuses = lambda given: (
        httpx.Response(404, json=unknown)
        if ".goals." in given["command"] and next(behind, False)
        else None
    )
    assert (await told(fake, tmp_path)).failure is None
    assert len(fake.posted) == len(EDITH.said) + 2


@pytest.mark.asyncio
async def test_its_last_contribution_is_found_behind_any_number_of_newer_records(
    tmp_path: Path,
) -> None:
    """On a stack that has been used for long, a second `make seed` ends as the first one did."""
    last = str(uuid4())

    def audit(request: httpx.Request) -> httpx.Response:
        records = [{"contribution_id": str(uuid4())} for _ in range(500)]
        records.append({"contribution_id": last})
        asked = request.url.params
        named = asked.get("contribution_id")
        found = [one for one in records if named in (None, one["contribution_id"])]
        return httpx.Response(200, json={"items": found[: int(asked["limit"])], "next": "more"})

    signer = TestIssuer(tmp_path).signer
    async with httpx.AsyncClient(transport=httpx.MockTransport(audit)) as client:
        teller = _Teller(EDITH, client, {"audit": "http://audit"}, signer, last_contribution=last)
        await teller.until_shown()
