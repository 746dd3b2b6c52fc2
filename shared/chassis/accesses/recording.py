"""Makes each access durable before its answer leaves: nobody is shown anything unrecorded."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Final, NamedTuple, Self
from uuid import UUID, uuid5

import asyncpg
from uuid_utils.compat import uuid7

from shared.chassis.accesses.overrides import Overrides
from shared.chassis.accesses.record import Asked, Did, Shown, access_record, on_behalf_of, who_of
from shared.chassis.accesses.rows import KEEP, AccessRow, AccessStatement, access_commits
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.settings import Settings
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.telemetry import Part, inject
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, instant
from shared.ledger.names import trace_of

ACCESS_ID: Final = "Ledger-Access-Id"
"""The header that names the record of an answer."""

OVERRIDE_ENDS: Final = "Ledger-Override-Ends"
"""The header that says until when an override lasts."""


class Kept(NamedTuple):
    """An access whose record is durable, and when the override ends that it rests on."""

    access_id: UUID
    override_ends: datetime | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        told = {ACCESS_ID: str(self.access_id)}
        if self.override_ends is not None:
            told[OVERRIDE_ENDS] = instant(self.override_ends)
        return told


_BETWEEN_WINDOWS: Final = 0.1
"""Seconds in which accesses gather before they are published: many share a message's way."""


