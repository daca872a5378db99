"""What docs/walkthrough.md tells can be done, at both widths, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page

from service.db.database import Database
from tests.browser.conftest import OpenPage
from tests.browser.test_nurse_pages import SIZES
from tests.browser.walk_through import sixty_items, walk
from tests.seed import Clinic

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("width", "height", "plainly"), [*((*size, False) for size in SIZES), (*SIZES[0], True)])
async def test_who_has_never_seen_it_resolves_the_most_dangerous_of_sixty_and_hands_over_the_rest(
    open_page: OpenPage,
    base: str,
    clinic: Clinic,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    height: int,
    plainly: bool,
) -> None:
    """`plainly`: by keys alone, and without JavaScript."""
    if plainly:
        monkeypatch.setattr(Locator, "click", _enter)
        monkeypatch.setattr(Locator, "check", _space)
        monkeypatch.setattr(Locator, "select_option", _type)
    await sixty_items(database, clinic)
    nora = await open_page(width=width, height=height, javascript=not plainly, expect="status of 409")
    seen: list[str] = []

    async def shoot(_page: Page, name: str) -> None:
        seen.append(name)

    omar = await open_page(width=width, height=height, javascript=not plainly)
    assert await walk(nora, omar, base, clinic, shoot) == "Joy Ford"
    for page in (nora, omar):
        await page.goto("about:blank")  # else it asks on while the server ends
    assert set(seen) == set(re.findall(r"screens/(walk-[a-z-]+)-1280\.png", (DOCS / "walkthrough.md").read_text("utf-8")))


async def _enter(button: Locator) -> None:
    await button.press("Enter")


async def _space(box: Locator) -> None:
    await box.press("Space")
    assert await box.is_checked()


async def _type(choice: Locator, *, label: str) -> None:
    await choice.press_sequentially(label)
    assert await choice.locator("option:checked").inner_text() == label


def test_every_picture_of_the_walk_is_there() -> None:
    named = re.findall(r"\((screens/[\w-]+\.png)\)", (DOCS / "walkthrough.md").read_text("utf-8"))
    assert len(named) >= 5
    assert [name for name in named if not (DOCS / name).exists()] == []
