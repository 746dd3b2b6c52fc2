"""Pictures, sound, films and documents: stored copies by their checksum, or where they are held."""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Final
from uuid import UUID

from shared.ledger.values.coded import CodedText
from shared.ledger.values.dates import Instant, PartialDate
from shared.ledger.values.shape import Bytes, ItemId, Mime, Name, Sha256, Text, Url, is_blank, value
from shared.ledger.words import titled


@value
class Media:
    """A stored picture, sound or film, named by its id and the SHA-256 of its bytes."""

    # When the entry first had it, by the section's clock: nobody sends that.
    set_by_section: ClassVar[frozenset[str]] = frozenset({"added_at"})

    media_id: Annotated[UUID, titled("Id", "The id that the upload was answered with.")]
    filename: Annotated[
        Name | None, titled("File name", "What the file is called, without its extension.")
    ] = None
    mime: Annotated[Mime | None, titled("Type", "What kind of file it is, as image/png.")] = None
    sha256: Annotated[Sha256 | None, titled("Checksum", "The SHA-256 of its bytes.")] = None
    size: Annotated[Bytes | None, titled("Size", "How many bytes it has.")] = None
    url: Annotated[Url | None, titled("Address", "Where else it can be seen or heard.")] = None
    caption: Annotated[
        Text | None,
        titled("Caption", "What there is to see or to hear, in words, for those who cannot."),
    ] = None
    transcript: Annotated[Text | None, titled("Transcript", "What is spoken in it.")] = None
    taken_at: Annotated[
        Instant | None, titled("Taken", "When it was recorded, a day and a time.")
    ] = None
    added_at: Annotated[
        Instant | None, titled("Added", "When it was added to the plan; the section says so.")
    ] = None


@value
class Document:
    """A document: what it is, and a stored copy of it or the place where it is held.

    ``identifiers_checked`` names the identifiers of the person that somebody has compared with it
    (``nhs-number``, ``name``, ``date-of-birth``).
    """

    title: Annotated[Text | None, titled("Title", "What the document is called.")] = None
    kind: Annotated[CodedText | None, titled("Kind", "What kind of document it is.")] = None
    mime: Annotated[Mime | None, titled("Type", "What kind of file it is, as application/pdf.")] = (
        None
    )
    sha256: Annotated[Sha256 | None, titled("Checksum", "The SHA-256 of the stored copy.")] = None
    url: Annotated[Url | None, titled("Address", "Where it can be read.")] = None
    held_at: Annotated[Text | None, titled("Held at", "Who keeps it, and where.")] = None
    created: Annotated[
        PartialDate | None, titled("Date", "When it was written: a day or a month.")
    ] = None
    confidentiality: Annotated[
        CodedText | None, titled("Confidentiality", "How far it may be shown.")
    ] = None
    identifier: Annotated[Name | None, titled("Identifier", "What its keeper calls it.")] = None
    version: Annotated[Name | None, titled("Version", "Which version of it this is.")] = None
    identifiers_checked: Annotated[
        tuple[Name, ...],
        titled(
            "Identifiers checked",
            "Which identifiers of the person were compared with it, at least two of nhs-number, "
            "hc-number, chi, local, name, date-of-birth, address, telephone, email and gender.",
        ),
    ] = ()
    item_id: ItemId | None = None

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
    """True where at least two different identifiers of a person are named: one may be anybody's.

    ``nhs-number`` and ``NHS number`` are one and the same, and so are an address and its postcode.
    What is no identifier of a person does not count.
    """
    letters = ("".join(filter(str.isalnum, name.casefold())) for name in identifiers)
    return len({_IDENTIFIERS[name] for name in letters if name in _IDENTIFIERS}) > 1


_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "nhs-number": ("nhsnumber", "nhsno"),
    "hc-number": ("hcnumber", "healthandcarenumber"),
    "chi": ("chi", "chinumber"),
    "local": ("local", "localnumber", "localidentifier", "localid", "hospitalnumber"),
    "name": ("name", "fullname", "firstname", "givenname", "familyname", "surname", "aliases"),
    "date-of-birth": ("dateofbirth", "dob", "birthdate"),
    "address": ("address", "postcode"),
    "telephone": ("telephone", "telephonenumber", "phone", "phonenumber", "mobile"),
    "email": ("email", "emailaddress"),
    "gender": ("gender", "sex"),
}
_IDENTIFIERS: Final = {written: one for one, ways in _SAME.items() for written in ways}
IDENTIFIERS: Final = tuple(_SAME)
"""What can be compared with a person, as ``identifiers_checked`` names it."""
