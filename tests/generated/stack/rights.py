"""Whether an answer tells a caller, or does for them, more than they have a right to.

It is judged by who asked and by what was planted, never by asking what the services decide by.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx

from tests.generated.stack.callers import Caller
from tests.generated.stack.planted import Word

_OFFICERS: Final = ("privacy-officer", "caldicott-guardian")
_OF_THE_AUDIT: Final = ("auditor", *_OFFICERS)
_READS_THE_LOG: Final = ("auditor", "monitor")
_WITHOUT_A_RELATIONSHIP: Final = {
    "registration-service": ("care_team",),
    "pds-connection": ("person",),
    "data-quality": ("person",),
}
"""Where these may contribute to any plan."""
_NAME_OFFICERS: Final = ("restrict.v1", "lift-restriction.v1")
"""What an officer does to the plans of people whom their organisation looks after."""
_FOR_ANYBODY_WHO_WORKS: Final = (
    "careplan.person.commands.open-plan.v1",
    "careplan.care-team.commands.relationship-establish.v1",
)


@dataclass(frozen=True)
class Asked:
    """What was asked, by whom."""

    service: str
    method: str
    template: str
    path: str
    headers: Mapping[str, str]
    command: str = ""

    @property
    def is_emergency(self) -> bool:
        """The view that is there for whoever has no relationship, or a file that it names."""
        return self.template.endswith("/emergency") or self.template == "/v1/media/{sha256}"

    @property
    def breaks_the_glass(self) -> bool:
        """It is asked for as an emergency."""
        return self.is_emergency and self.headers.get("Ledger-Purpose") == "emergency"


@dataclass
class Rights:
    """The two plans, what was planted in them, and what each caller has done."""

    plans: Mapping[str, UUID]
    callers: Sequence[Caller]
    words: Sequence[Word]
    accesses: dict[str, set[str]] = field(default_factory=dict)
    """By caller: the accesses that they have made."""
    contributions: dict[str, set[str]] = field(default_factory=dict)
    """By contribution: the callers who have sent it."""
    told: dict[str, set[str]] = field(default_factory=dict)
    """By planted word: the callers who were told it."""

    def sent(self, contribution_id: str, by: Caller) -> None:
        """A caller has sent a contribution."""
        self.contributions.setdefault(contribution_id, set()).add(by.name)

    def beyond(self, caller: Caller, asked: Asked, answer: httpx.Response) -> Iterator[str]:
        """In what the answer goes beyond the caller's rights."""
        access_id = answer.headers.get("ledger-access-id")
        if access_id:
            self.accesses.setdefault(caller.name, set()).add(access_id)
        told = answer.content + repr(answer.headers.multi_items()).encode()
        for word in self.words:
            if word.text.encode() not in told:
                continue
            self.told.setdefault(word.text, set()).add(caller.name)
            if not self._may_be_told(caller, asked, word):
                yield f"tells {word.where}"
        for other in self.callers:
            if other.tag and other.tag.encode() in told and not _may_name(caller, asked, other):
                yield f"names {other.name}"
        if _tells_something(answer) and not self._may(caller, asked, answer):
            yield f"is {answer.status_code}"
        if asked.service == "audit" and caller.role in _OFFICERS:
            yield from self._of_others(caller, answer)
        is_shut_out = not caller.is_proven and not _is_open(asked)
        if is_shut_out and not _asks_who_it_is(answer):
            yield f"is {answer.status_code}, not 401"

    def _of_others(self, caller: Caller, answer: httpx.Response) -> Iterator[str]:
        """Records of what others did, on plans of people whom nobody there looks after."""
        looked_after = [str(self.plans[one]) for one in (caller.contributes_to,) if one]
        for record in _records_in(answer):
            by = (record.get("actor") or {}).get("organisation") or {}
            is_own = by.get("ods") == caller.organisation
            if not is_own and record.get("plan_id") not in looked_after:
                named = record.get("record_id") or record.get("override_id")
                yield f"shows the record {named} of others"

    def _may_be_told(self, caller: Caller, asked: Asked, word: Word) -> bool:
        if asked.service == "audit":
            return False
        if caller.name in word.seen_by:
            return True
        glass = asked.breaks_the_glass and caller.may_break_the_glass
        return glass and word.in_an_emergency

    def _may(self, caller: Caller, asked: Asked, answer: httpx.Response) -> bool:
        """True where the caller may have such an answer at all."""
        if asked.template.startswith("/v1/ops/dead-letters"):
            return caller.is_proven and caller.role == "operator"
        if asked.template.endswith("/contributions/{contribution_id}"):
            contribution_id = asked.path.partition("?")[0].rpartition("/")[2]
            return caller.is_proven and self._sent_by(caller, contribution_id)
        if asked.service == "audit":
            return _may_ask_the_audit(caller, asked)
        if asked.template == "/v1/reviews":
            return caller.is_proven and self._may_list(caller, answer)
        return caller.is_proven and self._may_use_a_plan(caller, asked, answer)

    def _may_list(self, caller: Caller, answer: httpx.Response) -> bool:
        """Whoever works for an organisation is told of its plans; of those planted, of theirs."""
        others = {str(one) for name, one in self.plans.items() if name != caller.plan}
        items = answer.json()["items"] if answer.is_success else ()
        listed = {item["plan_id"] for item in items}
        return caller.kind in ("professional", "system") and listed.isdisjoint(others)

    def _may_use_a_plan(self, caller: Caller, asked: Asked, answer: httpx.Response) -> bool:
        if asked.method == "POST" and asked.template.startswith("/v1/contributions"):
            return self._may_contribute(caller, asked, answer.json())
        if asked.template.startswith("/v1/accesses/"):
            return any(one in asked.path for one in self.accesses.get(caller.name, ()))
        if asked.breaks_the_glass and caller.may_break_the_glass:
            return True
        return bool(caller.plan) and str(self.plans[caller.plan]) in asked.path.lower()

    def _may_contribute(self, caller: Caller, asked: Asked, told: Any) -> bool:
        """A refusal of what was only validated tells nothing of what is there."""
        if told.get("outcome") != "accepted":
            return True
        if asked.service in _WITHOUT_A_RELATIONSHIP.get(caller.role, ()):
            return True
        if asked.command in _FOR_ANYBODY_WHO_WORKS and caller.kind in ("professional", "system"):
            return True
        if caller.contributes_to:
            is_named = asked.command.endswith(_NAME_OFFICERS)
            return is_named and told["plan_id"] == str(self.plans[caller.contributes_to])
        is_theirs = bool(caller.plan) and told["plan_id"] == str(self.plans[caller.plan])
        return is_theirs and (caller.name != "narrow" or asked.service == "goals")

    def _sent_by(self, caller: Caller, contribution_id: str) -> bool:
        """Whoever sent it may ask for its receipt, and others of the same organisation."""
        names = self.contributions.get(contribution_id, set())
        return any(
            one.name in names
            and (one.name == caller.name or one.organisation == caller.organisation != "")
            for one in self.callers
        )


