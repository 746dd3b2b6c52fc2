"""Stewardship: what keeps the plan alive, agreed and honest."""

from services.stewardship.domain.agreement import Agreement
from services.stewardship.domain.comment import Comment
from services.stewardship.domain.funding import Funding
from services.stewardship.domain.linked_document import LinkedDocument
from services.stewardship.domain.review import Review

__all__ = ["Agreement", "Comment", "Funding", "LinkedDocument", "Review"]
