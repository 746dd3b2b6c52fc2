"""What a receipt tells of changes since: two worlds that differ in what is withheld read alike."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.goals.section import SECTION
from shared.chassis.contribute.decisions import Decided, Decisions
from shared.chassis.contribute.prepare import Prepared, contribution_from_json, prepare
from shared.chassis.policy.access import Scope
from shared.chassis.policy.decide import Decision
from shared.chassis.policy.sees import Reader, Sees
from shared.chassis.settings import Settings
from shared.ledger import Contributor, Entry, Organisation, Refused, Visibility, instant

TOM: Final = Contributor("professional", "tom", "Tom", "nurse", Organisation("ZZC01"))
OTHERS: Final = Sees(Reader.ORGANISATION, "ZZL01", "nurse", (Scope(),), third_party=True)
THEY: Final = Sees(Reader.PERSON, scopes=(Scope(),), sex=True, third_party=True)
PROXIES: Final = Sees(Reader.PROXY, scopes=(Scope(),))
FIELDS: Final = ("aim", "why", "need_ids", "priority", "target", "start_date")
HIDDEN: Final = ("why", "priority", "target")
GIVEN: Final = {
    "contribution_id": "0199c0de-0000-7000-8000-00000000000d",
    "plan_id": "0199c0de-0000-7000-8000-00000000000a",
    "entry_id": "0199c0de-0000-7000-8000-00000000000b",
}
AIM: Final = {"aim": {"text": "To walk to the shop"}}
NEEDS: Final = [{"section": "needs", "entry_id": "0199c0de-0000-7000-8000-00000000000c"}]


def prepared(name: str, **members: Any) -> Prepared:
    given = {**GIVEN, "command": f"careplan.goals.commands.{name}.v1", **members}
    return prepare(SECTION, contribution_from_json(given), TOM)


def goal(visibility: Visibility) -> Entry:
    made = prepared("agree", content={**AIM, "need_ids": NEEDS})
    entry = made.command.create(made.provenance, frozenset(), made.arguments)
    entry.remember_visibility(visibility, "ZZC01")
    return entry


class Store:
    """One entry, and what has happened to it."""

    def __init__(self, entry: Entry, changes: list[list[str]]) -> None:
        self._entry = entry
        self._changes: list[dict[str, Any]] = [
            {
                "entry_version": version,
                "fields": fields,
                "by": {"kind": "professional", "role": "nurse"},
                "at": instant(datetime(2026, 1, 1, tzinfo=UTC)),
            }
            for version, fields in enumerate(changes, 2)
        ]

    async def changes_since(self, _: UUID, version: int) -> list[dict[str, Any]]:
        return [one for one in self._changes if one["entry_version"] > version]

    async def load(self, *_: Any, **__: Any) -> Entry:
        return self._entry


def told(sees: Sees, visibility: Visibility, changes: list[list[str]]) -> bytes:
    """The receipt of a change that comes too late, as this reader is given it."""
    store: Any = Store(goal(visibility), changes)
    late = prepared("reword", content=AIM, based_on=1)
    last = 1 + len(changes)
    decided = Decided(refused=Refused("base-version-stale", "Stale"), seen=last, known=last)
    receipt = asyncio.run(
        Decisions(SECTION, store, Settings()).receipt(late, Decision(True, sees=sees), decided)
    )
    return orjson.dumps(cast("Any", receipt.as_json()))


shown = st.lists(st.sampled_from([one for one in FIELDS if one not in HIDDEN]), unique=True)
hidden = st.lists(st.sampled_from(HIDDEN), unique=True, min_size=1)


@given(
    st.sampled_from(
        [
            (OTHERS, Visibility(HIDDEN, labels=("address",))),
            (THEY, Visibility(HIDDEN, withheld_from_person=True)),
            (PROXIES, Visibility(HIDDEN, third_party=True)),
        ]
    ),
    st.lists(st.tuples(shown, hidden, hidden), min_size=1, max_size=6),
)
def test_which_of_the_withheld_fields_has_changed_is_told_to_nobody_they_are_withheld_from(
    reader: tuple[Sees, Visibility], changes: list[tuple[list[str], list[str], list[str]]]
) -> None:
    sees, visibility = reader
    one = told(sees, visibility, [[*seen, *here] for seen, here, _ in changes])
    other = told(sees, visibility, [[*seen, *there] for seen, _, there in changes])
    assert one == other
    assert not any(f'"{name}"'.encode() in one for name in HIDDEN)
    in_full = Sees(Reader.ORGANISATION, "ZZC01", "nurse", (Scope(),), third_party=True)
    everything = told(in_full, visibility, [[*seen, *here] for seen, here, _ in changes])
    if not visibility.withheld_from_person:
        assert all(f'"{name}"'.encode() in everything for _, here, _ in changes for name in here)
