"""Which organisations look after the person of a plan, or have: what their officers may read."""

from collections.abc import Collection
from uuid import UUID

from shared.chassis.database.database import Connection, Database

Relation = tuple[UUID, str]
"""A plan, and the code of an organisation that looks after its person."""


async def note_organisations(connection: Connection, relations: Collection[Relation]) -> None:
    """Note them in the caller's transaction; what is known already stays."""
    if not relations:
        return
    ordered = sorted({*relations})
    await connection.execute(
        "INSERT INTO plan_organisation (plan_id, organisation)"
        " SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING",
        [plan_id for plan_id, _ in ordered],
        [organisation for _, organisation in ordered],
    )


class PlanOrganisations:
    """Tells whether an organisation looks after the person of a plan, or has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def are_related(self, plan_id: UUID, organisation: str) -> bool:
        """True from the relationship's event on, whatever became of it since."""
        found: bool = await self._database.pool.fetchval(
            "SELECT EXISTS (SELECT FROM plan_organisation"
            " WHERE plan_id = $1 AND organisation = $2)",
            plan_id,
            organisation,
        )
        return found
