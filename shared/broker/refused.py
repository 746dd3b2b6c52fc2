"""What is said where the broker, or its organisations, are not as an act needs them."""


class BrokerRefused(Exception):
    """The broker did not do what its administrator asked; the text says what it answered."""


class UnknownOrganisation(LookupError):
    """No organisation has this code here."""


class OrganisationsUnreadable(ValueError):
    """The file of the organisations is not one that was written here; the text names it."""
