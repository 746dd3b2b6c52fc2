"""Whether somebody may contribute: by their token, the plan, and who the section knows may."""

from shared.chassis.contribute.prepare import Prepared
from shared.chassis.policy.access import Doing
from shared.chassis.policy.access_copy import JUST_NOW, AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts
from shared.chassis.policy.facts import PROXY_NOT_LIVE
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.settings import Settings
from shared.ledger import Refused, Section
from shared.ledger.recorded_event import OPEN


class Rights:
    """Asks for each contribution what its contributor may, close to the data."""

    def __init__(
        self, section: Section, plan_states: PlanStates, access: AccessCopy, settings: Settings
    ) -> None:
        self._section = section.wire_name
        self._plan_states = plan_states
        self._access = access
        self._roles = settings.roles
        self._restricting = frozenset(settings.restricting_labels)

    async def of(
        self, prepared: Prepared, *, wait: bool = False, not_older_than: float = JUST_NOW
    ) -> Decision:
        """Whether they may: this command, this plan, this claim, and by whose leave.

        What the token forbids is said before anything is looked up. ``wait`` says whether a copy
        that is behind is asked again, ``not_older_than`` is as for ``AccessCopy.decide``.
        """
        command = prepared.command
        facts = Facts(
            self._roles,
            plan_id=prepared.plan_id,
            who=command.who,
            provenance=prepared.provenance,
            section=self._section,
            doing=Doing.AGREE if command.entry.proxies_agree else Doing.CONTRIBUTE,
            restricting=self._restricting,
        )
        action = Action.GAIN_ACCESS if command.gains_access else Action.CONTRIBUTE
        patience = None if wait else 0.0
        return await self._access.decide(
            prepared.contributor, action, facts, patience=patience, not_older_than=not_older_than
        )

    async def no_by_the_plan(self, prepared: Prepared, *, wait: bool) -> Refused | None:
        """What its state refuses, after a copy that is behind was waited for."""
        if prepared.command.entry.opens_plan is not None:
            return None
        state = await self._plan_states.of(prepared.plan_id, wait=wait)
        if state is None:
            return Refused(
                "plan-unknown",
                "This section does not know the plan. Open the plan first, or send this again if "
                "it has just been opened.",
            )
        if state != OPEN:
            return Refused("plan-not-open", "This plan has ended or was merged.")
        return None


def refused_by(decision: Decision) -> Refused:
    """The refusal that a decision is."""
    field = "provenance.on_behalf_of" if decision.code == PROXY_NOT_LIVE else None
    return Refused(str(decision.code), decision.detail, field=field)
