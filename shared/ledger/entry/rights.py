"""Who may use a command, also in words, and what its rules are told that no content has."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.ledger.provenance import (
    PERSON,
    PROFESSIONAL,
    PROXY,
    RELATED_PERSON,
    SYSTEM,
    ServiceRole,
)

Who = tuple[str | ServiceRole, ...]
"""Kinds of voices, and service roles: any of them is enough."""

NO_RIGHTS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Limits:
    """What a deployment sets for the rules of its sections.

    ``longest_claim`` is how long access lasts that an organisation claims for itself.
    """

    longest_claim: timedelta = timedelta(days=31)


USUAL_LIMITS: Final = Limits()
"""Those of a deployment that sets none."""

FROM_OUTSIDE: Final[Mapping[str, Any]] = {"granted": NO_RIGHTS, "limits": USUAL_LIMITS}
"""What rules may ask for by name that no content has, and what they are told where nobody says."""

_KINDS: Final = {
    PERSON: "the person",
    PROXY: "a proxy",
    RELATED_PERSON: "somebody close to the person",
    PROFESSIONAL: "a professional",
    SYSTEM: "a system",
}


def in_words(who: Who, roles: Mapping[str, Collection[str]] | None = None) -> str:
    """``the person, a professional or the role `gp```, with the roles as a deployment has them.

    Without ``roles``, each service role is named by its setting and by what it usually means.
    """
    said = [_KINDS.get(rule, rule) for rule in who if isinstance(rule, str)]
    asked = [rule for rule in who if isinstance(rule, ServiceRole)]
    if roles is None:
        said += [
            f"a role of the setting `{rule.name}` (usually {listed(_quoted(rule.roles))})"
            for rule in asked
        ]
    else:
        names = _quoted(name for rule in asked for name in roles.get(rule.name, rule.roles))
        if names:
            said.append(f"the {'role' if len(names) == 1 else 'roles'} {listed(names)}")
    return listed(said) if said else "nobody"


def listed(words: Sequence[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]
