"""By what somebody may see a plan or contribute to it: the relationships and Proxies live now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.chassis.policy.access import Doing, Proxy, Relationship
from shared.ledger import Contributor, Provenance


@dataclass(frozen=True, slots=True)
class Standing:
    """What a permission rests on, as it is now; ``id`` is the entry's, where there is one.

    ``kind`` is that of the relationship, ``opener`` for whoever opened the plan, ``proxy`` for
    somebody who acts for the person, ``self`` for the person.
    """

    kind: str
    id: UUID | None = None
    live_from: datetime | None = None
    live_until: datetime | None = None
    self_claimed: bool = False


OWN: Final = Standing("self")
"""The person's own plan."""


def of_relationship(one: Relationship) -> Standing:
    """A relationship, as what something rests on."""
    entry_id = None if one.is_the_openers else one.entry_id
    return Standing(one.kind, entry_id, one.live_from, one.live_until, one.self_claimed)


def of_proxy(one: Proxy) -> Standing:
    """A Proxy, as what something rests on."""
    return Standing("proxy", one.entry_id, one.live_from, one.live_until)


def proxies_of(
    proxies: Iterable[Proxy], contributor: Contributor, at: datetime, section: str | None, do: Doing
) -> tuple[Proxy, ...]:
    """The Proxies that are theirs by their token and permit this now."""
    return tuple(
        one
        for one in proxies
        if ("sub", contributor.sub) in one.identifiers and one.permits(at, section, do)
    )


def named_proxy(
    proxies: Iterable[Proxy],
    contributor: Contributor,
    said: Provenance,
    at: datetime,
    section: str | None,
    do: Doing,
) -> Proxy | None:
    """The Proxy that a contribution names, where it is live, covers this and is theirs."""
    named = None if said.on_behalf_of is None else said.on_behalf_of.proxy
    if named is None:
        return None
    for one in proxies:
        if one.entry_id == named.entry_id and one.permits(at, section, do):
            return one if one.is_of(contributor, said.stated_by) else None
    return None
