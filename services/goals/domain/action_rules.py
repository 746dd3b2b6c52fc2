"""What an action must say, whenever it is said."""

from typing import Literal

from shared.ledger import CodedText, GoalRef, Party, Provenance, Refused, Status, When, is_blank

ActionStatus = Literal["not-started", "in-progress", "completed", "refused", "not-applicable"]

_NEED_A_REASON = ("refused", "not-applicable")


def organisation_of(who: Party | None) -> str | None:
    """The code of the organisation that is accountable, where there is one."""
    return who.organisation.code if who is not None and who.organisation is not None else None


def must_say_what(what: tuple[CodedText, ...]) -> None:
    """Refuse an action of which a part says nothing."""
    if not what or any(item.is_empty for item in what):
        raise Refused(
            "action-needs-code-or-text",
            "Say what is to be done, in words or by code.",
            field="what",
        )


def must_say_how(strategies: tuple[str, ...] | None) -> None:
    """Refuse a strategy that says nothing."""
    if any(is_blank(strategy) for strategy in strategies or ()):
        raise Refused("needs-code-or-text", "One strategy says nothing.", field="strategies")


def must_name_goals(goal_ids: tuple[GoalRef, ...]) -> None:
    """Refuse an action that serves no goal."""
    if not goal_ids:
        raise Refused(
            "action-needs-a-goal", "Name the goal, or the goals, that it serves.", field="goal_ids"
        )


def must_be_somebody(who: Party | None) -> None:
    """Refuse a party that nobody could find."""
    if who is None or who.is_empty:
        raise Refused(
            "action-needs-one-accountable-party",
            "Name the one person or team that is accountable.",
            field="who",
        )


def must_be_theirs(provenance: Provenance) -> None:
    """Refuse a confidence that somebody else says."""
    if not provenance.is_the_persons:
        raise Refused(
            "confidence-is-the-persons",
            "Only the person, or somebody on their behalf, says how confident they are. "
            "Name who said it in `provenance.stated_by`, or leave the confidence out.",
            field="confidence",
        )


def must_not_end_early(when: When | None) -> None:
    """Refuse a period that ends before it starts."""
    if when is not None and when.period is not None and when.period.is_reversed:
        raise Refused(
            "ends-before-it-starts", "It would end before it starts.", field="when.period"
        )


def must_say_why(status: Status[ActionStatus] | None) -> None:
    """Refuse that something is refused or does not apply, and nobody says why."""
    if status is not None and status.value in _NEED_A_REASON and is_blank(status.reason):
        raise Refused(
            "reason-missing", "Say why it is refused or does not apply.", field="status.reason"
        )
