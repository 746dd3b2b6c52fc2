"""Rows of the table of accesses, and the statement that adds many of them in one commit."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from shared.chassis.database.database import Connection
from shared.chassis.store.group_commit import GroupCommit, Statement

SALT_BYTES: Final = 32

_OF_A_ROW: Final = 300
"""About how many bytes a row takes beside its JSON."""

_KEEP_IF_IT_STANDS: Final = """
    SELECT at FROM ledger.keep_accesses_if_it_stands($1, $2, $3, $4, $5, $6, $7, $8) AS at
"""
_KEEP: Final = "SELECT at FROM ledger.keep_accesses($1, $2, $3, $4, $5, $6, $7) AS at"


class AccessRow(NamedTuple):
    """One access as it is kept: what was done, and apart from it who did it.

    One with a ``revision`` is kept only while its plan is at that.
    """

    access_id: UUID
    plan_id: UUID | None
    record: bytes
    who: bytes
    asked: str | None = None
    override_id: UUID | None = None
    revision: int | None = None

    @property
    def rows(self) -> int:
        """How much room it takes in a flush."""
        return 1

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.record) + len(self.who) + len(self.asked or "") + _OF_A_ROW

    @property
    def touches(self) -> tuple[()]:
        """Nothing: each stands for itself."""
        return ()

    @property
    def looks_at(self) -> tuple[()]:
        """Nothing."""
        return ()

    @property
    def may_come_again(self) -> bool:
        """What is stored already is not stored again, by its id."""
        return True


AccessCommits: TypeAlias = GroupCommit[AccessRow, datetime | None]
"""The group commit of accesses; each is answered with when it was recorded, if it was."""

AccessStatement: TypeAlias = Statement[AccessRow, datetime | None]


def access_commits(
    url: str, on_commit: Callable[[], None], statement: AccessStatement, **bounds: Any
) -> AccessCommits:
    """The group commit that stores them; ``bounds`` are those of ``GroupCommit``."""
    return GroupCommit(
        url,
        statement,
        on_commit=lambda _: on_commit(),
        **bounds,
    )


async def keep_in(connection: Connection, row: AccessRow) -> None:
    """Keep an access in the caller's transaction, as the last of its locks."""
    await connection.fetch(_KEEP, *_arguments([row]))


def _arguments(rows: Sequence[AccessRow]) -> list[list[Any]]:
    return [
        [row.access_id for row in rows],
        [row.plan_id for row in rows],
        [row.override_id for row in rows],
        [row.asked for row in rows],
        [row.record for row in rows],
        [row.who for row in rows],
        salts(len(rows)),
    ]


def salts(number: int) -> list[bytes]:
    """So many salts, each never used again."""
    random = os.urandom(SALT_BYTES * number)
    return [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]


def _kept_at(row: Any) -> datetime | None:
    at: datetime | None = row["at"]
    return at


KEEP: Final[AccessStatement] = Statement(_KEEP, _arguments, _kept_at)
"""Keeps each access, whatever it shows."""

KEEP_IF_IT_STANDS: Final[AccessStatement] = Statement(
    _KEEP_IF_IT_STANDS,
    lambda rows: [*_arguments(rows), [row.revision for row in rows]],
    _kept_at,
)
"""Keeps those whose plan is at their revision, and those without one; only the plan has it."""
