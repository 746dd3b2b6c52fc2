"""A service whose clock steps back by an hour while it runs, and its database's with it.

``python -m tests.faults.stack.clock SERVICE`` runs one service, as ``python -m shared.chassis.run
SERVICE`` does; SIGUSR1 sets its clock back by an hour, SIGUSR2 sets it right again. The database
gets a ``clock_timestamp`` of its own, found before PostgreSQL's.
"""

import datetime as dt
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

BACK: Final = signal.SIGUSR1
RIGHT: Final = signal.SIGUSR2
AN_HOUR: Final = 3600.0

_WITH_ITS_OWN_CLOCK: Final = """
CREATE SCHEMA its_clock;
CREATE TABLE its_clock.offset_now (by interval NOT NULL);
INSERT INTO its_clock.offset_now VALUES (interval '0');
CREATE FUNCTION its_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
$$ SELECT pg_catalog.clock_timestamp() + (SELECT by FROM its_clock.offset_now) $$;
GRANT USAGE ON SCHEMA its_clock TO PUBLIC;
GRANT SELECT ON its_clock.offset_now TO PUBLIC;
"""
_SET: Final = """DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"""


@asynccontextmanager
async def of_its_own(admin_url: str) -> AsyncIterator[Callable[[float], Any]]:
    """Sessions of this database that begin now go by a clock that can be set; yields how."""

    async def ask(statement: str, *given: float) -> None:
        connection = await asyncpg.connect(admin_url)
        try:
            await connection.execute(statement, *given)
        finally:
            await connection.close()

    async def step(seconds: float) -> None:
        await ask("UPDATE its_clock.offset_now SET by = make_interval(secs => $1)", seconds)

    await ask(_WITH_ITS_OWN_CLOCK)
    await ask(_SET.format("SET search_path = its_clock, pg_catalog, public"))
    try:
        yield step
    finally:
        await ask(_SET.format("RESET search_path"))
        await ask("DROP SCHEMA its_clock CASCADE")


class _LikeDatetime(type):
    """In all but what time it is now, `datetime` itself."""

    def __getattr__(cls, name: str) -> Any:
        return getattr(dt.datetime, name)

    def __call__(cls, *given: Any, **named: Any) -> dt.datetime:
        return dt.datetime(*given, **named)  # noqa: DTZ001 - as it was asked

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, dt.datetime)


def _let_the_clock_step() -> None:
    """Replaces the two ways in which a service asks what time it is."""
    right_time = time.time
    offset = 0.0

    def its_time() -> float:
        return right_time() + offset

    class ItsDatetime(metaclass=_LikeDatetime):
        @staticmethod
        def now(tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.fromtimestamp(its_time(), tz)

    def step(number: int, _: object) -> None:
        nonlocal offset
        offset = -AN_HOUR if number == BACK else 0.0

    time.time = its_time
    # After this line, since whoever has imported `time` by name has the other one.
    from shared.chassis import run  # noqa: PLC0415 - it must find the clock changed

    app_of = run.app_of

    def then_replace(service: str, settings: Any) -> Any:
        app = app_of(service, settings)
        for name, module in list(sys.modules.items()):
            if name.startswith(("shared.", "services.")) and (
                getattr(module, "datetime", None) is dt.datetime
            ):
                vars(module)["datetime"] = ItsDatetime
        return app

    run.app_of = then_replace
    signal.signal(BACK, step)
    signal.signal(RIGHT, step)


if __name__ == "__main__":
    _let_the_clock_step()
    from shared.chassis.run import main

    main()
