"""The rules of a command as far as they need no history: what any contributor would be refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from shared.chassis.contribute.prepare import Prepared, prepare
from shared.ledger import (
    Command,
    Contribution,
    Contributor,
    Limits,
    Organisation,
    Refused,
    Section,
    with_added_at,
)
from shared.ledger.entry.rights import FROM_OUTSIDE

_SOMEBODY: Final = Organisation("ZZC01")


class NotSeen(Exception):
    """A rule asks what the entry holds, which nobody knows here."""


class _Unseen:
    """Stands for an entry whose history is not here."""

    def __getattr__(self, name: str) -> Any:
        raise NotSeen(name)


def refusal_for_all(section: Section, contribution: Contribution) -> Refused | None:
    """What it is refused with, whoever contributes it and whatever was there before; else ``None``.

    Where one voice would be taken, or where the answer depends on the history, there is none.
    """
    first: Refused | None = None
    for contributor in _voices(contribution):
        prepared = prepare(section, contribution, contributor)
        refused = _refused(prepared)
        if refused is None:
            return None
        first = first or refused
    return first


def _voices(contribution: Contribution) -> Iterator[Contributor]:
    yield Contributor(kind="system", sub="system", organisation=_SOMEBODY)
    yield Contributor(kind="professional", sub="worker", role="nurse", organisation=_SOMEBODY)
    yield Contributor(kind="person", sub="person", plan_id=contribution.plan_id)
    yield Contributor(kind="related-person", sub="relative", plan_id=contribution.plan_id)
    claimed = contribution.provenance.stated_by
    if claimed is not None and claimed.organisation is not None:
        theirs = Contributor(kind="system", sub="theirs", organisation=claimed.organisation)
        yield theirs
        yield replace(theirs, kind="professional", role=claimed.role or "nurse")


def _refused(prepared: Prepared) -> Refused | None:
    command = prepared.command
    granted = frozenset(role.name for role in command.service_roles)
    arguments = with_added_at(prepared.arguments, {}, datetime.now(UTC))
    try:
        if command.creates:
            command.create(prepared.provenance, granted, arguments, prepared.visibility)
        else:
            _change(prepared, command, granted, arguments)
    except Refused as refused:
        return refused
    except NotSeen:
        return None
    return None


def _change(
    prepared: Prepared, command: Command, granted: frozenset[str], arguments: dict[str, Any]
) -> None:
    """The rules of a change on an entry that nobody has seen."""
    declared = command.declared
    told = {"granted": granted, "limits": Limits()}
    outside = {name: told.get(name, FROM_OUTSIDE[name]) for name in declared.asks_for}
    given = {**outside, **command.in_python(arguments)}
    if declared.event is None:
        declared.rules(_Unseen(), prepared.provenance, **given)
        return
    place = {
        "provenance": prepared.provenance,
        "originator_id": prepared.entry_id,
        "originator_version": (prepared.based_on or 1) + 1,
    }
    kind = getattr(command.entry, declared.event.__name__)
    declared.judge(kind, place, (_Unseen(),), given)
