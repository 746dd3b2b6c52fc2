"""The person section, declared."""

from services.person.domain import Person
from shared.ledger import Section

SECTION = Section(name="person", title="Person", entries=(Person,))
