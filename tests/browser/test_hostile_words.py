"""What patients and colleagues write is only ever text, also when a page fetches it anew while it stands open."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import expect
from sqlalchemy import update

from service.db.database import Database, notify
from service.db.patient import patients
from tests.browser.conftest import OpenPage
from tests.browser.test_nurse_pages import sign_in
from tests.seed import Clinic, seed_item

HIT = "window.hit=1"
PAYLOADS = [
    f"<script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f"'\"><svg onload={HIT}>",
    f"</textarea></script><script>{HIT}</script>",
    f"<iframe srcdoc='<script>parent.{HIT}</script>'>",
    f'<a href="javascript:{HIT}" autofocus onfocus={HIT}>x</a>',
    f"<details open ontoggle={HIT}>",
    f"<math><mtext></p><style><img src=x onerror={HIT}>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example><button id=claim>x",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt; &amp; \u202eevitaler \u2066",
]
WORDS = " ".join(PAYLOADS)


@pytest.mark.parametrize("javascript", [True, False], ids=["live", "plain"])
async def test_hostile_words_in_texts_names_and_notes_are_shown_and_never_run(
    open_page: OpenPage, base: str, clinic: Clinic, database: Database, javascript: bool
) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(name=f"{PAYLOADS[1]} {PAYLOADS[2]}"))
    item_id = await seed_item(database, clinic.chi, datetime.now(UTC), words=WORDS, highlight=PAYLOADS[0], reason=PAYLOADS[1])
    page = await open_page(javascript=javascript)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await sign_in(page, base, clinic.nora)
    await page.goto(f"{base}/items/{item_id}")
    await expect(page.locator("mark").first).to_have_text(PAYLOADS[0])
    await page.get_by_role("button", name="Claim").first.click()
    await page.locator("textarea[name=note]").fill(WORDS)
    await page.get_by_role("button", name="note").first.click()
    await expect(page.get_by_text("{{ 7 * 7 }}{% raw %}").first).to_be_visible()
    if javascript:
        async with database.transaction() as connection:
            await connection.execute(update(patients).where(patients.c.id == clinic.chi.id).values(name=f"Chi {PAYLOADS[3]}"))
            await notify(connection, f"queue:{clinic.organization_id}")
        await page.goto(f"{base}/queue")
        assert await page.evaluate("window.hit") is None
    assert dialogs == []
    assert page.url.startswith(base)
    assert await page.locator("main script, main iframe, main svg[onload], main img, main form[action^=http], main meta").count() == 0
