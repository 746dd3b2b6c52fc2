"""The one use case of every section: may they? load, decide, append, answer."""

from typing import Any, Final
from uuid import UUID

import orjson

from shared.chassis.contribute.decisions import (
    Decided,
    Decisions,
    already_there,
    is_same,
    reused,
    taken_by,
    too_large,
)
from shared.chassis.contribute.media import PASSING, MediaNamed
from shared.chassis.contribute.prepare import Prepared, prepare
from shared.chassis.contribute.receipts import (
    Reply,
    alert_records,
    authn_of,
    inputs_sha256,
    receipt_message,
    refusal,
    refusal_record,
)
from shared.chassis.contribute.rights import Rights, refused_by
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.policy.access_copy import AFRESH, JUDGED_AGAIN
from shared.chassis.policy.decide import Action, Decision, Facts, decide
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, EventTooLarge, Moved, completed
from shared.chassis.store.rows import Appended, ReceiptRow
from shared.chassis.telemetry import Attribute, Count, counter, log, tracer
from shared.chassis.wire.problem import Problem
from shared.ledger import Contribution, Contributor, Refused, Section

RETRYABLE: Final = frozenset(
    {"plan-unknown", "plan-not-open", "no-live-relationship", "proxy-not-live", *PASSING}
)
"""Refusals that rest on a copy that may be behind, or on media that may still come."""

_TRIES: Final = 100


