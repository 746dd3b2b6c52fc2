"""What of an entry may leave with an export, and what of it stays here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.standard.carried import Given

ABOUT_OTHERS: Final = "It is about somebody else, and stays here until that mark is lifted."
NOT_FOR_THE_PERSON: Final = (
    "It is withheld from the person. The standard cannot say so, and a receiver could show it to "
    "them."
)
NOT_TO_BE_CALLED: Final = (
    "They must not be contacted. The standard cannot say so here, and a receiver would call them."
)
FILE_STAYS: Final = "The standard has no place for a file, or for what is seen and said in it."

_ADDRESS_ALONE: Final = "responses."
"""Of a file that stands here the standard has an element for its address, and none for words."""
_WORDS: Final = ("caption", "transcript")
_OF_A_FILE: Final = ("media_id", "sha256", "mime", "filename", "title", "url", *_WORDS)


def released(content: Given) -> tuple[Given | None, list[Given]]:
    """The content without what may not leave, ``None`` where nothing may, and what stays and why.

    What is about somebody else stays, and what is withheld from the person: their marks cannot go
    with it.
    """
    if (content.get("shared_with_person") or {}).get("state") == "withheld":
        return None, [{"why": NOT_FOR_THE_PERSON}]
    mark = content.get("visibility") or {}
    if mark.get("third_party"):
        why = ABOUT_OTHERS
    elif mark.get("withheld_from_person"):
        why = NOT_FOR_THE_PERSON
    else:
        return content, []
    names = mark.get("fields") or ()
    if not names:
        return None, [{"why": why}]
    left = {name: said for name, said in content.items() if name not in names}
    for name in names:
        first, _, key = name.partition(".")
        if key and isinstance(left.get(first), Mapping):
            left[first] = {of: said for of, said in left[first].items() if of != key}
    return left, [{"fields": names, "why": why}]


def without_excluded(content: Given, items: Sequence[str]) -> tuple[Given, list[Given]]:
    """A contingency plan without the contacts who must not be called, and what stays and why."""
    contacts = content.get("contacts") or ()
    if not items:
        return content, []
    stay = [one for one in contacts if one.get("item_id") in items]
    left = {**content, "contacts": [one for one in contacts if one not in stay]}
    return left, [{"field": "contacts", "why": NOT_TO_BE_CALLED, "whole": one} for one in stay]


def files_of(content: Given) -> Iterator[Given]:
    """The stored files that a document in the standard's shape tells nothing or too little of."""
    for field, file in _files_in(content):
        loses_words = field.startswith(_ADDRESS_ALONE) and any(map(file.get, _WORDS))
        if loses_words or not file.get("url"):
            told = {name: file[name] for name in _OF_A_FILE if file.get(name)}
            yield {"field": field, "file": told, "why": FILE_STAYS}


def _files_in(given: Any, path: str = "") -> Iterator[tuple[str, Given]]:
    if isinstance(given, Mapping):
        if given.get("media_id") or given.get("sha256"):
            yield path, given
            return
        for name, inner in given.items():
            yield from _files_in(inner, f"{path}.{name}" if path else name)
    elif isinstance(given, list):
        for inner in given:
            yield from _files_in(inner, path)