def _may_name(caller: Caller, asked: Asked, other: Caller) -> bool:
    """Whoever sees a plan is told who contributed to it; who has read it, the audit tells."""
    if caller.name == other.name:
        return True
    if asked.service == "audit":
        is_own = other.organisation == caller.organisation != ""
        is_officer = caller.role in _OFFICERS and (is_own or bool(caller.contributes_to))
        return caller.role == "auditor" or is_officer
    glass = asked.breaks_the_glass and caller.may_break_the_glass
    return bool(other.plan) and (caller.plan == other.plan or glass)


def _records_in(answer: httpx.Response) -> list[dict[str, Any]]:
    if not answer.is_success or "json" not in answer.headers.get("content-type", ""):
        return []
    told = answer.json()
    given = [*told.get("items", ()), told.get("record") or {}]
    return [one for one in given if "record_id" in one or "override_id" in one]


def _tells_something(answer: httpx.Response) -> bool:
    return answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED


def _asks_who_it_is(answer: httpx.Response) -> bool:
    """True too where nothing could be read as a request at all: nobody has been asked then."""
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return bool(answer.json()["code"] == "bad-request")
    return answer.status_code == httpx.codes.UNAUTHORIZED


def _is_open(asked: Asked) -> bool:
    """The files of the log need no token."""
    return asked.service == "audit" and asked.template.startswith("/log/")


def _may_ask_the_audit(caller: Caller, asked: Asked) -> bool:
    if asked.template.startswith("/log/"):
        return "/tile/entries" not in asked.path or caller.role in _READS_THE_LOG
    if asked.template == "/v1/audit/me/accesses":
        return caller.kind == "person"
    if asked.template == "/v1/audit/checkpoints" or "/audit/proofs/" in asked.template:
        return caller.is_proven
    if asked.template.endswith(":review"):
        return caller.role in _OFFICERS
    return caller.role in _OF_THE_AUDIT
