"""The support plans section, declared."""

from services.support_plans.domain import SupportPlan
from shared.ledger import Section

SECTION = Section(name="support_plans", title="Additional support plans", entries=(SupportPlan,))
