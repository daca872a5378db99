"""What went over the wire between an adapter of ours and a stand-in: kept by the stand-in, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer: bytes


@dataclass
class Kept:
    """A middleware that keeps every exchange under the API's own paths."""

    under: tuple[str, ...]
    seen: list[Exchange] = field(default_factory=list)

    def of(self, app: web.Application) -> web.Application:
        app.middlewares.append(self._keep)
        return app

    @web.middleware
    async def _keep(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.read()
        answer: web.Response = await handler(request)
        if request.path.startswith(self.under):
            given = answer.body if isinstance(answer.body, bytes) else b""
            headers = {"Content-Type": answer.content_type}
            self.seen.append(Exchange(request.method, request.raw_path, dict(request.headers), body, answer.status, headers, given))
        return answer
