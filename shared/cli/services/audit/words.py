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
    "who-viewed": ("plan_id (section, from, to)", "Who saw the plan, or a section of it?"),
    "what-they-saw": ("plan_id actor (from, to)", "What did this person see of the plan?"),
    "what-was-withheld": ("plan_id actor (from, to)", "What was withheld from them, and why?"),
    "withdrawn-contributions": (
        "organisation (from, to)",
        "What of theirs was withdrawn, and how many had read it meanwhile?",
    ),
    "safety-recall": (
        "plan_id section entry_id",
        "Who may have seen an entry before it was withdrawn?",
    ),
    "nothing-removed": ("size (root)", "Does the log begin with the one that was noted then?"),
    "is-genuine": ("idx", "Is this record what was recorded, and is it in the log?"),
    "unjustified-emergencies": (
        "(from, to)",
        "Which accesses against the rule has nobody given reasons for?",
    ),
    "without-relationship": (
        "(from, to)",
        "Which accesses rested on no relationship, or a new one?",
    ),
    "what-somebody-did": ("actor (from, to)", "What did this person do, whatever the plan?"),
    "history-of-section": ("plan_id (section, from, to)", "What was changed?"),
    "then-and-now": ("plan_id at", "Which version of each entry was known then, which now?"),
    "refused-attempts": (
        "plan_id (section, from, to)",
        "What was refused, denied or not readable, and why?",
    ),
    "why-allowed": ("idx", "By which decision and relationship was this allowed?"),
    "what-proxies-did": ("plan_id (from, to)", "Who may act for the person, and what did they do?"),
    "control-of-the-audit": ("(from, to)", "Who asked the audit, reviewed, or was an operator?"),
    "not-verified": ("(from, to)", "What could not be read, or was not proven?"),
    "which-came-first": ("a b", "Which of two records came first?"),
    "health": ("", "Is the audit itself well?"),
}
"""Every named question: what it takes, where what stands in brackets may be left out, and asks."""


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
        f"\b\n{_with_what_they_ask()}\n\n"
        "What stands in brackets may be left out. plan_id and entry_id are ids, and actor is the "
        "`sub` of somebody's token. from, to and at are days or times, as 2026-03-10 or "
        "2026-03-10T14:00:00Z. idx, a and b are places in the log (IDX of a search); size and root "
        "stand in a checkpoint. Without from and to, a question about one plan looks at all of it, "
        "and any other 90 days back. `careplan audit questions` says more of each.\n\n"
        "Every question is recorded for the audit."
    )


def _lines(told: dict[str, str]) -> str:
    width = max(map(len, told))
    return "\n".join(f"  {name.ljust(width)}  {words}".rstrip() for name, words in told.items())


def _with_what_they_ask() -> str:
    told = ((f"  {name} {takes}".rstrip(), asks) for name, (takes, asks) in QUESTIONS.items())
    return "\n".join(f"{head}\n      {asks}" for head, asks in told)
