"""Two plans with words that stand nowhere else, and from whom each word is withheld."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import httpx

from shared.testing.eventually import eventually
from shared.testing.people import somebody
from tests.generated.stack.callers import A, B, Caller

Json = dict[str, Any]

NEED: Final = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
SECTIONS: Final = ("goals", "needs", "contingency_plans", "stewardship")
ALL_OF_A: Final = frozenset(
    {"opener", "related", "related system", "cleared", "narrow", "person a", "proxy"}
)
ALL_OF_B: Final = frozenset({"elsewhere", "person b"})
NOT_THEIRS: Final = frozenset({"person a", "proxy"})
"""From whom something is kept that is withheld from the person."""
LABELLED: Final = frozenset({"related", "related system", "cleared", "person a"})
"""Whom a label lets see what the trust wrote: itself, whoever is cleared for it, the person."""
NARROW: Final = frozenset({"narrow"})


@dataclass(frozen=True)
class Word:
    """A word that was planted: who may ever be told it, and whether an emergency shows it."""

    text: str
    where: str
    seen_by: frozenset[str]
    in_an_emergency: bool = False


@dataclass
class Planting:
    """Contributes both plans through the front doors, as those who may."""

    urls: Mapping[str, str]
    client: httpx.AsyncClient
    callers: Mapping[str, Caller]
    plans: Mapping[str, UUID]
    words: list[Word] = field(default_factory=list)
    entries: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By plan: section and id of each entry."""
    contributions: dict[str, str] = field(default_factory=dict)
    """Who sent each contribution."""

    async def whole(self) -> None:
        """Everything that is planted."""
        await self._open(A, "opener", ALL_OF_A - NARROW)
        await self._open(B, "elsewhere", ALL_OF_B)
        await self._let_in()
        await self._say_what_all_see()
        await self._say_what_some_see()
        await self._say_what_is_of_b()

    async def _open(self, plan: str, by: str, seen_by: frozenset[str]) -> None:
        opening = somebody(self.plans[plan].int % 200_000).opening()
        family = self._word(f"the family name of {plan}", seen_by, in_an_emergency=True)
        opening["name"]["family"] = f"{family}-Synth"
        number = opening["nhs_number"]["value"]
        self.words.append(Word(number, f"the NHS number of {plan}", seen_by, True))
        opening["addresses"][0]["line1"] = self._word(f"the address of {plan}", seen_by)
        await self._contribute("person", "open-plan", opening, by, plan)

    async def _let_in(self) -> None:
        for org, scope in (
            ("ZZC01", {"contribute": True}),
            ("ZZL09", {"sections": ["goals"], "contribute": True}),
            ("ZZM02", {"labels": ["mental-health"], "contribute": True}),
        ):
            content = {
                "organisation": {"ods": org},
                "kind": "caseload",
                "reason": "They look after me",
                "lawful_basis": {"value": "direct-care"},
                "live_from": "2026-03-10T00:00:00Z",
                "scope": scope,
            }
            await self._contribute("care_team", "relationship-establish", content, "person a", A)
        proxy = {
            "party": {
                "kind": "related-person",
                "name": "Ruth-Synth",
                "identifiers": [{"kind": "sub", "value": self.callers["proxy"].tag}],
            },
            "authority": "nomination",
            "scope": {"view": True, "contribute": True},
            "live_from": "2026-02-03T00:00:00Z",
        }
        await self._contribute("care_team", "proxy-appoint", proxy, "person a", A)

    async def _say_what_all_see(self) -> None:
        aim = self._word("an aim", ALL_OF_A)
        goal = await self._agree(aim, "opener", A)
        again = self._word("an aim that was reworded", ALL_OF_A)
        await self._contribute("goals", "reword", {"aim": {"text": again}}, "opener", A, entry=goal)
        strength = self._word("a strength", ALL_OF_A - NARROW)
        said = {"what": {"text": strength}}
        await self._contribute("needs", "strength-recognise", said, "opener", A)
        trigger = self._word("a trigger", ALL_OF_A - NARROW, in_an_emergency=True)
        await self._prepare(trigger, "opener", A)

    async def _say_what_some_see(self) -> None:
        kept = {"approved_by": "Caldicott guardian of ZZG01", "review_on": "2027-09-10"}
        not_person = {**kept, "withheld_from_person": True}
        seen = ALL_OF_A - NOT_THEIRS
        hidden = await self._withheld("withheld from the person", seen, not_person, "opener")
        await self._withheld("of a third party", ALL_OF_A - {"proxy"}, {"third_party": True})
        label = {"labels": ["mental-health"]}
        await self._withheld("labelled", LABELLED, label, "related")
        why = self._word("a leaf withheld from the person", seen)
        reason = self._word("why a leaf is withheld", seen)
        open_aim = self._word("the aim beside it", ALL_OF_A)
        visibility = {**not_person, "fields": ["why"], "reason": reason}
        await self._agree(open_aim, "opener", A, visibility=visibility, why=why)
        later = await self._agree(self._word("withheld later", seen), "opener", A)
        restriction = {**not_person, "reason": self._word("why it is withheld later", seen)}
        await self._contribute("goals", "restrict", restriction, "opener", A, entry=later)
        await self._contribute(
            "stewardship",
            "comment-write",
            {
                "target": {"section": "goals", "entry_id": hidden},
                "kind": "comment",
                "text": self._word("a comment on what is withheld", seen - NARROW),
            },
            "opener",
            A,
        )

    async def _say_what_is_of_b(self) -> None:
        await self._agree(self._word("an aim of b", ALL_OF_B), "elsewhere", B)
        trigger = self._word("a trigger of b", ALL_OF_B, in_an_emergency=True)
        await self._prepare(trigger, "elsewhere", B)

    async def _withheld(
        self, what: str, seen: frozenset[str], visibility: Json, by: str = "opener"
    ) -> str:
        reason = self._word(f"why it is {what}", seen)
        aim = self._word(f"an aim {what}", seen)
        return await self._agree(aim, by, A, visibility={**visibility, "reason": reason})

    async def _agree(
        self, aim: str, by: str, plan: str, visibility: Json | None = None, **more: str
    ) -> str:
        content = {"aim": {"text": f"Walk to {aim}"}, "need_ids": [NEED], **more}
        return await self._contribute("goals", "agree", content, by, plan, visibility=visibility)

    async def _prepare(self, trigger: str, by: str, plan: str) -> str:
        content = {
            "name": {"text": "If I fall"},
            "triggers": [{"text": trigger}],
            "instructions": [{"what": {"text": "Press the pendant"}}],
        }
        return await self._contribute("contingency_plans", "prepare", content, by, plan)

    async def _contribute(
        self,
        section: str,
        command: str,
        content: Json,
        by: str,
        plan: str,
        *,
        entry: str | None = None,
        visibility: Json | None = None,
    ) -> str:
        """Until the section's copy has learnt who may; the id of the entry."""
        wire = section.replace("_", "-")
        given: Json = {
            "contribution_id": str(uuid4()),
            "plan_id": str(self.plans[plan]),
            "command": f"careplan.{wire}.commands.{command}.v1",
            "content": content,
        }
        if entry is not None:
            given |= {"entry_id": entry, "based_on": 1}
        if visibility is not None:
            given["visibility"] = visibility
        if command == "open-plan":
            given["entry_id"] = given["plan_id"]
        headers = self.callers[by].headers

        async def send() -> httpx.Response:
            url = f"{self.urls[section]}/v1/contributions"
            return await self.client.post(url, json=given, headers=headers)

        def is_final(answer: httpx.Response) -> bool:
            return answer.is_success or answer.json().get("retryable") is not True

        answer = await eventually(send, f"{command} is taken", holds=is_final)
        assert answer.status_code == httpx.codes.CREATED, (command, answer.text)
        self.contributions[given["contribution_id"]] = by
        entry_id = str(answer.json()["entry_id"])
        self.entries.setdefault(plan, []).append((wire, entry_id))
        return entry_id

    def _word(self, where: str, seen_by: frozenset[str], *, in_an_emergency: bool = False) -> str:
        text = f"w{uuid4().hex[:10]}w"
        self.words.append(Word(text, where, seen_by, in_an_emergency))
        return text
