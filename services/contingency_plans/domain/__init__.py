"""Contingency plans: what to do, whom to call and what to avoid when things get worse."""

from services.contingency_plans.domain.contingency_plan import ContingencyPlan

__all__ = ["ContingencyPlan"]
