"""Two majors of one name stand beside each other in everything that is generated.

The kind: whatever is kept by a type's name without its major version holds one of the two only.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from eventsourcing.domain import event

from shared.chassis.wire.shapes import command_shape
from shared.contracts import discover
from shared.contracts.examples.corpus import without_example
from shared.contracts.generate import (
    Generated,
    generated_from,
    problems_with_committed,
    release,
    write,
)
from shared.ledger import Creation, Entry, Provenance, Section, command, creates
from shared.ledger.example import Example


class Swing(Entry):
    """Once pushed so many times a minute, now to a height."""

    class PushedHigh(Creation):
        wire_name = "Pushed"
        major = 2
        metres: int

    class Pushed(Creation):
        followed_by = "PushedHigh"
        times: int

        @staticmethod
        def upcast(state: dict[str, Any]) -> dict[str, Any]:
            left = {name: value for name, value in state.items() if name != "times"}
            return {**left, "metres": state["times"]}

    class Hung(Creation):
        pass

    class HungByTwo(Creation):
        wire_name = "Hung"
        major = 2
        ropes: int

    @command("Push it")
    @classmethod
    def push(cls, provenance: Provenance, times: int) -> Self:
        """Push it."""
        return cls._create(cls.PushedHigh, metres=times, provenance=provenance)

    @creates(PushedHigh, "Push it to a height", major=2, of="push")
    @staticmethod
    def push_high(said: PushedHigh) -> None:
        """Push it to a height."""

    @event(PushedHigh)
    def __init__(self, metres: int) -> None:
        self.metres = metres


SWINGS = Section("swings", "Swings", (Swing,))
PUSH, PUSHED = "careplan.swings.commands.push", "careplan.swings.pushed"
HUNG = "careplan.swings.hung"
EXAMPLES = (
    Example("push ten times", f"{PUSH}.v1", {"times": 10}, entry="one"),
    Example("push two metres high", f"{PUSH}.v2", {"metres": 2}, entry="two"),
)


@pytest.fixture(scope="module", autouse=True)
def one_api() -> Iterator[None]:
    """Of the services that have a document one is enough: none of them knows a swing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(discover, "apis", lambda: ["goals"])
        yield


@pytest.fixture(scope="module")
def swings() -> Generated:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(discover, "examples", lambda _: EXAMPLES)
        return generated_from([SWINGS])


@pytest.fixture(scope="module")
def written(swings: Generated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    assert write(folder, now=swings) == []
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """Contracts that a test may spoil."""
    return shutil.copytree(written, tmp_path / "contracts", copy_function=shutil.copyfile)


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (PUSH, (["times"], ["metres"])),
        (PUSHED, (["times", "visibility"], ["metres", "visibility"])),
        (HUNG, (["visibility"], ["ropes", "visibility"])),
    ],
)
def test_each_major_has_its_schema(
    folder: Path, name: str, fields: tuple[list[str], list[str]]
) -> None:
    for number, of in enumerate(fields, 1):
        schema = read(folder / name / f"{number}.0.json")
        assert schema["$id"] == f"urn:careplan:contract:{name}:{number}.0"
        assert sorted(schema["properties"]) == of


def test_each_major_of_a_command_and_of_an_event_is_a_message_with_its_own_content(
    folder: Path,
) -> None:
    document = read(folder / "asyncapi.json")
    for name, topic in ((PUSH, "commands"), (PUSHED, "events")):
        for number in (1, 2):
            type_ = f"{name}.v{number}"
            _, own = document["components"]["messages"][type_]["payload"]["allOf"]
            assert own["properties"]["content"] == {"$ref": f"./{name}/{number}.0.json"}
            assert type_ in document["channels"][f"careplan.swings.{topic}.v1"]["messages"]


def test_each_major_has_its_examples(folder: Path, swings: Generated) -> None:
    valid, invalid = (folder / PUSH / "examples" / kind for kind in ("valid", "invalid"))
    assert read(valid / "001-push-ten-times.json") == {"times": 10}
    assert read(valid / "v2-001-push-two-metres-high.json") == {"metres": 2}
    for path in invalid.glob("*.json"):
        of = SWINGS.commands[f"{PUSH}.v{2 if path.name.startswith('v2-') else 1}"]
        with pytest.raises(Exception, match="content-invalid"):
            command_shape(of).read(read(path)["value"])
    assert {path.name.startswith("v2-") for path in invalid.glob("*.json")} == {True, False}
    # What is only read any more has no example but the one that was published in its time.
    assert {*without_example([SWINGS], swings.corpus)} >= {f"{HUNG}.v1"}
    assert f"{PUSHED}.v1" not in without_example([SWINGS], swings.corpus)


def test_an_http_document_names_the_major_of_an_envelope(folder: Path) -> None:
    text = (folder / "openapi/goals.json").read_text("utf-8")
    assert '"x-contract": "careplan.contribution/1.0"' in text
    assert '"x-contract": "careplan.receipt/1.0"' in text


@pytest.mark.parametrize("name", [PUSH, PUSHED])
@pytest.mark.parametrize("number", [1, 2])
def test_the_gate_finds_what_breaks_either(
    folder: Path, swings: Generated, name: str, number: int
) -> None:
    assert problems_with_committed(folder, swings) == []
    path = folder / name / f"{number}.0.json"
    path.write_text(path.read_text("utf-8").replace('"integer"', '"string"'), "utf-8")
    (found,) = problems_with_committed(folder, swings)
    assert found.startswith(f"{name}/{number}.0.json: /")
    assert "type-changed" in found
    assert write(folder, now=swings) == [found]
    assert write(folder, redraft=True, now=swings) == []
    assert problems_with_committed(folder, swings) == []


def test_a_second_major_of_what_is_published_begins_its_own_versions(
    folder: Path, swings: Generated
) -> None:
    release(folder)
    published = {path: path.read_bytes() for path in folder.glob(f"{PUSH}/**/*.json")}
    schemas = {type_: schema for type_, schema in swings.schemas.items() if type_ != f"{PUSH}.v2"}
    (gone,) = problems_with_committed(folder, Generated(swings.sections, schemas, swings.corpus))
    assert gone.startswith(f"{PUSH}.v2: type-removed")
    further = {**swings.schemas, f"{PUSH}.v3": swings.schemas[f"{PUSH}.v2"]}
    next_one = Generated(swings.sections, further, swings.corpus)
    assert write(folder, now=next_one) == []
    assert (folder / PUSH / "3.0.json").is_file()
    assert {path: path.read_bytes() for path in published} == published
    assert problems_with_committed(folder, next_one) == []
    # A draft beside what is published is begun anew alone.
    assert write(folder, redraft=True, now=swings) == []
    assert not (folder / PUSH / "3.0.json").exists()
    assert {path: path.read_bytes() for path in published} == published
