"""The one use case of every section: seen before? may they? load, decide, append, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from shared.chassis.contribute.prepare import Prepared, prepare
from shared.chassis.contribute.receipts import Answer, audit_record, authn_of, receipt_message
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.policy.decide import POLICY_VERSION, Action, Facts, Roles, decide, rights_of
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, EventTooLarge, Moved, completed
from shared.chassis.store.rows import Appended, ReceiptRow
from shared.chassis.telemetry import Attribute, Count, counter, log, tracer
from shared.chassis.wire.problem import Problem, status_of_refusal, title_of
from shared.ledger import Contribution, Contributor, Entry, Receipt, Refused, Section, plain

RETRYABLE = frozenset({"plan-unknown", "plan-not-open", "no-live-relationship", "proxy-not-live"})
"""Refusals that rest on a copy that may be behind: answered, and not kept."""

_TRIES = 100
_FORBIDDEN = 403


@dataclass(frozen=True)
class Decided:
    """What was decided: an entry with new events, or a refusal."""

    entry: Entry | None
    held_keys: frozenset[str] = frozenset()
    refused: Refused | None = None
    refused_entry: tuple[UUID, int] | None = None


class Contributions:
    """Takes contributions to one section and answers each with a receipt."""

    def __init__(
        self,
        section: Section,
        store: EventStore,
        plan_states: PlanStates,
        settings: Settings,
    ) -> None:
        self.section = section
        self._store = store
        self._plan_states = plan_states
        self._settings = settings

    async def receive(
        self,
        contribution: Contribution,
        contributor: Contributor,
        *,
        reply_to: str | None = None,
        wait: bool = True,
    ) -> Answer:
        """Decide one contribution and answer after the commit.

        ``reply_to`` is the topic that the answer is published to as well; ``wait`` says whether a
        copy that is behind may be waited for. Raises ``Problem`` for what cannot be read, and as
        ``GroupCommit.append``.
        """
        prepared = prepare(self.section, contribution, contributor)
        span_name = f"contribute {self.section.wire_name}.{prepared.command.method}"
        with tracer().start_as_current_span(span_name) as span:
            span.set_attribute(Attribute.SECTION, self.section.wire_name)
            span.set_attribute(Attribute.COMMAND, prepared.command.type)
            answer = await self._answer(prepared, reply_to, wait)
            span.set_attribute(Attribute.OUTCOME, answer.outcome)
        self._told(prepared, answer)
        return answer

    async def validate(
        self, contribution: Contribution, contributor: Contributor
    ) -> dict[str, Any]:
        """The receipt it would get, with the content of each event; nothing is stored."""
        prepared = prepare(self.section, contribution, contributor)
        kept = await self._store.receipt(prepared.contribution_id)
        try:
            refuse_who_may_not(prepared, self._settings.roles)
            if kept is not None:
                if not _is_same(prepared, kept.contributor, kept.content_hash):
                    raise Refused("contribution-id-reused")
                unknown = ("recorded_at", "ledger_position")
                told = {name: v for name, v in kept.receipt.items() if name not in unknown}
                return {**told, "stored": False}
            await self._refuse_by_plan(prepared, wait=True)
        except Refused as refused:
            decided = Decided(None, refused=refused)
        else:
            decided = await self._decide(prepared, afresh=True)
            decided = await self._foresee(prepared, decided)
        receipt = self._receipt(prepared, decided)
        told = receipt.as_json()
        if decided.entry is not None:
            rows = self._store.rows_of(decided.entry.pending_events)
            told["events"] = [
                {
                    "type": row.type,
                    "entry_version": row.version,
                    "content": self._store.content_of(row),
                }
                for row in rows
            ]
        elif decided.refused is not None and decided.refused.code == "base-version-stale":
            told.update(await self._stale_facts(prepared, receipt))
        return {**told, "stored": False}

    async def receipt(
        self, contribution_id: UUID, contributor: Contributor
    ) -> dict[str, Any] | None:
        """The kept receipt, for whoever contributed it; ``None`` for anybody else."""
        kept = await self._store.receipt(contribution_id)
        if kept is None:
            return None
        facts = Facts(self._settings.roles, contributed_by=kept.contributor)
        decision = decide(contributor, Action.READ_RECEIPT, facts)
        return kept.receipt if decision.allowed else None

    async def _answer(self, prepared: Prepared, reply_to: str | None, wait: bool) -> Answer:
        try:
            refuse_who_may_not(prepared, self._settings.roles)
        except Refused as refused:
            return await self._unkept(prepared, refused, reply_to)
        try:
            await self._refuse_by_plan(prepared, wait=False)
        except Refused:
            # Whoever has a receipt waits for nothing.
            first = await self._first_receipt(prepared, reply_to)
            if first is not None:
                return first
            try:
                await self._refuse_by_plan(prepared, wait=wait)
            except Refused as refused:
                return await self._unkept(prepared, refused, reply_to)
        afresh = False
        for _ in range(_TRIES):
            decided = await self._decide(prepared, afresh=afresh)
            if decided.refused is not None and not afresh:
                # Another replica may have moved the entry on, and no append will say so.
                decided = await self._decide(prepared, afresh=True)
            if (
                decided.refused is not None
                and status_of_refusal(decided.refused.code) == _FORBIDDEN
            ):
                # A colleague may have the right, and rights change: no such answer is kept.
                return await self._unkept(prepared, decided.refused, reply_to)
            answer = await self._append(prepared, decided, reply_to)
            if answer is not None:
                return answer
            afresh = True
        raise Problem("overloaded", "This entry is being changed by very many at once.")

    async def _refuse_by_plan(self, prepared: Prepared, *, wait: bool) -> None:
        if prepared.command.entry.opens_plan is None:
            state = await self._plan_states.of(prepared.plan_id, wait=wait)
            if state is None:
                raise Refused("plan-unknown", "This section has not heard of this plan.")
            if state != "open":
                raise Refused("plan-not-open", "This plan has ended or was merged.")
        refuse_who_acts_for_nobody(prepared, self._settings.roles)

    async def _decide(self, prepared: Prepared, *, afresh: bool) -> Decided:
        """Load the entry and ask its command."""
        command = prepared.command
        granted = rights_of(prepared.contributor, self._settings.roles, command.service_roles)
        if command.creates:
            before = await self._to_begin_again(prepared) if afresh else None
            try:
                self._refuse_future(prepared)
                entry = command.create(
                    *(prepared.provenance, granted, prepared.arguments),
                    *(prepared.visibility, before),
                )
            except Refused as refused:
                return Decided(None, refused=refused)
            return Decided(entry)
        held = await self._store.load(prepared.entry_id, afresh=afresh)
        try:
            entry = self._named(prepared, held)
        except Refused as refused:
            return Decided(None, refused=refused)
        version = entry.version
        held_keys = entry.unique_keys()
        try:
            self._refuse_version(prepared, version)
            if entry.is_in_error:
                raise Refused("entry-entered-in-error", "Nothing may follow on this entry.")
            self._refuse_future(prepared)
            command.change(entry, prepared.provenance, granted, prepared.arguments)
        except Refused as refused:
            return Decided(None, refused=refused, refused_entry=(entry.id, version))
        return Decided(entry, held_keys)

    async def _to_begin_again(self, prepared: Prepared) -> Entry | None:
        """The entry in error that a creation follows; only the one of its kind may be followed."""
        command = prepared.command
        if command.entry.fixed_id(prepared.plan_id) is None:
            return None
        held = await self._store.load(prepared.entry_id, afresh=True)
        return held if held is not None and command.begins_again(held) else None

    def _named(self, prepared: Prepared, entry: Entry | None) -> Entry:
        wanted = prepared.command.entry
        if entry is None or entry.plan_id != prepared.plan_id or not isinstance(entry, wanted):
            if wanted.opens_plan is not None:
                raise Refused("plan-unknown", "There is no such plan.")
            raise Refused("entry-unknown", "This plan has no such entry in this section.")
        return entry

    def _refuse_version(self, prepared: Prepared, version: int) -> None:
        if prepared.based_on is None:
            raise Refused(
                "base-version-missing", "Say which version of the entry the change is based on."
            )
        if prepared.based_on != version:
            name = self.section.entry_type(prepared.command.entry)
            raise Refused(
                "base-version-stale",
                f"The {name} is at version {version}; "
                f"the contribution was based on {prepared.based_on}.",
            )

    def _refuse_future(self, prepared: Prepared) -> None:
        stated_at = prepared.provenance.stated_at
        tolerance = timedelta(seconds=self._settings.clock_tolerance_seconds)
        if stated_at is not None and stated_at > datetime.now(UTC) + tolerance:
            raise Refused(
                "stated-in-the-future", "stated_at lies ahead of the clock.", field="stated_at"
            )

    async def _append(
        self, prepared: Prepared, decided: Decided, reply_to: str | None
    ) -> Answer | None:
        """Store what was decided; ``None`` where the world has moved on and to decide again."""
        receipt = self._receipt(prepared, decided)
        if decided.refused is not None and decided.refused.code == "base-version-stale":
            facts = {**receipt.facts, **await self._stale_facts(prepared, receipt)}
            receipt = replace(receipt, facts=facts)
        told = receipt.as_json()
        outgoing: list[Outgoing] = []
        if decided.refused is not None:
            outgoing.append(self._audited(prepared, told, kept=True))
        if reply_to is not None:
            outgoing.append(receipt_message(reply_to, told, completes=True))
        row = ReceiptRow(
            prepared.contribution_id,
            prepared.contributor.key,
            prepared.content_hash,
            orjson.dumps(told),
            authn_of(prepared.contributor),
            POLICY_VERSION,
        )
        try:
            appended = await self._store.save(
                [] if decided.entry is None else [Moved(decided.entry, decided.held_keys)],
                row,
                outgoing=outgoing,
            )
        except EventTooLarge:
            raise Problem("body-too-large", "The entry would grow beyond 3 MiB.") from None
        if appended.verdict == "stored":
            events = len(receipt.events)
            last = appended.first_position + events - 1 if appended.first_position else None
            return Answer(completed(told, appended.recorded_at, last), kept=True)
        if appended.verdict == "repeated":
            return await self._repeat(appended, reply_to)
        if appended.verdict == "reused":
            return await self._unkept(prepared, Refused("contribution-id-reused"), reply_to)
        refused = await self._overtaken(prepared, appended)
        if refused is None:
            return None
        return await self._append(prepared, Decided(None, refused=refused), reply_to)

    async def _overtaken(self, prepared: Prepared, appended: Appended) -> Refused | None:
        """The refusal for an append that came too late, or ``None``: decide again."""
        entry = prepared.command.entry
        if appended.verdict == "taken":
            return _taken(entry, appended.entry_id)
        if prepared.command.creates and await self._to_begin_again(prepared) is None:
            return Refused(entry.already_exists, "There is an entry with this id.")
        return None

    async def _foresee(self, prepared: Prepared, decided: Decided) -> Decided:
        """What the append would say, for a contribution that is only validated."""
        entry = decided.entry
        if entry is None:
            return decided
        is_new = prepared.command.creates and entry.version == 1
        if is_new and await self._store.load(entry.id, afresh=True) is not None:
            exists = Refused(prepared.command.entry.already_exists)
            return Decided(None, refused=exists)
        for key in entry.unique_keys() - decided.held_keys:
            holder = await self._store.holder(key)
            if holder is not None and holder != entry.id:
                return Decided(None, refused=_taken(prepared.command.entry, holder))
        return decided

    async def _first_receipt(self, prepared: Prepared, reply_to: str | None) -> Answer | None:
        """The kept receipt comes before whatever a copy says about the plan."""
        kept = await self._store.receipt(prepared.contribution_id)
        if kept is None:
            return None
        if not _is_same(prepared, kept.contributor, kept.content_hash):
            return await self._unkept(prepared, Refused("contribution-id-reused"), reply_to)
        if reply_to is not None:
            await self._store.publish([receipt_message(reply_to, kept.receipt)])
        return Answer(kept.receipt, kept=True, repeated=True)

    async def _repeat(self, appended: Appended, reply_to: str | None) -> Answer:
        first = completed(
            orjson.loads(appended.receipt or b"{}"), appended.recorded_at, appended.receipt_position
        )
        if reply_to is not None:
            await self._store.publish([receipt_message(reply_to, first)])
        return Answer(first, kept=True, repeated=True)

    async def _unkept(self, prepared: Prepared, refused: Refused, reply_to: str | None) -> Answer:
        """An answer that leaves no receipt; it is recorded for the audit all the same."""
        receipt = self._receipt(prepared, Decided(None, refused=refused))
        told = receipt.as_json()
        retryable = refused.code in RETRYABLE
        told.update(kept=False, retryable=retryable)
        outgoing = [self._audited(prepared, told, kept=False)]
        if reply_to is not None:
            outgoing.append(receipt_message(reply_to, told))
        await self._store.publish(outgoing)
        return Answer(told, kept=False, retryable=retryable)

    def _receipt(self, prepared: Prepared, decided: Decided) -> Receipt:
        refused = decided.refused
        if decided.entry is not None:
            events: Sequence[Any] = decided.entry.pending_events
            return Receipt(
                contribution_id=prepared.contribution_id,
                outcome="accepted",
                plan_id=prepared.plan_id,
                section=self.section.wire_name,
                entry_id=prepared.entry_id,
                entry_version=decided.entry.version,
                events=tuple((type(event).TOPIC, event.originator_version) for event in events),
            )
        if refused is None:
            raise RuntimeError("neither decided nor refused")
        facts = dict(plain(refused.facts))
        if refused.field is not None:
            facts["field"] = refused.field
        entry_id, version = decided.refused_entry or (
            prepared.entry_id if prepared.entry_is_chosen else None,
            None,
        )
        opens = prepared.command.opens_plan
        return Receipt(
            contribution_id=prepared.contribution_id,
            outcome="refused",
            plan_id=prepared.asked_plan_id if opens else prepared.plan_id,
            section=self.section.wire_name,
            entry_id=None if opens and prepared.asked_plan_id is None else entry_id,
            entry_version=version,
            code=refused.code,
            detail=refused.detail or f"{title_of(refused.code)}.",
            facts=facts,
        )

    async def _stale_facts(self, prepared: Prepared, receipt: Receipt) -> dict[str, Any]:
        changes = await self._store.changes_since(prepared.entry_id, prepared.based_on or 0)
        # It may have moved on since it was loaded; the receipt is about one moment.
        last = receipt.entry_version or 0
        return {"changed_since": [one for one in changes if one["entry_version"] <= last]}

    def _audited(self, prepared: Prepared, told: dict[str, Any], *, kept: bool) -> Outgoing:
        prefix = self._settings.topic_prefix
        return audit_record(self.section, prepared, told, kept=kept, prefix=prefix)

    def _told(self, prepared: Prepared, answer: Answer) -> None:
        organisation = prepared.contributor.organisation
        code = organisation.code if organisation else None
        counter(Count.CONTRIBUTIONS).add(
            1,
            {
                "section": self.section.wire_name,
                "organisation": code or prepared.contributor.kind,
                "outcome": answer.outcome,
                "code": answer.code or "",
            },
        )
        log.info(
            f"contribution.{answer.outcome}",
            contribution_id=str(prepared.contribution_id),
            section=self.section.wire_name,
            command=prepared.command.type,
            code=answer.code,
            entry_id=answer.receipt.get("entry_id"),
            entry_version=answer.receipt.get("entry_version"),
            contributor=prepared.contributor.sub,
            organisation=code,
        )


def _taken(entry: type[Entry], holder: UUID | None) -> Refused:
    facts: dict[str, Any] = {entry.key_holder: str(holder)}
    return Refused(entry.key_taken, entry.key_taken_detail, **facts)


def refuse_who_may_not(prepared: Prepared, roles: Roles) -> None:
    """Refuse whoever may not use this command at all, or not on this plan."""
    facts = Facts(
        roles,
        plan_id=prepared.plan_id,
        who=prepared.command.who,
        provenance=prepared.provenance,
    )
    decision = decide(prepared.contributor, Action.CONTRIBUTE, facts)
    if decision.code is not None:
        raise Refused(decision.code, decision.detail)


def refuse_who_acts_for_nobody(prepared: Prepared, roles: Roles) -> None:
    """Refuse whoever acts for the person without a Proxy that is live and theirs."""
    facts = Facts(roles, plan_id=prepared.plan_id, provenance=prepared.provenance)
    decision = decide(prepared.contributor, Action.ACT_FOR, facts)
    if decision.code is not None:
        raise Refused(decision.code, decision.detail, field="on_behalf_of")


def _is_same(prepared: Prepared, contributor: str, content_hash: bytes) -> bool:
    return prepared.contributor.key == contributor and prepared.content_hash == content_hash
