"""What stands in an address and in headers of lists and reads, read strictly or refused by name."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import Request

from shared.chassis.wire.problem import Problem
from shared.chassis.wire.validation_errors import KEY_LIMIT, error_at, pointer
from shared.ledger.values.known import section_names

DEFAULT_LIMIT: Final = 50
HIGHEST_LIMIT: Final = 200
PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept"}
"""The headers of every answer that shows something of a plan or of the audit."""

LONGEST_WAIT: Final = 10.0
"""Seconds that a reader may ask to be waited for."""

Described = dict[str, Any]
"""One parameter in a document of OpenAPI."""

PURPOSES: Final = ("direct-care", "emergency", "review", "audit", "support")
REASONS: Final = ("cannot-ask", "life-at-risk", "others-at-risk")
"""Why somebody reads in an emergency: a closed list, so that no text about a person is sent."""

_EMERGENCY: Final = "emergency"
# Eighteen digits stay below 2^63, and `\d` would take digits of every script.
_WHOLE_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_WAIT: Final = re.compile(r"\bwait\s*=\s*\"?([0-9]{1,4})\"?(?=\s*(?:[,;]|$))", re.IGNORECASE)
_HIGHEST_PLACE: Final = 2**63 - 1


def described(name: str, description: str, *, place: str = "query", **schema: Any) -> Described:
    """A parameter or header as OpenAPI describes it, for the ``openapi_extra`` of a route."""
    return {
        "name": name,
        "in": place,
        "required": False,
        "description": description,
        "schema": schema or {"type": "string"},
    }


def described_names(*parameters: Described) -> frozenset[str]:
    """The names of what is described, for ``judge_parameters``."""
    return frozenset(one["name"] for one in parameters)


OF_A_READ: Final = (
    described(
        "Ledger-Purpose",
        "Why you read; left out, for direct care.",
        place="header",
        type="string",
        enum=list(PURPOSES),
    ),
    described(
        "Ledger-Reason",
        "Why it is an emergency; needed with that purpose, and passed over with others.",
        place="header",
        type="string",
        enum=list(REASONS),
    ),
)
"""What every read may say of itself."""

OF_A_PAGE: Final = (
    described(
        "limit",
        "How many items a page may have.",
        type="integer",
        minimum=1,
        maximum=HIGHEST_LIMIT,
        default=DEFAULT_LIMIT,
    ),
    described("cursor", "The `next` of the page before; left out, the first page is meant."),
)
"""Which page of a list is asked for."""

IF_MATCH: Final = described(
    "If-Match",
    'The version of the entry that you have seen, in quotes, as `"3"`: the same as `based_on` of '
    "the contribution. A batch takes none.",
    place="header",
)
"""Of a contribution: what a change is based on."""


def parameter_invalid(name: str, detail: str, rule: str = "parameter") -> Problem:
    """The problem of one parameter or header; ``detail`` is a whole sentence."""
    named = name[:KEY_LIMIT]
    error = error_at(pointer(named), rule, detail)
    return Problem("parameter-invalid", detail, errors=[error], parameter=named)


def has_parameters(request: Request) -> bool:
    """True where anything stands behind a question mark: mostly nothing does."""
    return bool(request.scope["query_string"])


def judge_parameters(
    request: Request, known: Collection[str] = (), *, repeatable: Collection[str] = ()
) -> None:
    """Refuse a parameter that this address does not take, or that is given more than once.

    Passing it over in silence would answer another question than the one that was asked.
    """
    if not has_parameters(request):
        return
    for name in request.query_params:
        if name not in known:
            shown = name[:KEY_LIMIT]
            raise parameter_invalid(name, f"This address takes no parameter `{shown}`.")
        if name not in repeatable and len(request.query_params.getlist(name)) > 1:
            raise parameter_invalid(name, f"`{name}` may be given only once.")


def must_be_a_section(name: str) -> str:
    """The name of one of the sections; what nobody has would be answered as if it were empty."""
    if name not in section_names():
        detail = f"There is no such section. The sections are {', '.join(section_names())}."
        raise parameter_invalid("section", detail, "one-of")
    return name


def whole_number(text: str) -> int | None:
    """A number from 1 in plain digits, without sign, blank or leading zero; ``None`` otherwise."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def limit_of(request: Request) -> int:
    """How many items a page of a list may have."""
    given = request.query_params.get("limit")
    limit = DEFAULT_LIMIT if given is None else whole_number(given)
    if limit is None or limit > HIGHEST_LIMIT:
        detail = f"`limit` must be a whole number from 1 to {HIGHEST_LIMIT}."
        raise parameter_invalid("limit", detail)
    return limit


