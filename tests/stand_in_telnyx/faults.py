"""Faults for the next creates, in Telnyx's words; which there are is as in the stand-in for Twilio."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

TITLES = {
    10004: "Missing required parameter",
    10005: "Resource not found",
    10009: "Authentication failed",
    10011: "Too many requests",
    10015: "Bad Request",
    40300: "Blocked due to STOP message",
    40305: "Invalid 'from' address",
    40310: "Invalid 'to' address",
    40316: "No content provided for message",
}
_HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def error(code: int, status: int = 400) -> web.Response:
    """An error as Telnyx's API v2 words it; its text names numbers, as the real one does."""
    detail = "Messages cannot be sent from '+12025550190' to '+12025550101' due to an existing block rule." if code == 40300 else "No."
    found = {"code": str(code), "title": TITLES.get(code, f"Error {code}"), "detail": detail, "meta": {"url": "https://example.com"}}
    return web.json_response({"errors": [found]}, status=status, headers={"Retry-After": "7"} if status == 429 else None)


async def before(kind: str, request: web.Request) -> web.Response | None:
    """The answer of a fault that accepts nothing."""
    if kind == "429":
        return error(10011, 429)
    if kind == "401":
        return error(10009, 401)
    if kind == "500":
        return web.Response(status=502, text=_HTML, content_type="text/html")
    if kind == "reset":
        return _reset(request)
    if kind.startswith("error:"):
        return error(int(kind.removeprefix("error:")))
    return None


async def after(kind: str, request: web.Request, good: dict[str, Any], foreign: dict[str, Any], hold_seconds: float) -> web.Response:
    """The answer of a fault that comes after acceptance; `foreign` is the good answer about another number."""
    if kind == "500_after_accept":
        return web.Response(status=502, text=_HTML, content_type="text/html")
    if kind == "timeout_after_accept":
        await asyncio.sleep(hold_seconds)
    if kind == "reset_after_accept":
        return _reset(request)
    if kind == "garbage_after_accept":
        return web.Response(text="accepted, thank you")
    if kind == "foreign_after_accept":
        return web.json_response(foreign)
    return web.json_response(good)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:  # None: the caller has died meanwhile
        request.transport.abort()
    return web.Response(status=500)
