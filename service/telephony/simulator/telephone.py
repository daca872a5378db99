"""The voice side of the simulated carrier: rings phones, walks what the service says, and carries keys and words to its webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from service.domain.prompt import Prompt
from service.telephony.handsets import Author, CallLine, HandsetState
from service.telephony.port import NotOffered, OutgoingCall, RemoteCall, TransientFailure, Webhooks
from service.telephony.simulator.handset import Handset
from service.telephony.simulator.line import ROOT, Line, NotTaken
from service.telephony.simulator.phones import SimulatedPhones
from service.telephony.simulator.receiver import ACCOUNT, NAME
from service.telephony.simulator.voice import CLEAR, MOST_WORDS, MUMBLED, STATUSES, read_document

_log = structlog.get_logger(__name__)

UNDERWAY = 100
REMEMBERED = 1_000
RING_SECONDS = 300.0
"""Then voicemail takes the call. A carrier waits half a minute; a visitor has many phones to look at."""
LONGEST_CALL_SECONDS = 900.0
"""As a real carrier is told (Twilio's TimeLimit)."""
CALLBACK_TRIES = 3
PAUSE_SECONDS = 0.3


class SimulatorTelephone:
    """The port's Telephone, and what a visitor does with a phone in hand. What does not fit how the call stands does nothing."""

    name = NAME
    list_is_sure = True
    account = ACCOUNT

    def __init__(
        self, *, phones: SimulatedPhones, line: Line, sender: str, now: Callable[[], datetime], ring_seconds: float = RING_SECONDS
    ) -> None:
        """`sender`: the clinic's own number; `now` gives aware UTC."""
        self._phones = phones
        self._line = line
        self._sender = sender
        self._now = now
        self._ring_seconds = ring_seconds
        self._live: dict[str, Handset] = {}
        self._known: OrderedDict[str, Handset] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the port ------------------------------------------------------------------------------------------------------------
    async def place_call(self, call: OutgoingCall) -> RemoteCall:
        """Rings the phone; one that is in a call is engaged, one that is off has its voicemail. See the port."""
        if len(self._live) >= UNDERWAY:
            raise TransientFailure("simulator_busy", "too many simulated calls underway", 1.0)
        handset = Handset(_new_id(), call.to, self._now(), call, path=f"{call.webhooks}/{call.call_id}/0")
        if call.to in self._live:
            self._remember(handset)
            self._end(handset, "engaged", "busy")
            self._tell(handset)
        else:
            self._take(handset)
        return _remote(handset)

    async def list_calls(self, *, to: str, since: datetime, inbound: bool = False, limit: int = 50) -> Sequence[RemoteCall]:
        """Calls placed to this number since then, newest first; a restart forgets those that are over. None to our own number:
        such a call lives in the process that it calls."""
        if inbound:
            return []
        found = [one for one in reversed(self._known.values()) if one.placed is not None and one.number == to and one.at >= since]
        return [_remote(one) for one in found[:limit]]

    async def fetch_call(self, provider_id: str) -> RemoteCall | None:
        """One call, None when it is forgotten."""
        return _remote(self._known[provider_id]) if provider_id in self._known else None

    async def go_on(self, provider_id: str, call_id: UUID, turn: int, webhooks: Webhooks = Webhooks.VOICE) -> bool:
        """A simulated phone says who has picked up before it asks for anything: nothing need be interrupted."""
        raise NotOffered("simulated calls are not interrupted")

    @property
    def underway(self) -> int:
        """Calls that are not over, and words on them that the service has not been told yet."""
        return len(self._tasks)

    async def close(self) -> None:
        """Lets go of what is underway and frees the connections; the calls go on where `take_up` finds them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._line.close()

    def take_up(
        self, call: OutgoingCall, provider_id: str, at: datetime, lines: Sequence[CallLine], prompt: Prompt | None, turn: int
    ) -> None:
        """A call that was live when the process ended goes on: it rings again, or its open `prompt` (number `turn`) waits."""
        handset = Handset(provider_id, call.to, at, call, path=f"{call.webhooks}/{call.call_id}/0")
        if prompt is not None:
            handset.state, handset.word = HandsetState.TALKING, "in-progress"
            handset.walk(prompt, f"{call.webhooks}/{call.call_id}/{turn}")
            handset.lines.clear()
            handset.lines.extend(lines)
            handset.changed.set()
        self._take(handset)

    # --- the phone in hand ---------------------------------------------------------------------------------------------------
    async def answer(self, number: str) -> None:
        """Picks up."""
        await self._pick_up(number, "person")

    async def leave_to_voicemail(self, number: str) -> None:
        """Voicemail picks up: it keeps what is said, and can answer nothing."""
        await self._pick_up(number, "machine")

    async def decline(self, number: str) -> None:
        """Refuses the call; the carrier says that the line is engaged."""
        handset = self._live.get(number)
        if handset is not None and handset.state is HandsetState.RINGING:
            self._end(handset, "declined", "busy")

    async def press(self, number: str, key: str) -> None:
        """Presses one key of 0 to 9, * and #."""
        handset = self._live.get(number)
        if handset is None:
            return
        async with handset.one_at_a_time:
            pressed = handset.press(key)
            self._show(handset)
            if pressed is not None:
                await self._answer(handset, CallLine(Author.PATIENT, pressed or "#", how="pressed"), pressed=pressed)

    async def speak(self, number: str, words: str, *, mumbled: bool = False) -> None:
        """Says words, clearly or so that they are heard unsurely."""
        handset, words = self._live.get(number), words.strip()[:MOST_WORDS]
        if handset is None or not words:
            return
        async with handset.one_at_a_time:
            line = CallLine(Author.PATIENT, words, handset.listening.language if handset.listening else "en", "mumbled" if mumbled else "")
            await self._answer(handset, line, spoken=words, confidence=MUMBLED if mumbled else CLEAR)

    async def say_nothing(self, number: str) -> None:
        """Is silent until the service stops listening."""
        handset = self._live.get(number)
        if handset is not None:
            async with handset.one_at_a_time:
                await self._answer(handset, CallLine(Author.PATIENT, "", how="silent"))

    async def clinic_answers(self, number: str, *, answers: bool) -> None:
        """Whether somebody at the clinic takes the call that was put through."""
        handset = self._live.get(number)
        if handset is None or handset.state is not HandsetState.CONNECTING:
            return
        handset.state = HandsetState.CONNECTED if answers else HandsetState.TALKING
        async with handset.one_at_a_time:
            self._show(handset)
            if not answers:
                await self._step(handset, connected="no")

    async def hang_up(self, number: str) -> None:
        """Ends the call at this end; where it was put through, the clinic's end of it tells the service so."""
        handset = self._live.get(number)
        if handset is None or handset.state is HandsetState.RINGING:
            return
        async with handset.one_at_a_time:
            if handset.state is HandsetState.CONNECTED:
                handset.state = HandsetState.TALKING
                await self._step(handset, connected="yes")
            if not handset.over:
                self._end(handset, "ended")

    async def call_clinic(self, number: str) -> None:
        """Calls the clinic's number from this phone."""
        if number in self._live or len(self._live) >= UNDERWAY or not self._phones.is_on(number):
            return
        handset = Handset(_new_id(), number, self._now(), None, HandsetState.TALKING, path="voice/incoming")
        self._take(handset)
        handset.changed.set()
        async with handset.one_at_a_time:
            await self._step(handset)

    async def switched(self, number: str, *, on: bool) -> None:
        """The phone was switched on or off: what rings goes to voicemail, a call breaks off."""
        if not on:
            await self.leave_to_voicemail(number)
            await self.hang_up(number)

    # --- the carrier ---------------------------------------------------------------------------------------------------------
    async def _pick_up(self, number: str, by: str) -> None:
        handset = self._live.get(number)
        if handset is None or handset.state is not HandsetState.RINGING:
            return
        handset.state, handset.word = HandsetState.TALKING, "in-progress"
        handset.changed.set()
        async with handset.one_at_a_time:
            self._show(handset)
            self._tell(handset, answered_by=by)
            await self._step(handset, answered_by=by)
            if by == "machine":
                self._end(handset, "voicemail")

    async def _answer(self, handset: Handset, line: CallLine, **form: str) -> None:
        """What this end does in answer to a prompt that listens."""
        if handset.listening is None:
            return
        handset.lines.append(line)
        handset.listening = None
        self._show(handset)
        await self._step(handset, **form)

    async def _step(self, handset: Handset, **form: str) -> None:
        """Asks the service what is said next, and does it; where it does not answer, its fallback document is read."""
        ends = {"from": self._sender, "to": handset.number} if handset.placed else {"from": handset.number, "to": self._sender}
        try:
            body = await self._line.post(handset.path, {"id": handset.id, **ends, **form})
        except NotTaken as error:
            _log.warning("simulated call step not taken", why=str(error))
            body = await self._fallback(handset)
        if handset.over:  # its time ran out meanwhile
            return
        try:
            prompt, next_url = read_document(body)
        except ValueError:
            self._end(handset, "dead")
            return
        if handset.walk(prompt, urlsplit(next_url).path.removeprefix(ROOT)):
            self._show(handset)
        else:
            self._end(handset, "ended")

    async def _fallback(self, handset: Handset) -> str:
        if handset.placed is None:
            return ""
        call, digits = handset.placed, handset.placed.clinic_number.lstrip("+") or "none"
        with suppress(NotTaken):
            return await self._line.post(f"voice/fallback/{call.language}/{call.emergency_number}/{digits}", {})
        return ""

    def _take(self, handset: Handset) -> None:
        self._live[handset.number] = handset
        self._remember(handset)
        self._start(self._mind(handset))

    def _remember(self, handset: Handset) -> None:
        self._known[handset.id] = handset
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        self._show(handset)

    def _end(self, handset: Handset, outcome: str, word: str = "completed") -> None:
        handset.end(outcome, word)
        if self._live.get(handset.number) is handset:
            del self._live[handset.number]
            self._tell(handset)
        self._show(handset)

    def _show(self, handset: Handset) -> None:
        self._phones.show(handset.number, handset.shown())

    async def _mind(self, handset: Handset) -> None:
        """Voicemail after too long a ring, the end of a call after too long a talk."""
        wait = self._ring_seconds if self._phones.is_on(handset.number) else PAUSE_SECONDS
        if not await _happens(handset.changed, wait):
            await self.leave_to_voicemail(handset.number)
        if not handset.over:
            handset.changed.clear()
            if not await _happens(handset.changed, LONGEST_CALL_SECONDS):
                self._end(handset, "ended")

    def _tell(self, handset: Handset, **form: str) -> None:
        if handset.placed is not None:
            path = f"{handset.placed.webhooks}/{handset.placed.call_id}/status"
            self._start(self._report(path, {"id": handset.id, "status": handset.word, **form}))

    async def _report(self, path: str, form: dict[str, str]) -> None:
        for attempt in range(1, CALLBACK_TRIES + 1):
            try:
                await self._line.post(path, form)
            except NotTaken as error:
                _log.warning("simulated call status not taken", status=form["status"], attempt=attempt, why=str(error))
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            else:
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="simulator.call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _remote(handset: Handset) -> RemoteCall:
    return RemoteCall(handset.id, handset.number, STATUSES[handset.word], handset.word, handset.at)


def _new_id() -> str:
    return f"SIMCALL{secrets.token_hex(16)}"
