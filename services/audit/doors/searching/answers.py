"""The form of the catalogue and of what a named question is answered with."""

from typing import Annotated, Any
from uuid import UUID

from typing_extensions import TypedDict

from services.audit.doors.answers import Completeness, Next
from shared.ledger import titled


class ParamListed(TypedDict):
    """One parameter of a question."""

    name: Annotated[str, titled("Name", "What it is called in `params`.")]
    words: Annotated[str, titled("Words", "What it says.")]
    form: Annotated[str, titled("Form", "What it has to be.")]
    required: Annotated[bool, titled("Required", "True where there is no answer without it.")]


class QuestionListed(TypedDict):
    """One question that may be asked by name."""

    query_id: Annotated[str, titled("Question", "Its id, as `Q1`.")]
    name: Annotated[str, titled("Name", "Its name, which may stand in place of the id.")]
    asks: Annotated[str, titled("Asks", "What it asks.")]
    params: Annotated[list[ParamListed], titled("Parameters", "What it takes.")]
    columns: Annotated[list[str], titled("Columns", "The members of its rows.")]


class QualifierListed(TypedDict):
    """One qualifier of searches."""

    name: Annotated[str, titled("Name", "What stands before the colon.")]
    words: Annotated[str, titled("Words", "What it looks for.")]
    example: Annotated[str, titled("Example", "How it is written.")]


class Catalogue(TypedDict):
    """What may be asked of the audit."""

    questions: Annotated[list[QuestionListed], titled("Questions", "Those with a name.")]
    qualifiers: Annotated[list[QualifierListed], titled("Qualifiers", "Those of searches.")]


class Asker(TypedDict):
    """Who asked."""

    id: Annotated[str, titled("Id", "The `sub` of their token.")]
    role: Annotated[str | None, titled("Role", "In which role.")]
    organisation: Annotated[str | None, titled("Organisation", "For which organisation.")]


class RecordOfQuestion(TypedDict):
    """The record of the question itself."""

    idx: Annotated[
        int | None,
        titled("Place", "Its place in the log; null, for it is logged a moment after the answer."),
    ]
    record_id: Annotated[UUID, titled("Record", "What it is known by.")]


class LogAsOf(TypedDict):
    """The log that the answer is made of."""

    size: Annotated[int, titled("Size", "How many records it had.")]
    root: Annotated[str | None, titled("Root", "Its root in base64; null where it was not signed.")]
    checkpoint: Annotated[str | None, titled("Checkpoint", "The signed note of that size.")]


class Answered(TypedDict):
    """The answer to a named question."""

    query_id: Annotated[str, titled("Question", "Its id.")]
    name: Annotated[str, titled("Name", "Its name.")]
    asked_by: Annotated[Asker, titled("Asked by", "Who asked.")]
    purpose: Annotated[str | None, titled("Purpose", "Why they asked.")]
    case_ref: Annotated[str | None, titled("Case", "The case that they named.")]
    record: Annotated[RecordOfQuestion, titled("Record", "That it was asked is recorded.")]
    as_of: Annotated[LogAsOf, titled("As of", "Nothing newer than this is in the answer.")]
    params: Annotated[dict[str, Any], titled("Parameters", "What it was asked with.")]
    q: Annotated[str | None, titled("Search", "The search that it stands for, where it is one.")]
    rows: Annotated[list[dict[str, Any]], titled("Rows", "Those of this page.")]
    next: Next
    total: Annotated[int, titled("Total", "How many rows there are.")]
    truncated: Annotated[bool, titled("Cut off", "True where there are more than are given.")]
    redactions: Annotated[list[str], titled("Withheld", "What is not shown to this role.")]
    completeness: Annotated[Completeness, titled("Completeness", "How complete it is.")]
    proofs_url: Annotated[str, titled("Proofs", "Where the proof of each record is.")]
