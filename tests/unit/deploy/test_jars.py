"""The lock of the broker's jars, and what is done with a file that is not what it names."""

import hashlib
from pathlib import Path

import pytest

from deploy.local.processes.problem import Problem
from deploy.local.servers import jars
from deploy.local.servers.jars import LOCK, Jar, locked


def test_the_lock_names_every_jar_once_with_its_checksum() -> None:
    listed = locked(LOCK.read_text())
    assert len(listed) == 46
    assert len({jar.filename for jar in listed}) == 46
    assert all(len(jar.sha256) == 64 for jar in listed)
    assert "4.3.1" in {jar.version for jar in listed if jar.artifact == "kafka_2.13"}


def test_a_file_with_other_content_does_not_count_as_held(tmp_path: Path) -> None:
    jar = Jar("org.example", "thing", "1.0", hashlib.sha256(b"as it should be").hexdigest())
    assert not jars.held([jar], tmp_path)
    (tmp_path / jar.filename).write_bytes(b"as it sh")
    assert not jars.held([jar], tmp_path)
    (tmp_path / jar.filename).write_bytes(b"as it should be")
    assert jars.held([jar], tmp_path)


def test_a_damaged_download_is_tried_again_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = Jar("org.example", "thing", "1.0", "0" * 64)
    said: list[str] = []
    tries: list[Path] = []

    def damaged(_: Jar, own: Path, __: Path) -> str:
        tries.append(own)
        return "the download is damaged"

    monkeypatch.setattr(jars, "_try_to_obtain", damaged)
    with pytest.raises(Problem, match=r"thing 1\.0 could not be fetched"):
        jars.fetch([jar], tmp_path, said.append)
    assert len(set(tries)) == 3
    assert said.count("Kafka: thing: the download is damaged; trying again") == 2
