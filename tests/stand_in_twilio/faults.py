"""Faults for the next creates. Some happen before Twilio has the text, some after: only the caller's own list can tell."""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import web

KINDS = {
    "429": "refused, nothing accepted",
    "401": "credentials refused, nothing accepted",
    "500": "HTML page with status 500, nothing accepted",
    "reset": "connection reset, nothing accepted",
    "500_after_accept": "HTML page with status 500, accepted all the same",
    "timeout_after_accept": "accepted, never answered",
    "reset_after_accept": "accepted, connection reset",
    "garbage_after_accept": "accepted, answered with something that is not JSON",
    "foreign_after_accept": "accepted, answered with another number's message",
    "failed_after_accept": "accepted, answered as failed with 21610",
}
"""Besides these: `error:<code>` for a refusal with HTTP 400 and that code, `problem:<code>` for the same as RFC 9457 words it."""

_HTML = "<html><body><h1>We're sorry, something went wrong</h1></body></html>"


class Faults:
    """The faults that are still to come, first in first out."""

    def __init__(self) -> None:
        self._next: deque[str] = deque()

    def add(self, kind: str, count: int = 1) -> None:
        if kind not in KINDS and not kind.startswith(("error:", "problem:")):
            raise ValueError(kind)
        self._next.extend([kind] * count)

    def take(self) -> str:
        return self._next.popleft() if self._next else ""

    def clear(self) -> None:
        self._next.clear()


def error(code: int, status: int = 400) -> web.Response:
    """An error as Twilio's 2010 API words it; its text names the number, as the real one does."""
    return web.json_response(
        {
            "code": code,
            "message": f"The 'To' number +12025550101 is not good ({code})",
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
        status=status,
        headers={"Retry-After": "7"} if status == 429 else None,
    )


async def before(kind: str, request: web.Request) -> web.Response | None:
    """The answer of a fault that accepts nothing."""
    if kind == "429":
        return error(20429, 429)
    if kind == "401":
        return error(20003, 401)
    if kind == "500":
        return web.Response(status=500, text=_HTML, content_type="text/html")
    if kind == "reset":
        return _reset(request)
    if kind.startswith("error:"):
        return error(int(kind.removeprefix("error:")))
    if kind.startswith("problem:"):
        code = int(kind.removeprefix("problem:"))
        what = {"type": f"https://www.twilio.com/docs/errors/{code}", "title": "Bad Request", "status": 400, "code": code, "detail": "No"}
        return web.json_response(what, status=400, content_type="application/problem+json")
    return None


async def after(kind: str, request: web.Request, good: dict[str, object], hold_seconds: float) -> web.Response:
    """The answer of a fault that comes after the text was accepted; `good` is what would have been answered."""
    if kind == "500_after_accept":
        return web.Response(status=500, text=_HTML, content_type="text/html")
    if kind == "timeout_after_accept":
        await asyncio.sleep(hold_seconds)
        return web.json_response(good, status=201)
    if kind == "reset_after_accept":
        return _reset(request)
    if kind == "garbage_after_accept":
        return web.Response(status=201, text="accepted, thank you")
    if kind == "foreign_after_accept":
        return web.json_response({**good, "to": "+12025550199", "sid": "SM" + "f" * 32}, status=201)
    if kind == "failed_after_accept":
        return web.json_response({**good, "status": "failed", "error_code": 21610}, status=201)
    return web.json_response(good, status=201)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:  # None: the caller has died meanwhile
        request.transport.abort()
    return web.Response(status=500)
