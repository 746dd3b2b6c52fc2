"""What several entries ask of their values, each refusal said once; the code may be the entry's."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.ledger.errors import Refused
from shared.ledger.values.coded import CodedText
from shared.ledger.values.dates import is_reversed
from shared.ledger.values.documents import Document, Media, has_two
from shared.ledger.values.identifiers import CHECKED
from shared.ledger.values.shape import is_blank

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""By how much: what is said to be later than that lies in the future."""

_SAY_IT: Final = "Say it in words, by code, or both."


def need_code_or_text(
    said: CodedText | None, field: str, code: str = "needs-code-or-text", detail: str = _SAY_IT
) -> None:
    """Refuse what is left out, or says nothing in words nor by code."""
    if said is None or said.is_empty:
        raise Refused(code, detail, field=field)


def need_each_says(
    items: Iterable[CodedText | str] | None,
    field: str,
    code: str = "needs-code-or-text",
    detail: str = _SAY_IT,
) -> None:
    """Refuse a list of which one item says nothing; the refusal names that item."""
    for index, item in enumerate(items or ()):
        if is_blank(item) if isinstance(item, str) else item.is_empty:
            raise Refused(code, detail, field=f"{field}.{index}")


def need_text(text: str | None, field: str, code: str, detail: str) -> None:
    """Refuse a text that is left out or cannot be read."""
    if is_blank(text):
        raise Refused(code, detail, field=field)


def need_text_if_given(text: str | None, field: str) -> None:
    """Refuse a text that is there and cannot be read; it may be left out."""
    if text is not None and is_blank(text):
        raise Refused("needs-code-or-text", "Say it in words, or leave it out.", field=field)


def need_end_after_start(
    start: date | str | None, end: date | str | None, field: str = "ends_at"
) -> None:
    """Refuse two ends of a period in the wrong order; either may be open."""
    if is_reversed(start, end):
        raise Refused(
            "ends-before-it-starts",
            "It would end before it starts. Give an end that is not earlier than the start.",
            field=field,
        )


def need_past(at: datetime | None, field: str, code: str) -> None:
    """Refuse a time that is still to come, but for what clocks differ by."""
    if at is not None and at > datetime.now(UTC) + CLOCKS_DIFFER:
        name = field.rpartition(".")[2]
        raise Refused(code, f"`{name}` must not be later than now.", field=field)


def need_stored(media: Media, field: str) -> None:
    """Refuse media of which nobody could tell whether its bytes are the right ones."""
    if media.sha256 is None:
        raise Refused(
            "media-needs-a-checksum",
            "Give the SHA-256 of its bytes, as the answer to the upload had it.",
            field=f"{field}.sha256",
        )
    need_past(media.taken_at, f"{field}.taken_at", "taken-in-the-future")


def need_a_copy_or_a_place(document: Document, field: str) -> None:
    """Refuse a document that is neither stored nor said to be held somewhere."""
    if not (document.is_stored or document.has_a_place):
        raise Refused(
            "document-needs-checksum-or-place",
            "Give the SHA-256 of a stored copy, or say in `held_at` or `url` where it is.",
            field=field,
        )


def need_identifier_that_holds(kind: str, number: str, field: str) -> None:
    """Refuse a number that cannot be one of its kind; of a kind without a check all are kept."""
    checked = CHECKED.get(kind)
    if checked is not None and not checked.holds(number):
        raise Refused(
            "identifier-invalid",
            f"This cannot be right: a digit is wrong or missing. {checked.written}",
            field=field,
        )


def need_identifiers_checked(
    checked: Iterable[str], field: str, code: str = "document-identifiers-not-checked"
) -> None:
    """Refuse what nobody has compared with the person by two identifiers at least."""
    if not has_two(checked):
        raise Refused(
            code,
            "Name at least two identifiers of the person that you have compared, such as "
            "`nhs-number` and `date-of-birth`.",
            field=field,
        )
