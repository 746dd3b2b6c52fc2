"""A log for each test, with a key of its own."""

from pathlib import Path

import pytest

from tests.component.audit.bench import Bench
from tests.component.audit.log.sealed import Log, made_key


@pytest.fixture
def log(bench: Bench, tmp_path: Path) -> Log:
    return Log(bench, made_key(tmp_path))
