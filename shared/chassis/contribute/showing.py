"""Whether a reader is shown a file: by an entry that names it and that they may see."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeGuard

from shared.chassis.contribute.decisions import marks_of_entry
from shared.chassis.contribute.media import copies_in
from shared.chassis.media.rows import MediaRows, StoredMedia
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts
from shared.chassis.policy.redaction.marks import withheld_of
from shared.chassis.policy.sees import Sees
from shared.chassis.store.event_store import EventStore
from shared.ledger import Contributor, Entry


class Showing:
    """Asks the entries of one section whether they show somebody a file."""

    def __init__(self, rows: MediaRows, store: EventStore, access: AccessCopy) -> None:
        self._rows = rows
        self._store = store
        self._access = access

    async def shown_by(
        self,
        media: StoredMedia | None,
        contributor: Contributor,
        decision: Decision,
        facts: Facts,
        purpose: str | None,
    ) -> Decision | None:
        """The decision by which they are shown it, ``None`` where they are not.

        It has no override where they see it without one; with one, an emergency has to need it.
        """
        if media is None or decision.sees is None:
            return None
        if decision.override is None:
            return decision if await self.is_shown(media, contributor, decision.sees) else None
        usual = await self._access.decide(contributor, Action.READ_PLAN, facts, purpose, patience=0)
        if usual.sees is not None and await self.is_shown(media, contributor, usual.sees):
            return usual
        return decision if await self.is_needed(media, decision.sees) else None

    async def is_shown(self, media: StoredMedia, contributor: Contributor, sees: Sees) -> bool:
        """True where some entry that they see names it; until they name it, for who stored it.

        What an entry named in an earlier version counts: past plans show it.
        """
        is_theirs = await self._rows.is_held_by(media, contributor.key)
        return is_theirs or await self.is_named(media, sees)

    def to(self, sees: Sees | None) -> Callable[[StoredMedia], Awaitable[bool]]:
        """Whether an entry shows a file to whoever sees this; to nobody where they see nothing."""

        async def is_named(media: StoredMedia) -> bool:
            return sees is not None and await self.is_named(media, sees)

        return is_named

    async def is_named(self, media: StoredMedia, sees: Sees) -> bool:
        """True where some entry that they see names it, now or in an earlier version."""
        for entry_id, leaf in await self._rows.named_by(media.plan_id, media.sha256):
            entry = await self._store.load(entry_id, afresh=True)
            if _stands(entry, media) and self._sees(sees, entry, leaf):
                return True
        return False

    async def is_needed(self, media: StoredMedia, sees: Sees) -> bool:
        """True where the emergency view shows a field to them that names it now."""
        for entry_id, leaf in await self._rows.named_by(media.plan_id, media.sha256):
            entry = await self._store.load(entry_id, afresh=True)
            if not _stands(entry, media):
                continue
            marked = entry.in_an_emergency
            if marked is None or not marked.shows(leaf) or (entry.is_out and not marked.stays):
                continue
            told = {name: getattr(entry, name, None) for name in marked.where}
            labels = entry.visibility.labels if entry.visibility is not None else ()
            if not marked.is_about(told, labels) or not _names_now(entry, leaf, media.sha256):
                continue
            if self._sees(sees, entry, leaf):
                return True
        return False

    def _sees(self, sees: Sees, entry: Entry, leaf: str) -> bool:
        return not withheld_of(sees, marks_of_entry(self._store.section, entry)).hides(leaf)


def _stands(entry: Entry | None, media: StoredMedia) -> TypeGuard[Entry]:
    return entry is not None and not entry.is_in_error and entry.plan_id == media.plan_id


def _names_now(entry: Entry, leaf: str, sha256: str) -> bool:
    """True where the field holds it as the entry stands; a map has a leaf for each of its keys."""
    name, _, key = leaf.partition(".")
    held = getattr(entry, name, None)
    if key:
        held = held.get(key) if isinstance(held, Mapping) else None
    return any(copy.sha256 == sha256 for _, copy in copies_in(held, ()))
