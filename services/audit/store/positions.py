"""Which positions of each source are missing although later ones have arrived."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.chassis.database.database import Connection

_GAPS: Final = """
SELECT source, min(first) AS first, sum(beyond - first)::bigint AS missing,
       extract(epoch FROM clock_timestamp() - (array_agg(since ORDER BY first))[1])::float8
           AS seconds
  FROM source_gap GROUP BY source ORDER BY source
"""

_LOST: Final = """
UPDATE source_gap SET told = true
 WHERE NOT told AND since < clock_timestamp() - make_interval(secs => $1)
RETURNING source, first, beyond - first AS missing,
          extract(epoch FROM clock_timestamp() - since)::float8 AS seconds
"""


@dataclass(frozen=True)
class Gap:
    """Positions of a source that are missing although later ones have arrived, and for how long."""

    source: str
    first: int
    missing: int
    seconds: float


async def note_positions(connection: Connection, positions: Sequence[tuple[str, int]]) -> None:
    """Note, in the caller's transaction, that these positions of these sources have arrived."""
    ranges = list(_ranges(positions))
    if ranges:
        sources, firsts, beyonds = zip(*ranges, strict=True)
        await connection.execute("SELECT note_positions($1, $2, $3)", sources, firsts, beyonds)


async def gaps(connection: Connection) -> list[Gap]:
    """The sources of which something is missing."""
    return [Gap(**row) for row in await connection.fetch(_GAPS)]


async def newly_lost(connection: Connection, after_seconds: float) -> list[Gap]:
    """Each gap that has been open for so long, told once: not again by a replica or a restart."""
    return [Gap(**row) for row in await connection.fetch(_LOST, after_seconds)]


def _ranges(positions: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Consecutive positions as ranges, each with its first position and the one after its last."""
    held: tuple[str, int, int] | None = None
    for source, position in sorted(set(positions)):
        if held is not None and held[0] == source and held[2] == position:
            held = (source, held[1], position + 1)
            continue
        if held is not None:
            yield held
        held = (source, position, position + 1)
    if held is not None:
        yield held
