"""Problems (RFC 9457): how every door says no, never with the caller's content."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.chassis.wire.validation_errors import ERROR_LIMIT, sentence_of
from shared.ledger import declared_refusal

MEDIA_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "https://careplan.example/problems/"
OF_A_RULE: Final = 409
"""The status of a rule of an entry that says no."""

STATUS: Final[Mapping[str, int]] = {
    # What cannot be read
    "bad-request": 400,
    "unreadable-json": 400,
    "parameter-invalid": 400,
    "query-invalid": 400,
    "too-many-records": 400,
    "position-of-another-plan": 400,
    "as-at-in-the-future": 400,
    "section-needed": 400,
    "digest-mismatch": 400,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "content-invalid": 422,
    "command-unknown": 422,
    # Who may not
    "token-missing": 401,
    "token-invalid": 401,
    "token-expired": 401,
    "not-permitted": 403,
    "role-may-not-contribute": 403,
    "no-live-relationship": 403,
    "proxy-not-live": 403,
    "withheld": 403,
    "organisation-claim-differs": 403,
    "signature-missing": 403,
    "signature-invalid": 403,
    "conflict-of-interest": 403,
    "second-person-needed": 403,
    # What is not there
    "not-found": 404,
    "entry-unknown": 404,
    "plan-unknown": 404,
    "contribution-unknown": 404,
    "version-unknown": 404,
    "as-at-before-the-plan": 404,
    "media-unknown": 404,
    "record-unknown": 404,
    "access-unknown": 404,
    "dead-letter-unknown": 404,
    "override-unknown": 404,
    "tree-size-unknown": 404,
    "query-unknown": 404,
    "record-erased": 410,
    "method-not-allowed": 405,
    "not-acceptable": 406,
    "range-not-satisfiable": 416,
    # What stands in the way
    "contribution-id-reused": 409,
    "access-already-justified": 409,
    "dead-letter-not-held": 409,
    "dead-letter-not-whole": 409,
    "dead-letter-without-sender": 409,
    "override-already-reviewed": 409,
    "entry-already-exists": 409,
    "plan-not-open": 409,
    "entry-entered-in-error": 409,
    "entry-not-restricted": 409,
    "stated-in-the-future": 409,
    "reason-missing": 409,
    "needs-code-or-text": 409,
    "ends-before-it-starts": 409,
    "media-needs-a-checksum": 409,
    "document-needs-checksum-or-place": 409,
    "document-identifiers-not-checked": 409,
    "identifier-invalid": 409,
    "correction-belongs-to-the-origin": 409,
    "withholding-needs-an-approver": 409,
    "restriction-is-not-yours-to-lift": 409,
    "media-quarantined": 409,
    "media-infected": 409,
    "media-differ": 409,
    "base-version-stale": 412,
    "base-version-missing": 428,
    "too-many-requests": 429,
    # What is our trouble
    "internal-error": 500,
    "overloaded": 503,
    "unavailable": 503,
    "projection-behind": 503,
}
"""The HTTP status of each code that is no rule of one kind of entry."""

OF_THE_SECTION: Final = "A rule of the section says no"
"""The title of a rule of a section that is not loaded here; its detail says which."""

TITLES: Final[Mapping[str, str]] = {
    "bad-request": "The request cannot be read",
    "not-found": "There is nothing at this address",
    "media-unknown": "No such media",
    "conflict-of-interest": "There is a conflict of interest",
    "record-unknown": "No such record",
    "access-unknown": "No such access",
    "dead-letter-unknown": "No such dead letter",
    "dead-letter-not-held": "The dead letter was dealt with before",
    "dead-letter-not-whole": "The dead letter is not what came",
    "dead-letter-without-sender": "Nobody can be answered",
    "access-already-justified": "Reasons were given for this before",
    "second-person-needed": "Somebody else has to do this",
    "override-unknown": "No such override",
    "override-already-reviewed": "This was reviewed before",
    "tree-size-unknown": "The log has not been shown at this size",
    "record-erased": "The record was erased",
    "method-not-allowed": "This address takes another method",
    "not-acceptable": "There is no answer of the type that was asked for",
    "entry-entered-in-error": "The entry was marked in error",
    "stated-in-the-future": "It has not been said yet",
    "media-quarantined": "The media are not available yet",
    "media-infected": "The media are harmful and were not kept",
    "media-differ": "The media are not what is said of them",
    "range-not-satisfiable": "The file has no such part",
    "too-many-requests": "Too many requests",
    "overloaded": "Too much is waiting here",
    "unreadable-json": "The body is not readable JSON",
    "parameter-invalid": "A parameter cannot be read",
    "query-invalid": "The search cannot be read",
    "too-many-records": "These are too many records for one file",
    "query-unknown": "There is no such question",
    "position-of-another-plan": "The position belongs to another plan",
    "digest-mismatch": "The bytes do not have the digest that was announced",
    "body-too-large": "The body is too large",
    "unsupported-media-type": "The body is of a type that is not taken here",
    "content-invalid": "What was sent does not have the shape that the contract says",
    "command-unknown": "This section has no such command",
    "token-missing": "A bearer token is needed",
    "token-invalid": "The token is not valid",
    "token-expired": "The token has expired",
    "not-permitted": "Not permitted",
    "no-live-relationship": "The organisation has no live relationship with this person",
    "proxy-not-live": "The proxy is not live",
    "signature-missing": "It is not signed",
    "signature-invalid": "The signature does not hold",
    "withheld": "This is withheld",
    "entry-unknown": "This plan has no such entry",
    "plan-unknown": "No such plan",
    "contribution-unknown": "No such contribution",
    "version-unknown": "No such version",
    "as-at-in-the-future": "The instant lies ahead",
    "as-at-before-the-plan": "There was nothing of the plan yet",
    "section-needed": "More than one section has such an entry",
    "contribution-id-reused": "The contribution id was used for something else",
    "base-version-stale": "The change is not based on the current version of the entry",
    "base-version-missing": "A change must name the version it is based on",
    "plan-not-open": "The plan is not open",
    "internal-error": "Something went wrong here",
    "unavailable": "Not available at the moment",
    "projection-behind": "The plan is not as new yet as was asked for",
}
"""The titles of the codes that nothing declares as a ``Refusal``; each title has one place."""

# Sent again unchanged, these may be answered otherwise.
_PASSING: Final = frozenset({"too-many-requests", "overloaded", "unavailable", "projection-behind"})


class Problem(Exception):
    """A no of a door, with the code that says which; it becomes a problem of the answer.

    ``detail`` and ``errors`` are given back to the caller and must hold none of their content. A
    code that is not listed is a rule of an entry, and says so with ``status``; else it is mistyped.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        errors: Iterable[Mapping[str, Any]] = (),
        receipt: Mapping[str, Any] | None = None,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(code)
        if status is None and code not in STATUS:
            raise LookupError(f"there is no problem {code}")
        self.code = code
        self.errors = [dict(error) for error in errors][:ERROR_LIMIT]
        self.detail = detail or sentence_of(self.errors)
        self.status = STATUS[code] if status is None else status
        self.receipt = receipt
        self.retryable = retryable or code in _PASSING
        self.headers = dict(headers or {})
        self.members = members


def status_of_refusal(code: str) -> int:
    """The status of a refusal; 409 for every rule of an entry."""
    return STATUS.get(code, OF_A_RULE)


def title_of(code: str) -> str:
    """The title of a code, in words; the same for every problem of that code."""
    declared = declared_refusal(code)
    return declared.title if declared else TITLES.get(code, OF_THE_SECTION)


def detail_of(problem: Problem) -> str:
    """What a problem says in words, the same by every door."""
    return problem.detail or f"{title_of(problem.code)}."


def problem_body(problem: Problem, instance: str, correlation_id: str) -> dict[str, Any]:
    """The problem as JSON; a further member never replaces one of the standard's."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + problem.code,
        "title": title_of(problem.code),
        "status": problem.status,
        "detail": detail_of(problem),
        "instance": instance,
        "code": problem.code,
        "errors": problem.errors,
        "correlation_id": correlation_id,
        "retryable": problem.retryable,
    }
    if problem.receipt is not None:
        body["receipt"] = problem.receipt
    return {**problem.members, **body}
