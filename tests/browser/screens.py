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
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from service.demo.run import Demo
from tests.browser.conftest import ARGUMENTS
from tests.browser.palette import in_few_colours
from tests.demo.running import running_demo

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
            await browser.close()


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
    page = camera.page
    await page.goto(f"{demo.address}/sign-in")
    await page.get_by_label("E-mail address").fill("nora@example.org")
    await camera.shoot("sign-in")
    await page.get_by_label("Password").fill(demo.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/queue")


async def _queue_and_item(camera: Camera, demo: Demo) -> None:
    await camera.page.goto(f"{demo.address}/queue")
    await camera.shoot("queue")
    await camera.page.get_by_role("link", name="Ben Brooks").click()
    await camera.page.wait_for_url("**/items/*")
    await camera.shoot("item")


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


SCENES: tuple[Callable[[Camera, Demo], Awaitable[None]], ...] = (_sign_in, _queue_and_item, _phones, _flow, _player)

if __name__ == "__main__":
    asyncio.run(main())
