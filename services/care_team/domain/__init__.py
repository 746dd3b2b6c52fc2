"""The care team: who looks after the person, who is close to them, and who may act and see."""

from services.care_team.domain.personal_contact import PersonalContact
from services.care_team.domain.professional_contact import ProfessionalContact
from services.care_team.domain.proxy import Proxy
from services.care_team.domain.relationship import Relationship

__all__ = ["PersonalContact", "ProfessionalContact", "Proxy", "Relationship"]
