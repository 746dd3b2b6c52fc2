"""The folder that ``make new-section`` writes: a section that works, or a reason why not."""

import importlib
import runpy
import sys
from pathlib import Path

import pytest

import services
from shared.contracts.examples.corpus import corpus_of, without_example
from shared.contracts.examples.playing import play
from shared.contracts.new_section import NameTaken, files_of, write
from shared.contracts.words import without_words


@pytest.mark.parametrize(
    "name", ["audit", "plan", "inbox", "goals", "class", "json", "change", "A", "x1", "a-b", "x"]
)
def test_a_name_that_will_not_do_is_refused(name: str) -> None:
    with pytest.raises(NameTaken):
        files_of(name)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write("tapestry", tmp_path)
    with pytest.raises(NameTaken, match="there already"):
        write("tapestry", tmp_path)


@pytest.mark.parametrize(
    ("name", "entry", "first_event"),
    [
        # Nobody calls a section so: these tests pass beside whatever has been made since.
        ("tapestry", "Tapestry", "careplan.tapestry.recorded.v1"),
        ("tea_rounds", "TeaRound", "careplan.tea-rounds.recorded.v1"),
    ],
)
def test_what_is_written_works(
    name: str, entry: str, first_event: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, tmp_path)
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path / "services")])
    try:
        section = importlib.import_module(f"services.{name}.section").SECTION
        examples = importlib.import_module(f"services.{name}.examples").EXAMPLES
        assert [declared.__name__ for declared in section.entries] == [entry]
        assert first_event in section.events
        assert first_event == type(play(section, examples).answers[0].events[0]).TOPIC
        assert without_example([section], corpus_of([section])) == []
        assert [*without_words(section)] == []
        tests = runpy.run_path(str(tmp_path / "tests" / "unit" / name / "test_domain.py"))
        run = [test() for called, test in tests.items() if called.startswith("test_")]
        assert len(run) > 1
    finally:
        for module in [m for m in sys.modules if m.startswith(f"services.{name}")]:
            del sys.modules[module]


def test_its_tests_notice_a_rewording_that_drops_what_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("bunting", tmp_path)
    domain = tmp_path / "services/bunting/domain.py"
    right = domain.read_text("utf-8")
    said = "note: Note | Keep | None = KEEP"
    wrong = right.replace(said, said.replace("= KEEP", "= None"))
    assert wrong != right
    domain.write_text(wrong, "utf-8")
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path / "services")])
    try:
        tests = runpy.run_path(str(tmp_path / "tests/unit/bunting/test_domain.py"))
        with pytest.raises(pytest.fail.Exception):
            tests["test_reword_keeps_what_is_not_named"]()
    finally:
        for module in [m for m in sys.modules if m.startswith("services.bunting")]:
            del sys.modules[module]
