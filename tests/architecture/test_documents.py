"""What the documents name is there: a path in a text outlives the file that it was written for."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "services").rglob("*.md")),
)
NOT_YET = {"services/medication", "contracts/released.json", "goal.json"}
"""What a reader of the README makes, and what the first release makes."""

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_CODE = re.compile(r"`([^`\n]+)`")
_TOPS = ("benchmarks", "contracts", "deploy", "docs", "requirements", "services", "shared", "tests")
_FILE = re.compile(r"[\w./-]+\.(?:py|md|sql|toml|txt|yaml|json|c|lock)")
_MADE_LATER = re.compile(r"[<>{}*…]|NAME")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_is_there(document: Path) -> None:
    missing = sorted(set(missing_in(document.read_text("utf-8"), document.parent)))
    assert not missing, f"{document.relative_to(ROOT)} names what is not there: {missing}"


def test_the_check_notices_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    planted = (
        "[a](there.md) [b](gone.md#part) [c](https://example.org/x.md) `shared/nowhere`"
        " `nowhere.py` `shared/chassis/run.py` `run.py` `services/<name>/domain.py` `kafka/gone.py`"
    )
    found = sorted(missing_in(planted, tmp_path))
    assert found == ["gone.md", "kafka/gone.py", "nowhere.py", "shared/nowhere"]


def missing_in(text: str, folder: Path) -> Iterator[str]:
    """Links from the document's folder, paths from the root, and files by their last parts."""
    for link in _LINK.findall(text):
        if "://" not in link and not (folder / link).exists():
            yield link
    for code in _CODE.findall(text):
        if _MADE_LATER.search(code) or " " in code or "://" in code or code in NOT_YET:
            continue
        if code.partition("/")[0] in _TOPS and "/" in code:
            if not (ROOT / code).exists():
                yield code
        elif _FILE.fullmatch(code) and not any(f"/{path}".endswith(f"/{code}") for path in files()):
            yield code


@cache
def files() -> tuple[str, ...]:
    """Every file of the project, from its root."""
    tops = (path for top in _TOPS for path in (ROOT / top).rglob("*") if path.is_file())
    return tuple(str(path.relative_to(ROOT)) for path in (*tops, *ROOT.glob("*.*")))
