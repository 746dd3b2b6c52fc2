"""Days and instants, told apart by how they are written."""

import re
from datetime import date, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from shared.ledger import Instant

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_instant: Final = TypeAdapter[datetime](Instant)


def moment_of(text: str) -> date | datetime:
    """A day, or a time with its offset from UTC; raises ``ValueError`` for anything else."""
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    try:
        return _instant.validate_python(text)
    except ValidationError:
        raise ValueError("no day and no instant") from None