class Contributions:
    """Takes contributions to one section and answers each with a receipt."""

    def __init__(
        self,
        section: Section,
        store: EventStore,
        rights: Rights,
        settings: Settings,
        media: MediaNamed | None = None,
    ) -> None:
        self.section = section
        self._store = store
        self._settings = settings
        self._rights = rights
        self._decisions = Decisions(section, store, settings, media)

    async def receive(
        self,
        contribution: Contribution,
        contributor: Contributor,
        *,
        reply_to: str | None = None,
        wait: bool = True,
    ) -> Reply:
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
            reply = await self._reply(prepared, reply_to, wait)
            span.set_attribute(Attribute.OUTCOME, reply.outcome)
        self._count_and_log(prepared, reply)
        return reply

    async def _reply(self, prepared: Prepared, reply_to: str | None, wait: bool) -> Reply:
        by = await self._right(prepared, reply_to, wait)
        return by if isinstance(by, Reply) else await self._decide(prepared, by, reply_to, wait)

    async def _right(
        self,
        prepared: Prepared,
        reply_to: str | None,
        wait: bool,
        not_older_than: float = JUDGED_AGAIN,
    ) -> Reply | Decision:
        """Their right, or the answer to whoever has none."""
        by = await self._rights.of(prepared, not_older_than=not_older_than)
        return by if by.code is None else await self._ask_again(prepared, by, reply_to, wait)

    async def _decide(
        self, prepared: Prepared, by: Decision, reply_to: str | None, wait: bool
    ) -> Reply:
        decided = await self._decisions.decide(prepared, by)
        for _ in range(_TRIES):
            if decided.leaves_no_receipt:
                # Another replica may have moved the entry on, and no append will say so.
                decided = await self._decisions.decide(prepared, by, afresh=True)
            if decided.refused is not None and decided.leaves_no_receipt:
                return await self._refuse_for_now(prepared, by, decided.refused, reply_to, wait)
            receipt = (await self._decisions.receipt(prepared, by, decided)).as_json()
            appended = await self._append(prepared, by, decided, receipt, reply_to)
            if appended.verdict == "stored":
                return _stored(receipt, appended)
            if appended.verdict == "repeated":
                return await self._give_again(prepared, by, _first_receipt(appended), reply_to)
            if appended.verdict == "reused":
                return await self._leave_no_receipt(prepared, by, reused(), reply_to)
            right = await self._right_after(appended, prepared, by, reply_to, wait)
            if isinstance(right, Reply):
                return right
            by = right
            decided = await self._overtaken(prepared, by, appended)
        raise Problem("overloaded", "Too many are changing this entry at once. Send it again.")

    async def _right_after(
        self,
        appended: Appended,
        prepared: Prepared,
        by: Decision,
        reply_to: str | None,
        wait: bool,
    ) -> Reply | Decision:
        """Their right as it stands, where the append found another plan than it rests on."""
        if appended.verdict == "access-moved":
            return await self._right(prepared, reply_to, wait, not_older_than=AFRESH)
        if appended.verdict in ("plan-unknown", "plan-not-open"):
            no = await self._rights.no_by_the_plan(prepared, wait=wait)
            if no is not None:
                return await self._leave_no_receipt(prepared, by, no, reply_to)
        return by

    async def _ask_again(
        self, prepared: Prepared, by: Decision, reply_to: str | None, wait: bool
    ) -> Reply | Decision:
        """Their right after all, or the answer to whoever has none: a kept receipt comes first."""
        if by.may_change:
            answer = await self._instead(prepared, by, reply_to, wait)
            if answer is not None:
                return answer
            by = await self._rights.of(prepared, wait=wait)
        if by.code is None:
            return by
        return await self._leave_no_receipt(prepared, by, refused_by(by), reply_to)

    async def _overtaken(self, prepared: Prepared, by: Decision, appended: Appended) -> Decided:
        """What is decided where another came first, or the plan or access to it has changed."""
        if appended.verdict == "taken" and appended.entry_id is not None:
            return Decided(refused=taken_by(prepared, appended.entry_id))
        if appended.verdict == "stale" and not await self._decisions.may_follow(prepared):
            return Decided(refused=already_there(prepared))
        return await self._decisions.decide(prepared, by, afresh=True)

    async def _append(
        self,
        prepared: Prepared,
        by: Decision,
        decided: Decided,
        receipt_json: dict[str, Any],
        reply_to: str | None,
    ) -> Appended:
        """Store what was decided, if the plan and the entry are still as it was decided on."""
        outgoing: list[Outgoing] = []
        if decided.refused is not None:
            outgoing.append(self._for_the_audit(prepared, by, receipt_json, kept=True))
        if decided.moved is not None:
            outgoing += self._alerts(prepared, by, decided.moved)
        if reply_to is not None:
            outgoing.append(receipt_message(reply_to, receipt_json, completes=True))
        row = ReceiptRow(
            prepared.contribution_id,
            prepared.contributor.key,
            prepared.content_hash,
            orjson.dumps(receipt_json),
            authn_of(prepared.contributor),
            by.policy_version,
            None if prepared.command.entry.opens_plan else prepared.plan_id,
            prepared.contributor.sub,
            None if by.revision is None else prepared.plan_id,
            by.revision,
            bytes.fromhex(inputs_sha256(prepared, by)),
        )
        moved = [] if decided.moved is None else [decided.moved]
        seen = [] if decided.seen is None else [(prepared.entry_id, decided.seen)]
        try:
            return await self._store.save(
                moved,
                row,
                command=prepared.command.type,
                read=[*seen, *decided.read],
                outgoing=outgoing,
                names=decided.names,
            )
        except EventTooLarge:
            raise too_large() from None

    async def _refuse_for_now(
        self,
        prepared: Prepared,
        by: Decision,
        refused: Refused,
        reply_to: str | None,
        wait: bool,
    ) -> Reply:
        """Refuse what may change; but first comes a receipt that is kept, then the plan."""
        answer = await self._instead(prepared, by, reply_to, wait)
        return answer or await self._leave_no_receipt(prepared, by, refused, reply_to)

    async def _instead(
        self, prepared: Prepared, by: Decision, reply_to: str | None, wait: bool
    ) -> Reply | None:
        """The receipt that is kept, or what the plan refuses."""
        kept = await self._store.receipt(prepared.contribution_id)
        if kept is not None and is_same(prepared, kept):
            return await self._give_again(prepared, by, kept.receipt, reply_to)
        no = reused() if kept else await self._rights.no_by_the_plan(prepared, wait=wait)
        return None if no is None else await self._leave_no_receipt(prepared, by, no, reply_to)

    async def _give_again(
        self, prepared: Prepared, by: Decision, receipt_json: dict[str, Any], reply_to: str | None
    ) -> Reply:
        """The first receipt; a refusal that somebody else is given is one more for the audit."""
        outgoing: list[Outgoing] = []
        if receipt_json["outcome"] == "refused":
            kept = await self._store.receipt(prepared.contribution_id)
            if kept is not None and kept.sub != prepared.contributor.sub:
                outgoing.append(self._for_the_audit(prepared, by, receipt_json, kept=True))
        if reply_to is not None:
            outgoing.append(receipt_message(reply_to, receipt_json))
        if outgoing:
            await self._store.publish(outgoing)
        return Reply(receipt_json, kept=True, repeated=True)

    async def _leave_no_receipt(
        self, prepared: Prepared, by: Decision, refused: Refused, reply_to: str | None
    ) -> Reply:
        """An answer that is not kept; it is recorded for the audit all the same."""
        receipt_json = refusal(self.section, prepared, refused).as_json()
        retryable = refused.code in RETRYABLE
        receipt_json.update(kept=False, retryable=retryable)
        outgoing = [self._for_the_audit(prepared, by, receipt_json, kept=False)]
        if reply_to is not None:
            outgoing.append(receipt_message(reply_to, receipt_json))
        await self._store.publish(outgoing)
        return Reply(
            receipt_json, kept=False, retryable=retryable, policy_version=by.policy_version
        )

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

    def _for_the_audit(
        self, prepared: Prepared, by: Decision, receipt_json: dict[str, Any], *, kept: bool
    ) -> Outgoing:
        prefix = self._settings.topic_prefix
        return refusal_record(prepared, by, receipt_json, kept=kept, prefix=prefix)

    def _alerts(self, prepared: Prepared, by: Decision, moved: Moved) -> list[Outgoing]:
        events = moved.entry.pending_events
        return alert_records(self.section, prepared, by, events, self._settings.topic_prefix)

    def _count_and_log(self, prepared: Prepared, reply: Reply) -> None:
        organisation = prepared.contributor.organisation
        code = organisation.code if organisation else None
        counter(Count.CONTRIBUTIONS).add(
            1,
            {
                "section": self.section.wire_name,
                "organisation": code or prepared.contributor.kind,
                "outcome": reply.outcome,
                "code": reply.code or "",
            },
        )
        log.info(
            f"contribution.{reply.outcome}",
            contribution_id=reply.receipt["contribution_id"],
            section=self.section.wire_name,
            command=prepared.command.type,
            code=reply.code,
            entry_id=reply.receipt.get("entry_id"),
            entry_version=reply.receipt.get("entry_version"),
            contributor=prepared.contributor.sub,
            organisation=code,
        )


def _stored(receipt_json: dict[str, Any], appended: Appended) -> Reply:
    first, events = appended.first_position, len(receipt_json.get("events", ()))
    last = None if first is None else first + events - 1
    return Reply(completed(receipt_json, appended.recorded_at, last), kept=True)


def _first_receipt(appended: Appended) -> dict[str, Any]:
    return completed(
        orjson.loads(appended.receipt or b"{}"), appended.recorded_at, appended.receipt_position
    )
