"""Pictures of the program for people who have not run it: docs/screens/<screen>-<width>.png, made from a running demo.

    .venv/bin/python -m tests.browser.screens      (make screenshots)

Every picture shows the real page, and the terminal player's real output. Needs Chromium, found as the browser tests find it.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright, expect

from service.clock import SystemClock
from service.db.database import Database
from service.db.migrate import upgrade
from service.demo.run import Demo
from tests.browser.conftest import ARGUMENTS
from tests.browser.palette import in_few_colours
from tests.browser.walk_through import sixty_items, walk
from tests.demo.running import running_demo
from tests.seed import KEYRING, PASSWORD, seed_clinic
from tests.web.conftest import make_app

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
SIZES = ((1280, 900), (390, 844))
MOST_BYTES = 150_000
BEN, CHI = "#phone-12025550102", "#phone-12025550103"
FLOW = "heart_failure/daily"
GIVEN = "{weights: {24 h: 199.6, 3 d: 198.8, 7 d: 199}}"
PLAYED = ("203.5", "a bit worse, I needed 3 pillows last night", "I ran out of them on Monday", "/case pillows")
TERMINAL = {1280: (14, 146), 390: (12, 50)}
"""Size of letters (px) and columns, by the width of the window."""


class Camera:
    """One size of the browser's window; `shoot` writes a picture in few colours and refuses one that is too large."""

    def __init__(self, page: Page, desk: Page, width: int) -> None:
        """`desk`: an empty page, on which pictures are worked."""
        self.page, self.width, self._desk = page, width, desk

    async def shoot(self, name: str, selector: str = "", *, above: int = 12) -> None:
        """What the window shows, from a little above `selector` on."""
        if selector:
            await self.page.locator(selector).first.evaluate(f"(here) => scrollTo(0, here.getBoundingClientRect().top + scrollY - {above})")
        picture = await in_few_colours(self._desk, await self.page.screenshot(animations="disabled", caret="hide"))
        path = FOLDER / f"{name}-{self.width}.png"
        if len(picture) > MOST_BYTES:
            raise SystemExit(f"{path.name} has {len(picture)} bytes, more than {MOST_BYTES}: show less of it")
        path.write_bytes(picture)
        print(f"{path.name:28} {len(picture) / 1000:6.0f} kB")


