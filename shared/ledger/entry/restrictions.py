"""Who may restrict an entry, and who may take from a restriction that stands."""

from typing import Final

from shared.ledger.errors import ROLE_MAY_NOT, Refusal, Refused, need_reason
from shared.ledger.provenance import PROFESSIONAL, RELATED_PERSON, Provenance, ServiceRole
from shared.ledger.values.shape import is_blank
from shared.ledger.values.visibility import Visibility

LIFTING: Final = ServiceRole("restriction_lifting", ("privacy-officer", "caldicott-guardian"))
"""May take from any restriction, whoever made it."""

NOT_RESTRICTED: Final = Refusal(
    "entry-not-restricted", "The entry is not restricted", "Nothing of this entry is restricted."
)
NOT_YOURS_TO_LIFT: Final = Refusal(
    "restriction-is-not-yours-to-lift",
    "Somebody else restricted it",
    "Only whoever restricted this, a privacy officer or a Caldicott guardian may lift or narrow "
    "the restriction. The person may not, where it is withheld from them; who acts for them never "
    "may.",
)
NEEDS_AN_APPROVER: Final = Refusal(
    "withholding-needs-an-approver",
    "Nobody has approved that it is withheld",
    "Say in `approved_by` who approved that this is withheld from the person.",
)


def must_be_theirs_to_lift(
    standing: Visibility,
    restricted_by: str | None,
    provenance: Provenance,
    granted: frozenset[str],
) -> None:
    """Refuse whoever takes from a restriction that others made, or that is from themselves."""
    is_a_proxys = provenance.recorded_by.kind == RELATED_PERSON  # each restriction is from them too
    is_hidden_from_them = is_a_proxys or (
        standing.withheld_from_person and provenance.is_from_the_persons_side
    )
    is_theirs = provenance.origin is not None and provenance.origin == restricted_by
    if is_hidden_from_them or not (is_theirs or LIFTING.name in granted):
        raise Refused(NOT_YOURS_TO_LIFT)


def judge_visibility(visibility: Visibility, provenance: Provenance, *, beside: str = "") -> None:
    """Refuse a restriction without its reason, or one that only others may make.

    It is the content of ``restrict``, or stands ``beside`` the content of what creates.
    """
    need_reason(visibility.reason, f"{beside}reason")
    if not visibility.withheld_from_person:
        if visibility.approved_by is not None and is_blank(visibility.approved_by):
            raise Refused(
                "needs-code-or-text", "The approver has no name.", field=f"{beside}approved_by"
            )
        return
    if provenance.voice != PROFESSIONAL:
        raise Refused(ROLE_MAY_NOT, "Only a professional withholds something from the person.")
    if is_blank(visibility.approved_by):
        raise Refused(NEEDS_AN_APPROVER, field=f"{beside}approved_by")
