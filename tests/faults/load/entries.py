"""What contributors say of entries that are there: every kind of change, as far as it is sensible.

An entry is known here as its contributors last heard of it; others may have changed it since, and
then they are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final
from uuid import UUID

Content = dict[str, Any]


@dataclass
class Entry:
    """An entry as its contributors last heard of it; ``origin`` is whose organisation began it."""

    section: str
    kind: str
    id: str
    origin: str = ""
    version: int = 0
    is_withdrawn: bool = False
    is_in_error: bool = False
    is_restricted: bool = False
    headings: set[str] = field(default_factory=set)
    media: dict[str, str] = field(default_factory=dict)

    @property
    def can_be_changed(self) -> bool:
        """True where it is there, and may still change."""
        return self.version > 0 and not self.is_in_error


@dataclass(frozen=True)
class Change:
    """One command: what it says where it makes sense (else ``None``), and what it leads to."""

    command: str
    weight: int
    says: Callable[[Random, str, Entry], Content | None]
    leads_to: Callable[[Entry, Content], None] = lambda _entry, _content: None
    is_the_origins: bool = False


def changes_of(entry: Entry, rng: Random, nonce: str) -> list[tuple[Change, Content]]:
    """What makes sense now, with what it says."""
    told = [(change, change.says(rng, nonce, entry)) for change in CHANGES[entry.kind]]
    return [(change, content) for change, content in told if content is not None]


def identifier(rng: Random) -> str:
    """An id like any contributor's."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def a_need(rng: Random) -> Content:
    """A need that a goal may name."""
    return {"section": "needs", "entry_id": identifier(rng)}


def response(nonce: str) -> Content:
    """What stands under a heading of About me."""
    return {"text": f"My own words: {nonce}"}


HEADINGS: Final = ("what_is_most_important", "my_wellness", "how_i_communicate")


def _withdrawn(entry: Entry, _: Content) -> None:
    entry.is_withdrawn = True


def _restored(entry: Entry, _: Content) -> None:
    entry.is_withdrawn = False


def _in_error(entry: Entry, _: Content) -> None:
    entry.is_in_error = True


def _restricted(entry: Entry, _: Content) -> None:
    entry.is_restricted = True


def _lifted(entry: Entry, _: Content) -> None:
    entry.is_restricted = False


def _says(make: Callable[[str], Content]) -> Callable[[Random, str, Entry], Content | None]:
    """Said of an entry that is in the plan."""
    return lambda _, nonce, entry: (
        make(nonce) if entry.can_be_changed and not entry.is_withdrawn else None
    )


def _restriction(rng: Random, nonce: str, entry: Entry) -> Content | None:
    if not entry.can_be_changed or entry.is_restricted:
        return None
    content: Content = {"labels": ["mental-health"], "reason": f"Not everybody's: {nonce}"}
    if rng.random() < 0.5:
        content |= {"withheld_from_person": True, "approved_by": "Dr Approver-Synth"}
    return content


def _of_every_entry(before: str = "") -> tuple[Change, ...]:
    """What can be done to every entry, by the commands of this kind."""
    return (
        Change(
            f"{before}restrict", 3, _restriction, _restricted,
        ),
        Change(
            f"{before}lift-restriction", 12,
            lambda _, nonce, entry: (
                {"reason": f"Everybody's: {nonce}"}
                if entry.can_be_changed and entry.is_restricted else None
            ),
            _lifted,
        ),
        Change(
            f"{before}mark-in-error", 1, _says(lambda n: {"reason": f"Never right: {n}"}),
            _in_error, is_the_origins=True,
        ),
    )  # fmt: skip


def _comes_and_goes(before: str = "") -> tuple[Change, ...]:
    """Set aside, and taken up again."""
    return (
        Change(
            f"{before}set-aside", 6, _says(lambda n: {"reason": f"For now: {n}"}), _withdrawn,
        ),
        Change(
            f"{before}resume", 20,
            lambda _rng, _nonce, entry: (
                {} if entry.can_be_changed and entry.is_withdrawn else None
            ),
            _restored,
        ),
    )  # fmt: skip


def _begin(rng: Random, nonce: str, entry: Entry) -> Content | None:
    if entry.version and not entry.is_in_error:
        return None
    return {"responses": {heading: response(nonce) for heading in rng.sample(HEADINGS, 2)}}


