"""What the help says of qualifiers and questions; a test holds it against what the audit has."""

from typing import Final

QUALIFIERS: Final = {
    "person:": "the plan, by its id",
    "actor:": "who did it, by the `sub` of their token",
    "actor.org:": "the organisation they did it for, as actor.org:ZZG01",
    "role:": 'the role they did it in, as role:gp or role:"social worker"',
    "operation:": "what was done, as operation:read,denial",
    "what:": "the kind of answer, as what:emergency",
    "section:": "the section that was changed, or shown, as section:goals",
    "entry:": "the entry, by its id",
    "event:": "the type of event, as event:careplan.goals.agreed.v1",
    "code:": "why it was refused, as code:base-version-stale",
    "contribution:": "the contribution that it comes from, by its id",
    "purpose:": "why they read, as purpose:emergency",
    "relationship:": "what an access rested on, as relationship:none",
    "override:": "an access against the rule, as override:unjustified",
    "via:": "the door, as via:viewer",
    "version:": "the version of the plan that was shown, as version:3..17",
    "created:": "when it happened, as created:>=2026-03-01",
    "logged:": "when it was logged, as logged:2026-03-01..2026-03-31",
}
"""Every qualifier of a search, and what it looks for."""

QUESTIONS: Final = {
    "who-viewed": "plan_id (section, from, to)",
    "what-they-saw": "plan_id actor (from, to)",
    "what-was-withheld": "plan_id actor (from, to)",
    "withdrawn-contributions": "organisation (from, to)",
    "safety-recall": "plan_id section entry_id",
    "nothing-removed": "size (root)",
    "is-genuine": "idx",
    "unjustified-emergencies": "(from, to)",
    "without-relationship": "(from, to)",
    "what-somebody-did": "actor (from, to)",
    "history-of-section": "plan_id (section, from, to)",
    "then-and-now": "plan_id at",
    "refused-attempts": "plan_id (section, from, to)",
    "why-allowed": "idx",
    "what-proxies-did": "plan_id (from, to)",
    "control-of-the-audit": "(from, to)",
    "not-verified": "(from, to)",
    "which-came-first": "a b",
    "health": "",
}
"""Every named question, and what it takes; what stands in brackets may be left out."""


def help_of_search() -> str:
    """The help of a search, in which every qualifier has its line."""
    return (
        "Find records of the audit, newest first.\n\n"
        "A search is made of qualifiers between blanks, and all of them match. A comma means or, "
        "a - in front means not, and quotation marks keep blanks. Write it as one text in quotes, "
        "as 'operation:read actor.org:ZZG01 -role:gp created:2026-03-10'.\n\n"
        f"\b\n{_lines(QUALIFIERS)}\n\n"
        "version:, created: and logged: take >=, <= and a..b. A day is all of that day. Without "
        "created: and logged: a search looks back 90 days.\n\n"
        "Every search is recorded for the audit."
    )


def help_of_ask() -> str:
    """The help of a question, in which every one has its line."""
    return (
        "Ask a question by its name; its parameters are written NAME=VALUE.\n\n"
        "For instance: careplan audit ask who-viewed plan_id=0199c0de-… section=goals\n\n"
        f"\b\n{_lines(QUESTIONS)}\n\n"
        "What stands in brackets may be left out. from, to and at are days or instants; idx, a and "
        "b are places in the log. `careplan audit questions` says what each asks.\n\n"
        "Every question is recorded for the audit."
    )


def _lines(told: dict[str, str]) -> str:
    width = max(map(len, told))
    return "\n".join(f"  {name.ljust(width)}  {words}".rstrip() for name, words in told.items())
