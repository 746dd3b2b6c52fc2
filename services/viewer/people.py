"""The example people of a development stack, who sign in without a password."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from shared.chassis.settings import SettingUnusable


@dataclass(frozen=True)
class ExamplePerson:
    """Somebody invented, with a token of the development issuer."""

    id: str
    plan_id: str
    name: str
    kind: str
    is_what: str
    organisation: str
    token: str


@dataclass(frozen=True)
class Example:
    """One example plan: what it is about, and who is around it, the person first."""

    plan_id: str
    about: str
    people: tuple[ExamplePerson, ...]


def examples_in(path: Path | None) -> tuple[Example, ...]:
    """The examples in a file; none without one. ``SettingUnusable`` where it cannot be read."""
    if path is None:
        return ()
    try:
        told: Sequence[dict[str, Any]] = orjson.loads(path.read_bytes())
        return tuple(
            Example(
                one["plan_id"],
                one["about"],
                tuple(ExamplePerson(plan_id=one["plan_id"], **who) for who in one["people"]),
            )
            for one in told
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingUnusable(
            "CAREPLAN_VIEWER_EXAMPLE_PEOPLE must be a file that the development stack has written."
        ) from None
