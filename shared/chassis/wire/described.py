"""What OpenAPI says of an answer: its form, and the headers that stand beside it."""

from collections.abc import Mapping
from typing import Any, Final

from shared.chassis.wire.shapes import schema_of

Answers = dict[int | str, dict[str, Any]]
"""The ``responses`` of a route, by status."""

_FROM_ZERO: Final = {"type": "integer", "minimum": 0}
_WHOLE: Final = {"type": "integer", "minimum": 1}

HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "ETag": (
        (
            "What these bytes are known by; send it as `If-None-Match` and get 304 where they are "
            "the same. Of a receipt it is the version of the entry, to be sent as `If-Match`."
        ),
        {"type": "string", "examples": ['"17-0f2b6a91c4d3e587"']},
    ),
    "Location": (
        "Where the same is found again.",
        {"type": "string", "format": "uri-reference"},
    ),
    "Ledger-Position": (
        "How far the ledger has got with this answer; send it as `Ledger-Min-Position`. Opaque.",
        {"type": "string"},
    ),
    "Ledger-Version": (
        "The version of the plan that is shown; 0 while each event of it waits for another.",
        _FROM_ZERO,
    ),
    "Ledger-Current-Version": ("The newest version of the plan.", _WHOLE),
    "Ledger-Lag": (
        "Seconds that the plan is behind what was contributed; `unknown` where nobody knows.",
        {"type": "string", "pattern": r"^(unknown|[0-9]+(\.[0-9])?)$"},
    ),
    "Ledger-Policy": (
        "The version of the rules by which the answer was allowed.",
        {"type": "string"},
    ),
    "Ledger-Access-Id": (
        "The id of the record in the audit that this was shown.",
        {"type": "string", "format": "uuid"},
    ),
    "Ledger-Log-Size": (
        "How many records the log had of which this answer was made.",
        {"type": "integer", "minimum": 0},
    ),
    "Ledger-Result-Count": (
        "How many items the answer has, all of them: fewer that arrive are not all.",
        {"type": "integer", "minimum": 0},
    ),
    "Ledger-Override-Ends": (
        "Until when the override lasts by which this was shown, where it was.",
        {"type": "string", "format": "date-time"},
    ),
    "Memento-Datetime": (
        "Of which instant this past plan is (RFC 7089).",
        {"type": "string"},
    ),
    "Link": ("The versions before and after this one (RFC 8288).", {"type": "string"}),
    "Preference-Applied": (
        "`wait`, where the answer was waited for (RFC 7240).",
        {"type": "string", "const": "wait"},
    ),
    "Retry-After": (
        "Seconds until the same may be asked again.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    "RateLimit-Policy": (
        "How often a caller may ask (`q`) in so many seconds (`w`).",
        {"type": "string"},
    ),
    "RateLimit": (
        "How often it may now (`r`), and when as often as before (`t`).",
        {"type": "string"},
    ),
    "Content-Range": ("Which bytes of how many.", {"type": "string"}),
    "Content-Disposition": (
        "How a page shows it, and a name that tells nothing.",
        {"type": "string"},
    ),
    "Accept-Ranges": ("A part may be asked for by bytes.", {"type": "string", "const": "bytes"}),
    "X-Correlation-ID": (
        "What the request is known by: yours where you sent one, otherwise a new one.",
        {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    ),
}  # fmt: skip
"""Every header of an answer that a contract names: what it says, and its form."""


def headers_described(*names: str) -> dict[str, Any]:
    """These headers in a document of OpenAPI."""
    return {name: {"description": HEADERS[name][0], "schema": HEADERS[name][1]} for name in names}


def answered(
    description: str, form: Any, *headers: str, also: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An answer with a body of this type, for the ``responses`` of a route.

    ``also`` has the types of its other bodies, by their media types. A schema is open: a reader
    passes over what a later version adds.
    """
    forms = {"application/json": form, **(also or {})}
    return {
        "description": description,
        "headers": headers_described(*headers),
        "content": {
            media_type: {"schema": schema_of(one, is_open=True)}
            for media_type, one in forms.items()
        },
    }


def as_bytes(description: str, media_type: str, *headers: str) -> Answers:
    """The only answer of a route that gives a file of this type."""
    content = {media_type: {"schema": {"type": "string"}}}
    named = {"headers": headers_described(*headers)} if headers else {}
    return {200: {"description": description, **named, "content": content}}


def unchanged(*headers: str) -> dict[str, Any]:
    """The answer 304 to a reader who has these bytes already."""
    return {
        "description": "You have it already: what you sent as `If-None-Match` is what it is now.",
        "headers": headers_described(*headers),
    }
