"""The stewardship section, declared."""

from services.stewardship.domain import Agreement, Comment, Funding, LinkedDocument, Review
from shared.ledger import Section

SECTION = Section(
    name="stewardship",
    title="Stewardship of the plan",
    entries=(Agreement, Review, Funding, LinkedDocument, Comment),
)