async def main() -> None:
    """Takes every picture at both widths; the conversations are held once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("There is no Chromium: install it, or set CHROMIUM to its path.")
    with tempfile.TemporaryDirectory(prefix="rounds-screens-") as folder:
        async with running_demo(Path(folder)) as demo, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            desk = await browser.new_page()
            await _talk(browser, demo)
            for width, height in SIZES:
                context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-US", reduced_motion="reduce")
                camera = Camera(await context.new_page(), desk, width)
                for scene in SCENES:
                    await scene(camera, demo)
                await context.close()
                await _walk(browser, desk, Path(folder) / f"{width}.sqlite3", width, height)
            await browser.close()


async def _walk(browser: Browser, desk: Page, path: Path, width: int, height: int) -> None:
    """The pictures of docs/walkthrough.md, and the trail that the walk has left."""
    url = f"sqlite+aiosqlite:///{path}"
    await upgrade(url)
    database = Database.open(url, KEYRING)
    clinic = await seed_clinic(database, datetime.now(UTC) - timedelta(hours=2))
    await sixty_items(database, clinic)
    size: Any = {"viewport": {"width": width, "height": height}, "locale": "en-US", "reduced_motion": "reduce"}
    async with TestServer(make_app(database, SystemClock())) as server:
        base = str(server.make_url("")).rstrip("/")
        nora, omar, abe = [await (await browser.new_context(**size)).new_page() for _ in range(3)]

        async def shoot(page: Page, name: str) -> None:
            await Camera(page, desk, width).shoot(name)

        await walk(nora, omar, base, clinic, shoot)
        await abe.goto(f"{base}/sign-in")
        await abe.get_by_label("E-mail address").fill(clinic.abe.email)
        await abe.get_by_label("Password").fill(PASSWORD)
        await abe.get_by_role("button", name="Sign in").click()
        await abe.wait_for_url(re.compile(r"/audit$"))
        await abe.goto(f"{base}/audit")
        await shoot(abe, "audit")
        for page in (nora, omar, abe):
            await page.context.close()
    await database.close()


async def _talk(browser: Browser, demo: Demo) -> None:
    """Chi reports by text. Ben leaves his texts unanswered, is called, and tells of a red flag; his call stays open."""
    page = await browser.new_page()
    await page.goto(f"{demo.address}/demo/phones")
    chi, ben = page.locator(CHI), page.locator(BEN)
    for phone in (chi, ben):
        await expect(phone.locator(".bubble-service .said-words").last).to_contain_text("Hello from", timeout=20_000)
    await chi.get_by_role("button", name="I skipped my water pill and my ankles are huge").click()
    hours = ben.get_by_role("button", name=re.compile("^Let hours pass"))
    await hours.click()
    await expect(ben.locator(".bubble-service .said-words").last).to_contain_text("has not heard from you", timeout=20_000)
    await hours.click()
    await ben.get_by_role("button", name="Answer as Ben Brooks").click(timeout=20_000)
    line = ben.locator(".phonecall .bubble-service .said-words").last
    await expect(line).to_contain_text("no more calls", timeout=10_000)
    for key in "1946":
        await ben.get_by_role("button", name=key, exact=True).click()
    await expect(line).to_contain_text("pound key", timeout=10_000)
    for words, answer in (("two hundred three point five", "harder to breathe"), ("I needed three pillows last night", "water pill")):
        await ben.get_by_label("What Ben Brooks says").fill(words)
        await ben.get_by_role("button", name="Say as Ben Brooks").click()
        await expect(ben.locator(".phonecall .bubbles")).to_contain_text(re.compile(answer), timeout=10_000)
    await page.close()


async def _sign_in(camera: Camera, demo: Demo) -> None:
    await _as(camera, demo, "nora@example.org", "sign-in")


async def _as(camera: Camera, demo: Demo, email: str, name: str = "") -> None:
    """Signs in as this member of staff, whoever was signed in before."""
    page = camera.page
    await page.context.clear_cookies()
    await page.goto(f"{demo.address}/sign-in")
    await page.get_by_label("E-mail address").fill(email)
    if name:
        await camera.shoot(name)
    await page.get_by_label("Password").fill(demo.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile(r"/(queue|flows|admin)$"))


async def _queue_and_item(camera: Camera, demo: Demo) -> None:
    await camera.page.goto(f"{demo.address}/queue")
    await camera.shoot("queue")
    await camera.page.goto(f"{demo.address}/queue?tab=team")
    await camera.page.locator("#rows").get_by_role("link", name="Ben Brooks", exact=True).click()
    await camera.page.wait_for_url("**/items/*")
    await camera.shoot("item")
    if await camera.page.get_by_role("button", name="Claim", exact=True).count():
        await camera.page.get_by_role("button", name="Claim", exact=True).click()
    await camera.shoot("note", "#close")


async def _patient(camera: Camera, demo: Demo) -> None:
    """The record of the patient whose item was just shown."""
    item = camera.page.url
    await camera.page.locator("#item-head h1 a").click()
    await camera.page.wait_for_url("**/patients/*")
    patient = camera.page.url.partition("?")[0]
    await camera.shoot("patient")
    for part in ("charts", "doses", "record", "time"):
        await camera.page.goto(f"{patient}/{part}")
        await camera.shoot(part)
    await camera.page.goto(item)


async def _shift(camera: Camera, demo: Demo) -> None:
    for path, name in (("/hand-over", "hand-over"), ("/oncall", "oncall")):
        await camera.page.goto(demo.address + path)
        await camera.shoot(name)


async def _others(camera: Camera, demo: Demo) -> None:
    """What a supervisor and an administrator see."""
    for email, path, name in (("sol", "/supervisor", "supervisor"), ("ada", "/admin", "admin")):
        await _as(camera, demo, f"{email}@example.org")
        await camera.page.goto(demo.address + path)
        await camera.shoot(name)


async def _contacts(camera: Camera, demo: Demo) -> None:
    """What is planned for the patient whose item was just shown, and whose numbers they are."""
    item = camera.page.url
    for link, name in (("Next contacts and consent", "contacts"), ("Numbers, relatives and carers", "people")):
        await camera.page.goto(item)
        await camera.page.get_by_role("link", name=link).click()
        await camera.page.wait_for_url(f"**/{name}")
        await camera.shoot(name)


async def _rota(camera: Camera, demo: Demo) -> None:
    await camera.page.goto(f"{demo.address}/rota")
    await camera.shoot("rota")
    await camera.page.get_by_role("link", name="Who would be called now?").click()
    await camera.page.wait_for_url("**/who?*")
    await camera.shoot("who")


async def _phones(camera: Camera, demo: Demo) -> None:
    await camera.page.goto(f"{demo.address}/demo/phones")
    await camera.shoot("phones", BEN)


async def _flow(camera: Camera, demo: Demo) -> None:
    await camera.page.goto(f"{demo.address}/flows")
    await camera.shoot("flows")
    await camera.page.goto(f"{demo.address}/flows/{FLOW}")
    await camera.shoot("flow")
    await camera.shoot("drawing", "#drawing")


async def _player(camera: Camera, demo: Demo) -> None:
    """The terminal player's output as it came, in a terminal as wide as the window."""
    size, columns = TERMINAL[camera.width]
    await camera.page.goto("about:blank")  # leaves the last page's Content-Security-Policy behind
    await camera.page.set_content(
        f"""<!doctype html><title>Terminal</title><style>
        body {{ margin: 0; background: #11181c; color: #e4eaed; }}
        pre {{ margin: 0; padding: 14px; font: {size}px/1.45 "DejaVu Sans Mono", monospace; }}
        pre {{ white-space: pre-wrap; }}
        b {{ color: #8fd3e0; font-weight: 400; }}
        </style><pre>{_coloured(await _play(columns))}</pre>"""
    )
    await camera.shoot("player")


def _coloured(output: str) -> str:
    """What was typed stands out; nothing else is changed."""
    lines = [
        f"<b>{html.escape(line)}</b>" if "  > " in line[:16] or line.startswith("$ ") else html.escape(line) for line in output.splitlines()
    ]
    return "\n".join(lines)


async def _play(columns: int) -> str:
    """One check-in in the terminal player, with the command that began it."""
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "service", "flows", "run", FLOW, "--given", GIVEN)
        environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1]), "COLUMNS": str(columns)}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=folder, env=environment)
        output, _ = await process.communicate("".join(f"{line}\n" for line in PLAYED).encode())
    if process.returncode:
        raise SystemExit(f"rounds flows run ended with {process.returncode}")
    return f'$ rounds flows run {FLOW} --given "{GIVEN}"\n{output.decode()}'


SCENES: tuple[Callable[[Camera, Demo], Awaitable[None]], ...] = (
    _sign_in,
    _queue_and_item,
    _patient,
    _contacts,
    _rota,
    _shift,
    _phones,
    _flow,
    _player,
    _others,
)

if __name__ == "__main__":
    asyncio.run(main())
