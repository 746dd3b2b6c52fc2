"""Who said each leaf of an entry: from the rows of the ledger that set them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.store.document import Authored, with_authorship
from services.plan.store.reading import professional_shown
from services.plan.store.values import dumps
from shared.chassis.database.database import Database

_NULL: Final = msgspec.Raw(b"null")
_BESIDE: Final = ("on_behalf_of", "supported_by", "location", "answers")
"""What of a provenance stands beside who said it, where somebody gave it."""


class _Provenance(msgspec.Struct, gc=False):
    stated_by: msgspec.Raw = _NULL
    on_behalf_of: msgspec.Raw = _NULL
    supported_by: msgspec.Raw = _NULL
    location: msgspec.Raw = _NULL
    answers: msgspec.Raw = _NULL


class _Event(msgspec.Struct, gc=False):
    provenance: _Provenance


_event = msgspec.json.Decoder(_Event).decode


async def authorship_of(database: Database, entries: Sequence[Authored]) -> list[tuple[str, bytes]]:
    """Sections and bodies of these entries, each with who said what of it."""
    said = await _said(
        database,
        {
            (section, entry_id, version)
            for section, entry_id, _, leaves in entries
            for version in leaves.values()
        },
    )
    return [
        (
            section,
            with_authorship(
                body,
                {path: said[section, entry_id, version] for path, version in leaves.items()},
            ),
        )
        for section, entry_id, body, leaves in entries
    ]


async def _said(
    database: Database, keys: set[tuple[str, UUID, int]]
) -> dict[tuple[str, UUID, int], bytes]:
    rows = await database.pool.fetch(
        """SELECT section, entry_id, entry_version, contribution_id, plan_version, recorded_at,
                  stated_at, "by", stated_by, event
             FROM ledger.plan_ledger
             JOIN unnest($1::text[], $2::uuid[], $3::bigint[])
                  AS said (section, entry_id, entry_version)
                  USING (section, entry_id, entry_version)""",
        [section for section, _, _ in keys],
        [entry_id for _, entry_id, _ in keys],
        [version for _, _, version in keys],
    )
    return {(row["section"], row["entry_id"], row["entry_version"]): said_by(row) for row in rows}


def said_by(row: Mapping[str, Any]) -> bytes:
    """Who said what a row of the ledger set, as authorship has it."""
    provenance = _event(row["event"]).provenance
    stated_by = professional_shown(orjson.loads(bytes(provenance.stated_by)))
    said: dict[str, Any] = {
        "entry_version": row["entry_version"],
        "contribution_id": row["contribution_id"],
        "stated_by": stated_by or orjson.Fragment(row["stated_by"]),
        "recorded_by": orjson.Fragment(row["by"]),
        "stated_at": row["stated_at"],
        "recorded_at": row["recorded_at"],
        "plan_version": row["plan_version"],
    }
    for name in _BESIDE:
        given = orjson.loads(bytes(getattr(provenance, name)))
        if given:
            said[name] = given
    return dumps(said)
