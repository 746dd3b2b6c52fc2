"""The newest version of a contract is taken by number, wherever one is taken."""

from pathlib import Path

from services.goals.section import SECTION
from shared.chassis.kafka.event_message import EventPublisher
from shared.contracts.generate import versions_in

AGREED = "careplan.goals.agreed"


def test_1_10_comes_after_1_9(tmp_path: Path) -> None:
    folder = tmp_path / AGREED
    folder.mkdir()
    for version in ("1.9", "1.10", "1.2", "2.0"):
        (folder / f"{version}.json").write_text("{}")
    (folder / "notes.json").write_text("{}")
    assert versions_in(folder) == [(1, 2), (1, 9), (1, 10), (2, 0)]
    published = EventPublisher(SECTION, tmp_path)._facts[f"{AGREED}.v1"]
    assert published.schema[1] == b"urn:careplan:contract:careplan.goals.agreed:1.10"
