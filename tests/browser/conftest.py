"""A real Chromium that is installed, and a viewer for it to open."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.recorded_apis import RecordedApis
from tests.browser.serving import served

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# Playwright keeps an event loop running in this thread for as long as it is open, and no other test
# could begin one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium, from ``CHROMIUM`` or the path; without one every test here is skipped, loudly."""
    named = os.environ.get("CHROMIUM", "")
    path = named or next((found for name in _NAMES if (found := shutil.which(name))), "")
    if not path:
        pytest.skip(
            "NO SCREEN WAS TESTED: there is no Chromium here. Install one (Debian and Ubuntu: "
            "apt-get install chromium), or name it in CHROMIUM."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def apis() -> RecordedApis:
    """The APIs, as they answered once."""
    return RecordedApis()


@pytest.fixture
def address(apis: RecordedApis, tmp_path: Path) -> Iterator[str]:
    """Where the viewer is."""
    with served(apis, tmp_path) as url:
        yield url
