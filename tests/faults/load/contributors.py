"""Contributions from several organisations by both doors, the same for the same seed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.faults.load.deeds import Plan, a_story_of_each_section
from tests.faults.load.doors import PATIENCE, HttpDoor, KafkaDoor
from tests.faults.load.plans import PlanDeeds
from tests.faults.load.sent import Sent


@dataclass(frozen=True)
class Contributors:
    """How many there are at each door, of how many plans, and how they behave.

    ``pace`` is the longest pause between two contributions of one of them, ``abandoned`` the share
    of which they do not wait for the answer. After ``patience`` seconds without one they give up.
    """

    http: int = 6
    kafka: int = 3
    plans: int = 3
    pace: float = 0.08
    abandoned: float = 0.08
    patience: float = PATIENCE


A_FEW: Final = Contributors()


class Load(PlanDeeds):
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
        super().__init__(serials, http, kafka, how.abandoned)
        self._seed = seed
        self._how = how
        self._enough = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    async def open_plans(self) -> None:
        """A few plans that are there before the others begin."""
        rng = Random(f"{self._seed}/plans")  # noqa: S311 - the same for the same seed
        for _ in range(self._how.plans):
            await self.open_plan(rng, "http")

    def begin(self) -> None:
        """All contributors at once."""
        self._http.patience = self._kafka.patience = self._how.patience
        for number in range(self._how.http + self._how.kafka):
            door = "http" if number < self._how.http else "kafka"
            rng = Random(f"{self._seed}/{number}")  # noqa: S311 - no secret
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
        rng = Random(f"{self._seed}/again")  # noqa: S311 - no secret
        abandoned = [sent for sent in self.sent if sent.is_abandoned and sent.receipt is None]
        for sent in abandoned:
            await self._http.send(sent, rng)

    async def probe(self, number: int) -> list[Sent]:
        """One contribution by each door that begins now; answers when they are answered."""
        rng = Random(f"{self._seed}/probe/{number}")  # noqa: S311 - no secret
        before = len(self.sent)
        plan = self.plans[0]
        await asyncio.gather(
            self.practice(rng, plan, "http"),
            *(
                self.take_up(rng, plan, story, door)
                for story in a_story_of_each_section(self._stories)
                for door in ("http", "kafka")
            ),
        )
        return self.sent[before:]

    async def _contribute(self, rng: Random, door: str) -> None:
        kinds: list[tuple[Callable[[Random, Plan, str], Awaitable[None]], int]] = [
            (self.live, 90),
            (self.demographics, 8),
            (self.practice, 6),
            (self.stale, 5),
            (self.twice, 5),
            (self.reuse, 2),
            (self.new_plan, 1),
            (self.two_openings, 2),
            (self.end_and_reopen, 2),
            (self.forbidden, 1),
        ]
        while not self._enough.is_set():
            say = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
            await say(rng, rng.choice(self.plans), door)
            await asyncio.sleep(rng.uniform(0, self._how.pace))
