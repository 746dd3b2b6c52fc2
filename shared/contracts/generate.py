"""From the declarations to ``contracts/``: what is written, and what may not be.

A version that is named in ``released.json`` is never written again; a further field makes the
next minor. A version not yet released is a draft: it is written over, but a difference that would
break somebody is refused unless the draft is redone on purpose (``--redraft``).
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from shared.contracts import discover, known, topic_files
from shared.contracts.documents import asyncapi, openapi
from shared.contracts.envelopes.parts import Schema
from shared.contracts.examples.corpus import Corpus, corpus_of
from shared.contracts.gate.compat import breaks
from shared.contracts.gate.judging import broken
from shared.contracts.gate.sentences import WAY_OUT, Break
from shared.contracts.schemas import name_and_major, schemas
from shared.ledger import Section
from shared.ledger.text import CAN_BE_SEEN

CONTRACTS: Final = Path(__file__).resolve().parents[2] / "contracts"
RELEASED: Final = "released.json"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.json")
# From U+00A0 on, where no quote, blank or line break of JSON itself stands.
_UNSEEN: Final = re.compile(f"(?=[\u00a0-\U0010ffff])(?!{CAN_BE_SEEN})(?s:.)")
_WHOLLY_OURS: Final = ("topics", "openapi", "inbox")

Version = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Generated:
    """What the declarations say now: schemas by type, and every other file by its path."""

    sections: tuple[Section, ...]
    schemas: Mapping[str, Schema]
    corpus: Corpus

    @cached_property
    def _texts(self) -> dict[str, str]:
        """What names no version of a schema: examples, histories and topics."""
        examples = {path: as_text(value) for path, value in self.corpus.files().items()}
        return {**examples, **topic_files.files(section.name for section in self.sections)}

    def files(self, versions: Mapping[str, Version]) -> dict[str, str]:
        """Everything besides the schemas; some of it names their newest versions."""
        named = {type_: _path(type_, version) for type_, version in versions.items()}
        return {
            **self._texts,
            **_openapi_texts(tuple(named.items())),
            "asyncapi.json": self._asyncapi_text(tuple(named.items())),
        }

    @cache  # noqa: B019 - there is one in a process, and it lasts as long
    def schema_text(self, type_: str, version: Version) -> str:
        """The schema of a type as its file has it."""
        name, _ = name_and_major(type_)
        identity = {"$schema": DIALECT, "$id": f"urn:careplan:contract:{name}:{_number(version)}"}
        return as_text({**identity, **self.schemas[type_]})

    @cache  # noqa: B019
    def _asyncapi_text(self, named: tuple[tuple[str, str], ...]) -> str:
        return as_text(asyncapi.document(self.sections, dict(named), self.corpus.sent.values()))


def generated_from(sections: Iterable[Section]) -> Generated:
    """Everything that these sections declare, in memory."""
    declared = tuple(sections)
    return Generated(declared, schemas(declared), corpus_of(declared))


@cache
def generated() -> Generated:
    """Everything, in memory; what is declared does not change while a process runs."""
    return generated_from(discover.sections())


def write(
    folder: Path = CONTRACTS, *, redraft: bool = False, now: Generated | None = None
) -> list[str]:
    """Write ``contracts/``; what is refused is returned, and then nothing was written."""
    now = now or generated()
    refused = list(now.corpus.broken)
    texts: dict[str, str] = {}
    newest: dict[str, Version] = {}
    released = _released(folder)
    for type_ in now.schemas:
        committed = _versions_of(folder, type_)
        kept = [v for v in committed if not redraft or _path(type_, v) in released]
        for version in kept:
            refused += _breaks(folder, now, type_, version)
        newest[type_] = _next(folder, now, type_, kept, released)
        texts[_path(type_, newest[type_])] = now.schema_text(type_, newest[type_])
    refused += _gone(folder, now, released if redraft else None)
    named = now.files(newest)
    refused += broken(folder, now.sections, now.schemas, named, only_released=redraft)
    if refused:
        return refused
    wanted = {**texts, **_beside(released, named)}
    if redraft:
        _remove_drafts(folder, released)
    for path in _stale(folder, wanted):
        (folder / path).unlink()
    for path, text in wanted.items():
        target = folder / path
        if any(_differs(folder, path, text)):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return []


def release(folder: Path = CONTRACTS) -> None:
    """Name every schema, example and history as published: from now on it is as it is."""
    kept = sorted([*folder.glob("careplan.*/**/*.json"), *folder.glob("histories/*.json")])
    named = {path.relative_to(folder).as_posix(): _digest(path) for path in kept}
    (folder / RELEASED).write_text(as_text(named), encoding="utf-8")


def problems_with_committed(folder: Path = CONTRACTS, now: Generated | None = None) -> list[str]:
    """Where ``contracts/`` is not what the declarations say, or where these break somebody."""
    found = known.problems_with_committed(discover.sections()) if now is None else []
    now = now or generated()
    newest: dict[str, Version] = {}
    for type_ in now.schemas:
        committed = _versions_of(folder, type_)
        if not committed:
            found.append(f"{type_}: there is no schema yet; run make contracts")
            continue
        newest[type_] = committed[-1]
        breaking = [b for version in committed for b in _breaks(folder, now, type_, version)]
        path = _path(type_, committed[-1])
        found += breaking or _differs(folder, path, now.schema_text(type_, committed[-1]))
    found += [*_gone(folder, now, None), *now.corpus.broken, *_edited(folder)]
    if found:
        return found
    # The other files follow from the schemas and examples: not worth a line each before these.
    files = now.files(newest)
    found += broken(folder, now.sections, now.schemas, files)
    return found or list(_other_differences(folder, files))


def _edited(folder: Path) -> Iterator[str]:
    for path, digest in _released(folder).items():
        if not (folder / path).is_file() or _digest(folder / path) != digest:
            yield f"{path}: it is published and was edited; restore it"


def _other_differences(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    wanted = _beside(_released(folder), files)
    for path, text in wanted.items():
        yield from _differs(folder, path, text)
    for path in _stale(folder, wanted):
        yield f"{path}: nothing declares it; run make contracts"


def _stale(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Files in the folders that hold nothing else than what is generated."""
    there = (f"{ours}/{path.name}" for ours in _WHOLLY_OURS for path in (folder / ours).glob("*"))
    return sorted(path for path in there if path not in wanted)


