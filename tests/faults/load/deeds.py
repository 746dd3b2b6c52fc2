"""What contributors do: begin entries and live through what their sections declare of them.

The same for the same random numbers. Which sections and entries there are is not known here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

from shared.ledger.example import Example
from shared.testing.files import files_named_in
from tests.faults.load.doors import HttpDoor, KafkaDoor
from tests.faults.load.sent import NAME, SECTIONS, Party, Sent
from tests.faults.load.stories import Story, stories

ORGANISATIONS: Final = ("ZZG01", "ZZC01", "ZZL01", "ZZH01")

_LIVES: Final = 5  # at once on one plan, beside those of which a plan has one
_A_NEW_ONE: Final = 0.3
_OUT_OF_TURN: Final = 0.15
_FOR_ANOTHER: Final = 0.2
_SPARED: Final = 0.6  # of the examples that are refused
_SAYS_WHEN: Final = 0.3
_SAYS_WHERE: Final = 0.1
_HAS_A_SYSTEM: Final = 0.2


@dataclass
class Life:
    """One entry as its contributors last heard of it, and which example of it comes next."""

    story: Story
    id: str
    version: int = 0
    next: int = 0

    @property
    def is_over(self) -> bool:
        """True where there is no example left, and none is told again."""
        return self.next >= len(self.story.steps)


@dataclass
class Plan:
    """A plan, and what its contributors know of it."""

    id: str
    org: str
    person_version: int = 1
    is_restricted: bool = False
    practices: set[str] = field(default_factory=set)
    lives: list[Life] = field(default_factory=list)
    ones: dict[str, Life] = field(default_factory=dict)
    """By their ids, the entries of which a plan has one."""


@dataclass(frozen=True)
class Said:
    """One contribution before anybody sends it, but for what follows from who sends it how."""

    section: str
    command: str
    content: Mapping[str, Any]
    plan_id: str
    entry_id: str
    nonce: str
    by: Party
    door: str = "http"
    based_on: int | None = None
    visibility: Mapping[str, Any] | None = None
    stated_by: Mapping[str, Any] | None = None
    supported_by: Mapping[str, Any] | None = None
    claimed: Mapping[str, Any] = field(default_factory=dict)


class Deeds:
    """All that one contributor may do to entries, by either door, and all that was sent by it."""

    def __init__(self, http: HttpDoor, kafka: KafkaDoor, abandoned: float) -> None:
        self._http = http
        self._kafka = kafka
        self._abandoned = abandoned
        self._stories = stories()
        self._used: list[Sent] = []
        # What is given up here could be answered no more once the plan has ended.
        self._to_be_ended: set[str] = set()
        self.sent: list[Sent] = []
        self.reused: list[Sent] = []

    async def live(self, rng: Random, plan: Plan, door: str) -> None:
        """What comes next of any entry, or now and then something out of its turn."""
        going_on = [one for one in plan.lives if not one.is_over]
        if len(going_on) >= _LIVES or (going_on and rng.random() > _A_NEW_ONE):
            life = rng.choice([*going_on, *plan.ones.values()])
            await self._live(rng, plan, life, door)
        else:
            await self.take_up(rng, plan, self._any_story(rng), door)

    async def take_up(self, rng: Random, plan: Plan, story: Story, door: str) -> None:
        """An entry more; where a plan has only one such, what comes next of that."""
        await self._live(rng, plan, _life_of(plan, story, rng), door)

    async def stale(self, rng: Random, plan: Plan, door: str) -> None:
        """A change that comes too late."""
        moved = [one for one in plan.lives if one.version > 1]
        if not moved:
            return await self.live(rng, plan, door)
        life = rng.choice(moved)
        changes = [step for step in life.story.steps if not life.story.creates(step)]
        said = self._step(rng, plan, life, rng.choice(changes), door, life.version - 1)
        sent = self._new(rng, said)
        sent.should_be_accepted = False
        await self._send(sent, rng)
        return None

    async def twice(self, rng: Random, plan: Plan, door: str) -> None:
        """The same contribution twice at once: one append, one receipt."""
        life = _life_of(plan, self._any_story(rng), rng)
        sent = self._new(rng, self._step(rng, plan, life, life.story.steps[0], door))
        again = Sent(sent.section, sent.contribution, sent.by, sent.door, sent.nonce)
        await asyncio.gather(self._send(sent, rng), self._send(again, rng))
        sent.answers += again.answers
        sent.attempts += again.attempts
        sent.unanswered += again.unanswered
        if sent.receipt is not None:
            sent.is_abandoned = False
        _heard(life, sent)

    async def reuse(self, rng: Random, plan: Plan, door: str) -> None:
        """A contribution_id that was used before, with other words."""
        if not self._used or door != "http":
            return await self.live(rng, plan, door)
        before, nonce = rng.choice(self._used), nonce_of(rng)
        provenance = {**before.contribution["provenance"], "reason": nonce}
        other = {**before.contribution, "provenance": provenance}
        sent = Sent(before.section, other, before.by, door, nonce)
        await self._http.send(sent, rng)
        self.reused.append(sent)
        return None

    def _any_story(self, rng: Random) -> Story:
        weights = [6 if story.comes_to_something else 1 for story in self._stories]
        return rng.choices(self._stories, weights)[0]

    async def _live(self, rng: Random, plan: Plan, life: Life, door: str) -> None:
        steps = life.story.steps
        while life.story.comes_to_something and steps[life.next % len(steps)].refused:
            if rng.random() > _SPARED:
                break
            life.next += 1
        at = life.next % len(steps)
        step = steps[at]
        if life.version and rng.random() < _OUT_OF_TURN:
            step = rng.choice(steps)
        if not life.version and not life.story.creates(step):
            life.next = len(steps)  # whoever began it was refused
            return
        sent = self._new(rng, self._step(rng, plan, life, step, door))
        sent.should_be_accepted = step.refused is None and step is steps[at]
        await self._send(sent, rng)
        _heard(life, sent)
        is_late = (sent.receipt or {}).get("code") == "base-version-stale"
        if step is steps[at] and life.next % len(steps) == at and not is_late:
            life.next += 1

    def _step(
        self,
        rng: Random,
        plan: Plan,
        life: Life,
        step: Example,
        door: str,
        based_on: int | None = None,
    ) -> Said:
        story, nonce = life.story, nonce_of(rng)
        org = step.organisation or ORGANISATIONS[1]
        if rng.random() < _FOR_ANOTHER:
            org = rng.choice(ORGANISATIONS)
        by, said = _who(step, org, plan.id), _voice(step)
        supported_by = step.supported_by
        if org not in ORGANISATIONS or not story.goes_by_kafka(step):
            door = "http"
        elif door == "kafka":
            said = said or {"kind": step.recorded_by_kind, "name": NAME, "role": step.role}
            if step.recorded_by_kind == "person":
                said = {"kind": "person"}
                supported_by = {"name": "Helper-Synth", "how": f"By hand: {nonce}"}
            by = Party("system", org)
        entry_id = life.id
        if story.creates(step):
            entry_id = story.fixed_id(plan.id, step) or entry_id
        else:
            based_on = based_on or life.version
        return Said(
            section=story.section.name,
            command=step.command,
            content=story.content_of(step, rng, nonce),
            plan_id=plan.id,
            entry_id=entry_id,
            nonce=nonce,
            by=by,
            door=door,
            based_on=based_on,
            visibility=story.visibility_of(step, rng, nonce),
            stated_by=said and {name: given for name, given in said.items() if given is not None},
            supported_by=supported_by,
            claimed=step.provenance,
        )

    def _new(self, rng: Random, said: Said) -> Sent:
        """The contribution as it is sent."""
        provenance: dict[str, Any] = {**said.claimed, "reason": said.nonce}
        if said.stated_by is not None:
            provenance["stated_by"] = dict(said.stated_by)
        if said.supported_by is not None:
            provenance["supported_by"] = dict(said.supported_by)
        if rng.random() < _SAYS_WHEN:
            provenance.setdefault("stated_at", _in_november(rng))
        if rng.random() < _SAYS_WHERE:
            provenance.setdefault("location", {"text": f"Room {said.nonce}"})
        if said.door == "kafka" or rng.random() < _HAS_A_SYSTEM:
            its = {"name": f"EPR of {said.by.org or 'nobody'}", "version": "1"}
            provenance.setdefault("system", its)
            provenance["source_ref"] = {"id": said.entry_id, "version": said.nonce}
        contribution: dict[str, Any] = {
            "contribution_id": identifier(rng),
            "plan_id": said.plan_id,
            "command": said.command,
            "entry_id": said.entry_id,
            "content": dict(said.content),
            "provenance": provenance,
        }
        if said.based_on is not None:
            contribution["based_on"] = said.based_on
        if said.visibility is not None:
            contribution["visibility"] = dict(said.visibility)
        sent = Sent(said.section, contribution, said.by, said.door, said.nonce)
        self.sent.append(sent)
        return sent

    async def _send(self, sent: Sent, rng: Random) -> None:
        for file in files_named_in(sent.contribution["content"]):
            await self._http.store(file, sent)
        if sent.door == "http":
            may_abandon = 0.0 if sent.plan_id in self._to_be_ended else self._abandoned
            await self._http.send(sent, rng, may_abandon=may_abandon)
            if sent.is_accepted:
                self._used.append(sent)
        else:
            await self._kafka.send(sent)


def a_story_of_each_section(told: tuple[Story, ...]) -> list[Story]:
    """The first that comes to something, of each section that has one."""
    first: dict[str, Story] = {}
    for story in told:
        if story.comes_to_something:
            first.setdefault(story.section.name, story)
    return [first[name] for name in SECTIONS if name in first]


def identifier(rng: Random) -> str:
    """An id like any contributor's."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def nonce_of(rng: Random) -> str:
    """A word that nobody else says."""
    return f"n{rng.getrandbits(80):020x}"


