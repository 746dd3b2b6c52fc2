"""A bounded run of generated requests at the whole stack, by every kind of caller."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import orjson

from shared.contracts import discover
from shared.contracts.examples.playing import contribution_of, entry_of
from shared.ledger import Section
from shared.ledger.example import Example
from shared.testing.contracts.asking import Asking, written
from shared.testing.contracts.holding import contract_of
from shared.testing.contracts.operations import Drawn, Known, drawn
from shared.testing.contracts.requests import Json, Requests
from tests.generated.stack.callers import A, B, Caller
from tests.generated.stack.rights import Asked, Rights

READERS: Final = ("plan", "audit")
AT_ONCE: Final = 6
_OF_READERS, _OF_ALL = 0.6, 0.1
"""Shares of what is asked; the rest is contributed."""
_PLAN: Final = "/v1/plans/{plan_id}"
_EMERGENCY: Final = {"Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask"}
_LOOKS: Final[tuple[tuple[str, Json], ...]] = (
    ("", {"include": "authorship,withdrawn,derived,findings,reviews"}),
    ("/history", {"limit": "200"}),
    ("/versions", {"limit": "200"}),
    ("/diff", {"from": "1"}),
    ("/emergency", {}),
)
_CONTRIBUTIONS: Final = "/v1/contributions"
_VALIDATED_ONLY: Final = ("person", "care_team")
"""What is contributed there changes who may see what: those who may only ask."""


@dataclass
class StackRun:
    """The stack, whoever asks, what they may, and what was found."""

    urls: Mapping[str, str]
    client: httpx.AsyncClient
    callers: tuple[Caller, ...]
    rights: Rights
    entries: Mapping[str, list[tuple[str, str]]]
    random: Random
    cases: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    statuses_of: dict[str, Counter[int]] = field(default_factory=dict)
    """By caller."""
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = Known(self.random)
        plans = self.rights.plans
        self.known.values["plan_id"] = [
            *(5 * [str(plans[A])]),
            *(2 * [str(plans[B])]),
            str(uuid4()),
        ]
        for held in self.entries.values():
            for _, entry_id in held:
                self.known.add("entry_id", entry_id)
        sections = discover.sections()
        self.sections = {section.name: section for section in sections}
        self.histories = {
            name: [one for one in discover.examples(name) or () if one.refused is None]
            for name in self.sections
        }
        self.requests = {name: Requests(contract_of(name), self.random) for name in self.sections}
        self.asking = {
            name: Asking(name, self.client, url)
            for name, url in self.urls.items()
            if name in (*READERS, *self.sections)
        }

    def draw(self, examples: int) -> list[Drawn]:
        """Requests to each operation of each service: of readers so many, of sections fewer."""
        fewer = examples // 4 + 1
        return [
            one
            for name in sorted(self.asking)
            for one in drawn(
                name, contract_of(name), examples if name in READERS else fewer, self.random
            )
        ]

    async def look(self) -> None:
        """Everybody looks at everything there is: what is shown to nobody is not withheld."""
        for caller in self.callers:
            for plan_id in self.rights.plans.values():
                for end, query in _LOOKS:
                    one = Drawn("plan", "GET", _PLAN + end, frozenset(), {}, {}, {}, None)
                    headers = dict(caller.headers)
                    if end == "/emergency":
                        headers |= _EMERGENCY
                    path = f"/v1/plans/{plan_id}{end}"
                    await self._judged(caller, one, path, {"params": query, "headers": headers})

    async def whole(self, made: list[Drawn], cases: int) -> None:
        """So many cases: one request, by one caller."""
        readers = [one for one in made if one.service in READERS]

        async def work() -> None:
            while self.cases < cases:
                self.cases += 1
                caller = self.random.choice(self.callers)
                share = self.random.random()
                if share < _OF_READERS:
                    await self._ask(self.random.choice(readers), caller)
                elif share < _OF_READERS + _OF_ALL:
                    await self._ask(self.random.choice(made), caller)
                else:
                    await self._contribute(self.random.choice(sorted(self.sections)), caller)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return sum((one.statuses for one in self.asking.values()), Counter())

    @property
    def all_faults(self) -> list[str]:
        """What went beyond somebody's rights, and what broke a contract."""
        return [*self.faults, *(fault for one in self.asking.values() for fault in one.faults)]

    async def _ask(self, one: Drawn, caller: Caller) -> None:
        path, query, headers = self.known.put_into(one)
        headers.pop("Prefer", None)  # nobody waits here
        sent = {**self._with_a_purpose(headers, one, caller), **caller.headers}
        others: Json = {"params": query, "headers": sent}
        if one.body is not None:
            others["content"] = written(one.body)
            others["headers"] = {"Content-Type": "application/json", **sent}
        answer = await self._judged(caller, one, path, others)
        is_unrelated = caller.kind in ("professional", "system") and not caller.plan
        if answer is None or not is_unrelated or sent.get("Ledger-Purpose") == "emergency":
            return
        if one.service == "plan" and "plan_id" in one.path and self.random.randrange(2) == 0:
            another = path
            for plan_id in self.rights.plans.values():
                another = another.replace(str(plan_id), str(uuid4()))
            if another != path:
                other = await self._judged(caller, one, another, others)
                self._must_be_alike(caller, one, answer, other)

    def _with_a_purpose(self, headers: Json, one: Drawn, caller: Caller) -> Json:
        """As it was made, or mostly with one that opens what is asked for."""
        if self.random.randrange(4) == 0:
            return headers
        kept = {name: value for name, value in headers.items() if name not in _EMERGENCY}
        if one.template.endswith("/emergency") and not caller.plan:
            return {**kept, **_EMERGENCY}
        return kept

    async def _judged(
        self, caller: Caller, one: Drawn, path: str, others: Json, command: str = ""
    ) -> httpx.Response | None:
        how = f"{caller.name}: {command}" if command else caller.name
        answer = await self.asking[one.service].ask(one.method, path, how, **others)
        self.asked[f"{one.service} {one.operation}"] += 1
        if answer is None:
            return None
        self.statuses_of.setdefault(caller.name, Counter())[answer.status_code] += 1
        asked = Asked(
            one.service,
            one.method,
            one.template,
            str(answer.request.url),
            others["headers"],
            command,
        )
        for fault in self.rights.beyond(caller, asked, answer):
            shown = f"{one.method} {asked.path[:200]} {command}"
            purpose = others["headers"].get("Ledger-Purpose", "")
            self.faults.append(f"{caller.name}: {shown} {purpose}: {fault}: {answer.text[:300]}")
        self.known.learn(answer)
        return answer

    def _must_be_alike(
        self, caller: Caller, one: Drawn, left: httpx.Response, right: httpx.Response | None
    ) -> None:
        """Whether there is such a plan shows in nothing."""
        if right is None or _form(left) == _form(right):
            return
        what = f"{caller.name}: {one.operation}: a plan that is there is told from none"
        self.faults.append(f"{what}: {_form(left)} {_form(right)}")

    async def _contribute(self, section: str, caller: Caller) -> None:
        plan = self.random.choice((A, A, B))
        example = self.random.choice(self.histories[section])
        body = self._body(self.sections[section], example, self.rights.plans[plan])
        is_theirs = plan in (caller.plan, caller.contributes_to)
        decides_more = caller.role in ("registration-service", "pds-connection", "data-quality")
        changes_rights = section in _VALIDATED_ONLY or not self._creates(section, example)
        path = _CONTRIBUTIONS
        if decides_more or (is_theirs and changes_rights) or "establish" in example.command:
            path = f"{path}:validate"
        elif is_theirs:
            body.pop("visibility", None)
            body.pop("entry_id", None)
        if self.random.randrange(3) == 0:
            body = self.requests[section].nearly(body).body
        self.rights.sent(str(body.get("contribution_id")), caller)
        one = Drawn(section, "POST", path, frozenset(), {}, {}, {}, None)
        headers = {"Content-Type": "application/json", **caller.headers}
        others = {"content": orjson.dumps(body), "headers": headers}
        await self._judged(caller, one, path, others, example.command)

    def _creates(self, section: str, example: Example) -> bool:
        return self.sections[section].commands[example.command].creates

    def _body(self, section: Section, example: Example, plan_id: UUID) -> Json:
        creates = section.commands[example.command].creates
        everywhere = [one for held in self.entries.values() for one in held]
        there = [one for wire, one in everywhere if wire == section.wire_name]
        there = there or [one for _, one in everywhere]
        entry_id = UUID(self.random.choice(there))
        if creates:
            entry_id = entry_of(section, example)
        based_on = None if creates else self.random.choice((1, 1, 2, 3))
        new_id = UUID(self.requests[section.name].new_id())
        return contribution_of(example, new_id, plan_id, entry_id, based_on)


def _form(answer: httpx.Response) -> Any:
    """What an answer says, without ids that the request or the answer alone has."""
    names = sorted({name for name in answer.headers if name not in ("date", "content-length")})
    try:
        told = answer.json()
    except ValueError:
        return answer.status_code, names, len(answer.content)
    kept = {
        name: value
        for name, value in told.items()
        if name not in ("instance", "correlation_id", "contribution_id", "plan_id")
    }
    return answer.status_code, names, orjson.dumps(kept), len(answer.content)
