"""Makes the read model again from the ledger, beside the live one, and switches readers to it.

Every plan is made from its events and compared with the live one, byte for byte. A difference, or
an event that can no longer be read, stops it before the switch, and readers keep what they had.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic, process_time
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from services.plan.store.made_again import COLUMNS, made_again
from shared.chassis.database.database import Connection
from shared.chassis.run import collect_rarely

_PLANS_AT_ONCE: Final = 200
_EVENTS_AT_ONCE: Final = 5_000
_FEW: Final = 100
"""So many plans are made while writers wait, and no more unless they change faster than this."""

_ATTEMPTS: Final = 10
_ONE_MOMENT: Final = "repeatable_read"
_HELD_AT_MOST: Final = "1s"
_SCHEMA: Final = re.compile(r"projection_v([1-9][0-9]{0,5})")
_LOCK: Final = 7_412
_NAMED: Final = 100

# What the ledger has and the model lacks is a difference too.
_NEXT_PLANS: Final = """
    SELECT plan_id, max(version) AS version
      FROM ((SELECT plan_id, version FROM plan WHERE plan_id > $1 ORDER BY plan_id LIMIT $2)
            UNION ALL
            (SELECT plan_id, 1 FROM ledger.plan_ledger
              WHERE plan_id > $1 AND entry_version = 1 AND plan_version = 1
              ORDER BY plan_id LIMIT $2)) AS known
     GROUP BY plan_id ORDER BY plan_id LIMIT $2
"""


class NoModel(Exception):
    """This database has no read model of plans."""

    def __init__(self) -> None:
        super().__init__("it has no read model of plans")


class AlreadyRuns(Exception):
    """Somebody else is making this model again."""

    def __init__(self) -> None:
        super().__init__("The model is already being made again. Wait until that has ended.")


class Busy(Exception):
    """Somebody held the live model whenever the new one was to take its place."""

    def __init__(self) -> None:
        super().__init__(
            "Whenever the new model was to take the place of the live one, somebody held that for"
            f" longer than {_HELD_AT_MOST}. Nothing is switched."
        )


class Difference(NamedTuple):
    """A plan that is not the live one when it is made again, and in which way."""

    plan_id: UUID
    reason: str


@dataclass(slots=True)
class Rebuild:
    """What has been done so far, and in the end the report.

    ``events`` counts each event that was folded. ``again`` are the plans that were written
    meanwhile and made once more. Times are in seconds; ``processor`` is that of this process.
    ``is_switched`` is ``None`` where PostgreSQL was told to switch, and has not said that it has.
    ``writers_waited`` and ``readers_waited`` are the longest wait of all attempts to switch.
    """

    live: str
    made: str
    of_plans: int = 0
    of_events: int = 0
    plans: int = 0
    events: int = 0
    again: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    is_switched: bool | None = False
    writers_waited: float | None = None
    readers_waited: float | None = None


Tell = Callable[[Rebuild], None]


def _tell_nobody(_: Rebuild) -> None:
    return


async def rebuild(
    connection: Connection,
    schema: str | None = None,
    *,
    topic_prefix: str = "",
    switch: bool = True,
    tell: Tell = _tell_nobody,
) -> Rebuild:
    """Make a read model in ``schema``, switch readers to it if it is the same, and report.

    Left out, the schema is the one after the live one; without ``switch`` the plans are compared
    and nothing is kept. Models that are not live are dropped, at the beginning and at the end: an
    attempt that was killed has left one. Takes a connection that may act as the owner of the
    tables. ``tell`` is called whenever some plans more are made.

    The live model is written on meanwhile. What has changed is made once more, the last of it while
    writers wait. Readers wait for nothing but the switch.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        raise AlreadyRuns
    try:
        live = await connection.fetchrow(
            """SELECT viewowner AS owner, table_schema AS schema
                 FROM pg_views JOIN information_schema.view_table_usage
                      ON view_schema = schemaname AND view_name = viewname
                WHERE schemaname = 'public' AND viewname = 'plan'"""
        )
        if live is None:
            raise NoModel
        named = schema or _after(live["schema"])
        if not _SCHEMA.fullmatch(named) or named == live["schema"]:
            raise ValueError(f"{named} is not a schema for a new model")
        report = Rebuild(live["schema"], named)
        making = _Making(connection, live["owner"], topic_prefix, report, tell)
        try:
            await making.all_plans(keep=switch)
            if switch and not report.differing:
                await making.switch()
        finally:
            # What a lost connection leaves behind, the next attempt drops.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await making.find_out_what_is_live()
                await making.drop_what_is_not_live()
        return report
    finally:
        # The lock of a lost connection is gone with it.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


def _after(schema: str) -> str:
    named = _SCHEMA.fullmatch(schema)
    return f"projection_v{int(named[1]) + 1 if named else 1}"


