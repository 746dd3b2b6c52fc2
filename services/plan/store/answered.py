"""Which changes answer a comment: derived from the ledger, and shown with the comment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.plan.store.document import Authored
from services.plan.store.redacted import is_withheld
from services.plan.store.values import dumps
from shared.chassis.policy.redaction.of_a_plan import Redaction

SECTION: Final = "stewardship"
"""The section of the comments."""

_COMMENT: Final = "comment"
_ANSWERED: Final = """(SELECT json_agg(json_build_array(a.answers, a.section, a.entry_id,
                                         a.entry_version, a.contribution_id, a.plan_version,
                                         a.fields) ORDER BY a.plan_version)::text
                         FROM ledger.plan_ledger a
                        WHERE a.plan_id = {plan}.plan_id AND a.answers IS NOT NULL
                          AND {counts})"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An event that answers a comment: what is shown of it, and the fields that it set."""

    comment: str
    section: str
    entry_id: str
    fields: Sequence[str]
    shown: Mapping[str, Any]


def answers_to_comments(plan: str, counts: str) -> str:
    """The expression in SQL of what ``answers_in`` reads, null where nothing answers.

    ``plan`` is the table that has the ``plan_id``; ``counts`` says which rows ``a`` of the ledger
    count.
    """
    return _ANSWERED.format(plan=plan, counts=counts)


def answers_in(column: str | None) -> tuple[Answer, ...]:
    """The answers to the comments of a plan, in the order of its versions."""
    if column is None:
        return ()
    return tuple(
        Answer(
            comment,
            section,
            entry_id,
            fields,
            {
                "section": section,
                "entry_id": entry_id,
                "entry_version": entry_version,
                "contribution_id": contribution_id,
                "plan_version": plan_version,
            },
        )
        for (
            comment,
            section,
            entry_id,
            entry_version,
            contribution_id,
            plan_version,
            fields,
        ) in orjson.loads(column)
    )


def with_answers(
    entries: Iterable[Authored], answers: Sequence[Answer], redaction: Redaction
) -> Iterable[Authored]:
    """The entries, each comment with what has answered it.

    An answer that is withheld from the reader is not named.
    """
    if not answers:
        return entries
    named: dict[str, list[Mapping[str, Any]]] = {}
    for one in answers:
        if not is_withheld(one.fields, redaction.of(one.section, one.entry_id)):
            named.setdefault(one.comment, []).append(one.shown)
    return [_with(entry, named) for entry in entries]


def _with(entry: Authored, named: Mapping[str, Sequence[Mapping[str, Any]]]) -> Authored:
    section, entry_id, body, leaves = entry
    its = named.get(str(entry_id)) if section == SECTION else None
    if its is None or orjson.loads(body)["entry_type"] != _COMMENT:
        return entry
    return section, entry_id, b'%b,"answered_with":%b}' % (body[:-1], dumps(its)), leaves
