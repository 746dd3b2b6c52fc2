"""Accesses that are kept in a list: for tests that ask a door without a database."""

from datetime import UTC, datetime
from typing import Any, cast

from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import AccessRow
from shared.chassis.settings import Settings
from shared.chassis.wire.problem import Problem


class ListedAccesses(AccessRecords):
    """Keeps what it is given in ``rows``; while ``is_away`` it cannot.

    Every plan is at revision ``stands_at``, if at any.
    """

    def __init__(self) -> None:
        super().__init__(Settings(), cast("Any", None), lambda: None)
        self.rows: list[AccessRow] = []
        self.is_away = False
        self.stands_at: int | None = None

    async def store(self, row: AccessRow) -> datetime | None:
        """Keep it."""
        if self.is_away:
            raise Problem("unavailable", "This read could not be recorded.")
        if self.stands_at is not None and row.revision not in (None, self.stands_at):
            return None
        self.rows.append(row)
        return datetime.now(UTC)
