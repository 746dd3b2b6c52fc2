"""Which build of the program this is, as health and records of accesses say it."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("careplan-ledger")
    except PackageNotFoundError:
        return "0.0.0+unpackaged"


BUILD: Final = _installed()
