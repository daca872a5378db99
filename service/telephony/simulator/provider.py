"""The simulated carrier: takes texts from the service, lays them on phones, and calls the service's webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from service.domain.communication import Status
from service.telephony.handsets import Author, PhoneText, ReplyLost
from service.telephony.port import Accepted, OutgoingText, PermanentFailure, RemoteText, TransientFailure
from service.telephony.simulator.line import Line, NotTaken
from service.telephony.simulator.phones import SimulatedPhones
from service.telephony.simulator.receiver import ACCOUNT, NAME, SWITCHED_OFF

_log = structlog.get_logger(__name__)

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
STOP_ANSWER = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
)
START_ANSWER = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe."

UNDERWAY = 500
REMEMBERED = 5_000
STEP_SECONDS = 0.3
"""Between accepted, sent and delivered: slow enough to be seen, quick enough for an impatient visitor."""

CALLBACK_TRIES = 3


class SimulatorProvider:
    """The port's Provider. After STOP it blocks as a carrier does, until START; a phone that is off gives undelivered."""

    name = NAME
    list_is_sure = True

    def __init__(self, *, line: Line, sender: str, now: Callable[[], datetime], step_seconds: float = STEP_SECONDS) -> None:
        """`sender`: the service's own number on the simulated phones; `now` gives aware UTC."""
        self.phones = SimulatedPhones(self._carry_reply)
        self._line = line
        self.account = ACCOUNT
        self._sender = sender
        self._now = now
        self._step_seconds = step_seconds
        self._underway: set[asyncio.Task[None]] = set()
        self._known: deque[RemoteText] = deque(maxlen=REMEMBERED)

    async def send_text(self, text: OutgoingText) -> Accepted:
        """Lays a text on its phone; delivery and its two callbacks follow shortly. See the port."""
        if self.phones.is_blocked(text.to):
            raise PermanentFailure("simulator_blocked", "the recipient has opted out at the provider", "opted_out")
        if len(self._underway) >= UNDERWAY:
            raise TransientFailure("simulator_busy", "too many simulated texts underway", 1.0)
        provider_id = _new_id()
        self.phones.put(text.to, PhoneText(provider_id, Author.SERVICE, text.body, self._now(), "accepted"))
        self._remember(provider_id, text.to, text.sender or self._sender, text.body, inbound=False)
        task = asyncio.create_task(self._deliver(provider_id, text), name="simulator.deliver")
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)
        return Accepted(provider_id, Status.ACCEPTED, segments=None)

    async def list_texts(self, *, to: str | None, since: datetime, limit: int = 200) -> Sequence[RemoteText]:
        """The newest texts in both directions, newest first; a restart forgets them."""
        found = [known for known in reversed(self._known) if (to is None or known.to == to) and known.created_at >= since]
        return found[:limit]

    async def fetch_text(self, provider_id: str) -> RemoteText | None:
        """One text, None when it is forgotten."""
        return next((known for known in reversed(self._known) if known.provider_id == provider_id), None)

    async def close(self) -> None:
        """Ends deliveries that are underway and frees the connections."""
        for task in self._underway:
            task.cancel()
        await asyncio.gather(*self._underway, return_exceptions=True)
        await self._line.close()

    async def _deliver(self, provider_id: str, text: OutgoingText) -> None:
        await asyncio.sleep(self._step_seconds)
        await self._report(provider_id, text, "sent")
        await asyncio.sleep(self._step_seconds)
        if self.phones.is_on(text.to):
            await self._report(provider_id, text, "delivered")
        else:
            await self._report(provider_id, text, "undelivered", SWITCHED_OFF)

    async def _report(self, provider_id: str, text: OutgoingText, state: str, error_code: str = "") -> None:
        self.phones.mark(text.to, provider_id, state)
        self._settle(provider_id, state, error_code)
        form = {"id": provider_id, "status": state, "error_code": error_code}
        for attempt in range(1, CALLBACK_TRIES + 1):
            try:
                await self._line.post(f"status/{text.attempt_id}", form)
            except NotTaken as error:
                _log.warning("simulated status not taken", state=state, attempt=attempt, why=str(error))
                await asyncio.sleep(self._step_seconds * attempt)
            else:
                return

    async def _carry_reply(self, number: str, body: str) -> str:
        word = body.strip().upper()
        provider_id = _new_id()
        # The keyword takes effect at the carrier before the service hears of it, as with a real one.
        opt_out_type = ""
        if word in STOP_WORDS and not self.phones.is_blocked(number):
            opt_out_type = "STOP"
        elif word in START_WORDS and (word != "YES" or self.phones.is_blocked(number)):
            opt_out_type = "START"
        self.phones.put(number, PhoneText(provider_id, Author.PATIENT, body, self._now(), "sending"))
        if opt_out_type:
            self.phones.block(number, blocked=opt_out_type == "STOP")
            answer = STOP_ANSWER if opt_out_type == "STOP" else START_ANSWER
            self.phones.put(number, PhoneText(_new_id(), Author.CARRIER, answer, self._now(), "delivered"))
        self._remember(provider_id, self._sender, number, body, inbound=True)
        form = {"id": provider_id, "from": number, "to": self._sender, "body": body, "opt_out_type": opt_out_type}
        try:
            await self._line.post("sms", form)
        except NotTaken as error:
            self.phones.mark(number, provider_id, "lost")
            raise ReplyLost(str(error)) from None
        self.phones.mark(number, provider_id, "received")
        return provider_id

    def _remember(self, provider_id: str, to: str, sender: str, body: str, *, inbound: bool) -> None:
        status, word = (Status.RECEIVED, "received") if inbound else (Status.ACCEPTED, "accepted")
        self._known.append(RemoteText(provider_id, to, sender, body, status, word, self._now(), inbound))

    def _settle(self, provider_id: str, state: str, error_code: str) -> None:
        for place in range(len(self._known) - 1, -1, -1):
            if self._known[place].provider_id == provider_id:
                self._known[place] = replace(self._known[place], status=Status(state), provider_status=state, error_code=error_code)
                return


def _new_id() -> str:
    return f"SIM{secrets.token_hex(16)}"
