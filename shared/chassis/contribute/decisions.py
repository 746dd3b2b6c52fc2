"""What a contribution leads to: who may, the entry as it stands, and what its command says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeGuard
from uuid import UUID

from msgspec import Struct, structs

from shared.chassis.contribute.media import PASSING, MediaNamed
from shared.chassis.contribute.prepare import Prepared
from shared.chassis.contribute.receipts import acceptance, refusal
from shared.chassis.policy.decide import Decision, rights_of
from shared.chassis.policy.redaction.marks import Marks, Rule, withheld_of
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, KeptReceipt, Moved
from shared.chassis.store.rows import NamedMedia
from shared.chassis.wire.problem import Problem, status_of_refusal
from shared.ledger import Entry, Limits, Receipt, Refused, Section, kebab, with_added_at
from shared.ledger.words import titled_of


class Decided(Struct, frozen=True):
    """What was decided: an entry with new events, or a refusal.

    ``seen`` is the version of the entry that a refusal rests on, 0 where there is none; ``known``
    is the same where the contributor may be told. ``read`` are other entries that it rests on,
    with their versions. ``names`` are media that the new events name;
    ``found_missing`` is true where the refusal rests on media that may still come.
    """

    moved: Moved | None = None
    refused: Refused | None = None
    seen: int | None = None
    known: int | None = None
    read: Sequence[tuple[UUID, int]] = ()
    names: Sequence[NamedMedia] = ()
    found_missing: bool = False

    @property
    def leaves_no_receipt(self) -> bool:
        """True for a refusal that may be another answer next time: by a right, or by media."""
        return self.is_forbidden or self.found_missing

    @property
    def is_forbidden(self) -> bool:
        """True for a refusal that says who may not: rights change, so no such answer is kept."""
        return (
            self.refused is not None
            and status_of_refusal(self.refused.code) == HTTPStatus.FORBIDDEN
        )


class Decisions:
    """Loads the entry that a contribution is about, asks its command, and words the receipt."""

    def __init__(
        self,
        section: Section,
        store: EventStore,
        settings: Settings,
        media: MediaNamed | None = None,
    ) -> None:
        self._section = section
        self._store = store
        self._settings = settings
        self._media = media
        self._limits = Limits(longest_claim=timedelta(days=settings.claim_days))

    async def decide(self, prepared: Prepared, by: Decision, *, afresh: bool = False) -> Decided:
        """What the command says to the entry as it stands, and then what its media say."""
        if self._media is None:
            return await self._decide(prepared, by, afresh=afresh)
        found = await self._media.find(prepared, by.sees)
        decided = await self._decide(prepared, by, afresh=afresh)
        if decided.moved is None or not found.named:
            return decided
        refused = found.refusal()
        if refused is None:
            return structs.replace(decided, names=found.names_in(decided.moved.entry))
        return Decided(refused=refused, found_missing=refused.code in PASSING)

    async def _decide(self, prepared: Prepared, by: Decision, *, afresh: bool) -> Decided:
        if prepared.command.creates:
            before = await self._to_begin_again(prepared) if afresh else None
            try:
                return self._create(prepared, before)
            except Refused as refused:
                return Decided(refused=refused)
        entry = await self._store.load(prepared.entry_id, afresh=afresh)
        if not _is_meant(entry, prepared):
            no_such = self._there_is_no_such(prepared, by, entry)
            return Decided(refused=no_such, seen=entry.version if entry else 0)
        try:
            self._refuse_withheld(by, entry)
        except Refused as refused:
            return Decided(refused=refused, seen=entry.version)
        other_id = prepared.command.reads(prepared.arguments)
        if other_id is None:
            return self._change(prepared, entry)
        other = await self._store.load(other_id, afresh=afresh)
        decided = self._change(prepared, entry, other)
        return structs.replace(decided, read=[(other_id, 0 if other is None else other.version)])

    async def may_follow(self, prepared: Prepared) -> bool:
        """True where it may follow on the entry that is there: a creation only after an error."""
        return not prepared.command.creates or await self._to_begin_again(prepared) is not None

    async def _to_begin_again(self, prepared: Prepared) -> Entry | None:
        """The entry in error that a creation follows; only the one of its kind may be followed."""
        command = prepared.command
        said = prepared.arguments
        if command.entry.id_following_from(prepared.plan_id, said) is None:
            return None
        held = await self._store.load(prepared.entry_id, afresh=True)
        if held is None or not command.begins_again(held, prepared.plan_id, said):
            return None
        return held

    def _create(self, prepared: Prepared, before: Entry | None) -> Decided:
        command = prepared.command
        self._refuse_future(prepared)
        rights = rights_of(prepared.contributor, self._settings.roles, command.service_roles)
        arguments = _with_our_times(prepared, before)
        entry = command.create(
            *(prepared.provenance, rights, arguments),
            *(prepared.visibility, before),
            limits=self._limits,
        )
        return Decided(Moved(entry))

    def _change(self, prepared: Prepared, entry: Entry, read: Entry | None = None) -> Decided:
        command = prepared.command
        version, held_keys = entry.version, entry.unique_keys()
        rights = rights_of(prepared.contributor, self._settings.roles, command.service_roles)
        try:
            self._refuse_version(prepared, version)
            if entry.is_in_error:
                raise Refused(
                    "entry-entered-in-error", "This entry was marked in error and takes no change."
                )
            self._refuse_future(prepared)
            arguments = _with_our_times(prepared, entry)
            said = (entry, prepared.provenance, rights, arguments)
            command.change(*said, read, limits=self._limits)
        except Refused as refused:
            return Decided(refused=refused, seen=version, known=version)
        return Decided(Moved(entry, held_keys))

    def _refuse_version(self, prepared: Prepared, version: int) -> None:
        based_on = prepared.based_on
        if based_on is None:
            raise Refused(
                "base-version-missing",
                "Say in `based_on`, or in `If-Match`, which version of the entry the change is "
                "based on.",
                field="based_on",
            )
        name = _with_its_article(prepared.command.entry)
        if based_on > version:
            detail = f"There is no version {based_on}; {name} is at version {version}."
            raise Refused("base-version-stale", f"{detail} {_read_it_again(version)}")
        if based_on < version:
            detail = f"It was based on version {based_on}, and {name} is at version {version}."
            raise Refused("base-version-stale", f"{detail} {_read_it_again(version)}")

    def _there_is_no_such(self, prepared: Prepared, by: Decision, entry: Entry | None) -> Refused:
        """The refusal where there is no entry, or one of another kind: its own command is named.

        Whom the entry is withheld from is told what they are told where there is none.
        """
        nowhere = _nowhere(prepared)
        if entry is None or entry.plan_id != prepared.plan_id:
            return nowhere
        if by.sees is not None and (
            withheld_of(by.sees, marks_of_entry(self._section, entry)).rule is not None
        ):
            return nowhere
        of_its_kind = [
            type_
            for type_, one in self._section.commands.items()
            if one.entry is type(entry) and one.method == prepared.command.method
        ]
        detail = (
            f"This command is for the kind `{kebab(prepared.command.entry.__name__)}`, and the "
            f"entry is of the kind `{kebab(type(entry).__name__)}`."
        )
        own = "".join(f" Send `{type_}`." for type_ in of_its_kind)
        return Refused(nowhere.code, f"{detail}{own}")

    def _refuse_future(self, prepared: Prepared) -> None:
        stated_at = prepared.provenance.stated_at
        tolerance = timedelta(seconds=self._settings.clock_tolerance_seconds)
        if stated_at is not None and stated_at > datetime.now(UTC) + tolerance:
            raise Refused(
                "stated-in-the-future",
                "`stated_at` must not be later than now.",
                field="provenance.stated_at",
            )

    async def receipt(self, prepared: Prepared, by: Decision, decided: Decided) -> Receipt:
        """The receipt of what was decided, without what only the commit knows.

        Of what has changed since it says what they may see.
        """
        if decided.moved is not None:
            return acceptance(self._section, prepared, decided.moved.entry)
        refused = decided.refused
        if refused is None:
            raise RuntimeError("neither decided nor refused")
        receipt = refusal(self._section, prepared, refused, decided.known)
        if refused.code != "base-version-stale":
            return receipt
        changes = await self._store.changes_since(prepared.entry_id, prepared.based_on or 0)
        # It may have moved on since it was loaded; the receipt is about one moment.
        last = decided.known or 0
        entry = await self._store.load(prepared.entry_id)
        told = [
            self._told(by, entry, one)
            for one in changes
            if entry is not None and one["entry_version"] <= last
        ]
        return replace(receipt, facts={**receipt.facts, "changed_since": told})

    def _told(self, by: Decision, entry: Entry, change: dict[str, Any]) -> dict[str, Any]:
        """What somebody is told of a change: of one that is all withheld, only its version."""
        if by.sees is None:
            return change
        withheld = withheld_of(by.sees, marks_of_entry(self._section, entry))
        left = [leaf for leaf in change["fields"] if not withheld.hides(leaf)]
        if len(left) == len(change["fields"]):
            return change
        if not left:
            return {"entry_version": change["entry_version"], "withheld": True}
        return {**change, "fields": left}

    def _refuse_withheld(self, by: Decision, entry: Entry) -> None:
        """Refuse whoever may neither read nor change it; a scope says who may contribute."""
        if by.sees is None:
            return
        rule = withheld_of(by.sees, marks_of_entry(self._section, entry)).rule
        if rule not in (None, Rule.SCOPE):
            raise Refused(
                "withheld", "This is withheld from you, so you can neither read nor change it."
            )


def marks_of_entry(section: Section, entry: Entry) -> Marks:
    """What access to an entry rests on, as its section has it."""
    return Marks(
        section.wire_name,
        section.entry_type(type(entry)),
        entry.origin,
        entry.visibility,
        entry.is_shared_with_person,
    )


def _with_our_times(prepared: Prepared, held: Entry | None) -> dict[str, Any]:
    """The content with what the section's clock says of it."""
    if not prepared.command.takes_media:
        return prepared.arguments
    has = vars(held) if held is not None else {}
    return with_added_at(prepared.arguments, has, datetime.now(UTC))


