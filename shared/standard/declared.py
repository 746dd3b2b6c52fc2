"""What the services of this project declare, held against the standard."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, get_type_hints

from shared.contracts.discover import readers, sections
from shared.ledger import InAnEmergency
from shared.ledger.codes.code_list import CodeList, lists_in
from shared.standard.coverage import Coverage, carrying_fields, coverage


@cache
def declared_coverage() -> Coverage:
    """What carries each element: every section under ``services/``, and what readers derive.

    Told once in a process: what is declared does not change while it runs.
    """
    return coverage(sections(), _derived())


def declared_fields() -> Mapping[str, tuple[str, ...]]:
    """The fields of each section that carry elements of the standard, by its name on the wire."""
    return {section.wire_name: carrying_fields(section) for section in sections()}


@cache
def declared_code_lists() -> Mapping[str, CodeList]:
    """The lists that fields take their codes from, by what carries: ``person.Person.gender``."""
    return {
        f"{section.name}.{section.entry_of_event(type_).__name__}.{field}{path}": code_list
        for section in sections()
        for type_, event in section.events.items()
        for field, hint in get_type_hints(event, include_extras=True).items()
        for path, code_list in lists_in(hint)
    }


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
