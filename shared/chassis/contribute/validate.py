"""What a contribution would be answered, without storing it: a look into a plan, so recorded."""

import asyncio
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson

from shared.chassis.accesses.record import Asked, Shown, What
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.contribute.decisions import (
    Decided,
    Decisions,
    already_there,
    is_same,
    marks_of_entry,
    reused,
    taken_by,
    too_large,
)
from shared.chassis.contribute.media import MediaNamed
from shared.chassis.contribute.prepare import Prepared, prepare
from shared.chassis.contribute.receipts import refusal
from shared.chassis.contribute.rights import Rights, refused_by
from shared.chassis.policy.decide import Decision
from shared.chassis.policy.redaction.contents import content_without
from shared.chassis.policy.redaction.marks import NOTHING, Rule, Withheld, withheld_of
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, EventTooLarge, Moved
from shared.chassis.wire.problem import status_of_refusal
from shared.ledger import Contribution, Contributor, Entry, Refused, Section

_ONLY_THE_COMMIT_KNOWS: Final = ("recorded_at", "ledger_position")


@dataclass(frozen=True)
class Validated:
    """What a contribution would be answered, as bytes, and the id of the record of this look."""

    body: bytes
    access_id: UUID


class Validations:
    """Answers as ``Contributions`` would, and stores nothing but who looked."""

    def __init__(
        self,
        section: Section,
        store: EventStore,
        rights: Rights,
        settings: Settings,
        accesses: AccessRecords,
        media: MediaNamed | None = None,
    ) -> None:
        self._accesses = accesses
        self._section = section
        self._store = store
        self._settings = settings
        self._rights = rights
        self._decisions = Decisions(section, store, settings, media)

    async def validate(self, contribution: Contribution, contributor: Contributor) -> Validated:
        """The receipt it would get, with the content of each event; nothing of it is stored.

        What is shown is recorded before it is returned, as a read, or as a denial. ``TimeoutError``
        where that takes longer than a reader waits.
        """
        patience = self._settings.read_seconds + self._settings.copy_wait_seconds
        async with asyncio.timeout(patience):
            return await self._validated(prepare(self._section, contribution, contributor))

    async def _validated(self, prepared: Prepared) -> Validated:
        decision = await self._rights.of(prepared)
        receipt_json, decision = await self._foreseen(prepared, decision)
        body = orjson.dumps({**receipt_json, "stored": False})
        return Validated(body, await self._recorded(prepared, decision, receipt_json, body))

    async def _recorded(
        self, prepared: Prepared, decision: Decision, receipt_json: dict[str, Any], body: bytes
    ) -> UUID:
        asked = look(prepared, decision, receipt_json)
        if not asked.decision.allowed:
            return await self._accesses.deny(asked)
        sections = [receipt_json["section"]]
        kept = await self._accesses.keep(asked, Shown.of(body, sections=sections))
        return kept.access_id

    async def _foreseen(self, prepared: Prepared, by: Decision) -> tuple[dict[str, Any], Decision]:
        """The receipt, and the decision that it rests on in the end."""
        if by.code is not None and not by.may_change:
            return refusal(self._section, prepared, refused_by(by)).as_json(), by
        kept = await self._store.receipt(prepared.contribution_id)
        if kept is not None and is_same(prepared, kept):
            return await self._given_again(kept.receipt, by), by
        no: Refused | None = reused()
        if kept is None:
            no = await self._rights.no_by_the_plan(prepared, wait=True)
        if no is None and by.may_change:
            by = await self._rights.of(prepared, wait=True)
            no = None if by.code is None else refused_by(by)
        decided = await self._decide(prepared, by) if no is None else Decided(refused=no)
        receipt_json = (await self._decisions.receipt(prepared, by, decided)).as_json()
        if decided.moved is not None:
            try:
                events = self._store.contents_of(decided.moved.entry.pending_events)
            except EventTooLarge:
                raise too_large() from None
            withheld = self._withheld(by, decided.moved.entry)
            for event, content in zip(receipt_json["events"], events, strict=True):
                event.update(_shown(content, withheld))
        return receipt_json, by

    def _withheld(self, by: Decision, entry: Entry) -> Withheld:
        """What of the entry the contributor is not shown; of a new one they know all they said.

        Whose right has ended is still given the receipt of a repeat, and nothing of the entry.
        """
        if by.sees is None:
            return Withheld(Rule.SCOPE, mark=True)
        if entry.version == len(entry.pending_events):
            return NOTHING
        return withheld_of(by.sees, marks_of_entry(self._section, entry))

    async def _given_again(self, receipt_json: dict[str, Any], by: Decision) -> dict[str, Any]:
        """The first receipt of a repeat, with the contents that were stored."""
        told = {name: v for name, v in receipt_json.items() if name not in _ONLY_THE_COMMIT_KNOWS}
        if "events" not in told:
            return told
        versions = [event["entry_version"] for event in told["events"]]
        entry_id = UUID(told["entry_id"])
        contents = await self._store.contents_at(entry_id, versions)
        entry = await self._store.load(entry_id, afresh=True)
        withheld = NOTHING if entry is None else self._withheld(by, entry)
        events = [
            {**event, **_shown(contents[event["entry_version"]], withheld)}
            for event in told["events"]
        ]
        return {**told, "events": events}

    async def _decide(self, prepared: Prepared, by: Decision) -> Decided:
        decided = await self._decisions.decide(prepared, by, afresh=True)
        if decided.moved is None:
            return decided
        no = await self._no_by_others(prepared, decided.moved)
        return decided if no is None else Decided(refused=no)

    async def _no_by_others(self, prepared: Prepared, moved: Moved) -> Refused | None:
        """What the append would refuse for the sake of entries that are there already."""
        entry = moved.entry
        is_new = entry.version == len(entry.pending_events)
        if is_new and await self._store.load(entry.id, afresh=True) is not None:
            return already_there(prepared)
        for key in entry.unique_keys() - moved.held_keys:
            holder = await self._store.holder(key)
            if holder is not None and holder != entry.id:
                return taken_by(prepared, holder)
        return None


def _shown(content: dict[str, Any], withheld: Withheld) -> dict[str, Any]:
    """A content as the contributor is shown it: what is withheld is named, and not there.

    An event says a list whole, and so what others put there.
    """
    if withheld.rule is not None:
        return {"content": {}, "withheld": sorted(content)}
    left = content_without(content, withheld)
    if left == content:
        return {"content": content}
    hidden = [leaf for leaf in withheld.leaves if leaf.partition(".")[0] in content]
    return {"content": left, "withheld": sorted(hidden)}


def look(prepared: Prepared, decision: Decision, receipt_json: dict[str, Any]) -> Asked:
    """What is recorded of it: a read, or a denial where the answer is that they may not."""
    code = receipt_json.get("code")
    is_denied = code is not None and status_of_refusal(code) == HTTPStatus.FORBIDDEN
    # A refusal may tell of another plan than the one asked for: that one was looked into.
    plan_id = receipt_json.get("existing_plan_id") or receipt_json["plan_id"]
    return Asked(
        prepared.contributor,
        replace(decision, allowed=not is_denied, code=code if is_denied else None),
        What.VALIDATE,
        None if plan_id is None else UUID(plan_id),
        section=receipt_json["section"],
        said_for=prepared.provenance.on_behalf_of,
        more={
            "status": HTTPStatus.OK,
            "entry_id": receipt_json.get("entry_id"),
            "entry_version": receipt_json.get("entry_version"),
            "command": prepared.command.type,
        },
    )
