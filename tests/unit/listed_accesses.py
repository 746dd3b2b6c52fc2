"""Accesses that are kept in a list: for tests that ask a door without a database."""

from typing import Any, cast

from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import AccessRow
from shared.chassis.settings import Settings
from shared.chassis.wire.problem import Problem


class ListedAccesses(AccessRecords):
    """Keeps what it is given in ``rows``; while ``is_away`` it cannot."""

    def __init__(self) -> None:
        super().__init__(Settings(), cast("Any", None), lambda: None)
        self.rows: list[AccessRow] = []
        self.is_away = False

    async def store(self, row: AccessRow) -> None:
        """Keep it."""
        if self.is_away:
            raise Problem("unavailable", "This read could not be recorded.")
        self.rows.append(row)
