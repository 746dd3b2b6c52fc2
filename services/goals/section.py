"""The goals section, declared."""

from services.goals.domain import Action, Goal, Outcome, StageGoal
from shared.ledger import Section

SECTION = Section(
    name="goals",
    title="Goals and actions",
    entries=(Goal, Action, StageGoal, Outcome),
)
