"""Schemas as components of one document, so that it refers to nothing outside itself."""

import json
from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

_HERE: Final = "#/components/schemas/"
_WITHIN: Final = "#/$defs/"


class Components:
    """The schemas of one document by their names; what is the same stands there once."""

    def __init__(self) -> None:
        self.schemas: Json = {}

    def add(self, name: str, schema: Mapping[str, Any]) -> Json:
        """Put a schema, and what it defines for itself, among the components; its reference.

        A name that is taken by something else is told apart by the name of what refers to it.
        """
        whole = {key: part for key, part in schema.items() if key not in ("$schema", "$id")}
        self.schemas[name] = self.hoisted(whole, name)
        return reference(name)

    def hoisted(self, schema: Any, owner: str) -> Any:
        """The same with each definition as a component; ``owner`` tells names apart."""
        if isinstance(schema, list):
            return [self.hoisted(one, owner) for one in schema]
        if not isinstance(schema, dict):
            return schema
        definitions: Json = schema.get("$defs", {})
        if not definitions:
            return {key: self.hoisted(part, owner) for key, part in schema.items()}
        named = {name: name for name in definitions}
        for name, definition in definitions.items():
            held = self.schemas.get(name)
            if held is not None and held != _referring(definition, named):
                named[name] = f"{owner}.{name}"
        for name, definition in definitions.items():
            self.schemas[named[name]] = _referring(definition, named)
        return _referring({k: v for k, v in schema.items() if k != "$defs"}, named)


def reference(name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"{_HERE}{name}"}


def _referring(schema: Any, named: Mapping[str, str]) -> Any:
    """The same with its references to definitions as references to components."""
    text = json.dumps(schema)
    for name, component in named.items():
        text = text.replace(f'"{_WITHIN}{name}"', f'"{_HERE}{component}"')
    return json.loads(text)
