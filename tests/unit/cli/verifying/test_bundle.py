"""A bundle is what the audit packs, and whatever is changed in it is found."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.audit.queries.bundle import README, packed
from services.audit.record.commitment import GROUPS
from shared.cli import verify
from tests.unit.cli.verifying.honest import HONEST, POLICY, STRANGER, Log, b64

SIZE = 300
PLACES = (299, 7, 0, 128)
ALONE = ("hdr", "time", "subject")
Files = dict[str, bytes]


def made(size: int = SIZE, shows: tuple[str, ...] = GROUPS, log: Log = HONEST) -> bytes:
    records = []
    for idx in PLACES:
        told = log.record(idx, size, shows)
        hashes = told.pop("proof")["hashes"]
        del told["record"]
        records.append({**told, "hashes": hashes})
    manifest = {"q": "operation:read", "within": None, "record_id": "a-1", "size": size,
                "root": b64(log.root(size))}  # fmt: skip
    return packed(records, log.checkpoint(size), manifest)


BUNDLE = made()


def files_of(bundle: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, again: str | None = None) -> bytes:
    packed_ = io.BytesIO()
    with zipfile.ZipFile(packed_, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if again is not None:
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr(again, files[again])
    return packed_.getvalue()


def rehashed(files: Files) -> Files:
    """With a manifest that names what is there: whoever changes one changes the other."""
    manifest = json.loads(files["manifest.json"])
    others = {name: content for name, content in files.items() if name != "manifest.json"}
    manifest["files"] = {name: sha256(content).hexdigest() for name, content in others.items()}
    return {**others, "manifest.json": json.dumps(manifest).encode()}


def changed(how: Callable[[Files], Any], bundle: bytes = BUNDLE) -> bytes:
    files = files_of(bundle)
    how(files)
    return zipped(rehashed(files))


@pytest.fixture
def checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    (tmp_path / "policy").write_text(str(POLICY))

    def check(bundle: bytes, policy: str | None = None) -> tuple[int, str]:
        (tmp_path / "b.zip").write_bytes(bundle)
        if policy is not None:
            (tmp_path / "policy").write_text(policy)
        words = ["bundle", str(tmp_path / "b.zip"), "--policy", str(tmp_path / "policy")]
        code = verify.main(words)
        return code, capsys.readouterr().out

    return check


def test_an_honest_bundle_is_ok_whole_or_with_groups_withheld(checked: Any) -> None:
    assert checked(BUNDLE) == (
        0, "ok bundle records=4 size=300 witnesses=2 revealed=48/48\n",
    )  # fmt: skip
    assert checked(made(shows=ALONE))[1] == (
        "ok bundle records=4 size=300 witnesses=2 revealed=12/48\n"
    )


def test_the_same_records_of_the_same_log_are_the_same_bytes() -> None:
    assert made() == BUNDLE
    assert [one.filename for one in zipfile.ZipFile(io.BytesIO(BUNDLE)).infolist()] == [
        "README.txt", "checkpoint", "manifest.json", "records.ndjson", "report.csv",
    ]  # fmt: skip


def test_its_table_is_for_people() -> None:
    head, first, *_ = files_of(BUNDLE)["report.csv"].decode().split("\r\n")
    assert head.startswith("idx,logged_at,recorded_at,kind,type,code,actor_id,name,role,")
    assert first.startswith("0,2026-11-24T08:00:00.25Z,")
    assert "Dr A. Quill-Synth,gp,ZZG01,direct-care" in first
    assert "goals needs" in first


def lines_of(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["records.ndjson"].splitlines()]


def put(files: Files, lines: list[Any]) -> None:
    files["records.ndjson"] = b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def dropped(files: Files) -> None:
    put(files, lines_of(files)[1:])


def reordered(files: Files) -> None:
    put(files, lines_of(files)[::-1])


def repeated(files: Files) -> None:
    lines = lines_of(files)
    put(files, [*lines, lines[-1]])


def cut(files: Files) -> None:
    files["records.ndjson"] = files["records.ndjson"][:-1]


def moved(files: Files) -> None:
    lines = lines_of(files)
    lines[0]["idx"] = 1
    put(files, lines)


def renamed(files: Files) -> None:
    files["records.ndjson"] = files["records.ndjson"].replace(b"Quill-Synth", b"Quell-Synth")


def retold(files: Files) -> None:
    files["report.csv"] = files["report.csv"].replace(b"direct-care", b"emergency", 1)


def reworded(files: Files) -> None:
    files["README.txt"] += b"Trust us.\n"


def resized(files: Files) -> None:
    files["checkpoint"] = HONEST.checkpoint(SIZE - 1).encode()


def claimed(**told: Any) -> Callable[[Files], None]:
    def how(files: Files) -> None:
        manifest = json.loads(files["manifest.json"])
        files["manifest.json"] = json.dumps({**manifest, **told}).encode()

    return how


@pytest.mark.parametrize(
    ("how", "code", "says"),
    [
        (dropped, 1, "4 records, and there are 3"),
        (reordered, 3, "not in order"),
        (repeated, 3, "not in order"),
        (cut, 3, "cut off"),
        (moved, 1, "not in this log at this place"),
        (renamed, 1, "not those that the log committed to"),
        (retold, 1, "the table does not say"),
        (reworded, 4, "README.txt"),
        (resized, 1, "another log than the checkpoint"),
        (claimed(records=5), 1, "5 records"),
        (claimed(root=b64(bytes(32))), 1, "another log"),
        (claimed(format="careplan-audit-bundle/v2"), 3, "format"),
        (claimed(more=1), 4, "other members"),
    ],
)
def test_what_is_changed_in_a_bundle_is_found(
    checked: Any, how: Callable[[Files], None], code: int, says: str
) -> None:
    found, line = checked(changed(how))
    assert (found, says in line) == (code, True), line


def test_a_bundle_signed_by_others_or_by_too_few_is_not_ok(checked: Any) -> None:
    other = Log(HONEST.leaves, STRANGER)
    assert checked(made(log=other))[0] == 2
    few = Log(HONEST.leaves, witnesses=())
    assert checked(made(log=few))[0] == 4


def test_a_zip_that_is_more_than_a_bundle_is_refused(checked: Any) -> None:
    files = files_of(BUNDLE)
    manifest = rehashed(files)
    for bundle in (
        zipped({**manifest, "more.txt": b"x"}),
        zipped({**manifest, "../checkpoint": b"x"}),
        zipped({name: told for name, told in manifest.items() if name != "report.csv"}),
        zipped(manifest, again="checkpoint"),
        b"x" + BUNDLE,
        BUNDLE + b"x",
        BUNDLE[: len(BUNDLE) // 2],
        b"PK\x03\x04",
        b"",
    ):
        code, line = checked(bundle)
        assert code == 3, line


def with_a_file_behind_the_others(bundle: bytes = BUNDLE) -> bytes:
    """The directory does not name it, and who reads a zip from its beginning unpacks it."""
    at, more = bundle.index(b"PK\1\2"), b"idx\r\n1\r\n"
    head = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 33, zlib.crc32(more), len(more), len(more), 10, 0
    )
    between = head + b"report.csv" + more
    moved = (at + len(between)).to_bytes(4, "little")
    return bundle[:at] + between + bundle[at:-6] + moved + bundle[-2:]


def with_more_than_the_directory_says(name: str = "report.csv") -> bytes:
    """Who reads a zip from its directory finds the table, and others the table with a row more."""
    files = rehashed(files_of(BUNDLE))
    longer = bytearray(zipped({**files, name: files[name] + b"1\r\n"}))
    at = longer.index(b"PK\1\2")
    while longer[at + 46 : at + 46 + len(name)] != name.encode():
        at = longer.index(b"PK\1\2", at + 4)
    longer[at + 16 : at + 20] = zlib.crc32(files[name]).to_bytes(4, "little")
    longer[at + 24 : at + 28] = len(files[name]).to_bytes(4, "little")
    return bytes(longer)


def packed_otherwise() -> bytes:
    """By another method, with bytes that are none of it, and no flag that says so."""
    spoilt = io.BytesIO()
    with zipfile.ZipFile(spoilt, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in rehashed(files_of(BUNDLE)).items():
            archive.writestr(name, content)
        members = archive.infolist()
    raw = bytearray(spoilt.getvalue())
    for one in members:
        raw[one.header_offset + 6] = 0
        begin = one.header_offset + 30 + len(one.filename)
        raw[begin + 9 : begin + 12] = b"\x99\xff\x55"
    at = raw.find(b"PK\1\2")
    while at >= 0:
        raw[at + 8] = 0
        at = raw.find(b"PK\1\2", at + 4)
    return bytes(raw)


def with_a_link() -> bytes:
    made_ = io.BytesIO()
    with zipfile.ZipFile(made_, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in rehashed(files_of(BUNDLE)).items():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (0o120777 if name == "report.csv" else 0o100644) << 16
            archive.writestr(member, content)
    return made_.getvalue()


@pytest.mark.parametrize(
    "made_",
    [
        with_a_file_behind_the_others,
        with_more_than_the_directory_says,
        packed_otherwise,
        with_a_link,
    ],
)
def test_a_zip_that_others_could_unpack_to_something_else_is_refused(
    checked: Any, made_: Callable[[], bytes]
) -> None:
    bundle = made_()
    assert zipfile.ZipFile(io.BytesIO(bundle)).namelist()
    code, line = checked(bundle)
    assert code == 3, line


def test_a_zip_that_unpacks_to_too_much_is_refused(
    checked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_LARGEST_FILE", sum(map(len, files_of(BUNDLE).values())) - 1)
    code, line = checked(BUNDLE)
    assert (code, "larger than" in line) == (3, True)


def test_whatever_byte_of_a_file_is_changed_the_bundle_is_not_ok(checked: Any) -> None:
    random = Random(7)  # noqa: S311 - places to change
    files = files_of(BUNDLE)
    for _ in range(300):
        name = random.choice([*files])
        content = bytearray(files[name])
        place = random.randrange(len(content))
        content[place] ^= 1 << random.randrange(7)
        tampered = {**files, name: bytes(content)}
        given = tampered if name == "manifest.json" else rehashed(tampered)
        code, line = checked(zipped(given))
        is_claim = name == "manifest.json" and code == 0
        told = json.loads(bytes(content)) if is_claim else {}
        # What was asked is a claim of whoever packed it, and nothing proves it.
        claims = {"q", "within", "record_id"}
        honest = json.loads(files["manifest.json"])
        assert code != 0 or any(told.get(one) != honest[one] for one in claims), line


def test_the_verifier_knows_the_text_that_a_bundle_brings_along() -> None:
    assert sha256(README.encode()).hexdigest() in verify._READMES
