"""What axe finds wrong on a page, by the rules that every page here keeps."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {
    "resultTypes": ["violations"],  # of what passes it names one node each
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


def broken_rules(page: Page, **options: Any) -> list[str]:
    """Each rule that the page breaks, with the first element that does."""
    found = Axe().run(page, options=_RULES | options).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]
