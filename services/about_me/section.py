"""The about_me section, declared."""

from services.about_me.domain import AboutMe
from shared.ledger import Section

SECTION = Section(name="about_me", title="About me", entries=(AboutMe,))
