"""Loads the stories through the front door, each contribution by the token of who makes it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import httpx

from deploy.examples.story import Said, Somebody, Story, what_is_there
from deploy.examples.wire import Moment, contribution, depends_on_the_moment, files_of
from shared.cli.token import Signer, professional

_OFFICER: Final = "Nell Ward-Synth"
_NOT_ALLOWED: Final = (401, 403)
_PATIENCE: Final = 60.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


class NotLoaded(Exception):
    """A story was not loaded whole; the text says which contribution failed, and why."""


@dataclass(frozen=True)
class Loaded:
    """What came of a story: how much of it is in the plan, what it still waits for, what failed."""

    story: Story
    made: int
    waits_for: tuple[str, ...]
    failure: str | None = None

    def __str__(self) -> str:
        person = self.story.people[self.story.person].name
        if self.failure:
            return f"{person}: not loaded. {self.failure}"
        told = f"{person}: {self.made} contributions"
        if not self.waits_for:
            return told
        left = len(self.story.said) - self.made
        return f"{told}; {left} more wait for {', '.join(self.waits_for)}"


async def load(
    stories: Sequence[Story],
    urls: Mapping[str, str],
    signer: Signer,
    say: Callable[[str], None],
    client: httpx.AsyncClient | None = None,
) -> list[Loaded]:
    """Makes every contribution whose section runs here, and waits until the readers show it.

    A second run makes the same contributions, and is answered with the first receipts.
    """

    async def one(story: Story, client: httpx.AsyncClient) -> Loaded:
        teller = _Teller(story, client, urls, signer)
        try:
            loaded = await teller.tell()
        except NotLoaded as failure:
            loaded = Loaded(story, 0, (), str(failure))
        say(str(loaded))
        return loaded

    async with client or httpx.AsyncClient(timeout=10, trust_env=False) as asking:
        return list(await asyncio.gather(*(one(story, asking) for story in stories)))


@dataclass
class _Teller:
    """Tells one story: what each entry's version is by now, and up to where readers must be."""

    story: Story
    client: httpx.AsyncClient
    urls: Mapping[str, str]
    signer: Signer
    versions: dict[str, int] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    last_contribution: str = ""

    async def tell(self) -> Loaded:
        here = what_is_there(self.urls)
        lit = self.story.lit(here)
        for said in lit:
            await self._make(said)
        await self.until_shown()
        missing: set[str] = set()
        for said in self.story.dark(here):
            missing |= self.story.asks(said) - here
        return Loaded(self.story, len(lit), tuple(sorted(missing)))

    async def until_shown(self) -> None:
        """Waits until the plan and the audit have everything that was contributed."""
        if "plan" in self.urls:
            await self._shown_version()
        if "audit" in self.urls and self.last_contribution:
            officer = professional(self.story.reader.code, "privacy-officer", _OFFICER)
            # By its id: on a stack that has been used it is not among the newest.
            asked = f"contribution_id={self.last_contribution}&limit=1"
            url = f"{self.urls['audit']}/v1/audit/records?plan_id={self.story.plan_id}&{asked}"
            token = self.signer.sign(officer)
            await self._ask("its audit record", url, token, {}, lambda found: bool(found["items"]))

    async def _shown_version(self) -> int:
        """The version of the plan that shows everything so far, as its reader sees it."""
        url, token = (
            f"{self.urls['plan']}/v1/plans/{self.story.plan_id}",
            self._token(self.story.reader),
        )
        version = 0
        for position in tuple(self.positions.values()):
            headers = {"Ledger-Min-Position": position, "Prefer": "wait=5"}
            answer = await self._ask("the plan", url, token, headers, lambda _: True)
            version = max(version, int(answer.headers["Ledger-Version"]))
        return version

    async def _make(self, said: Said) -> None:
        token = self._token(said.by)
        door = f"{self.urls[said.section.replace('-', '_')]}/v1/contributions"
        headers = {"Authorization": f"Bearer {token}"}
        answer: httpx.Response | None = None
        moment = Moment(datetime.now(UTC).date(), 0)
        if depends_on_the_moment(said):
            # It was made on another day, perhaps: then what it said that day stands.
            answer = await self._until_answered(
                lambda: self.client.get(f"{door}/{said.id}", headers=headers)
            )
            if not answer.is_success:
                answer, moment = None, Moment(moment.today, await self._shown_version())
        if answer is None:
            await self._store_files(said, token)
            based_on = None if said.creates else self.versions[said.entry]
            sent = contribution(self.story, said, moment, based_on)
            answer = await self._until_answered(
                lambda: self.client.post(door, json=sent, headers=headers)
            )
        receipt = _json(answer)
        if not answer.is_success or receipt.get("outcome") != "accepted":
            raise NotLoaded(f"{self._named(said)}: {_why(answer)}")
        self.versions[said.entry] = receipt["entry_version"]
        self.positions[said.section] = receipt["ledger_position"]
        self.last_contribution = said.id

    async def _store_files(self, said: Said, token: str) -> None:
        """Stores the files that a contribution is going to name."""
        door = f"{self.urls[said.section.replace('-', '_')]}/v1/media?plan_id={self.story.plan_id}"
        for file in files_of(said.content):
            headers = {"Authorization": f"Bearer {token}", **file.headers}
            send = partial(self.client.post, door, content=file.content, headers=headers)
            answer = await self._until_answered(send)
            if not answer.is_success:
                raise NotLoaded(f"{self._named(said)}, its {file.mime}: {_why(answer)}")

    def _named(self, said: Said) -> str:
        return f"{self.story.id} step {said.step}, {said.by.name}, {said.command} of {said.entry}"

    def _token(self, who: Somebody) -> str:
        if who.label not in self.tokens:
            self.tokens[who.label] = self.signer.sign(who.claims(self.story.plan_id))
        return self.tokens[who.label]

    async def _ask(
        self,
        what: str,
        url: str,
        token: str,
        headers: Mapping[str, str],
        complete: Callable[[dict[str, Any]], bool],
    ) -> httpx.Response:
        deadline = time.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while True:
            answer = await self._until_answered(
                lambda: self.client.get(
                    url, headers={"Authorization": f"Bearer {token}", **headers}
                )
            )
            if answer.is_success and complete(_json(answer)):
                return answer
            if time.monotonic() > deadline or answer.status_code in _NOT_ALLOWED:
                raise NotLoaded(f"{self.story.id}: {what} does not show it: {_why(answer)}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _until_answered(
        self, request: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        """Sends a request again if there was no connection, or if the answer allows it."""
        deadline = time.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while True:
            trouble = "no connection"
            try:
                answer = await request()
                if not _json(answer).get("retryable"):
                    return answer
                trouble = _why(answer)
            except httpx.TransportError as error:
                trouble = type(error).__name__
            if time.monotonic() > deadline:
                raise NotLoaded(
                    f"{self.story.id}: no final answer within {_PATIENCE:.0f} s: {trouble}"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _why(answer: httpx.Response) -> str:
    """The status, the code, and what would be right."""
    told = _json(answer)
    if told.get("code") == "contribution-id-reused":
        return "the story has changed since it was loaded: `make reset` begins anew"
    places = "; ".join(f"{one['pointer']}: {one['message']}" for one in told.get("errors", ()))
    said = (str(answer.status_code), told.get("code"), places or told.get("detail"))
    return " ".join(word for word in said if word)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
