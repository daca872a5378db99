"""Style sheets and scripts, served under a path that holds their hash: what a browser has once it never asks for again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ico": "image/x-icon", ".png": "image/png"}


class StaticFiles:
    """Every file of the static folder with a known type, read once at start."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._paths: dict[str, str] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in TYPES:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:12]
                self._files[f"{digest}/{path.name}"] = (content, TYPES[path.suffix])
                self._paths[path.name] = f"/static/{digest}/{path.name}"

    def path(self, name: str) -> str:
        """Where a page finds this file. KeyError when there is none."""
        return self._paths[name]

    def response(self, digest: str, name: str) -> web.Response:
        """The file, to be kept by the browser for good; 404 for any other hash or name."""
        found = self._files.get(f"{digest}/{name}")
        if found is None:
            raise web.HTTPNotFound
        content, content_type = found
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=content, content_type=content_type, charset="utf-8", headers=headers)
