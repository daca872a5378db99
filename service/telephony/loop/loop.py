"""The loop: takes what goes to the made-up numbers, and carries it to our own webhooks as a carrier would, over real HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog

from service.domain.call import CallStatus
from service.domain.communication import Status
from service.domain.prompt import Gather
from service.telephony.loop.receiver import HEADER, NAME, read_prompt, sign
from service.telephony.port import Accepted, OutgoingCall, OutgoingText, Provider, RemoteCall, Telephone, TransientFailure

_log = structlog.get_logger(__name__)

ROOT = f"/webhooks/{NAME}/"
PREFIX = "LOOP"
"""How the loop's ids begin: no provider's do."""
UNDERWAY = 50
TRIES = 3
PAUSE_SECONDS = 0.2
MOST_STEPS = 5
LARGEST_ANSWER = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)


class NotTaken(Exception):
    """Our own webhook did not answer with success."""


class Loop:
    """All telephones of the loop. Whoever calls one of them hears it pick up, press `key` once where keys are asked for, and hang up."""

    def __init__(
        self,
        public_base_url: str,
        key: bytes,
        numbers: Collection[str],
        now: Callable[[], datetime],
        *,
        connect_to: str = "",
        pressed: str = "3",
    ) -> None:
        """`key` as `receiver.loop_key` makes it; `now` gives aware UTC. `connect_to`: where to connect when the public address
        cannot be reached from inside."""
        self.numbers = frozenset(numbers)
        self._public = public_base_url.rstrip("/")
        self._connect_to = connect_to.rstrip("/") or self._public
        self._key = key
        self._now = now
        self._pressed = pressed
        self._session: aiohttp.ClientSession | None = None
        self._underway: set[asyncio.Task[None]] = set()

    async def says(self, provider: Provider, number: str, to: str, body: str) -> str:
        """A text from one of the loop's numbers to one of ours, through the webhook; its id. Raises TransientFailure."""
        id = _new_id("")
        try:
            await self._post("sms", {**_for(provider), "id": id, "from": number, "to": to, "body": body})
        except NotTaken as error:
            raise TransientFailure("loop_not_taken", str(error)) from None
        return id

    def take(self, provider: Provider, text: OutgoingText) -> Accepted:
        """A text to one of the loop's numbers: it is told as sent, comes in at its number, and is told as delivered."""
        self._check()
        id = _new_id("")
        self._start(self._deliver(provider, text, id))
        return Accepted(id, Status.ACCEPTED)

    def ring(self, telephone: Telephone, call: OutgoingCall) -> RemoteCall:
        """A call to one of the loop's numbers: it is picked up at once."""
        self._check()
        id = _new_id("CALL")
        self._start(self._talk(telephone, call, id))
        return RemoteCall(id, call.to, CallStatus.PLACED, "ringing", self._now())

    async def settled(self) -> None:
        """Waits until nothing is under way."""
        while self._underway:
            await asyncio.gather(*self._underway, return_exceptions=True)

    async def close(self) -> None:
        """Ends what is under way and frees the connections."""
        for task in self._underway:
            task.cancel()
        await asyncio.gather(*self._underway, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _check(self) -> None:
        if len(self._underway) >= UNDERWAY:
            raise TransientFailure("loop_busy", "too much is under way in the loop", 5.0)

    async def _deliver(self, provider: Provider, text: OutgoingText, id: str) -> None:
        word = {**_for(provider), "id": id}
        status = f"status/{text.attempt_id}"
        await self._told(status, {**word, "status": "sent"})
        arrival = {**_for(provider), "id": f"{id}i", "from": text.sender or provider.name, "to": text.to, "body": text.body}
        if await self._told("sms", arrival):
            await self._told(status, {**word, "status": "delivered"})

    async def _talk(self, telephone: Telephone, call: OutgoingCall, id: str) -> None:
        word, path = {**_for(telephone), "id": id}, f"{call.webhooks}/{call.call_id}"
        await self._told(f"{path}/status", {**word, "status": "in-progress"})
        try:
            await self._walk(f"{path}/0", word)
        except (NotTaken, ValueError) as error:
            _log.warning("loop_call_broke_off", why=type(error).__name__)
        await self._told(f"{path}/status", {**word, "status": "completed"})

    async def _walk(self, step: str, word: Mapping[str, str]) -> None:
        form: dict[str, str] = {"answered": "yes"}
        pressed = False
        for _ in range(MOST_STEPS):
            prompt, next_url = read_prompt(await self._post(step, {**word, **form}))
            if pressed or not any(isinstance(part, Gather) for part in prompt.parts):
                return
            step, form, pressed = urlsplit(next_url).path.partition(ROOT)[2], {"pressed": self._pressed}, True

    async def _told(self, path: str, form: Mapping[str, str]) -> bool:
        """A webhook that is tried again, as carriers do; whether it was taken."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._post(path, form)
            except NotTaken as error:
                _log.warning("loop_not_taken", attempt=attempt, why=str(error).replace(" ", "_"))
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            else:
                return True
        return False

    async def _post(self, path: str, form: Mapping[str, str]) -> str:
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", HEADER: sign(self._key, self._public + ROOT + path, body)}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.post(self._connect_to + ROOT + path, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status not in (200, 204):
                    raise NotTaken(f"HTTP {answer.status}")
                return (await answer.content.read(LARGEST_ANSWER)).decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotTaken(type(error).__name__) from None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="loop")
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)


def _for(provider: Provider | Telephone) -> dict[str, str]:
    return {"for": provider.name, "account": provider.account}


def _new_id(kind: str) -> str:
    return f"{PREFIX}{kind}{secrets.token_hex(16)}"