@cache
def _openapi_texts(named: tuple[tuple[str, str], ...]) -> dict[str, str]:
    documents = openapi.files(dict(named))
    return {path: as_text(document) for path, document in documents.items()}


def as_text(value: Any) -> str:
    """JSON as it is committed: readable, and the same on every machine.

    A character that nobody could see stands as its escape.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _beside(released: Mapping[str, str], files: Mapping[str, str]) -> dict[str, str]:
    """An example that was published and is another now gets a name of its own beside it."""
    named: dict[str, str] = {}
    for path, text in files.items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        is_another = released.get(path, digest) != digest
        named[path.replace(".json", f"-{digest[:8]}.json") if is_another else path] = text
    return named


def _differs(folder: Path, path: str, text: str) -> Iterator[str]:
    target = folder / path
    if not target.is_file():
        yield f"{path}: it is not there; run make contracts"
    elif target.read_text(encoding="utf-8") != text:
        yield f"{path}: it is not what the declarations say; run make contracts"


def _breaks(folder: Path, now: Generated, type_: str, version: Version) -> Iterator[str]:
    path = _path(type_, version)
    text = (folder / path).read_text(encoding="utf-8")
    if text == now.schema_text(type_, version):
        return
    for one in breaks(json.loads(text), now.schemas[type_]):
        yield f"{path}: {one}"


def _gone(folder: Path, now: Generated, only: Mapping[str, str] | None) -> Iterator[str]:
    for name in _names(folder):
        published = [
            v for v in versions_in(folder / name) if only is None or _under(name, v) in only
        ]
        for type_ in sorted({f"{name}.v{major}" for major, _ in published} - now.schemas.keys()):
            yield f"{type_}: {Break('', 'type-removed', 'nothing declares it any more').said}"


def _next(
    folder: Path, now: Generated, type_: str, kept: list[Version], released: Mapping[str, str]
) -> Version:
    if not kept:
        return (name_and_major(type_)[1], 0)
    major, minor = kept[-1]
    path = _path(type_, kept[-1])
    same = (folder / path).read_text(encoding="utf-8") == now.schema_text(type_, kept[-1])
    return (major, minor) if same or path not in released else (major, minor + 1)


def _remove_drafts(folder: Path, released: Mapping[str, str]) -> None:
    for name in _names(folder):
        for path in sorted((folder / name).rglob("*"), reverse=True):  # a folder after its files
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(folder).as_posix() not in released:
                path.unlink()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("careplan.*") if path.is_dir())


def versions_in(folder: Path) -> list[Version]:
    """The versions of a schema by number, the newest last: 1.10 comes after 1.9."""
    found = (_VERSION.fullmatch(path.name) for path in folder.glob("*.json"))
    return sorted((int(match[1]), int(match[2])) for match in found if match)


def _versions_of(folder: Path, type_: str) -> list[Version]:
    name, major = name_and_major(type_)
    return [version for version in versions_in(folder / name) if version[0] == major]


def _path(type_: str, version: Version) -> str:
    return _under(name_and_major(type_)[0], version)


def _under(name: str, version: Version) -> str:
    return f"{name}/{_number(version)}.json"


def _number(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _released(folder: Path) -> dict[str, str]:
    path = folder / RELEASED
    named: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return named


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """``make contracts``."""
    parser = argparse.ArgumentParser(description="Write contracts/ from the declarations.")
    parser.add_argument("--redraft", action="store_true", help="begin unreleased versions anew")
    parser.add_argument("--release", action="store_true", help="name all versions as published")
    given = parser.parse_args(arguments)
    known.write(discover.sections())  # contracts of commands that name fields follow from it
    refused = write(redraft=given.redraft)
    if refused:
        sys.stderr.write("\n".join(refused))
        sys.stderr.write(f"\n{len(refused)} would break somebody. {WAY_OUT}\n")
        sys.stderr.write("Where none of it was ever published: --redraft.\n")
        return 1
    if given.release:
        release()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