class AccessRecords:
    """The accesses of one service, in its own database; opened by ``async with``.

    ``publish`` is called some moments after a commit: the records are to be taken to the audit.
    ``statement`` says how they are kept. What waits for a commit is bounded; whoever has waited as
    long as a reader does is told so.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publish: Callable[[], None],
        statement: AccessStatement = KEEP,
    ) -> None:
        self._overrides = Overrides(database, settings.override_seconds)
        self._publish = publish
        self._timer: asyncio.TimerHandle | None = None
        self._commits = access_commits(
            settings.database_url,
            self.committed,
            statement,
            queue_limit=settings.queue_limit,
            queue_bytes=settings.queue_bytes,
            patience=settings.read_seconds,
        )

    async def __aenter__(self) -> Self:
        await self._commits.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._commits.__aexit__(kind, error, trace)
        if self._timer is not None:
            self._timer.cancel()

    async def part(self) -> Part:
        """Ready while accesses are stored: without that nothing can be shown."""
        return await self._commits.part()

    @property
    def waiting(self) -> int:
        """Accesses that wait for a commit."""
        return self._commits.waiting

    async def keep(
        self, asked: Asked, shown: Shown, did: Did | None = None, access_id: UUID | None = None
    ) -> Kept:
        """The access, once its record is durable; only then may what is shown leave.

        ``access_id`` is a new id (``uuid7``) where what is shown names its own record.

        Raises ``Problem`` (503) where it cannot be made durable. A caller who goes away meanwhile
        leaves a record, and is shown nothing.
        """
        if not asked.decision.allowed:
            raise PermissionError("nothing is shown on a decision that does not allow it")
        if asked.decision.override is None:
            return Kept(await self._kept(asked, shown, did, access_id))
        with troubles_as_problems():
            kept = await self._overrides.keep(asked, shown)
        self.committed()
        return Kept(*kept)

    async def keep_before(self, asked: Asked, did: Did) -> Kept:
        """The same for an answer that is given piece by piece: its record has no hash of it.

        What is known of it beforehand, as its status, stands in ``asked.more``.
        """
        if not asked.decision.allowed or asked.decision.override is not None:
            raise PermissionError("nothing is shown on a decision that does not allow it")
        return Kept(await self._kept(asked, None, did))

    async def keep_each(
        self, all_of_it: Asked, shown: Sequence[tuple[Asked, Shown]], status: int = 200
    ) -> Kept:
        """One access for each plan of a list, or one of no plan where it is empty.

        The answer has this ``status`` and names the list; the record of a plan is named by both
        (``uuid5``).
        """
        of_the_list = uuid7()
        if not shown:
            return Kept(await self._kept(all_of_it, Shown.of(b"[]", status=status), Did.READ))
        if not all(asked.decision.allowed and asked.plan_id for asked, _ in shown):
            raise PermissionError("nothing is shown on a decision that does not allow it")
        rows = [
            _row(asked, one, Did.READ, access_id=uuid5(of_the_list, str(asked.plan_id)))
            for asked, one in shown
        ]
        await asyncio.gather(*map(self.store, rows))
        return Kept(of_the_list)

    async def keep_beside(
        self, of: UUID, each: Sequence[Asked], shown: Shown, did: Did | None = None
    ) -> None:
        """One access for each of these plans, of which a part is in what ``of`` is the access to.

        They are named as those of a list are, and durable before that is kept.
        """
        if not all(asked.decision.allowed and asked.plan_id for asked in each):
            raise PermissionError("nothing is shown on a decision that does not allow it")
        rows = [_row(one, shown, did, access_id=uuid5(of, str(one.plan_id))) for one in each]
        await asyncio.gather(*map(self.store, rows))

    async def keep_if_it_stands(self, asked: Asked, shown: Shown, revision: int) -> Kept | None:
        """The access to a plan at a revision; ``None``, and no record, where it is at another.

        It has to be a decision without an override, and the statement one that asks for it.
        """
        if not asked.decision.allowed or asked.decision.override is not None:
            raise PermissionError("nothing is shown on a decision that does not allow it")
        row = _row(asked, shown, None, revision)
        return None if await self.store(row) is None else Kept(row.access_id)

    async def justify(
        self, access_id: UUID, contributor: Contributor, basis: str, text: str
    ) -> UUID:
        """The id of the record of why an override was used, once it is durable.

        Raises ``Problem``: ``access-unknown`` where it is nobody's but theirs to say, or there is
        no override, ``access-already-justified``.
        """
        with troubles_as_problems():
            kept = await self._overrides.justify(access_id, contributor, basis, text)
        self.committed()
        return kept

    async def deny(self, asked: Asked) -> UUID:
        """The id of a denial, once its record is durable."""
        if asked.decision.code is None:
            raise ValueError("nobody is denied what is allowed")
        return await self._kept(asked, None, Did.DENIAL)

    async def denied(self, asked: Asked) -> Problem:
        """The problem that tells somebody no, once its record is durable."""
        access_id = await self.deny(asked)
        decision = asked.decision
        return Problem(
            str(decision.code),
            decision.detail,
            retryable=decision.may_change,
            headers={ACCESS_ID: str(access_id)},
            policy_version=decision.policy_version,
        )

    async def _kept(
        self, asked: Asked, shown: Shown | None, did: Did | None, access_id: UUID | None = None
    ) -> UUID:
        row = _row(asked, shown, did, access_id=access_id)
        await self.store(row)
        return row.access_id

    async def store(self, row: AccessRow) -> datetime | None:
        """When the row was recorded, once it is durable; raises ``Problem`` where it may not be.

        ``None`` for one whose plan is at another revision: it is not kept.
        """
        with troubles_as_problems():
            return await self._commits.append(row)

    def committed(self) -> None:
        """Take to the audit soon what was recorded, also in a transaction of somebody else's."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_BETWEEN_WINDOWS, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._publish()


def _row(
    asked: Asked,
    shown: Shown | None,
    did: Did | None,
    revision: int | None = None,
    access_id: UUID | None = None,
) -> AccessRow:
    access_id = access_id or uuid7()
    return AccessRow(
        access_id,
        asked.plan_id,
        access_record(access_id, asked, shown, trace_of(inject()), did),
        who_of(asked.contributor, on_behalf_of(asked), asked.sought),
        asked.query if shown is not None else None,
        revision=revision,
    )


@contextmanager
def troubles_as_problems() -> Iterator[None]:
    """What cannot be made durable meanwhile is told as a ``Problem`` (503)."""
    try:
        yield
    except QueueFull:
        raise Problem("overloaded", "Too much is waiting here. Send the same again.") from None
    except (Unavailable, asyncpg.PostgresError, *TRANSIENT):
        raise Problem(
            "unavailable", "This could not be recorded, so nothing is shown. Ask again."
        ) from None
