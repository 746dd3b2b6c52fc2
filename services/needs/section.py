"""The needs section, declared."""

from services.needs.domain import Formulation, Need, Strength
from shared.ledger import Section

SECTION = Section(
    name="needs", title="Strengths, needs and formulation", entries=(Strength, Need, Formulation)
)
