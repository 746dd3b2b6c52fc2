"""What OpenAPI says of taking a file and of giving it."""

from typing import Any, Final

from shared.chassis.media.kinds.kind import TAKEN
from shared.chassis.wire.described import headers_described
from shared.ledger import Titled, titled

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_STORED_MEDIA: Final[dict[str, tuple[dict[str, Any], Titled]]] = {
    "media_id": (
        {**_TEXT, "format": "uuid"},
        titled("Media", "Name it in a contribution, with the digest."),
    ),
    "sha256": (
        {**_TEXT, "pattern": "^[0-9a-f]{64}$"},
        titled("Digest", "SHA-256 of the file, in hexadecimal digits."),
    ),
    "size": (
        {"type": "integer", "minimum": 1},
        titled("Size", "How many bytes it has."),
    ),
    "mime": (
        {**_TEXT, "enum": list(TAKEN)},
        titled("Type", "What it is, judged by its content."),
    ),
    "state": (
        {**_TEXT, "enum": ["available", "quarantined"]},
        titled("State", "Quarantined until the virus scanner has answered."),
    ),
}
_ANSWER: Final = {
    "title": "Stored media",
    "description": "How a contribution names the file.",
    "type": "object",
    "properties": {
        name: {**form, **words.as_json()} for name, (form, words) in _STORED_MEDIA.items()
    },
    "required": list(_STORED_MEDIA),
}
_FILE: Final = {mime: {"schema": {**_TEXT, "format": "binary"}} for mime in TAKEN}
_PLAN: Final = {
    "name": "plan_id",
    "in": "query",
    "required": True,
    "description": "The plan that the file belongs to.",
    "schema": {**_TEXT, "format": "uuid"},
}


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": _TEXT,
    }


def _stored(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": headers_described("Location"),
        "content": {"application/json": {"schema": _ANSWER}},
    }


def _given(description: str, *further: str) -> dict[str, Any]:
    names = (
        *("ETag", "Accept-Ranges", "Content-Disposition"),
        *("Ledger-Policy", "Ledger-Access-Id", "Ledger-Override-Ends"),
    )
    return {"description": description, "headers": headers_described(*names, *further)}


FILE_TAKEN: Final[dict[str, Any]] = {
    "parameters": [
        _PLAN,
        _header("Content-Digest", "SHA-256 of the file (RFC 9530): `sha-256=:…:`.", required=True),
    ],
    "requestBody": {
        "required": True,
        "description": "The bytes of one file, at most 50 MiB.",
        "content": _FILE,
    },
    "responses": {"200": _stored("Stored before."), "201": _stored("Stored.")},
}
FILE_GIVEN: Final[dict[str, Any]] = {
    "parameters": [
        _PLAN,
        _header("Range", "Which bytes of the file (RFC 9110, 14.2), as `bytes=0-1023`."),
        _header("If-Range", "The `ETag` of what you have; a part only where it is the same."),
    ],
    "responses": {
        "200": {**_given("The file."), "content": _FILE},
        "206": {**_given("A part of it.", "Content-Range"), "content": _FILE},
        "304": _given("You have it already."),
    },
}
