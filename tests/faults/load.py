"""Contributions from several organisations by both doors, the same for the same seed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

from shared.testing.people import somebody
from tests.faults.doors import PATIENCE, HttpDoor, KafkaDoor
from tests.faults.sent import SECTIONS, Party, Sent

ORGANISATIONS = ("ZZG01", "ZZC01", "ZZL01", "ZZH01")


@dataclass
class Entry:
    """An entry as its contributors last heard of it."""

    section: str
    kind: str
    id: str
    version: int = 0
    is_registered: bool = False


@dataclass
class Plan:
    """A plan, and what its contributors know of it."""

    id: str
    about_me: Entry
    person: dict[str, Any] = field(default_factory=dict)
    goals: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Contributors:
    """How many there are at each door, of how many plans, and how they behave.

    ``pace`` is the longest pause between two contributions of one of them, ``abandoned`` the share
    of which they do not wait for the answer.
    """

    http: int = 6
    kafka: int = 3
    plans: int = 3
    pace: float = 0.08
    abandoned: float = 0.08


A_FEW: Final = Contributors()


class Load:
    """Several contributors at once, until they are told to stop."""

    def __init__(
        self,
        seed: str,
        serials: Callable[[], int],
        http: HttpDoor,
        kafka: KafkaDoor,
        *,
        how: Contributors = A_FEW,
    ) -> None:
        self._seed = seed
        self._serials = serials
        self._http = http
        self._kafka = kafka
        self._how = how
        self._enough = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self.plans: list[Plan] = []
        self.takes_up_new_plans = True
        self.sent: list[Sent] = []
        self.reused: list[Sent] = []
        self._used: dict[str, list[Sent]] = {"http": [], "kafka": []}

    async def open_plans(self) -> None:
        """A few plans that are there before the others begin."""
        rng = Random(f"{self._seed}/plans")  # noqa: S311 - the same for the same seed
        for _ in range(self._how.plans):
            await self._open_plan(rng, "http")

    def begin(self) -> None:
        """All contributors at once."""
        self._http.patience = self._kafka.patience = PATIENCE
        for number in range(self._how.http + self._how.kafka):
            door = "http" if number < self._how.http else "kafka"
            rng = Random(f"{self._seed}/{number}")  # noqa: S311
            self._workers.append(asyncio.create_task(self._contribute(rng, door)))

    async def end(self) -> list[BaseException]:
        """Nobody begins anything new; answers why some gave up, if any has."""
        self._enough.set()
        ended = await asyncio.gather(*self._workers, return_exceptions=True)
        self._kafka.take_late_answers(self.sent)
        return [error for error in ended if error is not None]

    def hurry(self) -> None:
        """Whatever is not answered soon is given up."""
        self._http.patience = self._kafka.patience = 20.0

    @property
    def answered(self) -> int:
        """How many have their answer."""
        return sum(1 for sent in self.sent if sent.receipt is not None)

    def failed(self) -> BaseException | None:
        """Why a contributor gave up altogether, if one has."""
        for worker in self._workers:
            if worker.done() and not worker.cancelled() and worker.exception() is not None:
                return worker.exception()
        return None

    async def send_abandoned_again(self) -> None:
        """Whoever got no answer sends the same again."""
        rng = Random(f"{self._seed}/again")  # noqa: S311
        abandoned = [sent for sent in self.sent if sent.is_abandoned and sent.receipt is None]
        for sent in abandoned:
            await self._http.send(sent, rng)

    async def probe(self, number: int) -> list[Sent]:
        """One contribution by each door that begins now; answers when they are answered."""
        rng = Random(f"{self._seed}/probe/{number}")  # noqa: S311
        before = len(self.sent)
        plan = self.plans[0]
        await asyncio.gather(
            self._goal(rng, plan, "http"),
            self._goal(rng, plan, "kafka"),
            self._practice(rng, plan, "http"),
            self._about_me(rng, plan, "http"),
        )
        return self.sent[before:]

    async def _contribute(self, rng: Random, door: str) -> None:
        kinds: list[tuple[Callable[[Random, Plan, str], Awaitable[None]], int]] = [
            (self._goal, 30),
            (self._reword, 25),
            (self._status, 15),
            (self._about_me, 15),
            (self._practice, 10),
            (self._stale, 5),
            (self._twice, 5),
            (self._reuse, 2),
            (self._new_plan, 1),
            (self._two_openings, 2),
        ]
        while not self._enough.is_set():
            say = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
            await say(rng, rng.choice(self.plans), door)
            await asyncio.sleep(rng.uniform(0, self._how.pace))

    async def _new_plan(self, rng: Random, _: Plan, door: str) -> None:
        await self._open_plan(rng, door)

    async def _two_openings(self, rng: Random, _: Plan, door: str) -> None:
        """Two plans for one person at once: one of them is refused."""
        whose = self._serials()
        await asyncio.gather(*(self._open_plan(rng, door, whose) for _ in range(2)))

    async def _open_plan(self, rng: Random, door: str, whose: int | None = None) -> None:
        plan_id = _id(rng)
        nonce = _nonce(rng)
        content = somebody(self._serials() if whose is None else whose).opening()
        content["addresses"][0]["line2"] = nonce
        sent = self._new(rng, door, "person", "open-plan", content, nonce, plan_id, plan_id)
        await self._send(sent, rng)
        if sent.is_accepted and self.takes_up_new_plans:
            about_me = Entry("about_me", "about-me", str(uuid5(UUID(plan_id), "about-me")))
            plan = Plan(plan_id, about_me)
            plan.person = {"version": 1, "at": {"ZZG01"}}
            self.plans.append(plan)

    async def _goal(self, rng: Random, plan: Plan, door: str) -> None:
        nonce = _nonce(rng)
        entry = Entry("goals", "goal", _id(rng))
        content = {
            "aim": {"text": f"Walk as far as {nonce}"},
            "why": "So that I can choose " + "my own things " * rng.randrange(1, 12),
            "need_ids": [{"section": "needs", "entry_id": _id(rng)}],
        }
        sent = self._new(rng, door, "goals", "agree", content, nonce, plan.id, entry.id)
        await self._send(sent, rng)
        if sent.is_accepted:
            entry.version = 1
            plan.goals.append(entry)

    async def _reword(self, rng: Random, plan: Plan, door: str) -> None:
        if not plan.goals:
            return await self._goal(rng, plan, door)
        entry = rng.choice(plan.goals)
        nonce = _nonce(rng)
        content = {"aim": {"text": f"Better: {nonce}"}}
        sent = self._new(
            rng, door, "goals", "reword", content, nonce, plan.id, entry.id, entry.version
        )
        await self._send(sent, rng)
        _learn(entry, sent)
        return None

    async def _status(self, rng: Random, plan: Plan, door: str) -> None:
        if not plan.goals:
            return await self._goal(rng, plan, door)
        entry = rng.choice(plan.goals)
        nonce = _nonce(rng)
        content = {"status": {"value": "on-going", "reason": f"It goes on: {nonce}"}}
        sent = self._new(
            rng, door, "goals", "record-status", content, nonce, plan.id, entry.id, entry.version
        )
        await self._send(sent, rng)
        _learn(entry, sent)
        return None

    async def _about_me(self, rng: Random, plan: Plan, door: str) -> None:
        entry = plan.about_me
        nonce = _nonce(rng)
        heading = rng.choice(["what_is_most_important", "my_wellness", "how_i_communicate"])
        content: dict[str, Any] = {"responses": {heading: {"text": f"My own words: {nonce}"}}}
        if door == "kafka":
            content["supported_by"] = {"name": "Helper-Synth", "relationship": "neighbour"}
        command, based_on = ("reword", entry.version) if entry.version else ("begin", None)
        sent = self._new(
            rng, door, "about_me", command, content, nonce, plan.id, entry.id, based_on
        )
        await self._send(sent, rng)
        _learn(entry, sent)

    async def _practice(self, rng: Random, plan: Plan, door: str) -> None:
        nonce = _nonce(rng)
        org = rng.choice(ORGANISATIONS)
        at: set[str] = plan.person["at"]
        content: dict[str, Any]
        if org in at:
            command, content = "leave-practice", {"ods": org}
        else:
            command = "register-with-practice"
            content = {"practice": {"ods": org, "details": f"Practice {nonce}"}}
        sent = self._new(
            rng, door, "person", command, content, nonce, plan.id, plan.id, plan.person["version"],
            org=org,
        )  # fmt: skip
        await self._send(sent, rng)
        version = (sent.receipt or {}).get("entry_version") or 0
        plan.person["version"] = max(plan.person["version"], version)
        if sent.is_accepted:
            (at.discard if org in at else at.add)(org)

    async def _stale(self, rng: Random, plan: Plan, door: str) -> None:
        moved = [entry for entry in plan.goals if entry.version > 1]
        if not moved:
            return await self._reword(rng, plan, door)
        entry = rng.choice(moved)
        nonce = _nonce(rng)
        content = {"why": f"Too late: {nonce}"}
        sent = self._new(
            rng, door, "goals", "reword", content, nonce, plan.id, entry.id, entry.version - 1
        )
        await self._send(sent, rng)
        return None

    async def _twice(self, rng: Random, plan: Plan, door: str) -> None:
        """The same contribution twice at once: one append, one receipt."""
        nonce = _nonce(rng)
        content = {
            "aim": {"text": f"Said twice: {nonce}"},
            "need_ids": [{"section": "needs", "entry_id": _id(rng)}],
        }
        sent = self._new(rng, door, "goals", "agree", content, nonce, plan.id, _id(rng))
        again = Sent(sent.section, sent.contribution, sent.by, sent.door, nonce)
        await asyncio.gather(self._send(sent, rng), self._send(again, rng))
        sent.answers += again.answers
        sent.attempts += again.attempts
        if sent.receipt is not None:
            sent.is_abandoned = False

    async def _reuse(self, rng: Random, plan: Plan, door: str) -> None:
        """A contribution_id that was used before, with other content."""
        if not self._used[door]:
            return await self._goal(rng, plan, door)
        before = rng.choice(self._used[door])
        nonce = _nonce(rng)
        content = {
            "aim": {"text": f"Another thing: {nonce}"},
            "need_ids": [{"section": "needs", "entry_id": _id(rng)}],
        }
        sent = self._new(rng, door, "goals", "agree", content, nonce, plan.id, _id(rng))
        sent.contribution = {**sent.contribution, "contribution_id": before.id}
        self.sent.pop()  # it is judged with those that are reused
        if door == "http":
            await self._http.send(sent, rng)
            self.reused.append(sent)
        return None

    def _new(
        self,
        rng: Random,
        door: str,
        section: str,
        command: str,
        content: Mapping[str, Any],
        nonce: str,
        plan_id: str,
        entry_id: str,
        based_on: int | None = None,
        org: str = "",
    ) -> Sent:
        org = org or rng.choice(ORGANISATIONS)
        said = {"kind": "professional", "name": "Somebody-Synth", "role": "nurse"}
        if section == "about_me":
            said = {"kind": "person"}
        by = Party("professional", org)
        provenance: dict[str, Any] = {"reason": nonce}
        if door == "kafka":
            by = Party("system", org)
            provenance["stated_by"] = said
            provenance["system"] = {"name": "Test EPR", "version": "1"}
        elif section == "about_me":
            by = Party("person", plan_id=plan_id)
        contribution: dict[str, Any] = {
            "contribution_id": _id(rng),
            "plan_id": plan_id,
            "command": f"careplan.{SECTIONS[section]}.commands.{command}.v1",
            "entry_id": entry_id,
            "content": dict(content),
            "provenance": provenance,
        }
        if based_on is not None:
            contribution["based_on"] = based_on
        sent = Sent(section, contribution, by, door, nonce)
        self.sent.append(sent)
        return sent

    async def _send(self, sent: Sent, rng: Random) -> None:
        if sent.door == "http":
            await self._http.send(sent, rng, may_abandon=self._how.abandoned)
        else:
            await self._kafka.send(sent)
        if sent.is_accepted and sent.section == "goals":
            self._used[sent.door].append(sent)


def _learn(entry: Entry, sent: Sent) -> None:
    version = (sent.receipt or {}).get("entry_version") or 0
    entry.version = max(entry.version, version)


def _id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _nonce(rng: Random) -> str:
    return f"n{rng.getrandbits(80):020x}"
