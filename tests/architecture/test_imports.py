"""Who may import whom: import-linter's contracts, and a list of what a domain may know."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER = sorted((ROOT / "shared/ledger").rglob("*.py"))
PURE = ("*/domain.py", "*/domain/*.py", "plan/fold/*.py", "audit/record/*.py")
DOMAINS = sorted(path for pattern in PURE for path in (ROOT / "services").glob(pattern))
MAY_BE_KNOWN = ("eventsourcing", "shared.ledger")


def test_layers_hold() -> None:
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("path", [*LEDGER, *DOMAINS], ids=lambda path: str(path.relative_to(ROOT)))
def test_domain_and_ledger_know_only_what_is_on_the_list(path: Path) -> None:
    own_package = ".".join(path.relative_to(ROOT).parts[:2])
    foreign = [
        name for name in imported_by(path.read_text("utf-8")) if not known(name, own_package)
    ]
    assert not foreign, (
        f"{path.relative_to(ROOT)} imports {', '.join(foreign)}. A domain is pure: it may know the"
        f" standard library, {' and '.join(MAY_BE_KNOWN)}. A framework belongs in a door."
    )


def test_the_list_catches_a_planted_framework() -> None:
    planted = "import pydantic\nfrom services.needs.domain import Need\nimport json\n"
    found = [name for name in imported_by(planted) if not known(name, "services.goals")]
    assert found == ["pydantic", "services.needs.domain"]


def known(name: str, own_package: str) -> bool:
    allowed = (*MAY_BE_KNOWN, own_package)
    return name.partition(".")[0] in sys.stdlib_module_names or any(
        name == known_name or name.startswith(f"{known_name}.") for known_name in allowed
    )


def imported_by(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
