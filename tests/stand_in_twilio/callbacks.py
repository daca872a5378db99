"""Webhook delivery as Twilio does it: signed, bounded in time, with the retries that the URL's fragment asks for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag

import aiohttp
from twilio.request_validator import RequestValidator

from tests.stand_in_twilio.options import Options
from tests.stand_in_twilio.store import Store, WebhookTry


@dataclass(frozen=True)
class Overrides:
    """Connection overrides: seconds, number of retries, and which failures are retried."""

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    on: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        given = dict(parse_qsl(fragment))
        return cls(
            connect=int(given.get("ct", 5000)) / 1000,
            read=int(given.get("rt", 15000)) / 1000,
            total=min(int(given.get("tt", 15000)), 15000) / 1000,
            retries=min(int(given.get("rc", 1)), 5),
            on=frozenset(given.get("rp", "ct").split(",")),
        )

    def retried(self, failure: str) -> bool:
        return "all" in self.on or failure in self.on


class Caller:
    """Calls the service under test."""

    def __init__(self, options: Options, store: Store) -> None:
        self._options = options
        self._store = store
        self._session: aiohttp.ClientSession | None = None

    async def call(self, url: str, form: Mapping[str, str], *, sid: str, kind: str, fallback: str = "") -> WebhookTry:
        """Delivers one webhook with its retries, then by the fallback URL, then it is lost; the last try."""
        last = await self._with_retries(url, form, sid, kind)
        if fallback and not _fine(last):
            last = await self._with_retries(fallback, {**form, "ErrorCode": "11200", "ErrorUrl": url}, sid, kind)
        return last

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _with_retries(self, url: str, form: Mapping[str, str], sid: str, kind: str) -> WebhookTry:
        address, fragment = urldefrag(url)
        overrides = Overrides.of(fragment)
        token = str(uuid.uuid4())
        deadline = asyncio.get_running_loop().time() + overrides.total
        attempt = 0
        while True:
            left = deadline - asyncio.get_running_loop().time()
            last, failure = await self._once(address, form, sid, kind, overrides, max(left, 0.05), token)
            attempt += 1
            if not failure or attempt > overrides.retries or not overrides.retried(failure) or left <= 0:
                return last
            await asyncio.sleep(self._options.retry_pause_seconds)

    async def _once(
        self, address: str, form: Mapping[str, str], sid: str, kind: str, overrides: Overrides, left: float, token: str
    ) -> tuple[WebhookTry, str]:
        # The library's signer, not ours: the two must agree.
        signer = RequestValidator(self._options.signing_key or self._options.auth_token)  # type: ignore[no-untyped-call]
        headers = {
            self._options.signature_header: signer.compute_signature(address, form),  # type: ignore[no-untyped-call]
            "I-Twilio-Idempotency-Token": token,
            "User-Agent": "TwilioProxy/1.1",
        }
        if self._session is None:
            self._session = aiohttp.ClientSession()
        timeout = aiohttp.ClientTimeout(total=left, sock_connect=overrides.connect, sock_read=overrides.read)
        status, text, failure = None, "", ""
        try:
            async with self._session.post(address, data=dict(form), headers=headers, timeout=timeout) as answer:
                status, text = answer.status, await answer.text()
                failure = "5xx" if status >= 500 else "4xx" if status >= 400 else ""
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            failure = "ct"
        except (aiohttp.ClientError, TimeoutError, OSError):
            failure = "rt"
        attempt = WebhookTry(sid, kind, address, status, text)
        self._store.note_try(attempt)
        return attempt, failure


def _fine(attempt: WebhookTry) -> bool:
    return attempt.status is not None and attempt.status < 400
