"""One trial: contributions come in, something goes wrong, and the judge looks at what is left."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic

import asyncpg

from shared.cli.token import Signer, person, professional
from shared.testing.eventually import eventually
from tests.faults.catalogue import Broken, Fault
from tests.faults.guards.in_database import prepare
from tests.faults.judge.checker import Checker
from tests.faults.judge.evidence import Surroundings
from tests.faults.judge.findings import Finding, Findings
from tests.faults.load.contributors import A_FEW, Contributors, Load
from tests.faults.load.deeds import ORGANISATIONS
from tests.faults.load.doors import HttpDoor, KafkaDoor, NotAnswered
from tests.faults.load.sent import Sent
from tests.faults.stack.target import Target, are_none, target_in

_UNDER_WAY = 40
_OFTEN = 15
_AFTERWARDS = 40
_UNDER_WAY_WITHIN = 120.0
_PATIENCE = 120.0
_PATIENCE_WITHOUT_GUARD = 25.0


@dataclass(frozen=True)
class Outcome:
    """What one trial found."""

    fault: str
    seed: str
    contributions: int
    refused: int
    recovered: float
    seconds: float
    note: str
    findings: Findings = field(default_factory=Findings)


class Bench:
    """One stack, and everything that was ever sent to it."""

    def __init__(
        self,
        target: Target,
        http: HttpDoor,
        kafka: KafkaDoor,
        reader: Signer,
        *,
        patience: float = _PATIENCE,
    ) -> None:
        self.target = target
        self._patience = patience
        self._http = http
        self._kafka = kafka
        self._serials = count(1)
        self._sent: list[Sent] = []
        self._reused: list[Sent] = []
        self._told: set[Finding] = set()
        self.checker = Checker(
            Surroundings(
                database=target.admin_url,
                broker=target.broker,
                plan_url=target.stack.urls["plan"],
                audit_url=target.stack.urls["audit"],
                reader=lambda plan_id: reader.sign(person(plan_id, "Reader-Synth")),
                auditor=reader.sign(professional("ZZG01", "auditor", "Reader-Synth")),
            ),
            settled_within=patience,
        )

    async def run(self, fault: Fault, seed: str) -> Outcome:
        """The trial of this fault with this seed."""
        began = monotonic()
        rng = Random(f"{seed}/fault")  # noqa: S311 - the same for the same seed
        load = self.load(seed, replace(A_FEW, patience=2 * self._patience))
        await load.open_plans()
        load.begin()
        note, recovered = "", 0.0
        findings = Findings()
        try:
            await _until(load, lambda: load.answered >= _UNDER_WAY, "contributions come in")
            await asyncio.sleep(rng.uniform(0, 1.5))  # at a random moment
            try:
                note = await fault.strike(self.target, rng)
            except Broken as broken:
                note = str(broken)
                findings.add("wrong", note)
            over = monotonic()
            probes = await load.probe(1)
            await self._until_seen(probes)
            recovered = monotonic() - over
            await self.target.until_ready()
            answered = load.answered
            await _until(load, lambda: load.answered >= answered + _AFTERWARDS, "they come again")
        except (AssertionError, NotAnswered) as error:
            findings.add("lost", str(error))
            load.hurry()
        for failure in await load.end():
            if not isinstance(failure, NotAnswered):
                raise failure
            findings.add("lost", str(failure))
        findings.all += (await self.judge(load)).all
        for command in never_accepted(self._sent):
            findings.add("wrong", f"{command}: sent again and again, and never accepted")
        findings.all = [one for one in findings.all if one not in self._told]
        self._told.update(findings.all)
        refused = sum(1 for sent in load.sent if not sent.is_accepted) + len(load.reused)
        total = len(load.sent) + len(load.reused)
        took = monotonic() - began
        return Outcome(fault.name, seed, total, refused, recovered, took, note, findings)

    def load(self, seed: str, how: Contributors = A_FEW) -> Load:
        """Contributors to this stack; nobody is a person of whom others have spoken before."""
        return Load(seed, lambda: next(self._serials), self._http, self._kafka, how=how)

    async def judge(self, load: Load) -> Findings:
        """What became of this load, which has ended, and of all that came before it."""
        found = await self.checker.judge_unanswered(load.sent)
        try:
            await load.send_abandoned_again()
        except NotAnswered as error:
            found.add("lost", str(error))
        self._sent += load.sent
        self._reused += load.reused
        found.all += (await self.checker.judge(self._sent, self._reused, load.opened)).all
        return found

    async def _until_seen(self, probes: list[Sent]) -> None:
        """Until the readers have what was accepted since; a guard left out may keep it away."""
        wanted = {sent.id for sent in probes if sent.is_accepted}
        for service, table in (("plan", "ledger.plan_ledger"), ("audit", "audit_record")):
            query = f"SELECT contribution_id FROM {table}"  # noqa: S608 - our own words
            await eventually(
                partial(self._missing, service, query, wanted),
                f"{service} has what came afterwards",
                holds=are_none,
                within=self._patience,
            )

    async def _missing(self, service: str, query: str, wanted: set[str]) -> set[str]:
        try:
            connection = await asyncpg.connect(self.target.admin_url(service), timeout=5)
        except (OSError, asyncpg.PostgresError):
            return wanted
        try:
            return wanted - {str(row[0]) for row in await connection.fetch(query)}
        finally:
            connection.terminate()


def never_accepted(everything: Sequence[Sent]) -> list[str]:
    """Commands that the load cannot do at all: what it does not do is not judged."""
    sent = Counter(one.contribution["command"] for one in everything if one.should_be_accepted)
    accepted = {one.contribution["command"] for one in everything if one.is_accepted}
    return [one for one, times in sent.items() if times >= _OFTEN and one not in accepted]


@asynccontextmanager
async def bench_in(
    folder: Path, guard: str | None = None, *, on_small_disks: bool = False
) -> AsyncIterator[Bench]:
    """A stack in this folder, with both doors open; ``guard`` is left out of it."""
    async with AsyncExitStack() as opened:
        target = await opened.enter_async_context(
            target_in(folder, guard, on_small_disks=on_small_disks)
        )
        if guard is not None:
            await prepare(guard, target.admin_url)
        issuer = target.stack.issuer
        http = HttpDoor(target.urls, issuer.signer.issuer, issuer.private_key)
        kafka = KafkaDoor(target.broker, ORGANISATIONS)
        await opened.enter_async_context(http)
        await opened.enter_async_context(kafka)
        patience = _PATIENCE if guard is None else _PATIENCE_WITHOUT_GUARD
        yield Bench(target, http, kafka, issuer.signer, patience=patience)


async def _until(load: Load, holds: Callable[[], bool], what: str) -> None:
    def answer() -> bool:
        failure = load.failed()
        if failure is not None:
            raise failure
        return holds()

    await eventually(answer, what, within=_UNDER_WAY_WITHIN)