def cursor_of(place: int, *of: str) -> str:
    """Where the next page of the list ``of`` begins, as opaque text."""
    return _opaque([*of, place])


def place_in(cursor: str, *of: str) -> int:
    """The reverse; ``ValueError`` for anything that ``cursor_of`` did not make for this list."""
    place = _last_of(cursor, of)
    if type(place) is not int or not 0 <= place <= _HIGHEST_PLACE:
        raise ValueError("not a cursor of this list")
    if cursor_of(place, *of) != cursor:
        raise ValueError("not a cursor in our form")
    return place


def cursor_behind(key: Sequence[str], *of: str) -> str:
    """The same for a list that not everybody is shown all of: behind the item with this key.

    The key is what the list is sorted by, and tells nothing that the item itself does not. A place
    would tell how many items before it somebody is not shown.
    """
    return _opaque([*of, list(key)])


def key_in(cursor: str, *of: str) -> tuple[str, ...]:
    """The reverse; ``ValueError`` for anything that is no cursor of this list."""
    key = _last_of(cursor, of)
    if type(key) is not list or not all(type(part) is str for part in key):
        raise ValueError("not a cursor of this list")
    if cursor_behind(key, *of) != cursor:
        raise ValueError("not a cursor in our form")
    return tuple(key)


def _opaque(told: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")


def _last_of(cursor: str, of: Sequence[str]) -> Any:
    """What stands behind the name of the list in a cursor that is one of it."""
    try:
        *its_list, last = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as error:
        raise ValueError("not a cursor") from error
    if its_list != list(of):
        raise ValueError("not a cursor of this list")
    return last


def page_of(request: Request, *of: str) -> tuple[int, int | None]:
    """The limit of a page and the place it begins at, ``None`` for the first page."""
    return _page(request, place_in, of)


def page_behind(request: Request, *of: str) -> tuple[int, tuple[str, ...] | None]:
    """The limit of a page and the key behind which it begins, ``None`` for the first page."""
    return _page(request, key_in, of)


_Begin = TypeVar("_Begin")


def _page(
    request: Request, begin_in: Callable[..., _Begin], of: Sequence[str]
) -> tuple[int, _Begin | None]:
    limit = limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return limit, None
    try:
        return limit, begin_in(cursor, *of)
    except ValueError:
        detail = "`cursor` must be the `next` of an earlier page of this list."
        raise parameter_invalid("cursor", detail) from None


def one_header(request: Request, name: str) -> str | None:
    """A header that has one value; sent twice it would be left open which one counts."""
    given = request.headers.getlist(name)
    if len(given) > 1:
        raise parameter_invalid(name, f"`{name}` may be sent only once.")
    return given[0].strip() if given else None


def judge_purpose(request: Request, purpose: str | None) -> None:
    """Refuse a purpose that is none, and an emergency without one of its reasons.

    With other purposes ``Ledger-Reason`` is passed over.
    """
    if purpose is not None and purpose not in PURPOSES:
        detail = f"`Ledger-Purpose` must be one of {', '.join(PURPOSES)}."
        raise parameter_invalid("Ledger-Purpose", detail)
    if purpose == _EMERGENCY and reason_of(request, purpose) is None:
        detail = f"An emergency needs a `Ledger-Reason`: one of {', '.join(REASONS)}."
        raise parameter_invalid("Ledger-Reason", detail)


def reason_of(request: Request, purpose: str | None) -> str | None:
    """Why it is an emergency, where that is the purpose; ``None`` for what is no such reason."""
    given = one_header(request, "Ledger-Reason") if purpose == _EMERGENCY else None
    return given if given in REASONS else None


def seconds_to_wait(request: Request) -> float | None:
    """How long a reader would wait (``Prefer: wait=n``); ``None`` where it does not say so."""
    if "prefer" not in request.headers:
        return None
    preferred = _WAIT.search(list_header(request, "Prefer"))
    return min(LONGEST_WAIT, float(preferred[1])) if preferred else None


def list_header(request: Request, name: str) -> str:
    """A header that is a list, whole: its lines are one list, joined by commas (RFC 9110, 5.3)."""
    return ", ".join(request.headers.getlist(name))
