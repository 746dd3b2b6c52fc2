"""The viewer with the APIs as they answered once, and a client that asks it for pages."""

from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.browser.recorded_apis import RecordedApis
from tests.browser.serving import viewer


@pytest.fixture
def apis() -> RecordedApis:
    return RecordedApis()


@pytest_asyncio.fixture
async def browser(apis: RecordedApis, tmp_path: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(viewer(apis, tmp_path))
    return httpx.AsyncClient(transport=transport, base_url="http://viewer")
