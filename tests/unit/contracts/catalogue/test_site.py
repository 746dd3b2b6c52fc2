"""The catalogue of the committed contracts: complete, whole in itself, made from files alone."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.chassis.contribute.prepare import contribution_from_json, prepare, section_of
from shared.contracts import discover
from shared.contracts.catalogue.__main__ import main
from shared.contracts.catalogue.pages import pages
from shared.contracts.catalogue.published import Published
from shared.contracts.catalogue.site import NotOurs, write
from shared.contracts.generate import CONTRACTS
from shared.contracts.topic_files import ORG, readers_of, topics, writers_of
from shared.contracts.validate import validate
from shared.ledger import Contributor, Organisation

AGREE = "commands/careplan.goals.commands.agree.v1.html"


class Read(HTMLParser):
    """What a page has: its addresses, its ids, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def published() -> Published:
    return Published(CONTRACTS)


@pytest.fixture(scope="module")
def site(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue") / "site"
    write(published, folder)
    return folder


def test_each_type_topic_and_service_has_a_page_that_the_first_one_leads_to(
    published: Published, site: Path
) -> None:
    named = {*published.types, *published.asyncapi["channels"], *published.services}
    first = Read(site / "index.html")
    assert {name for name in named if name not in first.text} == set()
    led_to = {link for link in first.links if link.endswith(".html")}
    there = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert there - led_to - {"index.html"} == set()


def test_no_link_is_broken_and_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = {path: Read(path) for path in site.rglob("*.html")}
    ids = {path.resolve(): {*page.ids} for path, page in pages.items()}
    for path, page in pages.items():
        assert len(page.ids) == len({*page.ids}), f"{path.name}: an id stands twice"
        for link in page.links:
            target, _, place = link.partition("#")
            assert "//" not in target, f"{path.name} goes elsewhere: {link}"
            to = path if not target else path.parent / target
            assert target.startswith("data:") or to.is_file(), f"{path.name}: {link}"
            assert not place or place in ids[to.resolve()], f"{path.name}: {link}"


def test_a_command_tells_fields_who_may_refusals_examples_versions_and_readers(
    site: Path, published: Published
) -> None:
    told = Read(site / AGREE).text
    schema = published.types["careplan.goals.commands.agree.v1"].schema
    for name in schema["properties"]:
        assert name in told
    for code, words in schema["x-refuses"].items():
        assert code in told
        assert words.replace("`", "") in told
    for expected in ("a whole number, 1 to 10", "needed", "a proxy, for the person",
                     "careplan.goals.agreed.v1", "intake", "POST /v1/contributions",
                     "1.0, a draft, not published yet", "Walk to the shop by myself again",
                     "content-invalid at /content/importance"):  # fmt: skip
        assert expected in " ".join(told.split()), expected


def test_an_event_tells_what_it_does_and_who_reads_it(site: Path) -> None:
    told = " ".join(Read(site / "events/careplan.person.plan-opened.v1.html").text.split())
    for expected in ("careplan.person.commands.open-plan.v1", "careplan.person.events.v1",
                     "audit", "care-team", "Recorded by"):  # fmt: skip
        assert expected in told, expected


def test_a_topic_tells_who_writes_and_who_reads_it_as_its_contract_does(
    site: Path,
) -> None:
    sections = [section.name for section in discover.sections()]
    for topic in topics(sections):
        if ORG not in topic.name:
            told = Read(site / "topics" / f"{topic.name}.html").text
            written = told.partition("Written by")[2].partition("Owner")[0]
            writers, _, readers = written.partition("Read by")
            named = re.findall(r"[a-z-]+", writers.replace(" and ", ", "))
            assert sorted(named) == writers_of(topic, sections), topic.name
            assert all(name in readers for name in readers_of(topic.name, sections)), topic.name
    changes = Read(site / "topics" / "careplan.plan.changes.v1.html").text
    assert "Read bysubscribers" in "".join(changes.split("\n"))


def test_each_refusal_of_any_command_is_on_the_page_of_codes(
    site: Path, published: Published
) -> None:
    ids = {*Read(site / "codes.html").ids}
    codes = {code for one in published.types.values() for code in one.schema.get("x-refuses", {})}
    assert codes
    assert codes <= ids


def test_each_example_can_be_sent_as_it_is_shown_by_both_doors(
    published: Published,
) -> None:
    ids = {"$ID": str(UUID(int=1)), "$PLAN": str(UUID(int=2)), "$ENTRY": str(UUID(int=3))}
    wrong, count = [], 0
    for page in pages(published):
        for shown in page.told["examples"] if page.kind == "command" else ():
            over_http, over_kafka = (
                re.findall(r"<<EOF\n(\{.*\n\})\nEOF$", shown[door], re.DOTALL)[0]
                for door in ("http", "kafka")
            )
            is_own = shown["sent_by"].get("kind") == "person"
            assert (over_http == over_kafka) != is_own
            for text in {over_http, over_kafka}:
                given = text
                for name, value in ids.items():
                    given = given.replace(f'"{name}"', f'"{value}"')
                report = validate(json.dumps(json.loads(given)).encode())
                # The id of an entry that a plan has once follows from the plan.
                faults = [f for f in report.faults if f.rule != "follows-from-plan"]
                wrong += [(page.name, shown["name"], str(fault)) for fault in faults]
            count += 1
    assert count > 180
    assert not wrong


def test_the_inbox_gets_the_words_of_a_person_as_a_system_may_send_them(
    published: Published,
) -> None:
    name = "careplan.about-me.commands.begin.v1"
    (begin,) = (page for page in pages(published) if page.name == name)
    (own,) = (one for one in begin.told["examples"] if one["sent_by"]["kind"] == "person")
    text = re.findall(r"<<EOF\n(\{.*\n\})\nEOF$", own["kafka"], re.DOTALL)[0]
    id_ = str(UUID(int=1))
    given = contribution_from_json(json.loads(text.replace("$ID", id_).replace("$PLAN", id_)))
    section = section_of(discover.sections(), name)
    system = Contributor(kind="system", sub="system", organisation=Organisation("ZZG01"))
    prepared = prepare(section, given, system)
    command = prepared.command
    created = command.create(prepared.provenance, frozenset(), prepared.arguments, None)
    assert created.id == prepared.entry_id


def test_a_further_minor_version_is_told_with_what_it_adds(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, contracts)
    folder = contracts / "careplan.goals.agreed"
    schema = json.loads((folder / "1.0.json").read_text("utf-8"))
    schema["properties"]["colour"] = {"type": "string"}
    (folder / "1.1.json").write_text(json.dumps(schema), "utf-8")
    (contracts / "released.json").write_text('{"careplan.goals.agreed/1.0.json": "0"}', "utf-8")
    one = Published(contracts).types["careplan.goals.agreed.v1"]
    assert [(v.number, v.is_published, v.adds) for v in one.versions] == [
        ("1.0", True, ()),
        ("1.1", False, ("colour",)),
    ]
    assert one.version == "1.1"


def test_it_is_written_over_itself_and_over_nothing_else(
    published: Published, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "left-over.html").touch()
    write(published, site)
    assert not (site / "left-over.html").exists()
    (tmp_path / "mine.txt").touch()
    with pytest.raises(NotOurs):
        write(published, tmp_path)
    assert (tmp_path / "mine.txt").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["--to", str(tmp_path)])
    assert "holds something else" in capsys.readouterr().err


def test_one_that_was_ended_half_way_is_written_again(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "new" / "site"
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_text", ended)
            with pytest.raises(KeyboardInterrupt):
                write(published, folder)
    write(published, folder)
    assert (folder / "catalogue.js").is_file()
