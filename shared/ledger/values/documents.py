"""Pictures, sound, films and documents: stored copies by their checksum, or where they are held."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from shared.ledger.values.coded import CodedText
from shared.ledger.values.dates import Instant, PartialDate
from shared.ledger.values.shape import Bytes, Mime, Name, Sha256, Text, Url, is_blank, value


@value
class Media:
    """A stored picture, sound or film, named by its id and the SHA-256 of its bytes."""

    # When the entry first had it, by the section's clock: nobody sends that.
    set_by_section: ClassVar[frozenset[str]] = frozenset({"added_at"})

    media_id: UUID
    filename: Name | None = None
    mime: Mime | None = None
    sha256: Sha256 | None = None
    size: Bytes | None = None
    url: Url | None = None
    caption: Text | None = None
    transcript: Text | None = None
    taken_at: Instant | None = None
    added_at: Instant | None = None


@value
class Document:
    """A document: what it is, and a stored copy of it or the place where it is held.

    ``identifiers_checked`` names the identifiers of the person that somebody has compared with it
    (``nhs-number``, ``name``, ``date-of-birth``).
    """

    title: Text | None = None
    kind: CodedText | None = None
    mime: Mime | None = None
    sha256: Sha256 | None = None
    url: Url | None = None
    held_at: Text | None = None
    created: PartialDate | None = None
    confidentiality: CodedText | None = None
    identifier: Name | None = None
    version: Name | None = None
    identifiers_checked: tuple[Name, ...] = ()
    item_id: UUID | None = None

    @property
    def is_stored(self) -> bool:
        """True where there is a copy of it, known by its checksum."""
        return self.sha256 is not None

    @property
    def has_a_place(self) -> bool:
        """True where a reader is told where it is."""
        return self.url is not None or not is_blank(self.held_at)

    @property
    def has_two_identifiers_checked(self) -> bool:
        """True where it was compared with the person, so that it is nobody else's."""
        return has_two(self.identifiers_checked)


def has_two(identifiers: Iterable[str]) -> bool:
    """True where at least two different identifiers are named: one alone may be anybody's."""
    return len({name.strip().lower() for name in identifiers if not is_blank(name)}) > 1
