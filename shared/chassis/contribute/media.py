"""Stored files that a contribution names: they have to be here, and are what is said of them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeAlias, get_args, get_type_hints

from shared.chassis.contribute.prepare import Prepared
from shared.chassis.media.kinds.kind import usual_name
from shared.chassis.media.rows import MediaRows, StoredMedia
from shared.chassis.policy.sees import Reader, Sees
from shared.chassis.store.rows import NamedMedia
from shared.chassis.wire.shapes import map_fields
from shared.ledger import (
    Command,
    Contributor,
    Document,
    Entry,
    Media,
    Refused,
    Section,
    ServiceRole,
)

PASSING: Final = frozenset({"media-unknown", "media-quarantined"})
"""Refusals that rest on what has been stored by now: no receipt is kept of them."""

_STORE_IT_FIRST: Final = (
    "This plan has no such file in this section. Store it first with `POST /v1/media`, and name it "
    "as the answer does."
)
_WHILE: Final = {
    "quarantined": (
        "media-quarantined",
        "The virus scanner has not answered yet. Send the same again later.",
    ),
    "infected": ("media-infected", "The virus scanner found something harmful in it."),
}

_A_DOCUMENT: Final = "application/pdf"
_SAY_THAT_IT_IS_ONE: Final = (
    "By its content the file that is stored is application/pdf. Say so in `mime`: media without a "
    "type are pictures, sound and films."
)

Copy: TypeAlias = Media | Document
Named: TypeAlias = tuple[str, Copy]
"""Where a file is named in a content, and what is said of it."""


@dataclass(frozen=True)
class Found:
    """What is here of the files that a contribution names."""

    named: tuple[Named, ...]
    stored: Mapping[str, StoredMedia]

    def refusal(self) -> Refused | None:
        """Why they cannot be named."""
        refused = (
            _refusal(path, copy, self.stored.get(copy.sha256 or "")) for path, copy in self.named
        )
        return next((one for one in refused if one is not None), None)

    def names_in(self, entry: Entry) -> list[NamedMedia]:
        """Which leaves of an entry come to name them, by its new events."""
        here = {copy.sha256 for _, copy in self.named} & self.stored.keys()
        found: dict[NamedMedia, None] = {}
        for event in entry.pending_events:
            for leaf, copy in _by_leaf(event):
                if copy.sha256 is not None and copy.sha256 in here:
                    found[NamedMedia(entry.plan_id, copy.sha256, entry.id, leaf)] = None
        return list(found)


_NOTHING: Final = Found((), {})
_NOTHING_SEEN: Final = Sees(Reader.ORGANISATION)


Shows: TypeAlias = Callable[[StoredMedia, Contributor, Sees], Awaitable[bool]]
"""Whether somebody is shown a file, or has stored it."""


class MediaNamed:
    """Looks up the files that contributions name."""

    def __init__(self, rows: MediaRows, shows: Shows) -> None:
        self._rows = rows
        self._shows = shows

    async def find(self, prepared: Prepared, sees: Sees | None) -> Found:
        """What is here of those that this one names; nothing is asked where it names none.

        What its contributor is not shown, and has not stored themselves, is not here for them.
        """
        if not names_files(prepared.command):
            return _NOTHING
        named = tuple(copies_in(prepared.arguments, ()))
        sha256s = {copy.sha256 for _, copy in named if copy.sha256 is not None}
        if not sha256s:
            return _NOTHING
        found = await self._rows.find_all(prepared.plan_id, sha256s)
        by, sees = prepared.contributor, sees or _NOTHING_SEEN
        shown = {key: one for key, one in found.items() if await self._shows(one, by, sees)}
        return Found(named, shown)


def _refusal(path: str, copy: Copy, stored: StoredMedia | None) -> Refused | None:
    if copy.sha256 is None:
        return None  # where there has to be one is a rule of the entry
    if isinstance(copy, Document) and stored is None and copy.has_a_place:
        return None  # it is held elsewhere
    if stored is None or (isinstance(copy, Media) and stored.media_id != copy.media_id):
        return Refused("media-unknown", _STORE_IT_FIRST, field=path)
    if stored.state != "available":
        code, detail = _WHILE[stored.state]
        return Refused(code, detail, field=path)
    return _difference(path, copy, stored)


def _difference(path: str, copy: Copy, stored: StoredMedia) -> Refused | None:
    if isinstance(copy, Media) and copy.size not in (None, stored.size):
        detail = f"The file that is stored has {stored.size} bytes."
        return Refused("media-differ", detail, field=f"{path}.size")
    if copy.mime is not None and usual_name(copy.mime) != stored.mime:
        detail = f"By its content the file that is stored is {stored.mime}."
        return Refused("media-differ", detail, field=f"{path}.mime")
    if isinstance(copy, Media) and copy.mime is None and stored.mime == _A_DOCUMENT:
        return Refused("media-differ", _SAY_THAT_IT_IS_ONE, field=f"{path}.mime")
    return None


def copies_in(given: Any, path: tuple[str, ...]) -> Iterator[Named]:
    """The files that a value names, each with where it stands below ``path``."""
    if isinstance(given, Media | Document):
        yield ".".join(path), given
        return
    for name, of in _parts(given):
        yield from copies_in(of, (*path, name))


def _parts(given: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        yield from given.items()
    elif isinstance(given, tuple):
        yield from ((str(index), of) for index, of in enumerate(given))
    elif is_dataclass(given) and not isinstance(given, type):
        yield from ((one.name, getattr(given, one.name)) for one in fields(given))


def _by_leaf(event: Any) -> Iterator[Named]:
    kind: Any = type(event)
    maps = map_fields(kind)
    for name, of in vars(event).items():
        is_map = name in maps and isinstance(of, Mapping)
        leaves = {f"{name}.{key}": one for key, one in of.items()} if is_map else {name: of}
        for leaf, one in leaves.items():
            yield from ((leaf, copy) for _, copy in copies_in(one, ()))


@cache
def names_files(command: Command) -> bool:
    """True where stored files may be named in the content of a command."""
    return any(_may_hold_one(one.annotation, set()) for one in command.parameters.values())


def _may_hold_one(kind: Any, seen: set[Any]) -> bool:
    if kind in (Media, Document):
        return True
    if isinstance(kind, type) and is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        return any(_may_hold_one(of, seen) for of in get_type_hints(kind).values())
    return any(_may_hold_one(of, seen) for of in get_args(kind))


def who_may_store(section: Section) -> tuple[str | ServiceRole, ...]:
    """Whoever may use a command that names files; nobody where there is none."""
    commands = (one for one in section.commands.values() if names_files(one))
    return tuple(dict.fromkeys(rule for command in commands for rule in command.who))
