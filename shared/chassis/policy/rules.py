"""Who may do what: one row for each rule, to be read and approved by people who care for people.

What has no row is refused. What a row needs is looked up where it is asked, in the service's own
copy of relationships and Proxies; what a command asks for beyond it is declared beside the command.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Caller(Enum):
    """Who asks, by their token or by the inbox that their message came through."""

    PERSON = "the person"
    CLOSE = "somebody close to the person"
    PROFESSIONAL = "a professional"
    SYSTEM = "a system of an organisation"
    NATIONAL = "a national service"
    OFFICER = "an officer of the audit"
    OPERATOR = "an operator of the ledger"


class Action(Enum):
    """What somebody asks for."""

    READ_PLAN = "read-plan"
    READ_EMERGENCY = "read-emergency"
    SEARCH_PEOPLE = "search-people"
    LIST_PLANS = "list-plans"
    CONTRIBUTE = "contribute"
    GAIN_ACCESS = "gain-access"
    STORE_MEDIA = "store-media"
    READ_RECEIPT = "read-receipt"
    READ_AUDIT = "read-audit"
    REVIEW_OVERRIDE = "review-override"
    READ_OWN_ACCESSES = "read-own-accesses"
    TEND_DEAD_LETTERS = "tend-dead-letters"


class Needs(Enum):
    """What has to be there."""

    OWN_PLAN = "a token for this plan"
    PROXY = "a token for this plan, and a live Proxy of theirs that covers it"
    RELATIONSHIP = "a live relationship of their organisation that covers it"
    OR_BREAK_GLASS = "a live relationship of their organisation, or an emergency and its reason"
    ANY_RELATIONSHIP = "a relationship of their organisation, be it objected to or out of time"
    ROLE = "only their role, for the commands that name it"
    OWN_PLAN_VERIFIED = "a token for this plan, and a verified NHS number"
    OWN_RECEIPT = "that they, or their organisation, contributed it"
    NOTHING = "nothing more"


CARE: Final = frozenset({"direct-care", "review", "emergency"})
"""What a plan is opened for. A reader who gives no purpose reads for direct care."""

EMERGENCY: Final = "emergency"
AUDIT: Final = frozenset({"audit"})
SUPPORT: Final = frozenset({"support"})
NO_PURPOSE: Final[frozenset[str]] = frozenset()
"""Where none is asked: whoever contributes says why in the contribution."""


@dataclass(frozen=True)
class Rule:
    """One row: who may do what, what that needs, for which purposes, and in other words."""

    caller: Caller
    action: Action
    needs: Needs
    purposes: frozenset[str] = NO_PURPOSE
    in_words: str = ""


RULES: Final = (
    Rule(
        *(Caller.PERSON, Action.READ_PLAN, Needs.OWN_PLAN, CARE),
        "The person sees all of their plan that is not withheld from them.",
    ),
    Rule(
        *(Caller.CLOSE, Action.READ_PLAN, Needs.PROXY, CARE),
        "A Proxy that may view sees what the person sees, in the sections of its scope.",
    ),
    Rule(
        *(Caller.PROFESSIONAL, Action.READ_PLAN, Needs.RELATIONSHIP, CARE),
        "The sections of the relationship's scope, without those that the person objects to.",
    ),
    Rule(*(Caller.SYSTEM, Action.READ_PLAN, Needs.RELATIONSHIP, CARE), "As a professional."),
    Rule(*(Caller.PERSON, Action.READ_EMERGENCY, Needs.OWN_PLAN, CARE)),
    Rule(*(Caller.CLOSE, Action.READ_EMERGENCY, Needs.PROXY, CARE)),
    Rule(
        *(Caller.PROFESSIONAL, Action.READ_EMERGENCY, Needs.OR_BREAK_GLASS, CARE),
        "Without a relationship only for the purpose `emergency`; it is recorded and reported.",
    ),
    Rule(*(Caller.SYSTEM, Action.READ_EMERGENCY, Needs.RELATIONSHIP, CARE)),
    Rule(
        *(Caller.PROFESSIONAL, Action.SEARCH_PEOPLE, Needs.NOTHING, CARE),
        "By two things that identify a person. It names plans and opens none; it is limited.",
    ),
    Rule(
        *(Caller.SYSTEM, Action.SEARCH_PEOPLE, Needs.NOTHING, CARE),
        "As a professional.",
    ),
    Rule(
        *(Caller.PROFESSIONAL, Action.LIST_PLANS, Needs.NOTHING, CARE),
        "What there is to do, of the plans with which their organisation has a live relationship; "
        "of each what they are shown who open it.",
    ),
    Rule(*(Caller.SYSTEM, Action.LIST_PLANS, Needs.NOTHING, CARE), "As a professional."),
    Rule(*(Caller.PERSON, Action.CONTRIBUTE, Needs.OWN_PLAN)),
    Rule(
        *(Caller.CLOSE, Action.CONTRIBUTE, Needs.PROXY),
        in_words="The contribution names the Proxy. Whoever agrees needs one that may agree.",
    ),
    Rule(
        *(Caller.PROFESSIONAL, Action.CONTRIBUTE, Needs.RELATIONSHIP),
        in_words="One that may contribute to this section; what a Proxy said names a live Proxy.",
    ),
    Rule(
        *(Caller.SYSTEM, Action.CONTRIBUTE, Needs.RELATIONSHIP),
        in_words="As a professional; its organisation answers for who said it.",
    ),
    Rule(
        *(Caller.NATIONAL, Action.CONTRIBUTE, Needs.ROLE),
        in_words="Demographics, data quality and registration reach every plan and read none.",
    ),
    Rule(
        *(Caller.OFFICER, Action.CONTRIBUTE, Needs.ANY_RELATIONSHIP),
        in_words="Only the commands that name the role: lifting, releasing, narrowing, ending.",
    ),
    Rule(*(Caller.PERSON, Action.GAIN_ACCESS, Needs.OWN_PLAN)),
    Rule(*(Caller.CLOSE, Action.GAIN_ACCESS, Needs.PROXY)),
    Rule(
        *(Caller.PROFESSIONAL, Action.GAIN_ACCESS, Needs.NOTHING),
        in_words="To open a plan, or to establish, extend or end a relationship of their own.",
    ),
    Rule(*(Caller.SYSTEM, Action.GAIN_ACCESS, Needs.NOTHING), in_words="As a professional."),
    Rule(*(Caller.NATIONAL, Action.GAIN_ACCESS, Needs.ROLE)),
    Rule(*(Caller.PERSON, Action.STORE_MEDIA, Needs.OWN_PLAN)),
    Rule(*(Caller.CLOSE, Action.STORE_MEDIA, Needs.PROXY)),
    Rule(*(Caller.PROFESSIONAL, Action.STORE_MEDIA, Needs.RELATIONSHIP)),
    Rule(*(Caller.SYSTEM, Action.STORE_MEDIA, Needs.RELATIONSHIP)),
    Rule(*(Caller.NATIONAL, Action.STORE_MEDIA, Needs.ROLE)),
    *(Rule(caller, Action.READ_RECEIPT, Needs.OWN_RECEIPT) for caller in Caller),
    Rule(
        *(Caller.OFFICER, Action.READ_AUDIT, Needs.NOTHING, AUDIT),
        "What their organisation did, and all that happened to plans of people whom it looks after "
        "or has looked after; roles of a setting see every plan. Only an auditor sees how somebody "
        "was authenticated.",
    ),
    Rule(
        *(Caller.OFFICER, Action.REVIEW_OVERRIDE, Needs.NOTHING, AUDIT),
        "What their organisation did in an emergency, never what they did themselves; once it is "
        "overdue, also what others did to people whom their organisation looks after. An auditor "
        "sees reviews and makes none.",
    ),
    Rule(
        *(Caller.PERSON, Action.READ_OWN_ACCESSES, Needs.OWN_PLAN_VERIFIED),
        in_words="Only the person is told who has seen their plan: it may be about a Proxy.",
    ),
    Rule(
        *(Caller.OPERATOR, Action.TEND_DEAD_LETTERS, Needs.NOTHING, SUPPORT),
        "What no consumer could read, of every organisation; masked unless they ask for more. Each "
        "look and each act is recorded.",
    ),
)
"""Every rule. Whatever is not here is refused."""

BY_CALLER: Final[Mapping[tuple[Caller, Action], Rule]] = {
    (rule.caller, rule.action): rule for rule in RULES
}
