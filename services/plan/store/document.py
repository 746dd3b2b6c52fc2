"""A plan as bytes ready to send, and its stored pieces: the one place where its JSON is made."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from asyncpg.pgproto.pgproto import UUID as DriversUUID  # noqa: N811 - made, hashed, written in C

from services.plan.fold.domain import EntryKey, Plan, PlanEntry
from services.plan.store.values import Json, dumps, object_of
from shared.chassis.policy.redaction.marks import MARKING, Marks, marks_of
from shared.chassis.wire.plain_json import fitted

_NOTHING: Final = b"null"

Authored = tuple[str, UUID, bytes, Mapping[str, int]]
"""Section, id and body of an entry, and the version that set each of its leaves and items."""


class Shown(msgspec.Struct, gc=False):
    """An entry as the document has it (``body``), and beside it what the fold needs (``rest``)."""

    section: str
    entry_id: UUID
    current: bool
    body: bytes
    rest: bytes

    @property
    def key(self) -> EntryKey:
        """The entry's name outside its section."""
        return self.section, self.entry_id

    @property
    def leaves(self) -> dict[str, int]:
        """The version that set each leaf and item."""
        return _rest_of(self.rest).leaves

    @property
    def marks(self) -> Marks:
        """What access to it rests on."""
        told = _marked_of(self.body)
        content = {
            name: orjson.loads(bytes(raw)) for name, raw in told.content.items() if name in MARKING
        }
        return marks_of(self.section, told.entry_type, _rest_of(self.rest).origin, content)


class _Item(msgspec.Struct, gc=False):
    """The members of a body."""

    entry_type: str
    entry_version: int
    current: bool
    state: str
    recorded_at: datetime
    stated_at: datetime
    by: msgspec.Raw
    stated_by: msgspec.Raw
    content: dict[str, msgspec.Raw]
    confirmed_at: datetime | None = None
    external_refs: list[msgspec.Raw] = []


class _Marked(msgspec.Struct, gc=False):
    """Of a body, what access to it rests on."""

    entry_type: str
    content: dict[str, msgspec.Raw]


class _Rest(msgspec.Struct, gc=False, array_like=True):
    """What the fold needs and the document lacks; ``body`` is there where the document has none."""

    section: str
    entry_id: str
    order: int
    is_in_error: bool
    leaves: dict[str, int]
    applies_from: datetime | None
    latest_effect: datetime | None
    updated_at: datetime | None
    origin: str | None
    contribution_id: UUID | None


class _Stored(msgspec.Struct, gc=False, array_like=True):
    rest: msgspec.Raw
    body: msgspec.Raw


class _NamedEntry(msgspec.Struct, gc=False):
    entry_id: str


class _Named(msgspec.Struct, gc=False, array_like=True):
    section: str
    entry_id: str


class _Document(msgspec.Struct, gc=False):
    sections: dict[str, list[msgspec.Raw]]


class _Ref(msgspec.Struct, gc=False):
    system: str


_item_of = msgspec.json.Decoder(_Item).decode
_marked_of = msgspec.json.Decoder(_Marked).decode
_rest_of = msgspec.json.Decoder(_Rest).decode
_stored_of = msgspec.json.Decoder(list[_Stored]).decode
_named_entry_of = msgspec.json.Decoder(_NamedEntry).decode
_named_of = msgspec.json.Decoder(_Named).decode
_document_of = msgspec.json.Decoder(_Document).decode
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ref_of = msgspec.json.Decoder(_Ref).decode


def shown(entry: PlanEntry) -> Shown:
    """The entry as it is stored, and shown where it is current."""
    item: dict[str, Any] = {
        "entry_id": str(entry.entry_id),
        "entry_type": entry.entry_type,
        "entry_version": entry.version,
        "current": entry.current,
        "state": entry.state,
        "recorded_at": entry.recorded_at,
        "stated_at": entry.stated_at,
        "by": orjson.Fragment(bytes(entry.by)),
        "stated_by": orjson.Fragment(bytes(entry.stated_by)),
    }
    if entry.confirmed_at is not None:
        item["confirmed_at"] = entry.confirmed_at
    if entry.external_refs:
        refs = b",".join([bytes(ref) for ref in entry.external_refs.values()])
        item["external_refs"] = orjson.Fragment(b"[%b]" % refs)
    item["content"] = orjson.Fragment(object_of(entry.content))
    rest = (
        entry.section,
        item["entry_id"],
        entry.order,
        entry.is_in_error,
        entry.leaves,
        entry.applies_from,
        entry.latest_effect,
        entry.updated_at,
        entry.origin,
        entry.contribution_id,
    )
    return Shown(
        entry.section, entry.entry_id, entry.current, fitted(dumps(item)), fitted(dumps(rest))
    )


def entry_from(stored: Shown) -> PlanEntry:
    """The entry as it is folded, from its stored form."""
    item, rest = _item_of(stored.body), _rest_of(stored.rest)
    return PlanEntry(
        section=stored.section,
        entry_id=stored.entry_id,
        entry_type=item.entry_type,
        order=rest.order,
        recorded_at=item.recorded_at,
        stated_at=item.stated_at,
        by=Json(item.by),
        stated_by=Json(item.stated_by),
        version=item.entry_version,
        current=item.current,
        is_in_error=rest.is_in_error,
        confirmed_at=item.confirmed_at,
        external_refs={_ref_of(raw).system: Json(raw) for raw in item.external_refs},
        content={name: Json(raw) for name, raw in item.content.items()},
        leaves=rest.leaves,
        applies_from=rest.applies_from,
        latest_effect=rest.latest_effect,
        updated_at=rest.updated_at,
        origin=rest.origin,
        contribution_id=rest.contribution_id,
    )