def _life_of(plan: Plan, story: Story, rng: Random) -> Life:
    fixed = story.fixed_id(plan.id)
    if fixed is not None:
        return plan.ones.setdefault(fixed, Life(story, fixed))
    life = Life(story, identifier(rng))
    plan.lives.append(life)
    return life


def _heard(life: Life, sent: Sent) -> None:
    life.version = max(life.version, (sent.receipt or {}).get("entry_version") or 0)


def _who(step: Example, org: str, plan_id: str) -> Party:
    if step.recorded_by_kind in ("person", "related-person"):
        return Party(step.recorded_by_kind, plan_id=plan_id)
    role = step.role or ("nurse" if step.recorded_by_kind == "professional" else "")
    return Party(step.recorded_by_kind, org, role=role)


def _voice(step: Example) -> dict[str, Any] | None:
    """Who said it, where that is somebody else than who recorded it."""
    if step.stated_by_kind is None:
        return None
    said: dict[str, Any] = {"kind": step.stated_by_kind, "name": NAME}
    if step.stated_by_kind == "professional":
        said["role"] = step.role or "nurse"
    if step.stated_by_kind == "related-person":
        said["relationship"] = "daughter"
    return said


def _in_november(rng: Random) -> str:
    """A moment that has passed, as a contributor in any zone writes it."""
    day, hour, second = rng.randrange(1, 28), rng.randrange(24), rng.randrange(60)
    part = rng.choice(("", f".{rng.randrange(1, 10**6):06}"))
    return f"2026-11-{day:02}T{hour:02}:15:{second:02}{part}{rng.choice(('Z', '+01:00', '-05:30'))}"
