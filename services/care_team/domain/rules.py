"""What several entries of the care team ask, and the roles that deployments name for it."""

from typing import Final

from shared.ledger import ServiceRole

KEY_WORKER_NAMING: Final = ServiceRole(
    "key_worker_naming", ("care-coordinator", "lead-professional", "gp")
)
"""Names the key worker: the lead service."""

REGISTRATION: Final = ServiceRole("registration", ("registration-service",))
"""Records the relationships of any organisation, and reads nothing."""

RELATIONSHIP_SUPERVISING: Final = ServiceRole(
    "relationship_supervising", ("privacy-officer", "caldicott-guardian")
)
"""Confirms what an organisation claims, changes what a relationship covers, releases in spite of an
objection, and ends it."""
