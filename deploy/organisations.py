"""The organisations that contribute over Kafka, from `organisations.toml`."""

import tomllib
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
