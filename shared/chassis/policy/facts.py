"""What a decision rests on, and what it says: the words between every door and the rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from shared.chassis.policy.access import Access, Doing, Proxy
from shared.chassis.policy.sees import Sees
from shared.chassis.policy.standing import Standing
from shared.ledger import Provenance, ServiceRole

POLICY_VERSION: Final = "2026-12-01.10"
"""Stored with every decision; it changes whenever a rule does."""

Roles = Mapping[str, Collection[str]]
"""The names that a deployment gives to each kind of role that a rule asks for."""

NO_RELATIONSHIP: Final = "no-live-relationship"
PROXY_NOT_LIVE: Final = "proxy-not-live"
RESTS_ON_THE_COPY: Final = frozenset({NO_RELATIONSHIP, PROXY_NOT_LIVE})
"""Codes of refusals that rest on a copy which may be behind."""

AUDIT_READING: Final = "audit_reading"
AUDIT_EVERYWHERE: Final = "audit_everywhere"
OVERRIDE_REVIEWING: Final = "override_reviewing"
READS_NO_PLAN: Final = "reads_no_plan"
SEES_SEX: Final = "sees_sex"
OPERATING: Final = "operating"
"""Kinds of roles that the rules themselves ask for; a deployment may name others for each."""

AUTHN: Final = "authn"
"""How somebody was authenticated, where it is left out of an audit record."""

NOTHING_KNOWN: Final = Access()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision rests on beside the token.

    ``who`` are the kinds of voices and the service roles that the command names; ``section`` is
    named as on the wire, ``None`` for the whole plan. ``access`` is what the service's copy knows
    of the plan: where nothing is known, whatever rests on it is refused. ``doing`` is what a Proxy
    has to permit. ``restricting`` are the labels that limit who sees something, ``None`` for every
    one. ``contributed_by`` is the key of whoever a receipt belongs to.
    """

    roles: Roles
    plan_id: UUID | None = None
    who: tuple[str | ServiceRole, ...] = ()
    provenance: Provenance | None = None
    contributed_by: str | None = None
    access: Access = NOTHING_KNOWN
    section: str | None = None
    doing: Doing = Doing.CONTRIBUTE
    restricting: frozenset[str] | None = None
    at: datetime = field(default_factory=_now)


@dataclass(frozen=True, slots=True)
class Decision:
    """A permission, or a no with its code and the words for it.

    ``relationship`` is what it rests on, ``proxy`` the Proxy under which somebody acts for the
    person, ``sees`` what they see of the plan. ``override`` is ``break-glass`` where there is no
    relationship, ``objection`` where it is against one. ``redactions`` has to be left out.
    ``revision`` is that of the access to the plan that it rests on, ``None`` where on none.
    """

    allowed: bool
    code: str | None = None
    detail: str = ""
    relationship: Standing | None = None
    proxy: Proxy | None = None
    sees: Sees | None = None
    override: str | None = None
    redactions: tuple[str, ...] = ()
    within: str | None = None
    policy_version: str = POLICY_VERSION
    revision: int | None = None

    @property
    def may_change(self) -> bool:
        """True for a no that rests on a copy which may be behind."""
        return self.code in RESTS_ON_THE_COPY
