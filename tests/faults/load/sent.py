"""What was sent, and what came back: all that the judge is told by whoever contributed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from shared.cli.token import person, professional, related_person, system
from shared.contracts import discover

SECTIONS: Final = {section.name: section.wire_name for section in discover.sections()}
"""Folder of a section, and its name on the wire: of every section there is."""

REUSED: Final = "contribution-id-reused"
NAME: Final = "Somebody-Synth"


@dataclass(frozen=True)
class Party:
    """Whoever contributes: somebody of an organisation, its system, or the person of a plan."""

    kind: str
    org: str = ""
    plan_id: str = ""
    role: str = ""

    @property
    def claims(self) -> dict[str, Any]:
        """What their token says of them, and of how they signed in."""
        if self.kind == "professional":
            own = professional(self.org, self.role, NAME)
        elif self.kind == "system":
            own = system(self.org, NAME, role=self.role or None)
        else:
            own = (person if self.kind == "person" else related_person)(self.plan_id, NAME)
        return {**own, **self.signed_in}

    @property
    def signed_in(self) -> dict[str, str]:
        """How they did, as their token says it; not every issuer says all of it."""
        who = f"{self.kind}/{self.org}/{self.plan_id}/{self.role}"
        jti = str(uuid5(NAMESPACE_URL, f"careplan-faults/{who}"))
        if self.kind != "professional":
            return {"jti": jti}
        return {"jti": jti, "client_id": f"epr-{self.org}", "idp": "staff-card", "acr": "aal3"}


@dataclass
class Sent:
    """One contribution, and every answer to it that reached whoever sent it."""

    section: str
    contribution: Mapping[str, Any]
    by: Party
    door: str
    nonce: str
    attempts: int = 0
    unanswered: int = 0
    is_abandoned: bool = False
    should_be_accepted: bool = True
    """False where it is sent to be refused, or out of its turn."""
    answers: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its contribution_id."""
        return str(self.contribution["contribution_id"])

    @property
    def wire(self) -> str:
        """Its section's name on the wire: an id belongs to one contribution of a section."""
        return SECTIONS[self.section]

    @property
    def plan_id(self) -> str:
        """The plan it is about."""
        return str(self.contribution["plan_id"])

    @property
    def receipt(self) -> dict[str, Any] | None:
        """The first final answer."""
        return next((answer for answer in self.answers if is_final(answer)), None)

    @property
    def is_accepted(self) -> bool:
        """True where its receipt says so."""
        return self.receipt is not None and self.receipt["outcome"] == "accepted"

    @property
    def is_forbidden(self) -> bool:
        """True where whoever sent it may not do this: no receipt of that is kept."""
        receipt = self.receipt
        return receipt is not None and not is_kept(receipt) and receipt["code"] != REUSED


def is_kept(answer: Mapping[str, Any]) -> bool:
    """A receipt that its section keeps."""
    return answer.get("kept", True) is True


def is_final(answer: Mapping[str, Any]) -> bool:
    """Kept, or a refusal that sending again would not change."""
    return is_kept(answer) or not answer.get("retryable", False)
