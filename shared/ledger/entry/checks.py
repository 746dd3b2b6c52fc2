"""What many commands ask, each said once: whose voice it is, that something is said, and when.

A field that a change leaves as it is (``KEEP``), or that is not given, passes all of them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.ledger.errors import ROLE_MAY_NOT, Refusal, Refused
from shared.ledger.provenance import PERSON, Provenance
from shared.ledger.values.dates import is_reversed
from shared.ledger.values.documents import IDENTIFIERS, Document, Media, has_two
from shared.ledger.values.identifiers import CHECKED
from shared.ledger.values.parties import Organisation
from shared.ledger.values.shape import KEEP, is_blank

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""By how much: what is said to be later than that lies in the future."""

NEEDS_CODE_OR_TEXT: Final = Refusal(
    "needs-code-or-text",
    "A code or a text is missing",
    "Say it in words, by code, or both; or leave it out.",
)
ENDS_BEFORE_IT_STARTS: Final = Refusal(
    "ends-before-it-starts",
    "It ends before it starts",
    "It would end before it starts. Give an end that is not earlier than the start.",
)
ORGANISATION_CLAIM_DIFFERS: Final = Refusal(
    "organisation-claim-differs",
    "The organisation claimed is not the one proven",
    "An organisation may say this only of itself. Name the organisation that contributes.",
)
NOT_YOUR_ORGANISATION: Final = Refusal(
    "not-your-organisation",
    "It is said for another organisation",
    "An organisation may say this only of itself; the person may say it of any.",
)
MEDIA_NEEDS_A_CHECKSUM: Final = Refusal(
    "media-needs-a-checksum",
    "The media have no checksum",
    "Give the SHA-256 of its bytes, as the answer to the upload had it.",
)
TAKEN_IN_THE_FUTURE: Final = Refusal(
    "taken-in-the-future", "It has not been taken yet", "`taken_at` must not be later than now."
)
DOCUMENT_NEEDS_CHECKSUM_OR_PLACE: Final = Refusal(
    "document-needs-checksum-or-place",
    "Nobody could find the document",
    "Give the SHA-256 of a stored copy, or say in `held_at` or `url` where it is.",
)
DOCUMENT_IDENTIFIERS_NOT_CHECKED: Final = Refusal(
    "document-identifiers-not-checked",
    "Nobody has checked whose document it is",
    "Name at least two identifiers of the person that you have compared, of "
    f"{', '.join(f'`{one}`' for one in IDENTIFIERS[:-1])} and `{IDENTIFIERS[-1]}`.",
)
IDENTIFIER_INVALID: Final = Refusal(
    "identifier-invalid",
    "The number cannot be right",
    "This cannot be right: a digit is wrong or missing.",
)


_ON_THEIR_WORD: Final = (
    "Only the person says this, or somebody on their behalf. Name who said it in "
    "`provenance.stated_by`."
)


def must_say_something(given: Any, refusal: Refusal, field: str) -> None:
    """Refuse a text or a value that says nothing; of a list, the item that says nothing."""
    if isinstance(given, tuple):
        for index, item in enumerate(given):
            must_say_something(item, refusal, f"{field}.{index}")
    elif _says_nothing(given):
        raise Refused(refusal, field=field)


def must_name_one(given: Any, refusal: Refusal, field: str) -> None:
    """Refuse an empty list, and one of which an item says nothing."""
    if given == ():
        raise Refused(refusal, field=field)
    must_say_something(given, refusal, field)


def must_be_the_persons(provenance: Provenance, refusal: Refusal, field: str | None = None) -> None:
    """Refuse what neither the person says nor somebody on their behalf."""
    if not provenance.is_the_persons:
        raise Refused(refusal, _ON_THEIR_WORD if refusal is ROLE_MAY_NOT else "", field=field)


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
    """Refuse what an organisation says for another; ``organisation`` is one, or its code."""
    code = organisation.code if isinstance(organisation, Organisation) else organisation
    if code is None or provenance.organisation_code != code:
        raise Refused(refusal, field=field)


def must_end_after_it_starts(start: Any, end: Any, field: str = "ends_at") -> None:
    """Refuse an end that certainly lies before its start: days, months or instants."""
    if KEEP not in (start, end) and is_reversed(start, end):
        raise Refused(ENDS_BEFORE_IT_STARTS, field=field)


def must_not_lie_ahead(at: Any, refusal: Refusal, field: str) -> None:
    """Refuse an instant that is still to come, but for what clocks differ by."""
    if isinstance(at, datetime) and at > datetime.now(UTC) + CLOCKS_DIFFER:
        raise Refused(refusal, field=field)


def must_be_stored(media: Media, field: str) -> None:
    """Refuse media of which nobody could tell whether its bytes are the right ones."""
    if media.sha256 is None:
        raise Refused(MEDIA_NEEDS_A_CHECKSUM, field=f"{field}.sha256")
    must_not_lie_ahead(media.taken_at, TAKEN_IN_THE_FUTURE, f"{field}.taken_at")


def must_have_a_copy_or_a_place(document: Document, field: str) -> None:
    """Refuse a document that is neither stored nor said to be held somewhere."""
    if not (document.is_stored or document.has_a_place):
        raise Refused(DOCUMENT_NEEDS_CHECKSUM_OR_PLACE, field=field)


def must_be_a_number_of_its_kind(kind: str, number: str, field: str) -> None:
    """Refuse a number that cannot be one of its kind; of a kind without a check all are kept."""
    checked = CHECKED.get(kind)
    if checked is not None and not checked.holds(number):
        raise Refused(
            IDENTIFIER_INVALID, f"{IDENTIFIER_INVALID.detail} {checked.written}", field=field
        )


def must_have_compared_two(
    checked: Iterable[str], field: str, refusal: Refusal = DOCUMENT_IDENTIFIERS_NOT_CHECKED
) -> None:
    """Refuse what nobody has compared with the person by two identifiers at least."""
    if not has_two(checked):
        raise Refused(refusal, field=field)


def _says_nothing(given: Any) -> bool:
    if given is None or given is KEEP:
        return False
    # A value that has no `is_empty`, such as a link, cannot be empty.
    return is_blank(given) if isinstance(given, str) else getattr(given, "is_empty", False)
