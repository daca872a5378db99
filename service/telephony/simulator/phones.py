"""The simulated phones: the texts and calls on each, in memory and bounded, and who is watching."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from service.telephony.handsets import Conversation, PhoneCall, PhoneText

PHONES = 500
TEXTS_A_PHONE = 200
CALLS_A_PHONE = 10
WATCHERS = 200
LONGEST_REPLY = 1600
"""What a real provider joins into one inbound text."""


@dataclass(slots=True)
class _Phone:
    switched_on: bool = True
    blocked: bool = False
    texts: deque[PhoneText] = field(default_factory=lambda: deque(maxlen=TEXTS_A_PHONE))
    calls: deque[PhoneCall] = field(default_factory=lambda: deque(maxlen=CALLS_A_PHONE))


class TooManyWatchers(Exception):
    """More live pages than the demo serves."""


class Watcher:
    """One live page's view of what has changed; holds numbers only, each once, so that a slow page costs nothing."""

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._wake = asyncio.Event()

    async def changed(self) -> frozenset[str]:
        """Waits for a change; the numbers whose conversation has changed since the last call."""
        await self._wake.wait()
        numbers = frozenset(self._changed)
        self._changed.clear()
        self._wake.clear()
        return numbers

    def note(self, number: str) -> None:
        """Remembers a change and wakes the page."""
        self._changed.add(number)
        self._wake.set()


class SimulatedPhones:
    """All phones by number (E.164). At most 500 phones of 200 texts and 10 calls: the one untouched for longest goes first."""

    def __init__(self, deliver_reply: Callable[[str, str], Awaitable[str]]) -> None:
        """`deliver_reply(number, text)` carries a reply to the service's own webhook and gives its message id."""
        self._phones: OrderedDict[str, _Phone] = OrderedDict()
        self._watchers: set[Watcher] = set()
        self._deliver_reply = deliver_reply

    async def reply(self, number: str, text: str) -> str:
        """Sends what a visitor typed on `number` to the service, over its real webhook; the message id.

        Raises ValueError for an empty or too long text, and ReplyLost when the service did not take it.
        """
        if not text.strip() or len(text) > LONGEST_REPLY:
            raise ValueError(f"a text has 1 to {LONGEST_REPLY} characters")
        return await self._deliver_reply(number, text)

    def conversations(self) -> Sequence[Conversation]:
        """Every phone, the most recently active first."""
        return [self._shown(number) for number in reversed(self._phones)]

    def conversation(self, number: str) -> Conversation:
        """One phone; an unknown number is an empty one."""
        return self._shown(number)

    def add(self, number: str) -> None:
        """Puts a phone on the table before any text has come."""
        self._phone(number)
        self._tell(number)

    def switch(self, number: str, *, on: bool) -> None:
        """Switches a phone on or off; texts to one that is off come back undelivered."""
        self._phone(number).switched_on = on
        self._tell(number)

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A watcher for one live page; raises TooManyWatchers."""
        if len(self._watchers) >= WATCHERS:
            raise TooManyWatchers
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def is_on(self, number: str) -> bool:
        """Whether a text can arrive."""
        return self._phone(number).switched_on

    def is_blocked(self, number: str) -> bool:
        """Whether the carrier blocks texts to this number."""
        return self._phone(number).blocked

    def block(self, number: str, *, blocked: bool) -> None:
        """Sets or lifts the carrier's block."""
        self._phone(number).blocked = blocked
        self._tell(number)

    def put(self, number: str, text: PhoneText) -> None:
        """Appends a text; the oldest falls off."""
        self._phone(number).texts.append(text)
        self._phones.move_to_end(number)
        self._tell(number)

    def mark(self, number: str, provider_id: str, state: str) -> None:
        """Sets the state of a text that is still on the phone."""
        texts = self._phone(number).texts
        for place, text in enumerate(texts):
            if text.provider_id == provider_id:
                texts[place] = replace(text, state=state)
                self._tell(number)
                return

    def show(self, number: str, call: PhoneCall) -> None:
        """Shows a call as it stands now, in the place of what was shown of it before."""
        calls = self._phone(number).calls
        places = [place for place, known in enumerate(calls) if known.provider_id == call.provider_id]
        if places:
            calls[places[0]] = call
        else:
            calls.append(call)
        self._phones.move_to_end(number)
        self._tell(number)

    def _phone(self, number: str) -> _Phone:
        phone = self._phones.get(number)
        if phone is None:
            phone = self._phones[number] = _Phone()
            while len(self._phones) > PHONES:
                self._phones.popitem(last=False)
        return phone

    def _shown(self, number: str) -> Conversation:
        phone = self._phones.get(number) or _Phone()
        return Conversation(number, phone.switched_on, phone.blocked, tuple(phone.texts), tuple(phone.calls))

    def _tell(self, number: str) -> None:
        for watcher in self._watchers:
            watcher.note(number)
