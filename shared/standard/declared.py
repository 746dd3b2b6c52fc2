"""What the services of this project declare, held against the standard."""

from shared.contracts.discover import sections
from shared.standard.coverage import Coverage, coverage


def declared_coverage() -> Coverage:
    """What carries each element: every section under ``services/``, and what the plan derives."""
    return coverage(sections(), {})
