"""What lets somebody see a plan or act for its person, and whether it does so now: pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from shared.ledger import RELATED_PERSON, Agent, Contributor, Organisation

OPENER: Final = "opener"
"""The kind of a relationship that nobody recorded: whoever opened a plan has it for a time."""


@dataclass(frozen=True)
class Scope:
    """What may be seen, by the names of sections, and whether something may be contributed."""

    sections: frozenset[str] | None = None
    labels: frozenset[str] = frozenset()
    contribute: bool = True

    def covers(self, section: str | None) -> bool:
        """True where it covers the section; asked of none, where it covers anything at all."""
        return self.sections is None or (
            bool(self.sections) if section is None else section in self.sections
        )


@dataclass(frozen=True)
class Objection:
    """What the person does not want, and until when it is released all the same."""

    scope: Scope = Scope()
    released_until: datetime | None = None

    def stands(self, at: datetime) -> bool:
        """True until it is released, and again when the release has ended."""
        return self.released_until is None or self.released_until <= at


@dataclass(frozen=True)
class Relationship:
    """Why one organisation may see a plan, and contribute to it, between two instants.

    ``self_claimed`` is true where neither the person said so nor a registration service.
    """

    entry_id: UUID
    organisation: str
    live_from: datetime
    live_until: datetime | None = None
    scope: Scope = Scope()
    objections: tuple[Objection, ...] = ()
    self_claimed: bool = True
    kind: str = OPENER

    def permits(self, at: datetime, section: str | None, contributing: bool) -> bool:
        """True where it permits this at this instant; it ends at its end, not after it."""
        return (
            self.is_in_time(at)
            and self.scope.covers(section)
            and (self.scope.contribute or not contributing)
            and not (self.objections and self._is_objected_to(at, section))
        )

    def is_in_time(self, at: datetime) -> bool:
        """True between its beginning and its end, whatever the person objects to."""
        return self.live_from <= at and (self.live_until is None or at < self.live_until)

    def objected(self, at: datetime) -> frozenset[str] | None:
        """The sections that the person does not want them to see now, ``None`` for all of them."""
        found: frozenset[str] = frozenset()
        for one in self.objections:
            if one.stands(at):
                if one.scope.sections is None:
                    return None
                found |= one.scope.sections
        return found

    @property
    def is_the_openers(self) -> bool:
        """True for the one that follows from the opening of the plan, and is no entry."""
        return self.kind == OPENER

    def _is_objected_to(self, at: datetime, section: str | None) -> bool:
        objected = self.objected(at)
        if objected is None:
            return True
        if section is not None:
            return section in objected
        return self.scope.sections is not None and self.scope.sections <= objected


class Doing(Enum):
    """What somebody does for the person."""

    VIEW = "view"
    CONTRIBUTE = "contribute"
    AGREE = "agree"


@dataclass(frozen=True)
class Proxy:
    """Who may do what for the person, in which sections, between two instants."""

    entry_id: UUID
    name: str | None
    identifiers: frozenset[tuple[str, str]]
    may: frozenset[Doing]
    live_from: datetime
    live_until: datetime | None = None
    sections: frozenset[str] | None = None
    suspended: bool = False

    def permits(self, at: datetime, section: str | None, doing: Doing) -> bool:
        """True where they may do this for the person at this instant, in this section."""
        return (
            doing in self.may
            and not self.suspended
            and self.live_from <= at
            and (self.live_until is None or at < self.live_until)
            and Scope(self.sections).covers(section)
        )

    def is_of(self, contributor: Contributor, stated_by: Agent | None) -> bool:
        """True where it is theirs who contribute, or theirs whose word an organisation records.

        Somebody close to the person is known by their token alone. An organisation answers for who
        said it, and names them by a number that the Proxy has, or by the name in it.
        """
        if ("sub", contributor.sub) in self.identifiers:
            return True
        if contributor.organisation is None or stated_by is None:
            return False
        if stated_by.kind != RELATED_PERSON:
            return False
        if stated_by.identifier is not None:
            return (stated_by.identifier.kind, stated_by.identifier.value) in self.identifiers
        return self.name is not None and stated_by.name == self.name


@dataclass(frozen=True)
class Access:
    """What the care team has said of one plan: relationships, and who acts for the person.

    ``revision`` is how often the copy of that has changed; ``None`` where it was not asked.
    """

    relationships: tuple[Relationship, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    revision: int | None = field(default=None, compare=False)


def next_change(access: Access, at: datetime) -> datetime | None:
    """The first instant after this one at which anything of it begins or ends, if there is one."""
    instants: list[datetime | None] = []
    for one in access.relationships:
        instants += one.live_from, one.live_until
        instants += [objection.released_until for objection in one.objections]
    for proxy in access.proxies:
        instants += proxy.live_from, proxy.live_until
    return min((one for one in instants if one is not None and one > at), default=None)


def live(
    relationships: Iterable[Relationship],
    organisation: Organisation | None,
    at: datetime,
    section: str | None = None,
    *,
    contributing: bool = False,
) -> tuple[Relationship, ...]:
    """The relationships by which an organisation may do this now; what is no claim comes first."""
    code = organisation.code if organisation else None
    if code is None:
        return ()
    permitting = [
        one
        for one in relationships
        if one.organisation == code and one.permits(at, section, contributing)
    ]
    if len(permitting) > 1:
        permitting.sort(key=lambda one: (one.self_claimed, one.entry_id))
    return tuple(permitting)
