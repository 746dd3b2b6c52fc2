"""The named questions, in the order of the catalogue."""

from typing import Final

from services.audit.queries.questions.question import Form, Given, Param, Question, Rows
from services.audit.queries.search.language import Term, term

PLAN: Final = Param("plan_id", "the plan", Form.PLAN, is_required=True)
SECTION: Final = Param("section", "only this section of it", Form.SECTION)
ACTOR: Final = Param("actor", "whoever read or did it", Form.ACTOR, is_required=True)
FROM: Final = Param("from", "from this day or instant on", Form.MOMENT)
TO: Final = Param("to", "until the end of this day, or this instant", Form.MOMENT)
PLACE: Final = Param("idx", "the record, by its place in the log", Form.PLACE, is_required=True)

_WHEN: Final[Rows] = {"idx": "idx", "record_id": "record_id", "at": "at"}
_WHO: Final[Rows] = {
    "actor_id": "actor.id",
    "name_at_time": "actor.name",
    "role": "actor.role",
    "org": "actor.organisation.ods",
}
_ACCESS: Final[Rows] = {
    **_WHEN,
    **_WHO,
    "what": "what",
    "sections": "sections",
    "plan_version": "plan_version",
    "relationship": "relationship",
    "purpose": "purpose",
    "via": "via",
    "status": "status",
}
_RELATED: Final[Rows] = {
    "idx": "idx",
    "record_id": "record_id",
    "at": "at",
    **_WHO,
    "plan_id": "plan_id",
    "what": "what",
    "relationship": "relationship",
    "override": "override",
    "purpose": "purpose",
}
_DONE: Final[Rows] = {
    **_WHEN,
    **_WHO,
    "operation": "operation",
    "type": "type",
    "what": "what",
    "code": "code",
    "plan_id": "plan_id",
    "section": "section",
    "entry_id": "entry_id",
    "entry_version": "entry_version",
    "contribution_id": "contribution_id",
    "purpose": "purpose",
}
_SEEING: Final = ("read", "search", "export", "delivery")


def _between(given: Given) -> list[Term]:
    since, until = given.get("from"), given.get("to")
    if since is not None and until is not None:
        return [term("created", f"{since}..{until}")]
    if since is not None:
        return [term("created", f">={since}")]
    return [] if until is None else [term("created", f"<={until}")]


def _of_the_plan(given: Given, *operations: str) -> list[Term]:
    terms = [term("person", given["plan_id"])]
    if operations:
        terms.append(term("operation", *operations))
    if "section" in given:
        terms.append(term("section", given["section"]))
    if "actor" in given:
        terms.append(term("actor", given["actor"]))
    return [*terms, *_between(given)]


