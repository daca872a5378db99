"""Prism as a judge: each recorded exchange goes through its proxy once more, and what it finds against it comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import unused_port

from tests.openapi.exchanges import Exchange

_PASSED_ON = ("Authorization", "Content-Type", "Accept")
START_SECONDS = 60


def patched(sources: Mapping[Path, Sequence[str]]) -> dict[str, Any]:
    """The published files as one, with these paths of each alone. Arrays in forms get the encoding that repeats their key, which Prism
    asks for.
    """
    whole: dict[str, Any] = {}
    for source, paths in sources.items():
        document: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
        document["paths"] = {path: document["paths"][path] for path in paths}
        if not whole:
            whole = document
        whole["paths"] |= document["paths"]
        for kind, parts in document["components"].items():
            whole["components"].setdefault(kind, {}).update(parts)
    for operations in whole["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            for media in content.values():
                properties = media.get("schema", {}).get("properties", {})
                arrays = [name for name, schema in properties.items() if schema.get("type") == "array"]
                media["encoding"] = {name: {"style": "form", "explode": True} for name in arrays}
    return whole


@asynccontextmanager
async def judging(binary: Path, document: Path) -> AsyncIterator[Judge]:
    """Prism's proxy in front of a server that gives the recorded answers."""
    judge = Judge()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", judge.replay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = unused_port()
    upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
    process = await asyncio.create_subprocess_exec(
        binary, "proxy", "-h", "127.0.0.1", "-p", str(port), str(document), upstream, stdout=asyncio.subprocess.PIPE
    )
    judge.url = f"http://127.0.0.1:{port}"
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while b"listening" not in await process.stdout.readline():
                pass
        drain = asyncio.create_task(process.stdout.read())
        yield judge
        drain.cancel()
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


def excused(exchange: Exchange, violation: str) -> str:
    """Why a violation is none, "" when it is one.

    The published files know good answers only; they call addresses of pages `uri`, which to Prism is an absolute one, while the
    examples in the same files are relative (/2010-04-01/Accounts/...); and a look-up without an error has its error_code null there.
    """
    if exchange.status >= 400 and violation.startswith("response: Unable to match the returned status code"):
        return "the file has no answers to errors"
    if violation.endswith('must match format "uri"') and b'uri": "/' in exchange.answer:
        return "relative, as in the file's own examples"
    if violation.endswith("error_code must be integer") and b'"error_code": null' in exchange.answer:
        return "null, as in the file's own examples"
    return ""


class Judge:
    """`violations(exchange)`: what the published file says against it; empty is good."""

    def __init__(self) -> None:
        self.url = ""
        self._answer: Exchange | None = None

    async def violations(self, exchange: Exchange) -> list[str]:
        self._answer = exchange
        headers = {name: value for name, value in exchange.headers.items() if name in _PASSED_ON}
        async with (
            aiohttp.ClientSession() as session,
            session.request(exchange.method, self.url + exchange.path, data=exchange.body or None, headers=headers) as answer,
        ):
            found = json.loads(answer.headers.get("sl-violations", "[]"))
            if answer.status != exchange.status:
                found.append({"message": (await answer.text())[:500]})
        return [f"{'.'.join(str(part) for part in one.get('location', []))}: {one.get('message', one)}" for one in found]

    async def replay(self, request: web.Request) -> web.Response:
        assert self._answer is not None
        return web.Response(status=self._answer.status, body=self._answer.answer, headers=self._answer.answer_headers)
