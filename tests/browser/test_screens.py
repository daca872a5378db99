"""The pictures in docs/screens: every scene at both widths, and few colours that change nothing which can be seen."""

from __future__ import annotations

import base64
import io
import struct

from playwright.async_api import Page

from tests.browser.palette import COLOURS, in_few_colours
from tests.browser.screens import FOLDER, SIZES

SCREENS = {"sign-in", "queue", "item", "note", "patient", "charts", "doses", "record", "time", "contacts", "people", "rota", "who"}
SCREENS |= {"hand-over", "oncall", "supervisor", "admin", "audit", "flows", "flow", "drawing", "phones", "player"}
SCREENS |= {"walk-queue", "walk-why", "walk-note", "walk-hand-over", "walk-open"}
_PIXEL = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const context = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height }).getContext("2d");
  context.drawImage(image, 0, 0);
  return [[5, 5], [50, 50], [150, 50]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]);
}"""


def test_every_screen_is_there_at_both_widths() -> None:
    assert {path.name for path in FOLDER.glob("*.png")} == {f"{name}-{width}.png" for name in SCREENS for width, _ in SIZES}
    for path in FOLDER.glob("*.png"):
        width, _ = struct.unpack(">II", path.read_bytes()[16:24])
        assert path.stem.endswith(f"-{width}")


async def test_a_picture_keeps_its_colours_and_gets_smaller(page: Page) -> None:
    await page.set_viewport_size({"width": 300, "height": 200})
    await page.set_content(
        "<style>body { margin: 0; background: #0b5563 } div { position: absolute }"
        "#box { left: 40px; top: 40px; width: 60px; height: 60px; background: #ffbf00 }"
        "#sky { left: 120px; top: 0; width: 180px; height: 200px; background: linear-gradient(#123456, #fedcba) }</style>"
        "<div id=box></div><div id=sky></div>"
    )
    before = await page.screenshot()
    after = await in_few_colours(page, before)
    assert _palette_entries(after) <= COLOURS
    corner, box, gradient = await page.evaluate(_PIXEL, _base64(after))
    assert corner == [0x0B, 0x55, 0x63]
    assert box == [0xFF, 0xBF, 0x00]
    exact = (await page.evaluate(_PIXEL, _base64(before)))[2]
    assert max(abs(one - other) for one, other in zip(gradient, exact, strict=True)) <= 4
    assert len(after) < len(before)


def _palette_entries(png: bytes) -> int:
    stream = io.BytesIO(png[8:])
    while head := stream.read(8):
        length, name = struct.unpack(">I4s", head)
        body = stream.read(length + 4)[:-4]
        if name == b"PLTE":
            return len(body) // 3
    raise AssertionError("no palette")


def _base64(png: bytes) -> str:
    return base64.b64encode(png).decode()