QUESTIONS: Final = (
    Question(
        "Q1",
        "who-viewed",
        "Who saw the plan, or a section of it, and by which relationship?",
        (PLAN, SECTION, FROM, TO),
        rows=_ACCESS,
        terms=lambda given: _of_the_plan(given, *_SEEING),
    ),
    Question(
        "Q2",
        "what-they-saw",
        "What did this person see of the plan at this time? The first row is the last they saw "
        "until then: which version, what was left out, and the hash of the bytes.",
        (PLAN, ACTOR, FROM, TO),
        rows={
            **_WHEN,
            "what": "what",
            "plan_version": "plan_version",
            "as_at": "as_at",
            "sections": "sections",
            "redactions": "redactions",
            "body_sha256": "body_sha256",
            "body_length": "body_length",
            "media_type": "media_type",
            "build": "build",
        },
        terms=lambda given: _of_the_plan(given, "read", "export", "delivery"),
    ),
    Question(
        "Q3",
        "what-was-withheld",
        "What did this person see of the plan, what was withheld from them, and by which rule?",
        (PLAN, ACTOR, FROM, TO),
        rows={
            **_WHEN,
            "what": "what",
            "sections": "sections",
            "redactions": "redactions",
            "policy_version": "policy_version",
        },
        terms=lambda given: _of_the_plan(given, *_SEEING),
    ),
    Question(
        "Q4",
        "withdrawn-contributions",
        "Which contributions of the organisation were withdrawn later, after how long, and how "
        "many had read the section meanwhile?",
        (
            Param("organisation", "whose contributions", Form.ORGANISATION, is_required=True),
            Param("from", "withdrawn from this day or instant on", Form.MOMENT),
            Param("to", "withdrawn until then", Form.MOMENT),
        ),
        columns=(
            *("idx", "plan_id", "section", "entry_id", "entry_version", "at", "actor_id"),
            *("withdrawn_idx", "withdrawn_at", "withdrawn_by", "withdrawn_org"),
            *("seconds_live", "readers_between"),
        ),
        is_recent=True,
    ),
    Question(
        "Q5",
        "safety-recall",
        "Who saw the section of an entry from its creation until it was withdrawn, or until now "
        "where it was put back?",
        (
            PLAN,
            Param("section", "the section that has the entry", Form.SECTION, is_required=True),
            Param("entry_id", "the entry", Form.ENTRY, is_required=True),
        ),
        columns=(
            *("actor_id", "name_at_time", "role", "org", "first_idx", "first_at", "last_at"),
            *("reads", "created_at", "withdrawn_at"),
        ),
    ),
    Question(
        "Q6",
        "nothing-removed",
        "Does the log of today begin with the whole log of that size, noted then?",
        (
            Param("size", "the size that was noted", Form.SIZE, is_required=True),
            Param("root", "the root that was noted with it", Form.ROOT),
        ),
        columns=("old", "new", "consistency", "result"),
    ),
    Question(
        "Q7",
        "is-genuine",
        "Is this record the one that was recorded, and is it in the log?",
        (PLACE,),
        columns=(
            *("idx", "commitment_ok", "inclusion_ok", "leaf_hash", "size", "root", "hashes"),
            "checkpoint",
        ),
    ),
    Question(
        "Q9",
        "unjustified-emergencies",
        "Which accesses against the rule has nobody given reasons for within a day?",
        (FROM, TO),
        rows=_RELATED,
        terms=lambda given: [term("override", "unjustified"), *_between(given)],
        is_recent=True,
    ),
    Question(
        "Q11",
        "without-relationship",
        "Which accesses rested on no relationship, or on one that had begun less than five "
        "minutes before?",
        (FROM, TO),
        rows=_RELATED,
        terms=_between,
        asked="r.what IS DISTINCT FROM 'records'"
        " AND r.operation IN ('read', 'delivery', 'export') AND (r.relationship IS NULL"
        " OR r.recorded_at - r.related_from < interval '5 minutes')",
        is_recent=True,
    ),
    Question(
        "Q15",
        "what-somebody-did",
        "Everything that this person did, whatever the plan.",
        (ACTOR, FROM, TO),
        rows=_DONE,
        terms=lambda given: [term("actor", given["actor"]), *_between(given)],
        is_recent=True,
    ),
    Question(
        "Q16",
        "history-of-section",
        "Everything that was changed in a section of the plan, or in all of it.",
        (PLAN, SECTION, FROM, TO),
        rows=_DONE,
        terms=lambda given: _of_the_plan(given, "change"),
    ),
    Question(
        "Q17",
        "then-and-now",
        "Which version of each entry did the ledger know on that day, which one now, and how "
        "often was it changed since?",
        (PLAN, Param("at", "the day (its end) or instant", Form.MOMENT, is_required=True)),
        columns=(
            *("section", "entry_id", "version_then", "version_now", "changes_since"),
            *("last_change", "last_idx"),
        ),
    ),
    Question(
        "Q18",
        "refused-attempts",
        "What was refused, denied or not readable on the plan or a section of it, and why?",
        (PLAN, SECTION, FROM, TO),
        rows=_DONE,
        terms=lambda given: _of_the_plan(given, "refusal", "denial", "unreadable"),
    ),
    Question(
        "Q19",
        "why-allowed",
        "By which decision, rules and relationship was this allowed or denied?",
        (PLACE,),
        columns=(
            *("idx", "at", "operation", "decision", "code", "policy_version", "inputs_sha256"),
            *("relationship", "override", "purpose", "purpose_of_use", "on_behalf_of"),
        ),
    ),
    Question(
        "Q23",
        "what-proxies-did",
        "Who may act for the person, and what did they do?",
        (PLAN, FROM, TO),
        rows=_DONE,
        terms=_of_the_plan,
        asked="r.actor_kind = 'related-person'"
        " OR (r.operation = 'change' AND r.type LIKE 'careplan.care-team.proxy-%')",
    ),
    Question(
        "Q25",
        "control-of-the-audit",
        "Who asked the audit something, reviewed it, or acted as an operator?",
        (FROM, TO),
        rows=_DONE,
        terms=lambda given: [
            term("operation", "query", "review", "admin", "correction"),
            *_between(given),
        ],
        is_recent=True,
    ),
    Question(
        "Q26",
        "not-verified",
        "What could not be read, or was not proven to be its sender's?",
        (FROM, TO),
        rows=_DONE,
        terms=_between,
        asked="r.operation = 'unreadable' OR r.code IN"
        " ('signature-missing', 'signature-invalid', 'organisation-claim-differs')",
        is_recent=True,
    ),
    Question(
        "Q31",
        "which-came-first",
        "Which of two records came first, by the log and by the clocks of their sources?",
        (
            Param("a", "the one, by its place in the log", Form.PLACE, is_required=True),
            Param("b", "the other", Form.PLACE, is_required=True),
        ),
        columns=("a_idx", "b_idx", "first_by_log", "first_by_claim", "claimed", "signed"),
    ),
    Question(
        "Q32",
        "health",
        "Is the audit itself well: how old is its newest checkpoint, and what is missing?",
        (),
        columns=(
            *("records", "signed_size", "signed_at", "unsigned", "oldest_unsigned_at"),
            "missing_from_sources",
        ),
    ),
)
"""Every question, in the order in which help shows them."""

BY_NAME: Final = {key: one for one in QUESTIONS for key in (one.id, one.name)}
"""A question by its id, and by its name."""
