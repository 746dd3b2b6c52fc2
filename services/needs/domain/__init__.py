"""Needs: what the person finds hard, what they are good at, and how the two are understood."""

from services.needs.domain.formulation import Formulation
from services.needs.domain.need import Need
from services.needs.domain.strength import Strength

__all__ = ["Formulation", "Need", "Strength"]
