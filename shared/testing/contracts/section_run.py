"""A bounded run of generated requests at a running section, by every kind of caller.

The run is stateful: it plays the section's own history, and each change is about an entry that an
earlier receipt told of, at the version that the receipt told. Between the examples come others that
are wrong in one place, at that version, at a stale one or at none, and whatever was sent comes
again. Each answer is held against the contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Final
from uuid import UUID, uuid4

import httpx
import orjson

from shared.contracts.examples.playing import contribution_of, contributor_of, entry_of, plan_of
from shared.ledger import Section
from shared.ledger.example import Example
from shared.testing.contracts.asking import Asking
from shared.testing.contracts.callers import callers, the_person
from shared.testing.contracts.holding import contract_of
from shared.testing.contracts.requests import Json, Made, Requests
from shared.testing.files import files_named_in
from shared.testing.service import Door

_ODD_IDS: Final = ("x", "0", "%00", "a" * 2_000, "..", "0199C0DE-0000-7000-8000-0000000000A1", "é")


@dataclass(frozen=True)
class Extent:
    """How much is sent: changes of each example, and what Schemathesis makes of the schemas."""

    nearly: int
    commands: int
    examples: int


SHORT: Final = Extent(nearly=1, commands=1, examples=2)
LONG: Final = Extent(nearly=40, commands=8, examples=10)


@dataclass
class SectionRun:
    """One section, the history to play, and what is known of its entries by its own receipts."""

    section: Section
    door: Door
    history: tuple[Example, ...]
    random: Random
    changed: int = 0
    """Accepted changes of an entry that an earlier receipt told of."""
    _versions: dict[str, int] = field(default_factory=dict)
    _entries: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """By entry type: its plan and its id."""
    _sent: list[tuple[Json, Mapping[str, str]]] = field(default_factory=list)
    """What was accepted, and by whose headers."""

    def __post_init__(self) -> None:
        self.asking = Asking(self.section.name, self.door.client)
        self.requests = Requests(contract_of(self.section.name), self.random)
        self.plan_id = plan_of(self.history[0])
        self._callers = cycle(callers(self.door.issuer, self.plan_id))

    async def whole(self, extent: Extent) -> None:
        """Everything once."""
        for example in self.history:
            await self._play(example, extent.nearly)
        for made in self.requests.refused_examples():
            await self._contribute(made, next(self._callers))
        for made in self.requests.generated(extent.commands, extent.examples):
            await self._contribute(made, next(self._callers))
        await self._send_again()
        await self._send_what_is_hostile()
        await self._read()
        await self._send_batches()

    async def _play(self, example: Example, nearly: int) -> None:
        plan_id, entry_id = plan_of(example), entry_of(self.section, example)
        creates = self.section.commands[example.command].creates
        based_on = None if creates else self._versions.get(str(entry_id), 1)
        new_id = UUID(self.requests.new_id())
        body = contribution_of(example, new_id, plan_id, entry_id, based_on)
        contributor = contributor_of(example, plan_id)
        for file in files_named_in(example.content):
            await self.door.store(file, plan_id, contributor)
        by = self.door.issuer.bearer(contributor)
        answer = await self._keep(self.requests.made(body, example.command, "example"), by)
        if answer is not None and answer.status_code == httpx.codes.CREATED:
            await self._follow(answer, by)
        for _ in range(nearly):
            made = self.requests.nearly(body)
            mutant_by = self.random.choice((by, next(self._callers)))
            await self._contribute(made, mutant_by)

    async def _follow(self, answer: httpx.Response, by: Mapping[str, str]) -> None:
        """Where a receipt says that it is found again, there is the same."""
        again = await self.asking.ask("GET", answer.headers["location"], "link", headers=by)
        if again is not None and again.json() != answer.json():
            self.asking.faults.append(f"link: {again.status_code}, and another receipt")

    async def _contribute(self, made: Made, by: Mapping[str, str]) -> None:
        """About an entry that is there, mostly; validated only, now and then."""
        made = self._about_something(made)
        if self._one_in(5):
            path = "/v1/contributions:validate"
            await self.asking.post(made.body, by, made.how, path)
            return
        await self._keep(made, by)

    async def _keep(self, made: Made, by: Mapping[str, str]) -> httpx.Response | None:
        """Send it, and keep what its receipt tells."""
        answer = await self.asking.post(made.body, by, made.how)
        if answer is None or answer.status_code != httpx.codes.CREATED:
            return answer
        told = answer.json()
        self._sent.append((made.body, by))
        self.changed += told["entry_id"] in self._versions
        self._versions[told["entry_id"]] = told["entry_version"]
        known = self._entries.setdefault(made.entry_type, set())
        known.add((told["plan_id"], told["entry_id"]))
        return answer

    def _about_something(self, made: Made) -> Made:
        body = made.body
        if not isinstance(body, dict) or self._one_in(10):
            return made
        body = {"plan_id": str(self.plan_id), **body}
        if made.creates:
            return Made(made.entry_type, True, body, made.how)
        known = sorted(self._entries.get(made.entry_type, ()))
        if known and str(body.get("entry_id")) not in self._versions:
            body["plan_id"], body["entry_id"] = self.random.choice(known)
        version = self._versions.get(str(body.get("entry_id")), 1)
        body["based_on"] = self.random.choice((*5 * [version], 1, version + 1, None))
        return Made(made.entry_type, False, body, made.how)

    async def _send_again(self) -> None:
        """What was accepted: as it was, on a version long past, and about what is not there."""
        for body, by in self.random.sample(self._sent, min(10, len(self._sent))):
            await self.asking.post(body, by, "again")
            await self.asking.post(body, next(self._callers), "again")
            if "based_on" in body:
                stale = {**body, "contribution_id": self.requests.new_id(), "based_on": 1}
                await self.asking.post(stale, by, "stale")
                elsewhere = {key: self.requests.new_id() for key in ("contribution_id", "entry_id")}
                await self.asking.post({**body, **elsewhere}, by, "unknown")

    async def _send_what_is_hostile(self) -> None:
        (first, _), *_ = self._sent
        for body in self.requests.hostile(orjson.dumps(first)):
            await self.asking.post(body, next(self._callers), "hostile")
        for headers in self.requests.headers():
            await self.asking.post(first, {**self._own(), **headers}, "headers")

    async def _read(self) -> None:
        """Receipts and files, those that are there and whatever else an address may say."""
        known = [body["contribution_id"] for body, _ in self._sent[:5]]
        ask = self.asking.ask
        for one in (*known, str(uuid4()), *_ODD_IDS):
            path = f"/v1/contributions/{one}"
            await ask("GET", path, "read", headers=next(self._callers))
            await ask("GET", f"{path}?colour=red", "read", headers=self._own())
            media = f"/v1/media/{one}?plan_id={self.plan_id}"
            await ask("GET", media, "read", headers=next(self._callers))
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            await ask(method, "/v1/contributions", "method", headers=self._own())
        media = f"/v1/media?plan_id={self.plan_id}"
        for content_type in ("image/png", "text/html", ""):
            headers = {**self._own(), "Content-Type": content_type}
            await ask("POST", media, "media", content=b"\x89PNG\r\n", headers=headers)

    async def _send_batches(self) -> None:
        accepted = [body for body, _ in self._sent]
        some = self.random.sample(accepted, min(20, len(accepted)))
        items = [*some, *(self._about_something(self.requests.nearly(one)).body for one in some)]
        for by in (self._own(), next(self._callers), next(self._callers)):
            await self.asking.post({"contributions": items}, by, "batch")

    def _own(self) -> dict[str, str]:
        return self.door.issuer.bearer(the_person(self.plan_id))

    def _one_in(self, number: int) -> bool:
        """True now and then."""
        return self.random.randrange(number) == 0
