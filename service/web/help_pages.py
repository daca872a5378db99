"""Help in a few words: the same place on every page (WCAG 2.2, 3.2.6)."""

from __future__ import annotations

from aiohttp import web

from service.web.render import page


async def show_help(request: web.Request) -> web.Response:
    """GET /help: says nothing of any organization or patient, so that it can be read before sign-in too."""
    return await page(request, "help.html")
