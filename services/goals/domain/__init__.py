"""Goals: what the person wants to be able to do, and how it will be met."""

from services.goals.domain.action import Action, ActionStatus
from services.goals.domain.goal import Goal, GoalStatus
from services.goals.domain.outcome import Outcome, OutcomeStatus
from services.goals.domain.stage_goal import StageGoal

__all__ = [
    "Action",
    "ActionStatus",
    "Goal",
    "GoalStatus",
    "Outcome",
    "OutcomeStatus",
    "StageGoal",
]
