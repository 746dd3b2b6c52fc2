"""The care team section, declared."""

from services.care_team.domain import PersonalContact, ProfessionalContact, Proxy, Relationship
from shared.ledger import Section

SECTION = Section(
    name="care_team",
    title="The care team",
    entries=(ProfessionalContact, PersonalContact, Relationship, Proxy),
)