def _begun(entry: Entry, content: Content) -> None:
    entry.is_in_error = entry.is_withdrawn = False
    entry.media.clear()
    entry.headings = set(content["responses"])


def _said_under(entry: Entry, content: Content) -> None:
    entry.headings |= content["responses"].keys()


def _clear(rng: Random, nonce: str, entry: Entry) -> Content | None:
    if not entry.can_be_changed or entry.is_withdrawn or not entry.headings:
        return None
    return {"heading": rng.choice(sorted(entry.headings)), "reason": f"No longer: {nonce}"}


def _add_media(rng: Random, nonce: str, entry: Entry) -> Content | None:
    if not entry.can_be_changed or entry.is_withdrawn:
        return None
    media = {
        "media_id": identifier(rng),
        "sha256": sha256(nonce.encode()).hexdigest(),
        "mime": "image/png",
        "caption": f"A picture: {nonce}",
    }
    return {"heading": rng.choice(HEADINGS), "media": media}


def _has_media(entry: Entry, content: Content) -> None:
    entry.media[content["media"]["media_id"]] = content["heading"]


def _has_media_no_longer(entry: Entry, content: Content) -> None:
    entry.media.pop(content["media_id"], None)


def _remove_media(rng: Random, nonce: str, entry: Entry) -> Content | None:
    if not entry.can_be_changed or entry.is_withdrawn or not entry.media:
        return None
    return {"media_id": rng.choice(sorted(entry.media)), "reason": f"Not this one: {nonce}"}


CHANGES: Final[Mapping[str, tuple[Change, ...]]] = {
    "goal": (
        Change("reword", 25, _says(lambda n: {"aim": {"text": f"Better: {n}"}})),
        Change("reword", 4, _says(lambda n: {"aim": {"text": f"Plainer: {n}"}, "why": None})),
        Change(
            "record-status", 12,
            _says(lambda n: {"status": {"value": "on-going", "reason": f"It goes on: {n}"}}),
        ),
        Change(
            "link", 4,
            lambda rng, _nonce, entry: (
                {"need_ids": [a_need(rng), a_need(rng)]}
                if entry.can_be_changed and not entry.is_withdrawn else None
            ),
        ),
        *_comes_and_goes(),
        *_of_every_entry(),
    ),
    "action": (
        Change(
            "action-reword", 10,
            _says(lambda n: {"what": [{"text": f"First {n}"}, {"text": f"then {n}"}]}),
        ),
        Change(
            "action-assign", 4,
            _says(lambda n: {"who": {
                "kind": "team", "name": f"Team {n}", "identifiers": [{"kind": "local", "value": n}],
            }}),
        ),
        Change(
            "action-record-progress", 6,
            _says(lambda n: {"status": {"value": "in-progress", "reason": f"Half of it: {n}"}}),
        ),
        *_comes_and_goes("action-"),
        *_of_every_entry("action-"),
    ),
    "about-me": (
        Change("begin", 40, _begin, _begun),
        Change(
            "reword", 20,
            lambda rng, nonce, entry: (
                {"responses": {rng.choice(HEADINGS): response(nonce)}}
                if entry.can_be_changed and not entry.is_withdrawn else None
            ),
            _said_under,
        ),
        Change(
            "clear", 6, _clear, lambda entry, content: entry.headings.discard(content["heading"])
        ),
        Change("add-media", 5, _add_media, _has_media),
        Change("remove-media", 4, _remove_media, _has_media_no_longer),
        Change("confirm", 3, _says(lambda _: {})),
        *_comes_and_goes(),
        *_of_every_entry(),
    ),
    "person": (
        Change(
            "correct-demographics", 6,
            _says(lambda n: {"aliases": [f"Alias {n}-Synth", "Another-Synth"],
                             "contact": {"phones": [{"number": "01632 960101", "kind": "Home"},
                                                    {"number": "07700 900101", "kind": "Mobile"}]},
                             "reason": f"Misheard: {n}"}),
            is_the_origins=True,
        ),
        *(one for one in _of_every_entry() if one.command != "mark-in-error"),
    ),
}  # fmt: skip
"""By the kind of entry."""
