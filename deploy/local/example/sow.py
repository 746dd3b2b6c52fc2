"""Loads the example plan over HTTP, so that it obeys every rule."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from deploy.local.example.plan import (
    EDITH,
    PLAN_ID,
    PRIYA,
    STEPS,
    Contributor,
    Said,
    Sown,
    Step,
    entry_id,
)
from deploy.organisations import Organisation
from shared.cli.token import Signer, person, professional

_NOT_ALLOWED: Final = (401, 403)
_PATIENCE: Final = 30.0
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


class SeedFailed(Exception):
    """A step of the example failed; the text says which one and why."""


async def sow(
    urls: Mapping[str, str],
    signer: Signer,
    listed: Sequence[Organisation],
    say: Callable[[str], None],
) -> Sown:
    """Contributes every step in order and waits until the readers show it.

    A second run contributes the same again and is answered with the first receipts.
    """
    names = {organisation.code: organisation.name for organisation in listed}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        sower = _Sower(client, urls, signer, names)
        for step in STEPS:
            taken = await sower.contribute(step)
            say(f"step {step.number} of {len(STEPS)}: {step.by.name}, {_counted(taken)}")
        await sower.until_shown()
    return Sown(PLAN_ID, PRIYA.name, names.get(PRIYA.org))


@dataclass
class _Sower:
    client: httpx.AsyncClient
    urls: Mapping[str, str]
    signer: Signer
    names: Mapping[str, str]
    versions: dict[str, int] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)
    last_contribution: str = ""

    async def contribute(self, step: Step) -> int:
        """Sends the contributions of the step in order, except to sections that do not run here."""
        token = self.signer.sign(self._claims(step.by))
        said = [one for one in step.contributions if one.section in self.urls]
        for one in said:
            await self._send(step, one, token)
        return len(said)

    async def until_shown(self) -> None:
        """Waits until the plan and the audit have everything that was contributed."""
        if "plan" in self.urls:
            token = self.signer.sign(self._claims(PRIYA))
            url = f"{self.urls['plan']}/v1/plans/{PLAN_ID}"
            for position in self.positions.values():
                headers = {"Ledger-Min-Position": position, "Prefer": "wait=5"}
                await self._ask("the plan", url, token, headers, lambda _: True)
        if "audit" in self.urls:
            officer = Contributor("Nell Ward-Synth", PRIYA.org, "privacy-officer")
            token = self.signer.sign(self._claims(officer))
            # By its id: on a stack that has been used it is not among the newest.
            asked = f"plan_id={PLAN_ID}&contribution_id={self.last_contribution}&limit=1"
            url = f"{self.urls['audit']}/v1/audit/records?{asked}"
            await self._ask("its audit record", url, token, {}, lambda found: bool(found["items"]))

    def _claims(self, who: Contributor) -> dict[str, Any]:
        if who == EDITH:
            return person(PLAN_ID, who.name)
        return professional(who.org, who.role, who.name, org_name=self.names.get(who.org))

    async def _send(self, step: Step, said: Said, token: str) -> None:
        contribution = self._contribution(step, said)
        answer = await self._until_answered(
            lambda: self.client.post(
                f"{self.urls[said.section]}/v1/contributions",
                json=contribution,
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        receipt = _json(answer)
        if not answer.is_success or receipt.get("outcome") != "accepted":
            raise SeedFailed(
                f"step {step.number}, {said.type}: {answer.status_code} "
                f"{receipt.get('code', '')} {receipt.get('detail') or receipt.get('errors', '')}"
            )
        self.versions[said.entry] = receipt["entry_version"]
        self.positions[said.section] = receipt["ledger_position"]
        self.last_contribution = contribution["contribution_id"]

    def _contribution(self, step: Step, said: Said) -> dict[str, Any]:
        provenance: dict[str, Any] = {"stated_at": step.stated_at}
        if said.by_the_person:
            provenance["stated_by"] = {"kind": "person"}
        if said.supported_by:
            provenance["supported_by"] = said.supported_by
        if said.location:
            provenance["location"] = said.location
        contribution: dict[str, Any] = {
            "contribution_id": step.contribution_id(said),
            "plan_id": PLAN_ID,
            "command": said.type,
            "entry_id": entry_id(said.entry),
            "content": said.content,
            "provenance": provenance,
        }
        if not said.creates:
            contribution["based_on"] = self.versions[said.entry]
        return contribution

    async def _ask(
        self,
        what: str,
        url: str,
        token: str,
        headers: Mapping[str, str],
        complete: Callable[[dict[str, Any]], bool],
    ) -> None:
        deadline = time.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while True:
            answer = await self._until_answered(
                lambda: self.client.get(
                    url, headers={"Authorization": f"Bearer {token}", **headers}
                )
            )
            if answer.is_success and complete(_json(answer)):
                return
            if time.monotonic() > deadline or answer.status_code in _NOT_ALLOWED:
                raise SeedFailed(f"{what} does not show it: {answer.status_code} {answer.text}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _until_answered(self, request: Callable[[], Any]) -> httpx.Response:
        """Sends a request again if there was no connection, or if the answer allows it."""
        deadline = time.monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while True:
            trouble = "no connection"
            try:
                answer: httpx.Response = await request()
                if not _json(answer).get("retryable"):
                    return answer
                trouble = f"{answer.status_code} {_json(answer).get('code', '')}"
            except httpx.TransportError as error:
                trouble = type(error).__name__
            if time.monotonic() > deadline:
                raise SeedFailed(f"no final answer within {_PATIENCE:.0f} s: {trouble}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _counted(contributions: int) -> str:
    return "1 contribution" if contributions == 1 else f"{contributions} contributions"


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