def entry_then(section: str, entry_id: UUID, body: bytes, leaves: Mapping[str, int]) -> PlanEntry:
    """An entry as a row of the ledger has it, to be folded further."""
    item = _item_of(body)
    rest = (
        section,
        str(entry_id),
        0,
        item.state == "entered-in-error",
        leaves,
        *(None, None, None, None, None),
    )
    return entry_from(Shown(section, entry_id, item.current, body, dumps(rest)))


def rest_bytes(entries: Iterable[Shown]) -> bytes:
    """What is stored beside the document, so that its entries can be folded further."""
    return b"[%b]" % b",".join(
        [b"[%b,%b]" % (one.rest, _NOTHING if one.current else one.body) for one in entries]
    )


def entries_of(document: bytes, rest: bytes) -> list[Shown]:
    """The entries of a stored plan, in the order in which they came onto it."""
    sections = {name: iter(items) for name, items in _document_of(document).sections.items()}
    entries = []
    for stored in _stored_of(rest):
        named, withdrawn = _named_of(stored.rest), bytes(stored.body)
        current = withdrawn == _NOTHING
        body = bytes(next(sections[named.section])) if current else withdrawn
        entries.append(
            Shown(named.section, DriversUUID(named.entry_id), current, body, bytes(stored.rest))
        )
    return entries


def plan_document(plan: Plan, entries: Iterable[Shown]) -> bytes:
    """The plan with those of the entries that are current.

    They are given in the order in which they came onto the plan.
    """
    bodies = [(entry.section, entry.body) for entry in entries if entry.current]
    head = _head(plan)
    return document_of(plan.plan_id, plan.version, head, bodies, _parked(plan))


def head_bytes(plan: Plan) -> bytes:
    """What the document of this version says beside its entries, and what waits (``parked``)."""
    return fitted(dumps({**_head(plan), "parked": _parked(plan)}))


def _head(plan: Plan) -> dict[str, Any]:
    return {
        "state": plan.state,
        "opened_at": plan.opened_at,
        "last_updated": plan.last_updated,
        "complete": plan.is_complete,
        "merged_into": plan.merged_into,
    }


def document_of(
    plan_id: UUID,
    version: int,
    head: Mapping[str, Any],
    bodies: Iterable[tuple[str, bytes]],
    parked: Iterable[Mapping[str, Any]] = (),
    **more: Any,
) -> bytes:
    """A plan as it is given, from its pieces: sections and bodies in the order of the plan."""
    sections: dict[str, list[orjson.Fragment]] = {}
    for section, body in bodies:
        sections.setdefault(section, []).append(orjson.Fragment(body))
    document: dict[str, Any] = {
        "plan_id": str(plan_id),
        "plan_version": version,
        "state": head["state"],
        "opened_at": head["opened_at"],
        "last_updated": head["last_updated"],
        "complete": head["complete"],
        "sections": sections,
        "parked": list(parked),
    }
    if head["merged_into"] is not None:
        document["merged_into"] = head["merged_into"]
    return dumps({**document, **more})


def document_with(
    document: bytes,
    *,
    bodies: Iterable[tuple[str, bytes]] | None = None,
    merged_from: Iterable[UUID] = (),
    parked: Callable[[str, str], bool] = lambda *_: True,
    **more: Any,
) -> bytes:
    """The default document with other entries, and with the plans that were merged into it.

    Of what waits those are named, by section and id, for which ``parked`` is true.
    """
    others = sorted(merged_from)
    if bodies is None and not others:
        return document
    # What is not replaced is written as it stands: most of a document is never decoded.
    members = _members_of(document)
    told: dict[str, Any] = {name: orjson.Fragment(bytes(raw)) for name, raw in members.items()}
    if bodies is not None:
        sections: dict[str, list[orjson.Fragment]] = {}
        for section, body in bodies:
            sections.setdefault(section, []).append(orjson.Fragment(body))
        told["sections"] = sections
        waiting = orjson.loads(bytes(members["parked"]))
        told["parked"] = [one for one in waiting if parked(one["section"], one["entry_id"])]
    return dumps({**told, **({"merged_from": others} if others else {}), **more})


def entries_as_they_came(
    document: bytes, came: Iterable[str]
) -> list[tuple[str, UUID, bytes, Mapping[str, int]]]:
    """Section, id and body of each entry of a document; ``came`` has the section of each in turn.

    Who set what of it the document does not say: the last is empty.
    """
    sections = {name: iter(items) for name, items in _document_of(document).sections.items()}
    entries = ((section, bytes(next(sections[section]))) for section in came)
    return [
        (section, DriversUUID(_named_entry_of(body).entry_id), body, {})
        for section, body in entries
    ]


def with_authorship(body: bytes, authorship: Mapping[str, bytes]) -> bytes:
    """An entry that also says who said each of its leaves."""
    return b'%b,"authorship":%b}' % (body[:-1], object_of(authorship))


def _parked(plan: Plan) -> list[dict[str, Any]]:
    waiting = []
    for key in sorted(plan.parked):
        section, entry_id = key
        events = plan.parked[key].values()
        waiting.append(
            {
                "section": section,
                "entry_id": entry_id,
                "waiting_from_version": plan.version_of(key) + 1,
                "since": min(event.recorded_at for event in events),
            }
        )
    return waiting