def _is_meant(entry: Entry | None, prepared: Prepared) -> TypeGuard[Entry]:
    """True for an entry of the plan that is of the command's kind."""
    return (
        entry is not None
        and entry.plan_id == prepared.plan_id
        and isinstance(entry, prepared.command.entry)
    )


def _nowhere(prepared: Prepared) -> Refused:
    if prepared.command.entry.opens_plan is not None:
        return Refused("plan-unknown", "There is no such plan.")
    return Refused("entry-unknown", "This plan has no such entry in this section.")


def already_there(prepared: Prepared) -> Refused:
    """The refusal of an id, or of a second entry of a kind, that is there already."""
    entry = prepared.command.entry
    if entry.id_following_from(prepared.plan_id, prepared.arguments) is None:
        return Refused(
            entry.already_exists,
            "There is an entry with this id already. Leave `entry_id` out, or choose a new one.",
        )
    if prepared.command.opens_plan:
        return Refused(
            entry.already_exists,
            "There is a plan with this id already. Leave `plan_id` out, or choose a new one.",
        )
    if entry.fixed_id(prepared.plan_id) is None:
        return Refused(entry.already_exists)  # there is one for each subject, as it says itself
    name = _with_its_article(entry)
    return Refused(
        entry.already_exists,
        f"This plan has {name} already, and no plan has two. Change the one that it has.",
    )


