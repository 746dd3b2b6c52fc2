"""A word of a closed list and reasons in words: how somebody answers for what was looked at."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from shared.chassis.http.body import read_body
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.strict_json import read
from shared.chassis.wire.validation_errors import error_at, pointer

LONGEST: Final = 2_000
"""How many characters the reasons may have."""


def described_reasons(name: str, words: Sequence[str]) -> dict[str, Any]:
    """The body as OpenAPI describes it: ``name`` is one of ``words``, beside ``text``."""
    taken = {
        "type": "object",
        "properties": {
            name: {"type": "string", "enum": list(words)},
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        },
        "required": [name, "text"],
        "additionalProperties": False,
    }
    return {"required": True, "content": {"application/json": {"schema": taken}}}


async def reasons_of(request: Request, name: str, words: Sequence[str]) -> tuple[str, str]:
    """The word and the text of a body; raises ``Problem``."""
    given = read(await read_body(request))
    if not isinstance(given, dict):
        raise Problem("content-invalid", f"Send an object with `{name}` and `text`.")
    word, text = given.get(name), given.get("text")
    errors = [
        error_at(pointer(key), "unknown-key", "This is not known here.")
        for key in sorted(given.keys() - {name, "text"})
    ]
    if word not in words:
        errors.append(error_at(f"/{name}", "one-of", f"This is one of {', '.join(words)}."))
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        message = f"This must be a text of 1 to {LONGEST} characters."
        errors.append(error_at("/text", "text", message))
    if errors:
        raise Problem("content-invalid", errors=errors)
    return str(word), str(text)
