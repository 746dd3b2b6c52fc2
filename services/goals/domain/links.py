"""Links from one entry to others: what they name is judged here, whether it exists is not."""

from shared.ledger import EntryRef

GOALS = "goals"
NEEDS = "needs"


def name_only(section: str, refs: tuple[EntryRef, ...]) -> bool:
    """True where there is a link, and none of them leads into another section."""
    return bool(refs) and all(ref.section == section for ref in refs)
