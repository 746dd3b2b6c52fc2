"""What is committed under ``contracts/`` is what the declarations say, and breaks nobody."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts import discover
from shared.contracts.examples.corpus import without_example
from shared.contracts.gate.__main__ import main
from shared.contracts.generate import (
    CONTRACTS,
    generated,
    problems_with_committed,
    release,
    write,
)

GOAL = "careplan.goals.agreed"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Contracts that a test may spoil."""
    folder = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, folder, copy_function=shutil.copyfile)
    return folder


@pytest.fixture(scope="module")
def lasting_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lasting") / "contracts"
    shutil.copytree(CONTRACTS, folder, copy_function=shutil.copyfile)
    before = sizes_in(folder)
    yield folder
    assert sizes_in(folder) == before


@pytest.fixture
def agreed(lasting_copy: Path) -> Iterator[Path]:
    """One schema among all the others, as it was again for the next test."""
    path = lasting_copy / GOAL / "1.0.json"
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def sizes_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_committed_contracts_are_those_of_the_declarations() -> None:
    assert problems_with_committed() == []


def test_the_gate_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().err


def test_generating_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path) == []
    again = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")
             if path.is_file()}  # fmt: skip
    for path, content in again.items():
        if (CONTRACTS / path).exists():
            assert (CONTRACTS / path).read_bytes() == content, path
    assert problems_with_committed(tmp_path) == []


def test_every_command_and_event_is_shown_by_an_example() -> None:
    assert without_example(discover.sections(), generated().corpus) == []


BREAKING = [
    ('"why": {', '"wherefore": {', "field-removed"),
    ('"type": "integer"', '"type": "number"', "type-changed"),
    ('"maximum": 10', '"maximum": 5', "maximum-changed"),
    ('"need_ids"\n', '"need_ids",\n    "why"\n', "guarantee-dropped"),
    ('"aim",\n    "need_ids"', '"need_ids"', "newly-required"),
    ('"pattern": "[^', '"pattern": "[', "pattern-changed"),
    ('"format": "uuid"', '"format": "uri"', "format-changed"),
]


@pytest.mark.parametrize(("old", "new", "rule"), BREAKING)
def test_what_would_break_somebody_is_found_and_not_written(
    agreed: Path, old: str, new: str, rule: str
) -> None:
    """The committed file stands for what was agreed before: the declarations differ from it."""
    edit(agreed, old, new)
    folder = agreed.parents[1]
    found = problems_with_committed(folder)
    assert any(line.startswith(f"{GOAL}/1.0.json: /") and rule in line for line in found), found
    before = agreed.read_bytes()
    assert any(rule in line for line in write(folder))
    assert agreed.read_bytes() == before


def test_a_draft_may_be_redone_on_purpose_whatever_it_breaks(agreed: Path) -> None:
    for old, new, _ in BREAKING:
        edit(agreed, old, new)
    folder = agreed.parents[1]
    assert write(folder)
    assert write(folder, redraft=True) == []
    assert problems_with_committed(folder) == []


def test_a_type_that_nothing_declares_any_more_is_found(agreed: Path) -> None:
    folder = agreed.parents[1]
    forgotten = shutil.copytree(agreed.parent, folder / "careplan.goals.forgotten")
    assert any("type-removed" in line for line in problems_with_committed(folder))
    assert any("type-removed" in line for line in write(folder))
    shutil.rmtree(forgotten)


def without_the_optional_field(folder: Path) -> None:
    path = folder / GOAL / "1.0.json"
    schema = json.loads(path.read_text("utf-8"))
    del schema["properties"]["importance"]
    path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")


def test_a_further_optional_field_is_written_over_a_draft(agreed: Path) -> None:
    folder = agreed.parents[1]
    without_the_optional_field(folder)
    found = problems_with_committed(folder)
    assert [line for line in found if GOAL in line] == [
        f"{GOAL}/1.0.json: it is not what the declarations say; run make contracts"
    ]
    assert write(folder) == []
    assert agreed.read_bytes() == (CONTRACTS / GOAL / "1.0.json").read_bytes()


def test_a_further_optional_field_makes_a_minor_version_beside_what_is_published(
    copied: Path,
) -> None:
    without_the_optional_field(copied)
    release(copied)
    published = (copied / GOAL / "1.0.json").read_bytes()
    assert write(copied) == []
    assert (copied / GOAL / "1.0.json").read_bytes() == published
    assert json.loads((copied / GOAL / "1.1.json").read_text("utf-8"))["$id"].endswith(":1.1")
    assert problems_with_committed(copied) == []


def test_what_is_published_is_not_edited(copied: Path) -> None:
    release(copied)
    edit(copied / GOAL / "1.0.json", '"description": "', '"description": "Edited. ')
    assert any("published and was edited" in line for line in problems_with_committed(copied))
    assert write(copied, redraft=True) == []
    assert any("published and was edited" in line for line in problems_with_committed(copied))


def test_an_example_that_is_another_now_stands_beside_what_is_published(copied: Path) -> None:
    example = min((copied / GOAL / "examples/valid").glob("*.json"))
    now = example.read_bytes()
    edit(example, '"text": "', '"text": "In those days: ')
    release(copied)
    then = example.read_bytes()
    assert write(copied) == []
    assert example.read_bytes() == then
    assert now in {path.read_bytes() for path in example.parent.glob(f"{example.stem}-*.json")}
    assert problems_with_committed(copied) == []
