"""What the events of a plan say of who may see it and who may act for its person: pure.

What is known of an entry is its leaves, each with the version that set it last. Events may so come
in any order and any number of times; what has not come yet permits nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from shared.chassis.policy.access import Access, Doing, Objection, Proxy, Relationship, Scope
from shared.ledger import RecordedEvent
from shared.ledger.recorded_event import PLAN_OPENED
from shared.ledger.topics import events_topic

RELATIONSHIP_EVENTS: Final = events_topic("care_team")
"""Where the section that records relationships and Proxies says what becomes of them."""

CARE_TEAM: Final = "care-team"
RELATIONSHIP: Final = "relationship"
PROXY: Final = "proxy"
OPENING: Final = "opening"

OPENERS_TIME: Final = timedelta(days=30)
"""How long whoever opened a plan may use it for that alone, where no setting says otherwise."""

Leaves = dict[str, tuple[int, Any]]
"""Each leaf of an entry with the version that set it and the value that it has since then."""

_IS_OUT: Final = "is_out"
_RECORDED_BY: Final = "recorded_by"
_IS_CLAIM: Final = "self_claimed"
_BEGUN_AS_CLAIM: Final = "begun_as_claim"
_CONFIRMED: Final = "confirmed"
_RECORDED_ROLE: Final = "recorded_role"


@dataclass(frozen=True)
class Known:
    """One entry of a plan that access rests on, as far as its events have come."""

    plan_id: UUID
    entry_id: UUID
    kind: str
    leaves: Leaves

    def having(self, later: "Known") -> "Known":
        """With what another event says of it, where that is the newer word."""
        leaves = dict(self.leaves)
        for name, said in later.leaves.items():
            if name not in leaves or leaves[name][0] < said[0]:
                leaves[name] = said
        return replace(self, leaves=leaves)

    def get(self, name: str) -> Any:
        """The value of a leaf, ``None`` where nothing has set it."""
        return self.leaves.get(name, (0, None))[1]


def known_from(event: RecordedEvent) -> Known | None:
    """What an event says of access; ``None`` where it says nothing of it.

    Only what a decision rests on is taken: no reason and no words.
    """
    if event.type.rpartition(".v")[0] == PLAN_OPENED:
        return _known(event, OPENING, _opened(event))
    if event.section != CARE_TEAM or event.entry_type not in (RELATIONSHIP, PROXY):
        return None
    take = _FROM[event.entry_type]
    said = {name: take[name](event.content.get(name)) for name in event.fields if name in take}
    if event.entry_type == RELATIONSHIP and event.change == "created":
        said[_BEGUN_AS_CLAIM] = said.get(_IS_CLAIM) is not False
    elif said.get(_IS_CLAIM) is False:
        said[_CONFIRMED] = True
    if event.change in ("withdrawn", "restored"):
        said[_IS_OUT] = event.change == "withdrawn"
    return _known(event, event.entry_type, said)


def organisation_of(event: RecordedEvent) -> str | None:
    """The organisation that an event relates to its plan: its opener, or one that looks after them.

    ``None`` for every other event.
    """
    known = known_from(event)
    if known is None or known.kind == PROXY:
        return None
    code = known.get(_RECORDED_BY if known.kind == OPENING else "organisation")
    return code if isinstance(code, str) else None


def leaves_taken(kind: str, content: Mapping[str, Any]) -> Leaves:
    """What a copy would keep of the content of a relationship or a Proxy, as it stands.

    Who gave a claim its scope is not told there, so the labels of a claim count for nothing.
    """
    taken: Leaves = {name: (1, take(content.get(name))) for name, take in _FROM[kind].items()}
    if kind == RELATIONSHIP:
        taken[_BEGUN_AS_CLAIM] = (1, content.get(_IS_CLAIM) is not False)
    return taken


def _known(event: RecordedEvent, kind: str, said: Mapping[str, Any]) -> Known:
    leaves = {name: (event.entry_version, value) for name, value in said.items()}
    return Known(event.plan_id, event.entry_id, kind, leaves)


def _opened(event: RecordedEvent) -> dict[str, Any]:
    """Since when it is open, and for which organisation in which role it was opened."""
    recorded_by = _map(event.provenance.get("recorded_by"))
    return {
        "opened_at": event.recorded_at.isoformat(),
        _RECORDED_BY: _code(recorded_by.get("organisation")),
        _RECORDED_ROLE: recorded_by.get("role"),
    }


def _map(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _code(organisation: Any) -> str | None:
    given = _map(organisation)
    return given.get("ods") or given.get("local_id")


def _as_it_is(given: Any) -> Any:
    return given


def _scope_alone(objection: Any) -> Any:
    return None if objection is None else {"scope": _map(objection).get("scope")}


def _end_alone(released: Any) -> Any:
    return None if released is None else _map(released).get("until")


def _who(party: Any) -> Any:
    given = _map(party)
    identifiers = given.get("identifiers")
    found = map(_map, identifiers if isinstance(identifiers, list) else ())
    numbers = [[one.get("kind"), one.get("value")] for one in found]
    return {"name": given.get("name"), "identifiers": numbers}


_FROM: Final[Mapping[str, Mapping[str, Callable[[Any], Any]]]] = {
    RELATIONSHIP: {
        "organisation": _code,
        "kind": _as_it_is,
        "live_from": _as_it_is,
        "live_until": _as_it_is,
        "scope": _as_it_is,
        "objection": _scope_alone,
        "released": _end_alone,
        _IS_CLAIM: _as_it_is,
    },
    PROXY: {
        "party": _who,
        "live_from": _as_it_is,
        "live_until": _as_it_is,
        "scope": _as_it_is,
        "suspended": bool,
    },
}
"""The leaves that are taken of each type of entry, and what is taken of each."""


def access_of(
    known: Iterable[Known], registration: Collection[str], openers_time: timedelta = OPENERS_TIME
) -> Access:
    """What entries amount to; ``registration`` are roles whose word about others is no claim.

    Whoever opened the plan has a relationship for ``openers_time`` by that alone.

    An entry that has ended, or of which not enough has come, permits nothing and is left out.
    """
    found: list[Relationship] = []
    proxies: list[Proxy] = []
    for one in sorted(known, key=lambda one: (one.kind, one.entry_id)):
        if one.get(_IS_OUT):
            continue
        try:
            if one.kind == RELATIONSHIP:
                found.append(_relationship(one))
            elif one.kind == PROXY:
                proxies.append(_proxy(one))
            elif one.get(_RECORDED_BY) is not None:
                found.append(_opening(one, registration, openers_time))
        except (ValueError, TypeError, AttributeError):
            continue
    return Access(_all_objected_to(found), tuple(proxies))


def claim_of(one: Known) -> tuple[str | None, datetime | None]:
    """What has become of what an organisation said of itself, and when the relationship ends.

    It is ``claimed``, or ``confirmed`` once somebody else has said that it is so; ``None`` for what
    never was a claim, has been ended, or is no relationship that could be read.
    """
    if one.kind != RELATIONSHIP or one.get(_IS_OUT):
        return None, None
    try:
        ends = _instant_if(one.get("live_until"))
    except (ValueError, TypeError):
        return None, None
    if _is_claim(one):
        return "claimed", ends
    return ("confirmed" if one.get(_CONFIRMED) else None), ends


def _all_objected_to(found: Sequence[Relationship]) -> tuple[Relationship, ...]:
    """What the person objects to of an organisation holds for every relationship that it has.

    Opening a plan, or claiming another relationship, is no way past an objection.
    """
    objections: dict[str, tuple[Objection, ...]] = {}
    for one in found:
        if one.objections:
            held = objections.get(one.organisation, ())
            objections[one.organisation] = (*held, *one.objections)
    if not objections:
        return tuple(found)
    return tuple(replace(one, objections=objections.get(one.organisation, ())) for one in found)


def _relationship(one: Known) -> Relationship:
    objection, released = one.get("objection"), _instant_if(one.get("released"))
    return Relationship(
        one.entry_id,
        _text(one.get("organisation")),
        _instant(one.get("live_from")),
        _instant_if(one.get("live_until")),
        _scope_granted(one),
        () if objection is None else (Objection(_scope(objection["scope"]), released),),
        _is_claim(one),
        _text(one.get("kind")),
    )


def _opening(one: Known, registration: Collection[str], openers_time: timedelta) -> Relationship:
    opened_at = _instant(one.get("opened_at"))
    return Relationship(
        one.entry_id,
        _text(one.get(_RECORDED_BY)),
        opened_at,
        opened_at + openers_time,
        self_claimed=one.get(_RECORDED_ROLE) not in registration,
    )


def _scope_granted(one: Known) -> Scope:
    """The scope, without labels that an organisation has only claimed for itself.

    A label keeps out whom nobody has let in: naming it in one's own claim lets nobody in. Whoever
    confirms the claim lets them in, and so does an officer who changes the scope.
    """
    scope = _scope(one.get("scope"))
    begun, scoped = one.leaves.get(_BEGUN_AS_CLAIM), one.leaves.get("scope")
    if begun is None or scoped is None or one.get(_CONFIRMED):
        return scope
    return replace(scope, labels=frozenset()) if begun == (scoped[0], True) else scope


def _is_claim(one: Known) -> bool:
    """True unless it is said to be none: its section said so where it was proven."""
    return one.get(_IS_CLAIM) is not False


def _proxy(one: Known) -> Proxy:
    party, scope = one.get("party"), one.get("scope")
    sections = scope.get("sections")
    return Proxy(
        one.entry_id,
        party["name"],
        frozenset((kind, value) for kind, value in party["identifiers"]),
        frozenset(doing for doing in Doing if scope.get(doing.value) is True),
        _instant(one.get("live_from")),
        _instant_if(one.get("live_until")),
        _names(sections),
        bool(one.get("suspended")),
    )


def _scope(given: Any) -> Scope:
    if given is None:
        return Scope()
    sections = given.get("sections")
    return Scope(
        _names(sections),
        _names(given.get("labels")) or frozenset(),
        given.get("contribute", True) is True,
    )


def _names(given: Any) -> frozenset[str] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise TypeError("not a list of names")
    return frozenset(map(_text, given))


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("a text is missing")
    return given


def _instant(given: Any) -> datetime:
    at = datetime.fromisoformat(given)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return at


def _instant_if(given: Any) -> datetime | None:
    return None if given is None else _instant(given)
