"""The line from the simulated carrier to the service's own webhooks: real signed HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp

from service.telephony.simulator.receiver import HEADER, sign

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
_CONNECTIONS = 20
ROOT = "/webhooks/simulator/"
LARGEST_ANSWER = 64 * 1024


class NotTaken(Exception):
    """The service did not answer a webhook with success."""


class Line:
    """Posts signed forms to `<public base>/webhooks/simulator/...`."""

    def __init__(self, public_base_url: str, secret: str, connect_to: str = "") -> None:
        """`connect_to`: where to connect when the public address cannot be reached from inside; signatures name the public one."""
        self._public = public_base_url.rstrip("/")
        self._connect_to = connect_to.rstrip("/") or self._public
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, form: Mapping[str, str]) -> str:
        """One webhook, `path` below /webhooks/simulator; the body of its answer, at most 64 kB. Raises NotTaken."""
        whole_path = ROOT + path
        body = urlencode(form).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            HEADER: sign(self._secret, self._public + whole_path, body),
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS), timeout=_TIMEOUT)
        try:
            async with self._session.post(self._connect_to + whole_path, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status not in (200, 204):
                    raise NotTaken(f"HTTP {answer.status}")
                return (await answer.content.read(LARGEST_ANSWER)).decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotTaken(type(error).__name__) from None

    async def close(self) -> None:
        """Frees the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
