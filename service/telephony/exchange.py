"""HTTP with a provider's API: one session, one request at a time for each call, nothing sent twice.

No redirect is followed, no cookie kept, no answer read beyond a bound, and what went wrong says whether anything was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

USABLE_CONNECTIONS = 50
"""Default cap on calls in flight: at 50 ms a call it carries 1 000 texts a second, more than a sender pool is given."""

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 4.0

MAXIMUM_ANSWER_BYTES = 8 * 1024 * 1024
"""A page of 1 000 messages is about 2 MB."""

_LONGEST_PAUSE_SECONDS = 3600

Dated = Callable[[datetime], None]
"""Takes the time (aware) that a provider says it is."""


class TooManyRequests(Exception):
    """HTTP 429, with the pause of the Retry-After header."""

    def __init__(self, retry_after_seconds: float | None) -> None:
        super().__init__("429")
        self.retry_after_seconds = retry_after_seconds


class NotConnected(Exception):
    """No connection came about, so nothing was sent."""


class AnswerTooLarge(Exception):
    """The answer is larger than any true one."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the provider answered."""

    status: int
    text: str
    headers: Mapping[str, str]


class Exchange:
    """One session, at most `connections` calls in flight, each bounded by `timeout_seconds` in all."""

    def __init__(
        self, *, connections: int = USABLE_CONNECTIONS, timeout_seconds: float = TIMEOUT_SECONDS, dated: Dated = lambda at: None
    ) -> None:
        """Opens nothing yet. `dated` is told of the time that each answer says it is."""
        self._connections = connections
        self._dated = dated
        # `connect` holds for the wait for a free connection too: a timeout there means that nothing was sent.
        self._limits = aiohttp.ClientTimeout(total=timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds / 2), sock_connect=None)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One HTTP exchange.

        Raises NotConnected, TooManyRequests, AnswerTooLarge, TimeoutError or aiohttp.ClientError; of these only the first
        two say that nothing was processed.
        """
        try:
            async with self._open().request(
                method,
                url,
                params=params or None,
                data=form or None,
                json=json,
                headers=headers,
                allow_redirects=False,
                timeout=self._limits,
            ) as answer:
                if (at := _instant(answer.headers.get("Date"))) is not None:
                    self._dated(at)
                if answer.status == 429:
                    raise TooManyRequests(_seconds(answer.headers.get("Retry-After")))
                content = bytearray()
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > MAXIMUM_ANSWER_BYTES:
                        raise AnswerTooLarge
                return Answered(answer.status, content.decode("utf-8", "replace"), answer.headers)
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


def _instant(date: str | None) -> datetime | None:
    """The Date header as an aware instant, to a second; None without one that can be read."""
    try:
        at = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else None


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds, at most an hour; its date form and anything else is None."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdigit():
        return None
    return float(min(int(retry_after[:6]), _LONGEST_PAUSE_SECONDS))
