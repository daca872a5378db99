"""Webhook delivery as Telnyx does it: signed, answered within two seconds or tried again, three times an address, then the failover."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.stand_in_telnyx.options import Options
from tests.stand_in_telnyx.signing import signed
from tests.stand_in_twilio.store import Store, WebhookTry, now

FORM = "application/x-www-form-urlencoded"


class Caller:
    """Calls the service under test."""

    def __init__(self, options: Options, store: Store) -> None:
        self._options = options
        self._store = store
        self._session: aiohttp.ClientSession | None = None

    async def tell(self, url: str, data: Mapping[str, Any], *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        """Delivers one event as JSON, at the failover address when the first one fails; the last try."""
        last, attempt = None, 0
        for address in (url, fallback):
            for _ in range(self._options.webhook_attempts if address else 0):
                if attempt:
                    await asyncio.sleep(self._options.retry_pause_seconds)
                attempt += 1
                document = {"data": dict(data), "meta": {"attempt": attempt, "delivered_to": address}}
                last = await self._once(address, json.dumps(document).encode(), "application/json", sid, kind)
                if _fine(last):
                    return last
        assert last is not None
        return last

    async def call(self, url: str, form: Mapping[str, str], *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        """Delivers one form of a call: documents are asked for once, then at the fallback; statuses up to three times."""
        body = urlencode(form).encode()
        last = await self._once(url, body, FORM, sid, kind)
        for _ in range(self._options.webhook_attempts - 1 if kind == "call_status" else 0):
            if _fine(last):
                break
            await asyncio.sleep(self._options.retry_pause_seconds)
            last = await self._once(url, body, FORM, sid, kind)
        if fallback and not _fine(last):
            last = await self._once(fallback, body, FORM, sid, kind)
        return last

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _once(self, address: str, body: bytes, content_type: str, sid: str, kind: str) -> WebhookTry:
        options = self._options
        headers = signed(options.private_key, int(now() + options.clock_skew_seconds), body, content_type)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        # A document may take longer than the answer to an event.
        timeout = aiohttp.ClientTimeout(total=options.webhook_seconds if content_type != FORM else 15.0)
        status, text = None, ""
        try:
            async with self._session.post(address, data=body, headers=headers, timeout=timeout) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        attempt = WebhookTry(sid, kind, address, status, text)
        self._store.note_try(attempt)
        return attempt


def _fine(attempt: WebhookTry) -> bool:
    return attempt.status is not None and 200 <= attempt.status < 300
