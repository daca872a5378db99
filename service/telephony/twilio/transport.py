"""The twilio library's HTTP, over one aiohttp session of our own.

The library's own asynchronous client re-sends POSTs, ignores its timeout and is capped at 100 connections; this one sends once,
follows no redirect, and can be pointed at another base address.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

USABLE_CONNECTIONS = 50
"""Default cap on calls in flight: at 50 ms a call it carries 1 000 texts a second, more than a sender pool is given."""

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 4.0

MAXIMUM_ANSWER_BYTES = 8 * 1024 * 1024
"""A page of 1 000 messages is about 2 MB."""


class TooManyRequests(Exception):
    """HTTP 429, with the pause of the Retry-After header, which the library would drop."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("429")
        self.retry_after_seconds = retry_after_seconds


class NotConnected(Exception):
    """No connection came about, so nothing was sent."""


class AnswerTooLarge(Exception):
    """The answer is larger than any true one."""


class Transport(AsyncHttpClient):
    """One session, at most `connections` calls in flight, each bounded by `timeout_seconds` in all."""

    def __init__(self, base_url: str = "", *, connections: int = USABLE_CONNECTIONS, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(logging.getLogger(__name__), True, timeout_seconds)
        self._base_url = base_url.rstrip("/")
        self._connections = connections
        # `connect` holds for the wait for a free connection too: a timeout there means that nothing was sent.
        self._limits = aiohttp.ClientTimeout(total=timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds / 2), sock_connect=None)
        self._session: aiohttp.ClientSession | None = None

    async def request(  # type: ignore[override]  # the library types its asynchronous client as if it were not
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One HTTP exchange, as the library wants it.

        Raises NotConnected, TooManyRequests, AnswerTooLarge, TimeoutError or aiohttp.ClientError; of these only the first
        two say that nothing was processed.
        """
        sent_headers = dict(headers or {})
        if auth:
            sent_headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
        try:
            async with self._open().request(
                method.upper(),
                self._address(uri),
                params={name: str(value) for name, value in (params or {}).items()} or None,
                data=dict(data) if data else None,
                headers=sent_headers,
                allow_redirects=False,
                timeout=self._limits,
            ) as answer:
                if answer.status == 429:
                    raise TooManyRequests(_seconds(answer.headers.get("Retry-After")))
                content = bytearray()
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > MAXIMUM_ANSWER_BYTES:
                        raise AnswerTooLarge
                return Response(answer.status, content.decode("utf-8", "replace"), answer.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise NotConnected from None

    async def close(self) -> None:
        """Closes the session; a later request opens a new one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, limit_per_host=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _address(self, uri: str) -> str:
        if not self._base_url:
            return uri
        parts = urlsplit(uri)
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, at most an hour; its date form and anything else is None."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return float(min(int(retry_after[:6]), 3600))
