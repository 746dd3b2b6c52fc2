"""`careplan projection`: makes the read model of the plans again from their ledger."""

import asyncio
from importlib import import_module
from time import monotonic
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import typer

from shared.cli import running_stack
from shared.cli.output import as_json, fail, table

app = typer.Typer(no_args_is_help=True, help="The read model of the plans.")

_SERVICE: Final = "services.plan.rebuild"
_DATABASE: Final = "/careplan_plan"
_DIFFERENT, _UNUSABLE, _NOT_NOW, _INTERRUPTED = 1, 2, 3, 130
_ROLE: Final = "a role that may act as the owner of its tables"
_NOT_USABLE: Final = (
    *(asyncpg.ClientConfigurationError, asyncpg.InvalidCatalogNameError),
    *(asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError),
)
_SHOWN: Final = 5
_SECONDS_BETWEEN: Final = 2.0


@app.callback()
def projection() -> None:
    """Make the read model of the plans again, and compare it."""


@app.command()
def rebuild(
    database_url: Annotated[
        str,
        typer.Option(
            envvar="CAREPLAN_DATABASE_URL",
            metavar="URL",
            help=f"The plan's database, and {_ROLE}; left out, that of the running stack.",
        ),
    ] = "",
    topic_prefix: Annotated[
        str,
        typer.Option(
            envvar="CAREPLAN_TOPIC_PREFIX", help="What stands before the deployment's topics."
        ),
    ] = "",
    compare_only: Annotated[
        bool, typer.Option("--compare-only", help="Switch nothing: only compare every plan.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    stack_dir: running_stack.StackDir = running_stack.DEFAULT_FOLDER,
) -> None:
    """Make every plan again from the ledger, compare it, and switch readers to it.

    The services keep running. Readers notice nothing before the switch, and
    wait some milliseconds for it. Where one plan differs from the live one by
    a single byte, nothing is switched. A rebuild that was interrupted or killed
    has changed nothing: start it again.

    Exit codes:
    0 switched, or all the same with --compare-only;
    1 a plan differs;
    2 an option cannot be used;
    3 not now: PostgreSQL does not answer, or another rebuild runs;
    130 interrupted.
    """
    url = database_url or _of_the_stack(running_stack.read(stack_dir))
    rebuilding = import_module(_SERVICE)
    tell = _Progress()
    try:
        report = asyncio.run(
            _rebuilt(rebuilding, url, topic_prefix, switch=not compare_only, tell=tell)
        )
    except KeyboardInterrupt:
        fail(f"interrupted; {tell.what_stands}", _INTERRUPTED)
    except (rebuilding.AlreadyRuns, rebuilding.Busy) as stopped:
        fail(str(stopped), _NOT_NOW)
    except (*_NOT_USABLE, rebuilding.NoModel) as error:
        fail(f"--database-url has to name the plan's database and {_ROLE} ({error}).", _UNUSABLE)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        fail(f"PostgreSQL: {str(error) or type(error).__name__}; {tell.what_stands}", _NOT_NOW)
    _show(report, json=json)
    if report.differing:
        raise typer.Exit(_DIFFERENT)


def _of_the_stack(stack: dict[str, Any]) -> str:
    server: str = stack["postgres"]["url"]
    return urlunsplit(urlsplit(server)._replace(path=_DATABASE))


async def _rebuilt(rebuilding: Any, url: str, topic_prefix: str, **more: Any) -> Any:
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except asyncpg.ClientConfigurationError:
        raise
    except ValueError:
        # What reads the address repeats a part of it that it cannot read: some of the password.
        raise asyncpg.ClientConfigurationError("it is no address") from None
    try:
        return await rebuilding.rebuild(connection, topic_prefix=topic_prefix, **more)
    finally:
        await connection.close(timeout=10)


class _Progress:
    """Says on stderr how far it has come: at the beginning, every two seconds, at the end."""

    def __init__(self) -> None:
        self._said_at: float | None = None
        self._report: Any = None

    @property
    def what_stands(self) -> str:
        """What readers have, for whoever ended it."""
        is_switched = self._report is not None and self._report.is_switched
        if is_switched is None:
            return (
                "whether readers have the new model already is not known. Start it again: it makes "
                "another one, beside the one that they have."
            )
        if is_switched:
            return "readers have the new model already."
        return "nothing is switched. Start it again."

    def __call__(self, report: Any) -> None:
        now = monotonic()
        self._report = report
        if self._said_at is None:
            typer.echo(
                f"{report.of_plans:,} plans with {report.of_events:,} events, beside {report.live}",
                err=True,
            )
        elif report.plans < report.of_plans and now - self._said_at < _SECONDS_BETWEEN:
            return
        else:
            typer.echo(
                f"{report.plans:,} plans, {report.events:,} events made again, "
                f"{_a_second(report):,} events/s",
                err=True,
            )
        self._said_at = now


def _a_second(report: Any) -> int:
    return round(report.events / report.seconds) if report.seconds else 0


def _show(report: Any, *, json: bool) -> None:
    told = {
        "switched": report.is_switched,
        "live": report.made if report.is_switched else report.live,
        "plans": report.plans,
        "events": report.events,
        "made_once_more": report.again,
        "seconds": round(report.seconds, 3),
        "events_per_second": _a_second(report),
        "processor_us_per_event": round(1e6 * report.processor / max(report.events, 1), 1),
        "writers_waited_ms": _milliseconds(report.writers_waited),
        "readers_waited_ms": _milliseconds(report.readers_waited),
        "differing": report.differing,
        "differences": [
            {"plan_id": str(plan_id), "reason": reason} for plan_id, reason in report.differences
        ],
    }
    if json:
        as_json(told)
        return
    speed = f"{told['events_per_second']:,} a second"
    cost = f"{told['processor_us_per_event']} µs of processor time each"
    same = "none: every plan is the same, byte for byte"
    if report.is_switched:
        waited = f"writers waited {told['writers_waited_ms']} ms, readers at most"
        switched = f"from {report.live} to {report.made}: {waited} {told['readers_waited_ms']} ms"
    else:
        switched = f"no: readers have {report.live}"
    rows = [
        ("plans", f"{report.plans:,}"),
        ("events", f"{report.events:,} ({speed}, {cost})"),
        ("written to meanwhile", f"{report.again:,} plans, made once more"),
        ("differences", f"{report.differing:,}" if report.differing else same),
        ("switched", switched),
    ]
    table(("", ""), rows)
    for plan_id, reason in report.differences[:_SHOWN]:
        typer.echo(f"The plan {plan_id} differs: {reason}.")
    if report.differing > _SHOWN:
        typer.echo(f"{report.differing - _SHOWN:,} more differ; --json names the first hundred.")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
