"""What contributors do to plans as a whole: open, end and reopen them, and say whose they are.

Opening a plan is what everything else waits for, so the section that does it is named here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from shared.testing.people import somebody
from tests.faults.load.deeds import ORGANISATIONS, Deeds, Plan, Said, identifier, nonce_of
from tests.faults.load.doors import HttpDoor, KafkaDoor
from tests.faults.load.sent import NAME, Party
from tests.faults.load.stories import restriction

_COMMANDS: Final = "careplan.person.commands."
_ESTABLISH: Final = "careplan.care-team.commands.relationship-establish.v1"
_REGISTRATION: Final = Party("professional", "ZZP01", role="registration-service")
_LEAVES: Final = ("aliases", "addresses", "nhs_number", "contact")
_FROM_THE_START: Final = 0.15


class PlanDeeds(Deeds):
    """All that one contributor may do to plans and to what is on them."""

    def __init__(
        self, serials: Callable[[], int], http: HttpDoor, kafka: KafkaDoor, abandoned: float
    ) -> None:
        super().__init__(http, kafka, abandoned)
        self._serials = serials
        self.plans: list[Plan] = []
        self.opened: list[str] = []
        self.takes_up_new_plans = True

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
        plan, nonce = Plan(identifier(rng), rng.choice(ORGANISATIONS)), nonce_of(rng)
        if not is_shared:
            self._to_be_ended.add(plan.id)
        content = somebody(self._serials() if whose is None else whose).opening()
        content["addresses"][0]["line2"] = nonce
        said = _said(plan, "open-plan", content, nonce, door, plan.org)
        if rng.random() < _FROM_THE_START:
            plan.is_restricted = True
            said = replace(said, visibility=restriction(rng, nonce, _LEAVES))
        sent = self._new(rng, replace(said, based_on=None))
        await self._send(sent, rng)
        if not sent.is_accepted:
            return None
        plan.practices = {content["gp_practices"][0]["ods"]}
        known_to = {
            *ORGANISATIONS,
            *(step.organisation for one in self._stories for step in one.steps),
        }
        await asyncio.gather(
            *(self._relate(rng, plan, org) for org in sorted(filter(None, known_to)))
        )
        self.opened.append(plan.id)
        if is_shared and self.takes_up_new_plans:
            self.plans.append(plan)
        return plan

    async def _relate(self, rng: Random, plan: Plan, org: str) -> None:
        """A registration service says that an organisation looks after the person."""
        nonce = nonce_of(rng)
        content = {
            "organisation": {"ods": org} if org[0] != "x" else {"local_id": org},
            "kind": "registration",
            "reason": f"They are registered there: {nonce}",
            "lawful_basis": {"value": "direct-care"},
            "live_from": "2020-01-01T00:00:00Z",
            "scope": {"labels": ["address", "mental-health"]},
        }
        said = Said(
            section="care_team",
            command=_ESTABLISH,
            content=content,
            plan_id=plan.id,
            entry_id=identifier(rng),
            nonce=nonce,
            by=_REGISTRATION,
        )
        sent = self._new(rng, said)
        await self._http.send(sent, rng)

    async def end_and_reopen(self, rng: Random, _: Plan, door: str) -> None:
        """A plan of somebody whom nobody else knows: written in, ended, perhaps opened again."""
        whose = self._serials()
        plan = await self.open_plan(rng, door, whose, is_shared=False)
        if plan is None:
            return
        for _number in range(4):
            await self.live(rng, plan, door)
        if not await self._as_gp(rng, plan, "end-plan", "It is over"):
            return
        what = rng.choice(["ended", "reopened", "another", "in error"])
        if what == "reopened":
            if await self._as_gp(rng, plan, "reopen-plan", "It was not over"):
                await self.live(rng, plan, door)
        elif what == "another":  # and then the first one may not be opened again
            await self.open_plan(rng, door, whose, is_shared=False)
            await self._as_gp(rng, plan, "reopen-plan", "It was not over")
        elif what == "in error":
            nonce = nonce_of(rng)
            reason = {"reason": f"Never right: {nonce}"}
            await self._say(rng, plan, "mark-in-error", reason, nonce, "http", plan.org)

    async def forbidden(self, rng: Random, plan: Plan, _: str) -> None:
        """Somebody without the role ends a plan."""
        nonce = nonce_of(rng)
        reason = {"reason": f"Not mine to end: {nonce}"}
        await self._say(rng, plan, "end-plan", reason, nonce, "http", rng.choice(ORGANISATIONS))

    async def practice(self, rng: Random, plan: Plan, door: str) -> None:
        """A practice comes or goes."""
        nonce, org = nonce_of(rng), rng.choice(ORGANISATIONS)
        command, content = "leave-practice", dict[str, Any](ods=org)
        if org not in plan.practices:
            command = "register-with-practice"
            content = {"practice": {"ods": org, "details": f"Practice {nonce}"}}
        if await self._say(rng, plan, command, content, nonce, door, org):
            plan.practices ^= {org}

    async def demographics(self, rng: Random, plan: Plan, door: str) -> None:
        """What is known of the person is put right, restricted, or shown to everybody again."""
        nonce, command = nonce_of(rng), "correct-demographics"
        content: dict[str, Any] = {
            "aliases": [f"Alias {nonce}-Synth", "Another-Synth"],
            "contact": {
                "phones": [
                    {"number": "01632 960101", "kind": "Home"},
                    {"number": "07700 900101", "kind": "Mobile"},
                ]
            },
            "reason": f"Misheard: {nonce}",
        }
        if rng.random() < 0.2:
            content = {"contact": None, "reason": f"Not theirs: {nonce}"}
        if rng.random() < 0.5:
            command = "lift-restriction" if plan.is_restricted else "restrict"
            content = {"reason": f"Everybody's: {nonce}"}
            if not plan.is_restricted:
                content = restriction(rng, nonce, _LEAVES)
        if await self._say(rng, plan, command, content, nonce, door, plan.org):
            plan.is_restricted = (command == "restrict") or (
                plan.is_restricted and command != "lift-restriction"
            )

    async def _as_gp(self, rng: Random, plan: Plan, command: str, why: str) -> bool:
        nonce, org = nonce_of(rng), rng.choice(ORGANISATIONS)
        reason = {"reason": f"{why}: {nonce}"}
        return await self._say(rng, plan, command, reason, nonce, "http", org, "gp")

    async def _say(
        self,
        rng: Random,
        plan: Plan,
        command: str,
        content: dict[str, Any],
        nonce: str,
        door: str,
        org: str,
        role: str = "nurse",
    ) -> bool:
        """True where the change of the plan's person is accepted."""
        sent = self._new(rng, _said(plan, command, content, nonce, door, org, role))
        await self._send(sent, rng)
        version = (sent.receipt or {}).get("entry_version") or 0
        plan.person_version = max(plan.person_version, version)
        return sent.is_accepted


def _said(
    plan: Plan,
    command: str,
    content: dict[str, Any],
    nonce: str,
    door: str,
    org: str,
    role: str = "nurse",
) -> Said:
    by = Party("professional", org, role=role)
    stated_by = None
    if door == "kafka":
        by = Party("system", org)
        stated_by = {"kind": "professional", "name": NAME, "role": role}
    return Said(
        section="person",
        command=f"{_COMMANDS}{command}.v1",
        content=content,
        plan_id=plan.id,
        entry_id=plan.id,
        nonce=nonce,
        by=by,
        door=door,
        based_on=plan.person_version,
        stated_by=stated_by,
    )
