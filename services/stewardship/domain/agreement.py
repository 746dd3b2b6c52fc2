"""An agreement: whether the person, or who may speak for them, agrees to a version of the plan."""

from datetime import date
from typing import Annotated, Literal

from shared.ledger import (
    PERSON,
    PROFESSIONAL,
    PROXY,
    AgreementSubject,
    Carries,
    ChangeReason,
    Choice,
    Creation,
    Entry,
    Name,
    ProxyRef,
    Refusal,
    Refused,
    Shape,
    Text,
    Withdrawal,
    creates,
    is_blank,
    titled,
    value,
    withdraws,
)


class AgreementOutcome(Choice):
    """What they said."""

    YES = "yes", "Agreed", "They agree to it."
    NO = "no", "Not agreed", "They do not agree to it."
    PARTLY = "partly", "Agreed in part", "They agree to some of it."


class AgreedBy(Choice):
    """Who was asked."""

    PERSON = "person", "The person", "The person themselves."
    REPRESENTATIVE = "representative", "A representative", "Somebody who speaks for the person."


class Authority(Choice):
    """By what right a representative speaks for the person."""

    SELF = "self", "The person", "The person speaks for themselves."
    LPA = "lpa", "Lasting power of attorney", "A lasting power of attorney for health and welfare."
    DEPUTY = "deputy", "Deputy", "Appointed by the Court of Protection."
    PARENTAL_RESPONSIBILITY = (
        "parental-responsibility",
        "Parental responsibility",
        "For a child, by parental responsibility.",
    )
    BEST_INTERESTS = (
        "best-interests",
        "Best-interests decision",
        "Decided in the best interests of somebody who cannot decide it.",
    )
    NONE = "none", "None", "No right in law to agree for the person."


class AgreementMethod(Choice):
    """How they were asked."""

    FACE_TO_FACE = "face-to-face", "Face to face", "In the same place."
    TELEPHONE = "telephone", "By telephone", "By telephone."
    VIDEO = "video", "By video", "By video call."
    APP = "app", "In an app", "In an app or on a page."
    LETTER = "letter", "By letter", "By letter."


@value
class Capacity:
    """An assessment of whether the person can decide this themselves."""

    assessed_on: Annotated[date, titled("Assessed on", "The day it was assessed.")]
    by: Annotated[Name, titled("Assessed by", "Who assessed it.")] | None = None
    ref: Annotated[Text, titled("Reference", "Where the assessment is kept.")] | None = None
    efforts: (
        Annotated[Text, titled("Efforts", "What was done so that the person could decide.")] | None
    ) = None


@value
class BestInterests:
    """What was decided in the person's best interests, and by whom."""

    decision: Annotated[Text, titled("Decision", "What was decided.")]
    who_took_part: (
        Annotated[Text, titled("Who took part", "Who was heard, the person among them.")] | None
    ) = None
    rights_promoted: (
        Annotated[Text, titled("Rights", "How the person's rights were promoted.")] | None
    ) = None


NEEDS_A_PLAN_VERSION = Refusal(
    "agreement-needs-a-plan-version",
    "It does not say to which version",
    "Say in `plan_version` which version of the plan was shown when it was agreed.",
)
REASON_NOT_AGREED_MISSING = Refusal(
    "reason-not-agreed-missing",
    "It does not say why not",
    "Say in `reason_not` why it is not agreed, or not all of it.",
)
WITHOUT_AUTHORITY = Refusal(
    "representative-without-authority",
    "The representative may not agree for the person",
    "Only somebody with a right in law may agree for the person. Name it in `authority`, or record "
    "what they said as `no` or `partly`.",
)
CAPACITY_MISSING = Refusal(
    "capacity-assessment-missing",
    "No assessment of capacity is named",
    "A best-interests decision needs `capacity` and `best_interests`.",
)
AUTHORITY_IS_A_REPRESENTATIVES = Refusal(
    "authority-is-a-representatives",
    "The person needs no authority",
    "The person agrees in their own name. Leave `authority` out, or say that it was a "
    "representative.",
)


@titled("Agreement")
class Agreement(Entry):
    """What somebody said of one version; it is never amended, a new one is recorded."""

    carries = (
        "Care and support plan > Agreed with person or legitimate representative",
        "Contingency/safety plans > Agreed with person or legitimate representative",
    )
    may_contribute = (PERSON, PROXY, PROFESSIONAL)
    proxies_agree = True
    already_out = Refusal(
        "agreement-already-taken-back",
        "The agreement was taken back",
        "This agreement was taken back. Record a new one.",
    )

    @titled("Agreement recorded")
    class Recorded(Creation):
        """The person, or a representative, said whether they agree."""

        subject: Annotated[
            Literal["plan"] | AgreementSubject,
            titled("Subject", "What was agreed: the plan, a contingency plan or a goal."),
        ]
        plan_version: Annotated[
            Annotated[int, Shape(ge=0)],
            titled(
                "Version of the plan",
                "The version that was shown when it was agreed; 0, where none was, is refused.",
            ),
        ]
        outcome: Annotated[AgreementOutcome, titled("Outcome", "What they said.")]
        by: Annotated[AgreedBy, titled("By", "Who was asked.")]
        name: Annotated[
            Name | None,
            titled("Name", "The name of whoever agreed."),
            Carries("Person full name"),
        ] = None
        role: Annotated[
            Name | None, titled("Role", "What they are to the person."), Carries("Role")
        ] = None
        proxy: Annotated[ProxyRef, titled("Proxy", "Under which Proxy they speak.")] | None = None
        authority: Annotated[Authority, titled("Authority", "By what right.")] | None = None
        method: Annotated[AgreementMethod, titled("Method", "How they were asked.")] | None = None
        reason_not: Annotated[Text, titled("Why not", "Why it is not agreed.")] | None = None
        capacity: Annotated[Capacity, titled("Capacity", "The assessment of capacity.")] | None = (
            None
        )
        best_interests: (
            Annotated[BestInterests, titled("Best interests", "The decision and who took part.")]
            | None
        ) = None
        persons_view: (
            Annotated[Text, titled("The person's view", "What the person says, whoever decides.")]
            | None
        ) = None

    @titled("Agreement taken back")
    class TakenBack(Withdrawal):
        """They no longer agree."""

        reason: ChangeReason

    @creates(Recorded, "Record an agreement")
    @staticmethod
    def record(said: Recorded) -> None:
        """Write down whether they agree, to which version, and by what right."""
        if said.plan_version == 0:
            raise Refused(NEEDS_A_PLAN_VERSION, field="plan_version")
        if said.outcome is not AgreementOutcome.YES and is_blank(said.reason_not):
            raise Refused(REASON_NOT_AGREED_MISSING, field="reason_not")
        if said.by is AgreedBy.PERSON:
            if said.authority not in (None, Authority.SELF):
                raise Refused(AUTHORITY_IS_A_REPRESENTATIVES, field="authority")
            return
        if said.outcome is AgreementOutcome.YES and said.authority in _NO_RIGHT:
            raise Refused(WITHOUT_AUTHORITY, field="authority")
        if said.authority is Authority.BEST_INTERESTS:
            for field in ("capacity", "best_interests"):
                if getattr(said, field) is None:
                    raise Refused(CAPACITY_MISSING, field=field)

    @withdraws(TakenBack, "Take the agreement back")
    def take_back(self, said: TakenBack) -> None:
        """They no longer agree; what they had agreed to stays as it was."""


_NO_RIGHT = frozenset({None, Authority.NONE, Authority.SELF})
