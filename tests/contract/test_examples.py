"""Every example ever published still says what it said: it is taken, or refused where it points."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.chassis.contribute.prepare import contribution_from_json
from shared.chassis.wire.problem import Problem
from shared.chassis.wire.shapes import command_shape
from shared.contracts import discover
from shared.contracts.examples.corpus import SENDERS
from shared.contracts.generate import CONTRACTS, versions_in
from shared.contracts.schemas import CONTRIBUTION, name_and_major
from shared.contracts.validate import validate

BY_FORMAT = ("is-no-date-time", "without-an-offset", "id-in-upper-case")

COMMANDS = {
    type_: command for section in discover.sections() for type_, command in section.commands.items()
}


def examples(kind: str) -> list[Path]:
    return sorted(CONTRACTS.glob(f"*/examples/{kind}/*.json"))


def named(path: Path) -> str:
    return str(path.relative_to(CONTRACTS))


def type_of(path: Path) -> str:
    """All majors share a folder; an example of a later one than the first says so in its name."""
    later = re.match(r"v(\d+)-\d{3}-", path.name)
    return f"{path.parents[2].name}.v{later[1] if later else 1}"


def value_of(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@cache
def validator(schema: Path) -> Draft202012Validator:
    return Draft202012Validator(
        value_of(schema), format_checker=Draft202012Validator.FORMAT_CHECKER
    )


@cache
def is_a_schema(text: str) -> bool:
    """Kept by text: the same definition stands in dozens of schemas."""
    Draft202012Validator.check_schema(json.loads(text))
    return True


def versions_of(type_: str) -> list[Path]:
    name, of = name_and_major(type_)
    versions = versions_in(CONTRACTS / name)
    return [CONTRACTS / name / f"{major}.{minor}.json" for major, minor in versions if major == of]


def folders(below: str) -> list[Path]:
    """The folders of the contracts that have something there; a test for each names what fails."""
    return sorted(folder for folder in CONTRACTS.glob("careplan.*") if any(folder.glob(below)))


@pytest.mark.parametrize("folder", folders("*.json"), ids=named)
def test_every_schema_is_one(folder: Path) -> None:
    for path in sorted(folder.glob("*.json")):
        schema = value_of(path)
        definitions = schema.get("$defs", {})
        for part in ({**schema, "$defs": {}}, *definitions.values()):
            assert is_a_schema(json.dumps(part)), path
        assert schema["$id"] == f"urn:careplan:contract:{path.parent.name}:{path.stem}"


@pytest.mark.parametrize("folder", folders("examples/valid/*.json"), ids=named)
def test_a_valid_example_has_the_shape_of_every_version_and_is_read_by_the_door(
    folder: Path,
) -> None:
    for path in sorted(folder.glob("examples/valid/*.json")):
        value, name = value_of(path), type_of(path)
        for schema in versions_of(name):
            assert not [*validator(schema).iter_errors(value)], (path, schema)
        try:
            if name in COMMANDS:
                command_shape(COMMANDS[name]).read(value)
            elif name == CONTRIBUTION:
                contribution_from_json(value)
                assert validate(path.read_bytes()).is_valid, path
        except Problem as problem:
            pytest.fail(f"{named(path)}: {problem.errors}")


def test_an_example_of_a_command_says_which_token_sends_it() -> None:
    said = value_of(CONTRACTS / SENDERS)
    shown = [path for path in examples("valid") if type_of(path) in (*COMMANDS, CONTRIBUTION)]
    assert said.keys() <= {named(path) for path in shown}
    assert {type_of(CONTRACTS / path) for path in said} == {type_of(path) for path in shown}
    for path, claims in said.items():
        works = claims["kind"] in ("professional", "system")
        assert ("organisation" in claims) == works, path


@pytest.mark.parametrize("folder", folders("examples/invalid/*.json"), ids=named)
def test_an_invalid_example_is_refused_where_it_points_and_fails_its_schema_too(
    folder: Path,
) -> None:
    for path in sorted(folder.glob("examples/invalid/*.json")):
        example, name = value_of(path), type_of(path)
        read = (
            contribution_from_json if name == CONTRIBUTION else command_shape(COMMANDS[name]).read
        )
        with pytest.raises(Problem) as caught:
            read(example["value"])
        assert caught.value.code == example["expected_code"], path
        assert example["pointer"] in {error["pointer"] for error in caught.value.errors}, path
        if validator(versions_of(name)[-1]).is_valid(example["value"]):
            # A time's offset is a format, which this validator has no checker for.
            assert path.stem.partition("-")[2].endswith(BY_FORMAT), named(path)
