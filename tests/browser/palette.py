"""Screenshots small enough to travel: the same picture in at most 256 colours, which is all that text on plain ground needs."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

COLOURS = 256
_DECODE = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  const reader = new FileReader();
  const read = new Promise((done) => { reader.onload = done; });
  reader.readAsDataURL(new Blob([bytes]));
  await read;
  return [image.width, image.height, reader.result.slice(reader.result.indexOf(",") + 1)];
}"""


async def in_few_colours(page: Page, png: bytes) -> bytes:
    """The PNG with a palette. `page` is an empty one of the browser, which reads the pixels."""
    width, height, pixels = await page.evaluate(_DECODE, base64.b64encode(png).decode())
    rgb = np.frombuffer(base64.b64decode(pixels), dtype=np.uint8).reshape(height * width, 4)[:, :3]
    palette, places = _reduce(rgb)
    return _write(width, height, palette, places.reshape(height, width))


def _reduce(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The commonest 256 colours, and for each pixel the place of the one that is nearest."""
    packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    found, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16 & 255, found >> 8 & 255, found & 255], axis=1).astype(np.int32)
    kept = colours[np.argsort(counts)[::-1][:COLOURS]]
    nearest = np.array([((kept - colour) ** 2).sum(axis=1).argmin() for colour in colours], dtype=np.uint8)
    return kept.astype(np.uint8), nearest[places.ravel()]


def _write(width: int, height: int, palette: NDArray[np.uint8], places: NDArray[Any]) -> bytes:
    rows = np.hstack([np.zeros((height, 1), dtype=np.uint8), places]).tobytes()  # a 0 before each row: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
