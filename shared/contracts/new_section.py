"""``make new-section NAME=medication``: the folder of a section that runs as it is."""

import argparse
import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import Final

import shared.ledger
from shared.contracts import discover
from shared.ledger.section import TAKEN_NAMES

ROOT: Final = Path(__file__).resolve().parents[2]

_NAME: Final = re.compile(r"[a-z]+(_[a-z]+)*")
_LONGEST: Final = 40
_TEMPLATES: Final = Path(__file__).with_name("templates")
_OF_THE_SECTION: Final = ("domain.py", "section.py", "examples.py", "README.md")


class NameTaken(Exception):
    """No section can have this name; the text says why."""


def files_of(name: str) -> dict[str, str]:
    """What is written, by path below the root; ``NameTaken`` where the name will not do."""
    words = _words(name)
    class_name = "".join(word.capitalize() for word in words)
    _must_be_free(name, class_name)
    known = {
        "name": name,
        "wire": name.replace("_", "-"),
        "entry": class_name,
        "title": name.replace("_", " ").capitalize(),
        "code": "-".join(words),
    }
    return {path: Template(text).substitute(known) for path, text in _paths(name).items()}


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write the folder and its test; nothing that is there is written over."""
    texts = {root / path: text for path, text in files_of(name).items()}
    there = [path for path in texts if path.exists()]
    if there:
        raise NameTaken(f"{there[0].relative_to(root)} is there already")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _words(name: str) -> list[str]:
    if not _NAME.fullmatch(name) or not 1 < len(name) <= _LONGEST:
        raise NameTaken(
            f"{name!r}: a name is lower-case words joined by _, at most {_LONGEST} long"
        )
    *first, last = name.split("_")
    # The entry bears the section's name, so that its events do not say it twice.
    is_plural = last.endswith("s") and not last.endswith("ss") and len(last) > len("is")
    return [*first, last[:-1] if is_plural else last]


def _must_be_free(name: str, class_name: str) -> None:
    if name in TAKEN_NAMES:
        raise NameTaken(f"{name!r} is taken on Kafka")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise NameTaken(f"{name!r} is a word of Python")
    if class_name in shared.ledger.__all__:
        raise NameTaken(f"{class_name!r} is a word of the ledger")
    if name in discover.services():
        raise NameTaken(f"services/{name} is there already")


def _paths(name: str) -> dict[str, str]:
    return {
        f"services/{name}/__init__.py": '"""The $name service."""\n',
        **{f"services/{name}/{file}": _template(file) for file in _OF_THE_SECTION},
        f"tests/unit/{name}/test_domain.py": _template("test_domain.py"),
    }


def _template(file: str) -> str:
    return (_TEMPLATES / f"{file}.template").read_text(encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the folder, and say what comes next."""
    parser = argparse.ArgumentParser(description="Write the folder of a new section.")
    parser.add_argument("name", help="lower-case words joined by _: medication, daily_life")
    name = parser.parse_args(arguments).name
    try:
        written = write(name)
    except NameTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in written:
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    sys.stdout.write(
        "\nIt runs as it is: make contracts, then make run. Its own words go into domain.py.\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
