"""What the services of this project declare, held against the standard."""

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from shared.contracts.discover import readers, sections
from shared.ledger import InAnEmergency
from shared.standard.coverage import Coverage, carrying_fields, coverage


def declared_coverage() -> Coverage:
    """What carries each element: every section under ``services/``, and what readers derive."""
    return coverage(sections(), _derived())


def declared_fields() -> Mapping[str, tuple[str, ...]]:
    """The fields of each section that carry elements of the standard, by its name on the wire."""
    return {section.wire_name: carrying_fields(section) for section in sections()}


def shown_in_an_emergency() -> Mapping[tuple[str, str], InAnEmergency]:
    """What is shown then, by section and type of entry as the wire names them."""
    return {
        (section.wire_name, section.entry_type(entry)): entry.in_an_emergency
        for section in sections()
        for entry in section.entries
        if entry.in_an_emergency is not None
    }


def findings_in(plan: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """What a plan says about itself: as it was given, or found out from its entries alone."""
    given = plan.get("findings")
    if isinstance(given, list):
        return given
    return list(import_module("services.plan.reads.findings").found_in(plan, now))


def _derived() -> Mapping[str, str]:
    # Found at run time, as the sections are: no import leads from here to a service.
    derives: Mapping[str, str] = import_module("services.plan.fold.standard").DERIVES
    return derives if "plan" in readers() else {}
