"""What ``contracts/`` holds, read back: types with their versions and examples, topics, services.

A page is made from the files that are committed, never from a declaration, so that it says what an
organisation builds against.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from shared.contracts.generate import RELEASED, versions_in

Json = Mapping[str, Any]

COMMANDS: Final = ".commands."


@dataclass(frozen=True)
class Version:
    """One version of a type, and which fields it has that the one before had not."""

    number: str
    is_published: bool
    adds: tuple[str, ...]


@dataclass(frozen=True)
class Spoilt:
    """An example that is refused by its shape: why, where, and the value."""

    name: str
    code: str
    pointer: str


@dataclass(frozen=True)
class Type:
    """One type of message: its newest schema, its versions, and its examples by their names."""

    type: str
    schema: Json
    versions: tuple[Version, ...]
    examples: Mapping[str, Any]
    spoilt: tuple[Spoilt, ...]

    @property
    def title(self) -> str:
        """What it is called."""
        return str(self.schema["title"])

    @property
    def is_command(self) -> bool:
        """True for what is asked for; what was recorded says what it changed."""
        return COMMANDS in self.type

    @property
    def is_event(self) -> bool:
        """True for what a section recorded."""
        return "x-change" in self.schema

    @property
    def section(self) -> str:
        """The section in its name; empty for an envelope."""
        return self.type.split(".")[1] if self.is_command or self.is_event else ""

    @property
    def version(self) -> str:
        """The newest version."""
        return self.versions[-1].number


class NoContract(Exception):
    """A file of the folder is not what stands there in one of ours; the message names it."""


@dataclass(frozen=True)
class Published:
    """The folder, read once; ``NoContract`` where a file of it cannot be read."""

    folder: Path
    _released: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        path = self.folder / RELEASED
        released = self._object(RELEASED) if path.is_file() else {}
        object.__setattr__(self, "_released", released)

    @cached_property
    def types(self) -> Mapping[str, Type]:
        """Every type of message, each major version by itself, in the order of names."""
        found = {}
        for folder in sorted(self.folder.glob("careplan.*")):
            majors = sorted({major for major, _ in versions_in(folder)})
            for major in majors:
                one = self._type(folder, major)
                found[one.type] = one
        return found

    @cached_property
    def asyncapi(self) -> Json:
        """The Kafka doors."""
        return self._object("asyncapi.json")

    @cached_property
    def services(self) -> Mapping[str, Json]:
        """The HTTP doors, by service."""
        paths = sorted((self.folder / "openapi").glob("*.json"))
        return {path.stem: self._object(f"openapi/{path.name}") for path in paths}

    @cached_property
    def sent_by(self) -> Mapping[str, Any]:
        """Whose token sends an example, by the path of its file."""
        return self._object("examples-sent-by.json")

    def records_of(self, command: str) -> list[str]:
        """The events that a command leads to."""
        return [*self.types[command].schema.get("x-records", ())]

    def commands_of(self, event: str) -> list[str]:
        """The commands that lead to an event."""
        return [
            name for name, one in self.types.items() if event in one.schema.get("x-records", ())
        ]

    def topics_of(self, type_: str) -> list[str]:
        """The topics that carry messages of a type."""
        channels = self.asyncapi["channels"]
        return [name for name, channel in channels.items() if type_ in channel["messages"]]

    def status_of(self, code: str) -> int | None:
        """The HTTP status of a refusal, as the documents of the services have it."""
        for service in self.services.values():
            problem = service["components"]["schemas"].get("Problem", {})
            if code in problem.get("x-status-of-code", {}):
                return int(problem["x-status-of-code"][code])
        return None

    def _type(self, folder: Path, major: int) -> Type:
        numbers = [f"{one}.{minor}" for one, minor in versions_in(folder) if one == major]
        schemas = [self._schema(f"{folder.name}/{number}.json") for number in numbers]
        examples = f"{folder.name}/examples"
        return Type(
            f"{folder.name}.v{major}",
            schemas[-1],
            tuple(self._versions(folder.name, numbers, schemas)),
            {path.name: self._json(name) for name, path in self._files(f"{examples}/valid")},
            tuple(self._spoilt(name) for name, _ in self._files(f"{examples}/invalid")),
        )

    def _versions(self, name: str, numbers: list[str], schemas: list[Json]) -> Iterator[Version]:
        before: Json | None = None
        for number, schema in zip(numbers, schemas, strict=True):
            known = schema.get("properties", {})
            new = () if before is None else tuple(sorted(known.keys() - before.keys()))
            yield Version(number, f"{name}/{number}.json" in self._released, new)
            before = known

    def _schema(self, name: str) -> Json:
        schema = self._object(name)
        has_its_words = isinstance(schema.get("title"), str)
        if not has_its_words or not isinstance(schema.get("properties", {}), Mapping):
            raise NoContract(f"{name} is no contract: it has no title, or properties of no names.")
        return schema

    def _spoilt(self, name: str) -> Spoilt:
        one = self._object(name)
        code, pointer = one.get("expected_code"), one.get("pointer")
        if not isinstance(code, str) or not isinstance(pointer, str):
            raise NoContract(f"{name} does not say with which `expected_code` it is refused.")
        return Spoilt(Path(name).stem, code, pointer)

    def _object(self, name: str) -> Json:
        found = self._json(name)
        if not isinstance(found, dict):
            raise NoContract(f"{name} is not a JSON object.")
        return found

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_bytes())
        except (ValueError, RecursionError, OSError) as error:
            raise NoContract(f"{name} cannot be read as JSON ({error}).") from error

    def _files(self, below: str) -> Iterator[tuple[str, Path]]:
        for path in sorted((self.folder / below).glob("*.json")):
            yield f"{below}/{path.name}", path
