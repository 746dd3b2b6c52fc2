"""Who has a legitimate relationship with whom (promise P8).

The section that owns relationships does not exist yet. Until its topic does, every authenticated
contributor of the right role may contribute; the question is asked here, and only here.
"""

from uuid import UUID

from shared.ledger import Contributor


class Relationships:
    """The section's own copy of the relationships."""

    async def allow(self, contributor: Contributor, plan_id: UUID) -> bool:
        """True where the contributor has a reason to be in this plan."""
        return contributor.plan_id in (None, plan_id)