def _with_its_article(entry: type[Entry]) -> str:
    """What sentences call it: `the personal contact`; of what each plan has one, its title."""
    if entry.fixed_id(UUID(int=0)) is not None and entry.opens_plan is None:
        titled = titled_of(entry)
        return f"`{titled.title}`" if titled is not None else entry.__name__
    return f"the {kebab(entry.__name__).replace('-', ' ')}"


def _read_it_again(version: int) -> str:
    return (
        "Read it and what `changed_since` says, decide again, and send a new contribution with "
        f"`based_on` {version}."
    )


def taken_by(prepared: Prepared, holder: UUID) -> Refused:
    """The refusal of an entry that needs a key which another one holds."""
    entry = prepared.command.entry
    facts: dict[str, Any] = {entry.key_holder: str(holder)}
    return Refused(entry.key_taken, **facts)


def reused() -> Refused:
    """The refusal of an id that was used for something else."""
    return Refused(
        "contribution-id-reused",
        "This id already belongs to other content or another sender. "
        "Send a correction under a new id.",
    )


def too_large() -> Problem:
    """The problem of an entry of which one event would not fit into a message."""
    return Problem("body-too-large", "The entry would grow beyond 3 MiB.")


def is_same(prepared: Prepared, kept: KeptReceipt) -> bool:
    """True where this contribution, from this contributor, has the receipt that is kept."""
    return (
        prepared.contributor.key == kept.contributor and prepared.content_hash == kept.content_hash
    )
