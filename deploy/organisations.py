"""The organisations that contribute over Kafka, from `organisations.toml`."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SETTINGS = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Organisation:
    """An organisation by ODS code, or by `x-…` where it has none."""

    code: str
    name: str
    roles: tuple[str, ...] = ()
    """Service roles that are granted to its inbox."""


def organisations(path: Path = SETTINGS) -> list[Organisation]:
    """Every organisation that has an inbox and a topic of receipts."""
    listed = tomllib.loads(path.read_text())["organisation"]
    return [
        Organisation(item["code"], item["name"], tuple(item.get("roles", ()))) for item in listed
    ]


def roles_of_inboxes(listed: Iterable[Organisation]) -> dict[str, tuple[str, ...]]:
    """The service roles of each inbox that has any, by the code as topics have it."""
    return {one.code.lower(): one.roles for one in listed if one.roles}
