"""The twilio library's HTTP, over one exchange of our own.

The library's own asynchronous client re-sends POSTs, ignores its timeout and is capped at 100 connections; this one sends once,
follows no redirect, and can be pointed at another base address.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from service.telephony.exchange import TIMEOUT_SECONDS, USABLE_CONNECTIONS, Dated, Exchange


class Transport(AsyncHttpClient):
    """One session, at most `connections` calls in flight, each bounded by `timeout_seconds` in all."""

    def __init__(
        self,
        base_url: str = "",
        *,
        connections: int = USABLE_CONNECTIONS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        dated: Dated = lambda at: None,
    ) -> None:
        super().__init__(logging.getLogger(__name__), True, timeout_seconds)
        self._base_url = base_url.rstrip("/")
        self._path = urlsplit(self._base_url).path
        self._exchange = Exchange(connections=connections, timeout_seconds=timeout_seconds, dated=dated)

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
        """One HTTP exchange, as the library wants it; raises as Exchange.send does."""
        sent_headers = dict(headers or {})
        if auth:
            sent_headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode("ascii")
        answer = await self._exchange.send(
            method.upper(),
            self._address(uri),
            params={name: str(value) for name, value in (params or {}).items()},
            form=dict(data) if data else None,
            headers=sent_headers,
        )
        return Response(answer.status, _plain(answer.text) if answer.status >= 400 else answer.text, answer.headers)

    async def close(self) -> None:
        """Closes the session; a later request opens a new one."""
        await self._exchange.close()

    def _address(self, uri: str) -> str:
        if not self._base_url:
            return uri
        parts = urlsplit(uri)
        if parts.path.startswith(self._path):  # an address that the provider has named itself, such as a list's next page
            parts = parts._replace(path=parts.path[len(self._path) :])
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")


def _plain(error: str) -> str:
    """The first of several errors (SignalWire refuses calls with a list of them) as the library reads one; anything else as it is."""
    try:
        told = json.loads(error)
    except ValueError:
        return error
    if not isinstance(told, dict) or "code" in told or not isinstance(told.get("errors"), list):
        return error
    named = [one for one in told["errors"] if isinstance(one, dict) and one.get("code")]
    return json.dumps(named[0]) if named else error
