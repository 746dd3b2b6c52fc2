"""What takes a guard away in a database: indexes dropped, the append's function altered."""

from collections.abc import Callable, Mapping
from typing import Final

import asyncpg

from tests.faults.guards.in_memory import DANGEROUS_MOMENT
from tests.faults.load.sent import SECTIONS

Altered = Callable[[str], str]
"""The statements to be run, given the definition of ``append_requests``."""


def _unlocked(append: str) -> str:
    """Positions from a sequence and without the lock, as an ordinary outbox has them."""
    append = _with(append, "PERFORM pg_advisory_xact_lock(7411);", "")
    append = _with(
        append,
        "FOR found_ IN",
        "base := nextval('unguarded'); out_base := nextval('unguarded');"
        f" PERFORM pg_sleep(random() * {DANGEROUS_MOMENT}); FOR found_ IN",
    )
    sequence = "CREATE SEQUENCE unguarded INCREMENT BY 1000 START WITH 1000000"
    return f"{sequence}; GRANT USAGE ON SEQUENCE unguarded TO ledger_writer; {append}"


def _whoever_holds_the_key(append: str) -> str:
    """Two entries take one key: neither what others hold nor the batch's own is looked at."""
    append = _with(append, "WHERE k.key = t.key AND k.entry_id <> t.entry_id", "WHERE false")
    return _with(append, "HAVING count(DISTINCT t.entry_id) > 1", "HAVING false")


def _by_the_clock_alone(append: str) -> str:
    """The time of an append is the clock's, whatever the one before it has."""
    return _with(
        append, "greatest(clock_timestamp(), e.recorded_at, o.recorded_at)", "clock_timestamp()"
    )


def _at_any_version(append: str) -> str:
    """A version is stored although somebody else's stands there, which no key forbids now."""
    append = _with(append, "WHERE h.version <> e.first - 1 OR", "WHERE")
    key = "ALTER TABLE stored_events DROP CONSTRAINT stored_events_pkey"
    index = "CREATE INDEX ON stored_events (originator_id, originator_version)"
    return f"{key}; {index}; {append}"


def _as_if_never_seen(append: str) -> str:
    """No kept receipt is looked for, and the same contribution may have two."""
    append = _with(append, "WHERE r.contribution_id = c.contribution_id LIMIT 1", "WHERE false")
    key = "ALTER TABLE receipt DROP CONSTRAINT receipt_pkey"
    return f"{key}; CREATE INDEX ON receipt (contribution_id); {append}"


def _by_its_sender_alone(append: str) -> str:
    """Other content under an id that was used is a repeat."""
    return _with(append, "r.content_hash = c.content_hash", "true")


OF_SECTIONS: Final[Mapping[str, Altered]] = {
    "advisory-lock": _unlocked,
    "unique-key": _whoever_holds_the_key,
    "clock": _by_the_clock_alone,
    "version-check": _at_any_version,
    "repeat": _as_if_never_seen,
    "comparison": _by_its_sender_alone,
}
OF_THE_PLAN: Final[Mapping[str, str]] = {
    "natural-key": "DROP INDEX ledger.plan_ledger_once",
    # The key that would stop whoever had not waited for the lock.
    "plan-lock": "ALTER TABLE ledger.plan_ledger DROP CONSTRAINT plan_ledger_pkey",
}


async def prepare(guard: str, admin_url: Callable[[str], str]) -> None:
    """Takes away in the databases what belongs to the guard."""
    if guard in OF_THE_PLAN:
        await _alter(admin_url("plan"), lambda _: OF_THE_PLAN[guard])
    if guard in OF_SECTIONS:
        for section in SECTIONS:
            await _alter(admin_url(section), OF_SECTIONS[guard])


async def _alter(url: str, altered: Altered) -> None:
    connection = await asyncpg.connect(url)
    try:
        append = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'append_requests'"
        await connection.execute(altered(await connection.fetchval(append) or ""))
    finally:
        await connection.close()


def _with(append: str, old: str, new: str) -> str:
    if old not in append:
        raise ValueError(f"append_requests is not what it was: it has no {old}")
    return append.replace(old, new, 1)
