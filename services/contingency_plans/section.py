"""The contingency plans section, declared."""

from services.contingency_plans.domain import ContingencyPlan
from shared.ledger import Section

SECTION = Section(name="contingency_plans", title="Contingency plans", entries=(ContingencyPlan,))
