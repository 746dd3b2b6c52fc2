"""What many commands ask, each said once: whose voice it is, that something is said, and when.

A field that a change leaves as it is (``KEEP``), or that is not given, passes all of them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.ledger.errors import Refusal, Refused
from shared.ledger.provenance import PERSON, Provenance
from shared.ledger.values.dates import is_reversed
from shared.ledger.values.parties import Organisation
from shared.ledger.values.shape import KEEP, is_blank

CLOCKS_MAY_DIFFER_BY: Final = timedelta(minutes=1)

NEEDS_CODE_OR_TEXT: Final = Refusal(
    "needs-code-or-text",
    "A code or a text is missing",
    "Say it in a code or in words, or leave it out.",
)
ENDS_BEFORE_IT_STARTS: Final = Refusal(
    "ends-before-it-starts", "It ends before it starts", "The end must not lie before the start."
)
NOT_YOUR_ORGANISATION: Final = Refusal(
    "not-your-organisation",
    "It is said for another organisation",
    "An organisation says this of itself; for another one only the person does.",
)


def must_say_something(given: Any, refusal: Refusal, field: str) -> None:
    """Refuse a text, a code, or a list with an item, in which there is nothing to read."""
    if _says_nothing(given):
        raise Refused(refusal, field=field)


def must_name_one(given: Any, refusal: Refusal, field: str) -> None:
    """Refuse an empty list, and one in which an item says nothing."""
    if given == () or _says_nothing(given):
        raise Refused(refusal, field=field)


def must_be_the_persons(provenance: Provenance, refusal: Refusal, field: str | None = None) -> None:
    """Refuse what neither the person says nor somebody on their behalf."""
    if not provenance.is_the_persons:
        raise Refused(refusal, field=field)


def must_be_the_person_alone(
    provenance: Provenance, refusal: Refusal, field: str | None = None
) -> None:
    """Refuse what the person does not say themselves, whoever acts for them."""
    if provenance.voice != PERSON:
        raise Refused(refusal, field=field)


def must_be_own_organisation(
    provenance: Provenance,
    organisation: Organisation | str | None,
    refusal: Refusal = NOT_YOUR_ORGANISATION,
    field: str | None = "organisation",
) -> None:
    """Refuse what an organisation says of another; ``organisation`` is one, or its code."""
    code = organisation.code if isinstance(organisation, Organisation) else organisation
    if code is None or provenance.organisation_code != code:
        raise Refused(refusal, field=field)


def must_end_after_it_starts(start: Any, end: Any, field: str) -> None:
    """Refuse an end that certainly lies before its start: days, months or instants."""
    ends = [None if one is KEEP else one for one in (start, end)]
    if is_reversed(*ends):
        raise Refused(ENDS_BEFORE_IT_STARTS, field=field)


def must_not_lie_ahead(at: Any, refusal: Refusal, field: str) -> None:
    """Refuse an instant that is later than now, but for how far clocks may differ."""
    if isinstance(at, datetime) and at > datetime.now(UTC) + CLOCKS_MAY_DIFFER_BY:
        raise Refused(refusal, field=field)


def _says_nothing(given: Any) -> bool:
    if given is None or given is KEEP:
        return False
    if isinstance(given, tuple):
        return any(_says_nothing(item) for item in given)
    # A value that has no `is_empty`, such as a link, cannot be empty.
    return is_blank(given) if isinstance(given, str) else getattr(given, "is_empty", False)
