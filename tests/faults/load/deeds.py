"""What contributors do: open and end plans, say and change what is on them, and misbehave a little.

The same for the same random numbers.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

from shared.testing.people import somebody
from tests.faults.load.doors import HttpDoor, KafkaDoor
from tests.faults.load.entries import Content, Entry, a_need, changes_of, identifier
from tests.faults.load.sent import SECTIONS, Party, Sent

ORGANISATIONS: Final = ("ZZG01", "ZZC01", "ZZL01", "ZZH01")
_AGREE: Final = "careplan.goals.commands.agree.v1"


@dataclass
class Plan:
    """A plan, and what its contributors know of it."""

    id: str
    person: Entry
    about_me: Entry
    goals: list[Entry] = field(default_factory=list)
    actions: list[Entry] = field(default_factory=list)
    practices: set[str] = field(default_factory=set)

    @property
    def entries(self) -> list[Entry]:
        """Everything on it that may change."""
        return [self.person, self.about_me, *self.goals, *self.actions]


class Deeds:
    """All that one contributor may do, by either door, and all that was sent by it."""

    def __init__(
        self, serials: Callable[[], int], http: HttpDoor, kafka: KafkaDoor, abandoned: float
    ) -> None:
        self._serials = serials
        self._http = http
        self._kafka = kafka
        self._abandoned = abandoned
        self._used: dict[str, list[Sent]] = {"http": [], "kafka": []}
        # What is given up here could be answered no more once the plan has ended.
        self._to_be_ended: set[str] = set()
        self.plans: list[Plan] = []
        self.opened: list[str] = []
        self.takes_up_new_plans = True
        self.sent: list[Sent] = []
        self.reused: list[Sent] = []

    async def new_plan(self, rng: Random, _: Plan, door: str) -> None:
        """One more plan, for everybody."""
        await self.open_plan(rng, door)

    async def two_openings(self, rng: Random, _: Plan, door: str) -> None:
        """Two plans for one person at once: one of them is refused."""
        whose = self._serials()
        await asyncio.gather(*(self.open_plan(rng, door, whose) for _ in range(2)))

    async def open_plan(
        self, rng: Random, door: str, whose: int | None = None, *, is_shared: bool = True
    ) -> Plan | None:
        """A plan for somebody new, or for whom that is; ``None`` where it is refused."""
        plan_id, nonce, org = identifier(rng), _nonce(rng), rng.choice(ORGANISATIONS)
        if not is_shared:
            self._to_be_ended.add(plan_id)
        content = somebody(self._serials() if whose is None else whose).opening()
        content["addresses"][0]["line2"] = nonce
        sent = self._new(
            rng, door, "person", "open-plan", content, nonce, plan_id, plan_id, org=org
        )
        await self._send(sent, rng)
        if not sent.is_accepted:
            return None
        about_me = Entry("about_me", "about-me", str(uuid5(UUID(plan_id), "about-me")))
        plan = Plan(plan_id, Entry("person", "person", plan_id, org, 1), about_me)
        plan.practices = {content["gp_practices"][0]["ods"]}
        self.opened.append(plan_id)
        if is_shared and self.takes_up_new_plans:
            self.plans.append(plan)
        return plan

    async def end_and_reopen(self, rng: Random, _: Plan, door: str) -> None:
        """A plan of somebody whom nobody else knows: written in, ended, perhaps opened again."""
        whose = self._serials()
        plan = await self.open_plan(rng, door, whose, is_shared=False)
        if plan is None:
            return
        await self.goal(rng, plan, door)
        await self.about_me(rng, plan, door)
        if not await self._say_as_gp(rng, plan, "end-plan", "It is over"):
            return
        what = rng.choice(["ended", "reopened", "another", "in error"])
        if what == "reopened":
            if await self._say_as_gp(rng, plan, "reopen-plan", "It was not over"):
                await self.goal(rng, plan, door)
        elif what == "another":  # and then the first one may not be opened again
            await self.open_plan(rng, door, whose, is_shared=False)
            await self._say_as_gp(rng, plan, "reopen-plan", "It was not over")
        elif what == "in error":
            nonce = _nonce(rng)
            await self._say_of(
                rng, plan, plan.person, "http", "mark-in-error",
                {"reason": f"Never right: {nonce}"}, nonce, org=plan.person.origin,
            )  # fmt: skip

    async def _say_as_gp(self, rng: Random, plan: Plan, command: str, why: str) -> bool:
        nonce = _nonce(rng)
        return await self._say_of(
            rng, plan, plan.person, "http", command, {"reason": f"{why}: {nonce}"}, nonce, role="gp"
        )

    async def forbidden(self, rng: Random, plan: Plan, _: str) -> None:
        """Somebody without the role ends a plan."""
        nonce = _nonce(rng)
        content = {"reason": f"Not mine to end: {nonce}"}
        await self._say_of(rng, plan, plan.person, "http", "end-plan", content, nonce)

    async def goal(self, rng: Random, plan: Plan, door: str) -> None:
        """A goal is agreed."""
        nonce = _nonce(rng)
        content = {
            "aim": {"text": f"Walk as far as {nonce}"},
            "why": "So that I can choose " + "my own things " * rng.randrange(1, 12),
            "need_ids": [a_need(rng)],
        }
        entry = Entry("goals", "goal", identifier(rng), rng.choice(ORGANISATIONS))
        if await self._say_of(rng, plan, entry, door, "agree", content, nonce, org=entry.origin):
            plan.goals.append(entry)

    async def action(self, rng: Random, plan: Plan, door: str) -> None:
        """An action towards one of the goals."""
        if not plan.goals:
            return await self.goal(rng, plan, door)
        nonce = _nonce(rng)
        content = {
            "what": [{"text": f"Walk with {nonce}"}, {"text": "then rest"}],
            "goal_ids": [{"section": "goals", "entry_id": rng.choice(plan.goals).id}],
            "strategies": ["If dizzy, sit and drink", f"Ring {nonce}"],
            "status": {"value": "not-started"},
        }
        entry = Entry("goals", "action", identifier(rng), rng.choice(ORGANISATIONS))
        if await self._say_of(
            rng, plan, entry, door, "action-plan", content, nonce, org=entry.origin
        ):
            plan.actions.append(entry)
        return None

    async def change(self, rng: Random, plan: Plan, door: str) -> None:
        """Any change of any entry: reworded, withdrawn, restored, restricted, in error, …"""
        await self._change_of(rng, plan, rng.choice(plan.entries), door)

    async def about_me(self, rng: Random, plan: Plan, door: str) -> None:
        """Any change of About me, or its first words."""
        await self._change_of(rng, plan, plan.about_me, door)

    async def _change_of(self, rng: Random, plan: Plan, entry: Entry, door: str) -> None:
        nonce = _nonce(rng)
        possible = changes_of(entry, rng, nonce)
        if not possible:
            return await self.goal(rng, plan, door)
        [(change, content)] = rng.choices(possible, [change.weight for change, _ in possible])
        org = entry.origin if change.is_the_origins else ""
        if await self._say_of(rng, plan, entry, door, change.command, content, nonce, org=org):
            change.leads_to(entry, content)
        return None

    async def practice(self, rng: Random, plan: Plan, door: str) -> None:
        """A practice comes or goes."""
        nonce, org = _nonce(rng), rng.choice(ORGANISATIONS)
        command = "leave-practice"
        content: Content = {"ods": org}
        if org not in plan.practices:
            command = "register-with-practice"
            content = {"practice": {"ods": org, "details": f"Practice {nonce}"}}
        if await self._say_of(rng, plan, plan.person, door, command, content, nonce, org=org):
            plan.practices ^= {org}

    async def stale(self, rng: Random, plan: Plan, door: str) -> None:
        """A change that comes too late."""
        moved = [entry for entry in plan.goals if entry.version > 1]
        if not moved:
            return await self.change(rng, plan, door)
        entry, nonce = rng.choice(moved), _nonce(rng)
        before = Entry(entry.section, entry.kind, entry.id, entry.origin, entry.version - 1)
        await self._say_of(rng, plan, before, door, "reword", {"why": f"Too late: {nonce}"}, nonce)
        return None

    async def twice(self, rng: Random, plan: Plan, door: str) -> None:
        """The same contribution twice at once: one append, one receipt."""
        nonce = _nonce(rng)
        content = {"aim": {"text": f"Said twice: {nonce}"}, "need_ids": [a_need(rng)]}
        sent = self._new(rng, door, "goals", "agree", content, nonce, plan.id, identifier(rng))
        again = Sent(sent.section, sent.contribution, sent.by, sent.door, nonce)
        await asyncio.gather(self._send(sent, rng), self._send(again, rng))
        sent.answers += again.answers
        sent.attempts += again.attempts
        if sent.receipt is not None:
            sent.is_abandoned = False

    async def reuse(self, rng: Random, plan: Plan, door: str) -> None:
        """A contribution_id that was used before, with other content."""
        if not self._used[door]:
            return await self.goal(rng, plan, door)
        before = rng.choice(self._used[door])
        nonce = _nonce(rng)
        content = {"aim": {"text": f"Another thing: {nonce}"}, "need_ids": [a_need(rng)]}
        sent = self._new(rng, door, "goals", "agree", content, nonce, plan.id, identifier(rng))
        sent.contribution = {**sent.contribution, "contribution_id": before.id}
        self.sent.remove(sent)  # it is judged with those that are reused
        if door == "http":
            await self._http.send(sent, rng)
            self.reused.append(sent)
        return None

    async def _say_of(
        self,
        rng: Random,
        plan: Plan,
        entry: Entry,
        door: str,
        command: str,
        content: Mapping[str, Any],
        nonce: str,
        org: str = "",
        role: str = "nurse",
    ) -> bool:
        """Says it of this entry as it was last heard of; true where it is accepted."""
        # Whatever creates names no version, also where an entry is begun again after an error.
        based_on = None if command == "begin" else entry.version or None
        sent = self._new(
            rng,
            door,
            entry.section,
            command,
            content,
            nonce,
            plan.id,
            entry.id,
            based_on,
            org,
            role,
        )
        await self._send(sent, rng)
        entry.version = max(entry.version, (sent.receipt or {}).get("entry_version") or 0)
        return sent.is_accepted

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
        role: str = "nurse",
    ) -> Sent:
        org = org or rng.choice(ORGANISATIONS)
        said = {"kind": "professional", "name": "Somebody-Synth", "role": "nurse"}
        if section == "about_me":
            said = {"kind": "person"}
        by = Party("professional", org, role=role)
        provenance: dict[str, Any] = {"reason": nonce}
        if door == "kafka":
            by = Party("system", org)
            provenance["stated_by"] = said
            provenance["system"] = {"name": f"EPR of {org}", "version": "1"}
            if section == "about_me":
                provenance["supported_by"] = {"name": "Helper-Synth", "relationship": "neighbour"}
            provenance["source_ref"] = {"id": entry_id, "version": nonce}
        elif section == "about_me":
            by = Party("person", plan_id=plan_id)
        contribution: dict[str, Any] = {
            "contribution_id": identifier(rng),
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
            may_abandon = 0.0 if sent.plan_id in self._to_be_ended else self._abandoned
            await self._http.send(sent, rng, may_abandon=may_abandon)
        else:
            await self._kafka.send(sent)
        if sent.is_accepted and sent.contribution["command"] == _AGREE:
            self._used[sent.door].append(sent)


def _nonce(rng: Random) -> str:
    return f"n{rng.getrandbits(80):020x}"