def _slices(plan_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for at in range(0, len(plan_ids), _PLANS_AT_ONCE):
        yield plan_ids[at : at + _PLANS_AT_ONCE]


class _Making:
    """One model while it is made."""

    def __init__(
        self, connection: Connection, owner: str, topic_prefix: str, report: Rebuild, tell: Tell
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._topic_prefix = topic_prefix
        self._report = report
        self._tell = tell

    async def all_plans(self, *, keep: bool) -> None:
        """Make every plan and compare it, some at a time: no transaction grows with the ledger."""
        report = self._report
        collect_rarely()
        await self.drop_what_is_not_live()
        if keep:
            await self._make_table()
        report.of_plans, report.of_events = await self._connection.fetchrow(
            "SELECT count(*), coalesce(sum(version), 0)::bigint FROM plan"
        )
        self._tell(report)
        began, used = monotonic(), process_time()
        async for plan_ids in self._some_at_a_time():
            report.plans += len(plan_ids)
            async with self._as_owner(isolation=_ONE_MOMENT):
                await self._make(plan_ids, keep=keep)
            report.seconds, report.processor = monotonic() - began, process_time() - used
            self._tell(report)

    async def switch(self) -> None:
        """Make what has changed, and put the new model in the place of the live one."""
        connection, report = self._connection, self._report
        async with self._as_owner():
            await connection.execute(f"ANALYZE {report.made}.plan")
        for _ in range(_ATTEMPTS):
            before = None
            while len(changed := await self._changed()) > _FEW:
                if report.differing or (before is not None and len(changed) >= before):
                    break
                before = len(changed)
                for some in _slices(changed):
                    async with self._as_owner(isolation=_ONE_MOMENT):
                        await self._make(some)
                report.again += before
            if report.differing:
                return
            with suppress(asyncpg.LockNotAvailableError):
                await self._switch()
                return
        raise Busy

    async def find_out_what_is_live(self) -> None:
        """Ask what readers have, where somebody interrupted the commit of the switch."""
        if self._report.is_switched is None:
            async with self._as_owner(waiting=_HELD_AT_MOST):
                self._report.is_switched = await self._live() == self._report.made

    async def drop_what_is_not_live(self) -> None:
        """Let go of every other model; one that somebody still reads goes with the next rebuild."""
        async with self._as_owner(waiting=_HELD_AT_MOST):
            live = await self._live()
            for row in await self._connection.fetch("SELECT nspname FROM pg_namespace"):
                schema = row["nspname"]
                if _SCHEMA.fullmatch(schema) and schema != live:
                    with suppress(
                        asyncpg.LockNotAvailableError, asyncpg.DependentObjectsStillExistError
                    ):
                        async with self._connection.transaction():
                            await self._connection.execute(f"DROP TABLE IF EXISTS {schema}.plan")
                            await self._connection.execute(f"DROP SCHEMA {schema}")

    async def _live(self) -> Any:
        return await self._connection.fetchval(
            "SELECT table_schema FROM information_schema.view_table_usage"
            " WHERE view_schema = 'public' AND view_name = 'plan'"
        )

    @asynccontextmanager
    async def _as_owner(
        self, *, isolation: str | None = None, waiting: str = "0"
    ) -> AsyncIterator[None]:
        """A transaction of the tables' owner, which waits for a lock no longer than that."""
        async with self._connection.transaction(isolation=isolation):
            await self._connection.execute(
                f"SET LOCAL ROLE {self._owner}; SET LOCAL lock_timeout = '{waiting}'"
            )
            yield

    async def _make_table(self) -> None:
        report = self._report
        async with self._as_owner():
            await self._connection.execute(f"CREATE SCHEMA {report.made}")
            await self._connection.execute(
                f"CREATE TABLE {report.made}.plan (LIKE {report.live}.plan INCLUDING ALL)"
            )
            await self._connection.execute(f"ALTER TABLE {report.made}.plan SET (fillfactor = 70)")

    async def _some_at_a_time(self) -> AsyncIterator[list[UUID]]:
        """Every plan, in the order of the ids: few if they are long."""
        last = UUID(int=0)
        while rows := await self._connection.fetch(_NEXT_PLANS, last, _PLANS_AT_ONCE):
            some: list[UUID] = []
            events = 0
            for row in rows:
                some.append(row["plan_id"])
                events += row["version"]
                if events >= _EVENTS_AT_ONCE:
                    break
            last = some[-1]
            yield some

    async def _changed(self) -> list[UUID]:
        rows = await self._connection.fetch(
            f"""SELECT plan_id FROM plan LEFT JOIN {self._report.made}.plan made USING (plan_id)
                 WHERE made.revision IS DISTINCT FROM plan.revision"""  # noqa: S608 - the name is as _SCHEMA says
        )
        return [row["plan_id"] for row in rows]

    async def _switch(self) -> None:
        connection, report, listed = self._connection, self._report, ", ".join(COLUMNS)
        began = monotonic()
        readers_began: float | None = None
        try:
            async with self._as_owner(waiting=_HELD_AT_MOST):
                await connection.execute("LOCK TABLE plan IN EXCLUSIVE MODE")  # writers wait
                changed = await self._changed()
                for some in _slices(changed):
                    await self._make(some)
                report.again += len(changed)
                if report.differing:
                    return
                readers_began = monotonic()
                await connection.execute(  # from here to the commit readers wait too
                    f"CREATE OR REPLACE VIEW plan AS SELECT {listed} FROM {report.made}.plan"  # noqa: S608 - the name is as _SCHEMA says
                )
                report.is_switched = None  # until it is known what became of the commit
            report.is_switched = True
        finally:  # they waited for one that was given up as well
            ended = monotonic()
            report.writers_waited = max(report.writers_waited or 0.0, ended - began)
            if readers_began is not None:
                report.readers_waited = max(report.readers_waited or 0.0, ended - readers_began)

    async def _make(self, plan_ids: Sequence[UUID], *, keep: bool = True) -> None:
        """Make these plans again, and keep them if they are what the live model has.

        In a transaction that sees both at one moment.
        """
        connection, report = self._connection, self._report
        made = await made_again(connection, plan_ids, self._topic_prefix)
        report.events += made.events
        for plan_id, reason in made.differences.items():
            report.differing += 1
            if len(report.differences) < _NAMED:
                report.differences.append(Difference(plan_id, reason))
        if not keep or not made.rows:
            return
        await connection.execute(
            f"DELETE FROM {report.made}.plan WHERE plan_id = ANY($1)",  # noqa: S608 - the name is as _SCHEMA says
            plan_ids,
        )
        await connection.copy_records_to_table(
            "plan", schema_name=report.made, columns=COLUMNS, records=made.rows
        )
